// The bar as it stands: its calls, what the current one is about, the tools, and the first notice not read yet.

const UNDRAWN = new Set(["last", "searched", "q", "article", "known"]); // of a call: what is not on the bar

function drawBar(bar) {
  const node = bar.root.querySelector("#bar");
  node.dataset.unsent = bar.outbox.items.length;
  const facts = factsOf(bar);
  if (facts === bar.drawn) return; // an open list of products must not close while something is sent
  bar.drawn = facts;
  const active = node.getRootNode().activeElement;
  const focused = bar.root.contains(active) ? active.id : "";
  const one = bar.call();
  const none = one ? null : make("span", { class: "quiet" }, bar.labels.call_none);
  node.setAttribute("aria-label", bar.labels.bar);
  node.replaceChildren(...[none, ...chips(bar), ...about(bar), tools(bar)].filter(Boolean));
  node.dataset.call = one?.id ?? "";
  bar.root.querySelector("#unseen").replaceChildren(...bar.mine.unseen.slice(0, 1).map((first) => notice(bar, first)));
  if (focused) bar.root.querySelector(`#${focused}`)?.focus();
}

function factsOf(bar) {
  const unsent = bar.outbox.failures && bar.outbox.items.length;
  const facts = [[...bar.calls.keys()], bar.current, bar.call() ?? bar.waiting, bar.ended?.id, bar.mine, unsent, bar.outbox.spooled, bar.keys, bar.ui];
  return JSON.stringify(facts, (name, value) => (UNDRAWN.has(name) ? undefined : value));
}

// A call each: the current one with its running time, the other one key away.
function chips(bar) {
  return [...bar.calls.values()].map((one) => {
    const time = elapsed(Date.now() - one.begun);
    if (one.id !== bar.current) return button(`${bar.labels.call} ${time}`, () => bar.next(), { class: "call-chip", title: one.id });
    const dot = make("span", { class: "dot", "aria-hidden": "true" });
    return make("button", { type: "button", class: "on call-chip", title: one.id }, dot, `${bar.labels.call} `, make("span", { id: "time" }, time));
  });
}

function about(bar) {
  const { product = "", lang = "" } = bar.call() ?? bar.waiting ?? {};
  return [
    select(bar, "product", bar.labels.any_product, bar.data.products, product),
    select(bar, "lang", bar.labels.any_lang, { zh: "中文", en: "English" }, lang),
  ];
}

function select(bar, name, any, options, value) {
  const choices = Object.entries(options).map(([id, text]) => make("option", { value: id }, text));
  const node = make("select", { id: `about-${name}`, "aria-label": any, class: value ? "set" : "" }, make("option", { value: "" }, any), ...choices);
  node.value = value;
  node.addEventListener("change", () => bar.about({ [name]: node.value }));
  return node;
}

function tools(bar) {
  const { labels, mine, outbox } = bar;
  const one = bar.call();
  const due = mine.promises.length + mine.answered.length;
  return make("span", { class: "tools" },
    outbox.failures ? make("span", { class: "trouble", id: "unsent" }, `${labels.unsent} ${outbox.items.length}`) : null,
    outbox.spooled ? make("span", { class: "trouble", id: "spooled" }, `${labels.spooled} ${outbox.spooled}`) : null,
    due ? tool(bar, "mine", `${labels.mine} ${due}`, "due") : null,
    tool(bar, "gap", labels.gap, "gap"),
    tool(bar, "promise", labels.promise),
    one || bar.ended ? tool(bar, "summary", labels.summary) : null,
    one ? tool(bar, "end", labels.end) : null,
    tool(bar, "keys", labels.keys_short));
}

function tool(bar, action, text, look = "") {
  const node = button(text, () => bar.act(action), { class: look, id: `do-${action}` });
  node.append(key(bar.keys[action][0]));
  return node;
}

function notice(bar, one) {
  const more = bar.mine.unseen.length - 1;
  const seen = button(bar.labels.seen, () => bar.seen(), { id: "do-seen" });
  seen.append(key(bar.keys.seen[0]));
  const texts = [make("strong", {}, `${bar.labels[`notice_${one.kind}`]}: ${one.title}`)];
  if (one.body) texts.push(make("div", {}, one.body));
  if (one.say) texts.push(make("div", { class: "saying" }, one.say));
  return make("div", { class: `notice ${one.kind}` }, make("div", {}, ...texts), make("span", {}, seen, more ? ` +${more}` : ""));
}

function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
