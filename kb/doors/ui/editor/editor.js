// The text being written. The page hears of it at each rest of the keys; the browser keeps a copy until it is saved,
// so that neither a crash nor a lost connection costs a word.

const REST_MS = 500;
const states = new WeakMap();
const shelf = (id) => `firstcall.text.${id}`;

export default function (component) {
  const { parentElement: root, data } = component;
  let state = states.get(root);
  if (!state) {
    state = { token: null, sent: null };
    states.set(root, state);
    listen(root, state);
  }
  Object.assign(state, { component, data });
  const area = root.querySelector("#source");
  area.setAttribute("aria-label", data.labels.source);
  area.readOnly = data.read_only;
  root.querySelector("#place").textContent = data.path;
  root.querySelector("#save span").textContent = data.labels.save;
  root.querySelector(".bottom").hidden = data.read_only;
  root.querySelector("#hint").textContent = data.labels.hint;
  if (!data.keep) localStorage.removeItem(shelf(data.id));
  if (state.token !== data.token) put(area, state);
  if (state.visit !== data.visit) again(area, state);
  if (data.go && state.turn !== data.go.turn) go(area, state);
  const as_it_is = data.changed ? data.labels.draft : data.labels.same;
  tell(root, area.value === data.source ? as_it_is : data.labels.waiting);
  return () => clearTimeout(state.timer);
}

// A new text from the page goes into the field; what this browser kept of the same version comes before it, once.
function put(area, state) {
  const { data } = state;
  const kept = state.token === null ? remembered(data) : null;
  state.token = data.token;
  area.value = kept ?? data.source;
  state.sent = data.source;
  if (kept !== null) send(area, state);
}

// Another server goes on with this page: what the one before may not have kept is sent anew.
function again(area, state) {
  const before = state.visit;
  state.visit = state.data.visit;
  if (before === undefined || area.value === state.data.source) return;
  state.sent = null;
  send(area, state);
}

function remembered(data) {
  try {
    const kept = JSON.parse(localStorage.getItem(shelf(data.id)));
    return kept && kept.base === data.base && kept.source !== data.source && kept.at > data.at ? kept.source : null;
  } catch {
    return null;
  }
}

function listen(root, state) {
  const area = root.querySelector("#source");
  area.addEventListener("input", () => {
    const kept = { base: state.data.base, source: area.value, at: Date.now() / 1000 };
    localStorage.setItem(shelf(state.data.id), JSON.stringify(kept));
    tell(root, state.data.labels.waiting);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => send(area, state), REST_MS);
  });
  area.addEventListener("blur", () => send(area, state));
  area.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      save(area, state);
    }
    event.stopPropagation(); // the page's own keys are not for a text
  });
  area.addEventListener("paste", (event) => paste(event, root, state));
  root.querySelector("#save").addEventListener("click", () => save(area, state));
}

const whole = (area, { data }) => ({ id: data.id, base: data.base, source: area.value, visit: data.visit });

function send(area, state) {
  clearTimeout(state.timer);
  if (area.value === state.sent || state.data.read_only) return;
  state.sent = area.value;
  state.component.setStateValue("text", whole(area, state));
}

function save(area, state) {
  clearTimeout(state.timer);
  state.sent = area.value;
  state.component.setTriggerValue("save", whole(area, state));
}

function tell(root, sentence, trouble = false) {
  const status = root.querySelector("#status");
  status.textContent = sentence;
  status.className = trouble ? "trouble" : "";
}

// The line that something is wrong with, in sight and chosen.
function go(area, state) {
  state.turn = state.data.go.turn;
  const lines = area.value.split("\n");
  const start = lines.slice(0, state.data.go.line - 1).join("\n").length + (state.data.go.line > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[state.data.go.line - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (state.data.go.line - 4) * height);
}

// --- what is pasted: a picture becomes a file of the base, a table of a sheet or a page becomes Markdown -----------

async function paste(event, root, state) {
  const area = root.querySelector("#source");
  const picture = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
  if (picture) {
    event.preventDefault();
    tell(root, state.data.labels.uploading);
    try {
      insert(area, await upload(picture, state));
      tell(root, state.data.labels.waiting);
    } catch (error) {
      tell(root, error.message || state.data.labels.upload_failed, true);
    }
    return;
  }
  const rows = tableOf(event.clipboardData.getData("text/html"));
  if (rows) {
    event.preventDefault();
    insert(area, markdownTable(rows));
  }
}

function insert(area, text) {
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input"));
}

async function upload(picture, state) {
  const name = encodeURIComponent(picture.name);
  const answer = await fetch(`/api/media?article=${encodeURIComponent(state.data.id)}&name=${name}&ui=${state.data.ui}`, { method: "POST", body: picture });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.message || state.data.labels.upload_failed);
  return `![${state.data.labels.picture}](${told.link})`;
}

function tableOf(html) {
  const table = new DOMParser().parseFromString(html || "", "text/html").querySelector("table");
  if (!table) return null;
  const rows = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\s+/g, " ").replaceAll("|", "\\|").trim()));
  return rows.length && rows[0].length > 1 ? rows : null;
}

function markdownTable([head, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const width = Math.max(head.length, ...rows.map((row) => row.length));
  const full = (row) => [...row, ...Array(width - row.length).fill("")];
  return `\n${[line(full(head)), line(Array(width).fill("---")), ...rows.map((row) => line(full(row)))].join("\n")}\n`;
}
