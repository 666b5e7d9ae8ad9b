// The sentence to say. What is copied is exactly what is shown; an open slot is never copied.

const ACTIONS = ["solved", "helped", "unsolved", "flag"];
const states = new WeakMap();
const tell = (detail) => document.dispatchEvent(new CustomEvent("firstcall", { detail }));

// What was filled in on this call, whatever the article: an order number is asked for once.
const place = () => `firstcall.slots.${sessionStorage.getItem("firstcall.call") ?? ""}`;

// Slots are named by articles: without a prototype, one called "constructor" is as empty as any other.
function remembered() {
  try {
    return Object.assign(Object.create(null), JSON.parse(sessionStorage.getItem(place())));
  } catch {
    return Object.create(null);
  }
}

// The call's product is the model that is asked for.
function fill(root, state, product) {
  if (!product || state.values.model) return;
  state.values.model = product;
  const input = root.querySelector("#slots input[name=model]");
  if (input) input.value = product;
  draw(root, state);
}

export default function (component) {
  const { parentElement: root, data } = component;
  let state = states.get(root);
  if (!state) {
    state = { values: Object.create(null) };
    states.set(root, state);
    state.hear = ({ detail }) => {
      if (detail.type === "copy") {
        detail.heard = true;
        copy(root, state);
      }
      if (detail.type === "context") fill(root, state, detail.product);
    };
    document.addEventListener("firstcall", state.hear);
    root.querySelector("#copy").addEventListener("click", () => copy(root, state));
    for (const action of ACTIONS) root.querySelector(`#${action}`).addEventListener("click", () => tell({ type: "do", action }));
  }
  if (state.article !== data.article) {
    state.article = data.article;
    // beside a CRM the article stands under the list: its sentence is what must be seen
    if (matchMedia("(max-width: 640px)").matches) requestAnimationFrame(() => root.querySelector("#line").scrollIntoView({ block: "center" }));
    state.values = remembered();
    root.querySelector("#note").textContent = "";
  }
  state.data = data;
  for (const action of [...ACTIONS, "copy"]) root.querySelector(`#${action} kbd`).textContent = data.keys[action];
  for (const action of ACTIONS) root.querySelector(`#${action} span`).textContent = data.labels[action];
  root.querySelector("#line").hidden = !data.text;
  root.querySelector("#without").textContent = data.text ? "" : data.labels.none;
  root.querySelector("#label").textContent = data.labels.label;
  root.querySelector("#action").textContent = data.labels.copy;
  root.querySelector("#text").lang = data.lang;
  inputs(root, state);
  draw(root, state);
  return () => {
    document.removeEventListener("firstcall", state.hear);
    states.delete(root);
  };
}

function parts(state) {
  return state.data.text.split(/(\{[a-z_]+\})/).filter(Boolean).map((part) => {
    const name = /^\{([a-z_]+)\}$/.exec(part)?.[1];
    return name ? { slot: name, text: (state.values[name] ?? "").trim() } : { text: part };
  });
}

function draw(root, state) {
  const text = root.querySelector("#text");
  text.replaceChildren(...parts(state).map((part) => {
    if (!part.slot) return document.createTextNode(part.text);
    const node = document.createElement("span");
    node.className = part.text ? "filled" : "slot";
    node.textContent = part.text || `‹${state.data.slots[part.slot] ?? part.slot}›`;
    return node;
  }));
}

function inputs(root, state) {
  const holder = root.querySelector("#slots");
  const wanted = JSON.stringify([state.data.article, state.data.slots]);
  if (holder.dataset.wanted === wanted) return;
  holder.dataset.wanted = wanted;
  holder.replaceChildren(...Object.entries(state.data.slots).map(([name, label]) => {
    const field = document.createElement("label");
    const input = document.createElement("input");
    input.name = name;
    input.autocomplete = "off";
    input.maxLength = 80;
    input.value = state.values[name] ?? "";
    input.addEventListener("input", () => {
      state.values[name] = input.value;
      sessionStorage.setItem(place(), JSON.stringify(state.values));
      draw(root, state);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); copy(root, state); }
      if (!event.altKey && !event.ctrlKey && !event.metaKey) event.stopPropagation();
    });
    field.append(label, input);
    return field;
  }));
}

async function copy(root, state) {
  const note = root.querySelector("#note");
  if (!state.data.text) return;
  const open = parts(state).filter((part) => part.slot && !part.text);
  if (open.length) {
    note.className = "trouble";
    note.textContent = state.data.labels.fill + open.map((part) => state.data.slots[part.slot] ?? part.slot).join(", ");
    root.querySelector(`#slots input[name=${open[0].slot}]`)?.focus();
    return;
  }
  const said = parts(state).map((part) => part.text).join("");
  const done = await write(said);
  if (done) tell({ type: "copied", article: state.data.article, version: state.data.version, said });
  note.className = done ? "" : "trouble";
  note.textContent = done ? "" : state.data.labels.failed;
  const action = root.querySelector("#action");
  action.textContent = done ? state.data.labels.copied : state.data.labels.copy;
  setTimeout(() => { action.textContent = state.data.labels.copy; }, 1500);
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // plain http on an intranet: the clipboard API is refused, the old command is not
    let focus = document.activeElement;
    while (focus?.shadowRoot?.activeElement) focus = focus.shadowRoot.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focus?.focus?.();
    return done;
  }
}
