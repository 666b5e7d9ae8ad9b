// One question at a time, in the article's own words. All text goes in through text nodes.

const states = new WeakMap();
const tell = (detail) => document.dispatchEvent(new CustomEvent("firstcall", { detail }));

export default function (component) {
  const { parentElement: root, data } = component;
  let state = states.get(root);
  if (!state) {
    state = { replies: [], walk: 0, open: false };
    states.set(root, state);
    state.hear = ({ detail }) => { if (detail.type === "walk") { detail.heard = true; begin(root, state); } };
    document.addEventListener("firstcall", state.hear);
    root.querySelector(".walk").addEventListener("keydown", (event) => press(event, root, state));
  }
  const shown = `${data.article}|${data.version}`;
  if (state.shown !== shown) Object.assign(state, { shown, replies: [], walk: 0, open: false });
  state.data = data;
  draw(root, state);
  return () => {
    document.removeEventListener("firstcall", state.hear);
    states.delete(root);
  };
}

function begin(root, state) {
  Object.assign(state, { replies: [], open: true });
  draw(root, state);
  root.querySelector(".walk").scrollIntoView({ block: "nearest" });
  root.querySelector("button.reply, button.back")?.focus();
}

// The step or end that the replies lead to.
function place(walk, replies) {
  for (let at = 0; at < walk.steps.length; at++) {
    if (at >= replies.length) return { step: walk.steps[at] };
    const end = replies[at] ? walk.steps[at].yes : walk.steps[at].no;
    if (end) return { end };
  }
  return { end: walk.last };
}

function press(event, root, state) {
  if (event.altKey || event.ctrlKey || event.metaKey || !state.open || event.target.tagName === "SELECT") return;
  const { step } = place(state.data.walks[state.walk], state.replies);
  const key = event.key.toLowerCase();
  if (step && (key === "y" || key === "n")) reply(root, state, key === "y");
  else if (event.key === "Backspace") back(root, state);
  else if (event.key === "Escape") close(root, state);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function reply(root, state, yes) {
  state.replies.push(yes);
  draw(root, state);
  root.querySelector("button.reply, button.copy, button.back")?.focus();
}

function back(root, state) {
  if (!state.replies.length) return close(root, state);
  state.replies.pop();
  draw(root, state);
  root.querySelector("button.reply")?.focus();
}

function close(root, state) {
  Object.assign(state, { replies: [], open: false });
  draw(root, state);
  tell({ type: "focus" });
}

function element(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(name, text, on, key) {
  const node = element("button", name, text);
  node.type = "button";
  if (key) node.append(element("kbd", "", key));
  node.addEventListener("click", on);
  return node;
}

function draw(root, state) {
  const { labels, walks, key } = state.data;
  const holder = root.querySelector("#walk");
  if (!state.open) {
    holder.replaceChildren(button("begin", labels.begin, () => begin(root, state), key));
    return;
  }
  const walk = walks[state.walk];
  const { step, end } = place(walk, state.replies);
  const nodes = [head(root, state, walk)];
  state.replies.forEach((yes, at) => {
    const line = element("div", "past");
    line.append(element("span", "", walk.steps[at].question), element("strong", "", yes ? labels.yes : labels.no));
    nodes.push(line);
  });
  if (step) {
    nodes.push(element("p", "question", step.question));
    for (const [name, text] of step.notes) nodes.push(element("p", "quiet", name ? `${name}: ${text}` : text));
    const replies = element("div", "replies");
    replies.append(button("reply yes", labels.yes, () => reply(root, state, true), "Y"), button("reply", labels.no, () => reply(root, state, false), "N"));
    nodes.push(replies);
  } else nodes.push(...ending(root, state, end));
  holder.replaceChildren(...nodes);
}

function head(root, state, walk) {
  const { labels, walks } = state.data;
  const node = element("div", "head");
  if (walks.length > 1) {
    const choose = document.createElement("select");
    choose.setAttribute("aria-label", labels.begin);
    walks.forEach((one, at) => choose.append(new Option(one.heading || labels.begin, at, false, at === state.walk)));
    choose.addEventListener("change", () => { Object.assign(state, { walk: Number(choose.value), replies: [] }); draw(root, state); });
    node.append(choose);
  } else node.append(element("strong", "", walk.heading || labels.begin));
  const close_ = button("close", "✕", () => close(root, state));
  close_.setAttribute("aria-label", labels.close);
  node.append(close_);
  return node;
}

function ending(root, state, end) {
  const { labels, article, version } = state.data;
  const nodes = [element("p", `end ${end.fits ? "fits" : ""}`, end.text || (end.fits ? labels.fits : labels.none_fits))];
  if (end.say) {
    const say = element("p", "say", end.say);
    const copy = button("copy", labels.copy, async () => {
      await navigator.clipboard.writeText(end.say).then(() => tell({ type: "copied", article, version, said: end.say }), () => getSelection().selectAllChildren(say));
    });
    nodes.push(say);
    if (!/\{[a-z_]+\}/.test(end.say)) nodes.push(copy);
  }
  for (const text of end.escalate) nodes.push(element("p", "quiet", text));
  for (const link of end.links) nodes.push(button("link", link.title, () => tell({ type: "show", article: link.id })));
  nodes.push(button("back", labels.back, () => back(root, state), "⌫"));
  return nodes;
}
