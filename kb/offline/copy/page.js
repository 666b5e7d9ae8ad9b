// The page of a copy. All text goes in through text nodes; what articles say was made into HTML when the copy was, and
// is only cloned. Trusted Types forbid anything else.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = new Map(data.articles.map((one, place) => [one.id, place]));
const $ = (id) => document.getElementById(id);
const DAY = 86400e3;
const SHOWN = 10;
const MOST_PRODUCTS = 3; // named in a row; the article names them all
const SOON = 14; // days: an end nearer than this is told in days
const NOTES = `firstcall.notes.${data.copy}`; // of this copy: another one's are its own
const HL = "firstcall.hl";
const LEAVES = "p, li, tr, pre";

const state = { hl: "en", hits: [], at: 0, open: -1, question: "", notes: [], slots: Object.create(null), sure: false };
let labels = data.said.en;

// --- what this browser keeps ---------------------------------------------------------------------

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, value);
    return true;
  } catch {
    return false;
  }
}

function remembered() {
  try {
    const notes = JSON.parse(kept(NOTES));
    return Array.isArray(notes) ? notes : [];
  } catch {
    return [];
  }
}

// --- small parts ---------------------------------------------------------------------------------

function element(tag, name = "", text = undefined) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

const filled = (sentence, facts) => sentence.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
const ago = (count, unit) => new Intl.RelativeTimeFormat(state.hl === "zh" ? "zh-CN" : "en", { numeric: "auto" }).format(count, unit);

// The site's day now, as the file writes days; the reader's clock may lie in another zone.
const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: data.zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(new Date());
const valid = (article) => !article.until || article.until >= today();
const moment = (text) => new Intl.DateTimeFormat(state.hl === "zh" ? "zh-CN" : "en-GB", { timeZone: data.zone, dateStyle: "medium", timeStyle: "short" }).format(new Date(text));

function slotted(node, text) {
  text.split(/(\{[a-z_]+\})/).forEach((part, i) => {
    if (!part) return;
    const name = part.slice(1, -1);
    if (i % 2) node.append(state.slots[name] ? element("span", "filled", state.slots[name]) : element("span", "slot", `‹${slotName(name)}›`));
    else node.append(part);
  });
  return node;
}

const slotName = (name) => (Object.hasOwn(data.slots, name) ? data.slots[name][state.hl] ?? name : name);

function marked(node, text, question) {
  let at = 0;
  for (const [start, end] of marks(text, question)) {
    slotted(node, text.slice(at, start));
    node.append(element("mark", "", text.slice(start, end)));
    at = end;
  }
  return slotted(node, text.slice(at));
}

// --- the head: for whom, of what, how old --------------------------------------------------------

function head() {
  document.documentElement.lang = state.hl === "zh" ? "zh-CN" : "en";
  labels = data.said[state.hl];
  document.title = `Firstcall · ${labels.title}`;
  $("name").textContent = `Firstcall · ${labels.title}`;
  $("whom").textContent = data.whom ? filled(labels.for_user, { name: data.whom }) : filled(labels.for_teams, { teams: data.teams.join(", ") || labels.nobodys });
  $("when").textContent = filled(labels.made, { at: moment(data.at), zone: data.zone, generation: data.generation });
  $("language").textContent = state.hl === "zh" ? "English" : "中文";
  $("language").lang = state.hl === "zh" ? "en" : "zh-CN";
  $("q").placeholder = labels.placeholder;
  $("q").setAttribute("aria-label", labels.label);
  $("list").setAttribute("aria-label", labels.list);
  $("pane").setAttribute("aria-label", labels.article);
  $("keys").textContent = labels.keys;
  const summary = $("about").querySelector("summary");
  summary.textContent = labels.about;
  const told = [labels.about_words, labels.about_scope, labels.about_slots, labels.about_notes, labels.about_private];
  $("about").querySelector("ul").replaceChildren(...told.map((text) => element("li", "", text)));
  age();
}

function age() {
  const old = (Date.now() - Date.parse(data.at)) / DAY;
  const late = old >= data.old || old < -0.01;
  const [count, unit] = old >= 1 ? [Math.floor(old), "day"] : old >= 1 / 24 ? [Math.floor(old * 24), "hour"] : [Math.floor(old * 1440), "minute"];
  $("old").textContent = old < -0.01 ? labels.clock : filled(late ? labels.too_old : labels.age, { age: ago(-count, unit) });
  for (const node of [$("old"), document.querySelector("header")]) node.classList.toggle("late", late);
}

// --- notices -------------------------------------------------------------------------------------

function notices() {
  const live = data.notices.filter((one) => Date.parse(one.until) > Date.now());
  $("notices").replaceChildren(...live.map((one) => {
    const node = element("div", `notice ${one.kind}`);
    node.append(element("strong", "", `${labels.kinds[one.kind]}: ${one.title}`));
    if (one.say) node.append(element("p", "", `${labels.notice_say} ${one.say}`));
    if (one.body) node.append(element("p", "", one.body));
    node.append(element("span", "quiet", filled(labels.notice_until, { until: moment(one.until) })));
    return node;
  }));
}

// --- the list ------------------------------------------------------------------------------------

// Twins as one: the better place, in the question's language.
function folded(places, question) {
  const wanted = isChinese(question) ? "zh" : "en";
  const seen = new Set(), hits = [];
  for (const [place] of places) {
    const article = data.articles[place];
    if (seen.has(place) || !valid(article)) continue;
    const twin = twinOf(article);
    seen.add(place).add(twin);
    const other = data.articles[twin];
    hits.push(other && other.lang.startsWith(wanted) && !article.lang.startsWith(wanted) ? twin : place);
    if (hits.length === SHOWN) break;
  }
  return hits;
}

function twinOf(article) {
  const twin = byId.get(article.twin) ?? -1;
  return twin >= 0 && valid(data.articles[twin]) ? twin : -1;
}

function search() {
  const question = $("q").value;
  const keepAt = state.question === question ? state.hits[state.at] : undefined;
  state.question = question;
  const began = performance.now();
  state.hits = question.trim() ? folded(found(question), question) : [];
  state.at = Math.max(0, state.hits.indexOf(keepAt));
  $("list").replaceChildren(...state.hits.map((place, at) => row(data.articles[place], place, at)));
  $("list").dataset.q = question;
  $("q").setAttribute("aria-expanded", String(state.hits.length > 0));
  const asked = question.trim();
  $("none").textContent = state.hits.length ? "" : asked ? labels.none : labels.hint;
  const count = state.hits.length === 1 ? labels.one : labels.many;
  $("status").textContent = asked ? `${state.hits.length} ${count} · ${labels.by_words} · ${Math.round(performance.now() - began)} ms` : filled(labels.holds, { count: data.articles.filter(valid).length });
  mark();
  noted();
}

function row(article, place, at) {
  const node = element("div", "row");
  node.id = `hit-${at}`;
  node.setAttribute("role", "option");
  node.dataset.at = at;
  node.dataset.article = article.id;
  node.lang = article.lang;
  node.append(marked(element("div", "title"), article.title, state.question));
  if (article.say) node.append(marked(element("div", "line"), article.say, state.question));
  const passage = answer(place);
  if (passage) node.append(marked(element("div", "passage"), passage.text, state.question));
  const facts = element("div", "facts");
  facts.lang = state.hl;
  facts.append(element("span", "", labels.categories[article.category] ?? article.category), ...article.products.slice(0, MOST_PRODUCTS).map((names) => element("span", "", names[state.hl])));
  if (article.products.length > MOST_PRODUCTS) facts.append(element("span", "", `+${article.products.length - MOST_PRODUCTS}`));
  if (article.state !== "validated") facts.append(element("span", "warn", labels.states[article.state] ?? article.state));
  if (article.audience === "internal") facts.append(element("span", "warn", labels.internal));
  if (article.until) facts.append(until(article));
  const [own, other] = article.lang.startsWith("zh") ? ["中文", "EN"] : ["EN", "中文"];
  facts.append(element("span", "", twinOf(article) >= 0 ? `${own} + ${other}` : own));
  node.append(facts);
  return node;
}

function until(article) {
  const days = Math.round((Date.parse(article.until) - Date.parse(today())) / DAY);
  const text = days < SOON ? ago(days, "day") : article.until;
  return element("span", days < SOON ? "warn" : "", filled(labels.valid_until, { day: text }));
}

// The part of an article that has most of the question: its place among the leaves of its text, and what it says.
function answer(place) {
  const leaves = leavesOf($(`a-${place}`).content);
  const at = bestOf(leaves.map((leaf) => leaf.textContent), substantial(state.question), leaves.map((leaf) => (leaf.closest(".block") || leaf.querySelector("th") ? 0.3 : 0)));
  return at < 0 ? null : { at, text: cells(leaves[at]) };
}

const leavesOf = (root) => [...root.querySelectorAll(LEAVES)].filter((node) => !node.querySelector(LEAVES) && node.textContent.trim());
const cells = (node) => (node.tagName === "TR" ? [...node.cells].map((cell) => cell.textContent.trim()).filter(Boolean).join(" · ") : node.textContent.trim());

function mark() {
  $("q").removeAttribute("aria-activedescendant");
  document.querySelectorAll(".row").forEach((node, at) => {
    node.setAttribute("aria-selected", String(at === state.at));
    node.classList.toggle("open", state.hits[at] === state.open);
    if (at === state.at) $("q").setAttribute("aria-activedescendant", node.id);
  });
}

function move(by) {
  if (!state.hits.length) return;
  state.at = (state.at + by + state.hits.length) % state.hits.length;
  mark();
  $(`hit-${state.at}`).scrollIntoView({ block: "nearest" });
}

// --- the article ---------------------------------------------------------------------------------

function open(place) {
  state.open = place;
  const article = data.articles[place], pane = $("pane");
  pane.lang = article.lang;
  pane.dataset.article = article.id;
  const title = element("h1", "", article.title);
  pane.replaceChildren(badges(article), title, sayLine(article));
  const passage = state.hits.includes(place) ? answer(place) : null;
  const text = document.importNode($(`a-${place}`).content, true);
  const leaf = passage && leavesOf(text)[passage.at], blocks = text.querySelector(".blocks");
  if (blocks) blocks.after(...dates(article));
  else text.prepend(...dates(article));
  pane.append(text);
  for (const node of pane.querySelectorAll("[data-t]")) node.textContent = labels[node.dataset.t];
  for (const node of pane.querySelectorAll("[data-zh]")) node.textContent = node.dataset[state.hl];
  for (const node of pane.querySelectorAll(".left-out")) node.textContent = filled(labels.left_out, { what: node.textContent });
  for (const link of pane.querySelectorAll("a")) link.addEventListener("click", (event) => {
    event.preventDefault();
    const other = byId.get(link.getAttribute("href").slice(1));
    if (other !== undefined) open(other);
  });
  pane.append(element("p", "foot", [article.owner && filled(labels.owner, { owner: article.owner }), article.review && filled(labels.review_by, { day: article.review }), article.id].filter(Boolean).join(" · ")));
  pane.scrollTop = 0;
  if (leaf) leaf.classList.add("answer");
  if (matchMedia("(max-width: 860px)").matches) pane.scrollIntoView({ block: "start" });
  mark();
}

function badges(article) {
  const node = element("div", "badges");
  node.lang = state.hl;
  node.append(element("span", "badge", labels.categories[article.category] ?? (article.category || "–")));
  node.append(element("span", article.state === "validated" ? "badge good" : "badge warn", labels.states[article.state] ?? article.state));
  for (const names of article.products) node.append(element("span", "badge", names[state.hl]));
  if (article.audience === "internal") node.append(element("span", "badge warn", labels.internal_full));
  if (article.until) node.append(until(article));
  const twin = twinOf(article);
  if (twin >= 0) {
    const other = element("button", "", article.lang.startsWith("zh") ? "English" : "中文");
    other.type = "button";
    other.id = "twin";
    other.append(element("kbd", "", "Alt+L"));
    other.addEventListener("click", () => open(twin));
    node.append(other);
  }
  return node;
}

function sayLine(article) {
  if (!article.say) return element("p", "foot", labels.no_say);
  const node = element("section", "say"), top = element("div", "top"), copying = element("button", "", labels.copy);
  copying.id = "copy";
  copying.type = "button";
  copying.append(element("kbd", "", "Alt+C"));
  copying.addEventListener("click", copy);
  top.lang = state.hl;
  top.append(element("span", "", labels.say), copying);
  const text = slotted(element("p", "text"), article.say);
  text.id = "say";
  const slots = element("div", "slots");
  for (const name of new Set([...article.say.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1]))) {
    const label = element("label", "", slotName(name)), input = element("input");
    input.name = name;
    input.autocomplete = "off";
    input.maxLength = 80;
    input.value = state.slots[name] ?? "";
    input.addEventListener("input", () => {
      state.slots[name] = input.value.trim();
      text.replaceChildren();
      slotted(text, article.say);
    });
    label.append(input);
    slots.append(label);
  }
  const note = element("div");
  note.id = "note-say";
  note.setAttribute("role", "status");
  note.lang = state.hl;
  node.append(top, text, slots, note);
  return node;
}

function dates(article) {
  if (!article.dates.length) return [];
  const node = element("details", "dates");
  node.open = true;
  node.lang = state.hl;
  node.append(element("summary", "", labels.dates));
  const list = element("ul");
  for (const event of new Set(article.dates.map((one) => one[2]))) {
    const ends = article.dates.filter((one) => one[2] === event).map(([label, text]) => (label ? `${label}: ${text}` : text));
    list.append(element("li", "", `${filled(labels.counted, { from: labels.events[event] })} ${ends.join(state.hl === "zh" ? "；" : "; ")}`));
  }
  node.append(list);
  return [node];
}

async function copy() {
  const article = data.articles[state.open];
  if (!article?.say) return;
  const note = $("note-say");
  const empty = [...article.say.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1]).filter((name) => !state.slots[name]);
  if (empty.length) {
    note.className = "trouble";
    note.textContent = filled(labels.fill, { what: [...new Set(empty)].map(slotName).join(", ") });
    document.querySelector(`.slots input[name=${empty[0]}]`).focus();
    return;
  }
  const done = await write(article.say.replace(/\{([a-z_]+)\}/g, (_, name) => state.slots[name]));
  note.className = done ? "" : "trouble";
  note.textContent = done ? labels.copied : labels.copy_failed;
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focus = document.activeElement, area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focus?.focus?.();
    return done;
  }
}

// --- gaps noted while the server is gone ---------------------------------------------------------

function noted(told = "") {
  const button = $("note");
  button.textContent = labels.note;
  button.append(element("kbd", "", "Alt+N"));
  button.disabled = !$("q").value.trim();
  $("count").textContent = state.notes.length ? filled(labels.notes, { count: state.notes.length }) : "";
  for (const [id, text] of [["save", labels.save_notes], ["forget", state.sure ? labels.forget_sure : labels.forget]]) {
    $(id).hidden = !state.notes.length;
    $(id).textContent = text;
  }
  if (told || !state.sure) $("told").textContent = told;
}

function note() {
  const q = $("q").value.trim();
  if (!q) return;
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  state.notes.push({ id: [...bytes].map((one) => one.toString(16).padStart(2, "0")).join(""), q, at: new Date().toISOString() });
  state.sure = false;
  noted(keep(NOTES, JSON.stringify(state.notes)) ? labels.noted : labels.noted_memory);
}

function save() {
  const held = { firstcall: "notes", version: 1, by: data.user, copy: data.copy, generation: data.generation, notes: state.notes };
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(held, null, 1)], { type: "application/json" }));
  link.download = `firstcall-notes-${today()}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
  noted(labels.notes_saved);
}

function forget() {
  if (!state.sure) {
    state.sure = true;
    return noted();
  }
  state.sure = false;
  state.notes = [];
  keep(NOTES, "[]");
  noted(labels.forgotten);
}

// --- keys ----------------------------------------------------------------------------------------

function listen() {
  const box = $("q");
  let composing = false;
  box.addEventListener("compositionstart", () => { composing = true; });
  box.addEventListener("compositionend", () => { composing = false; search(); });
  box.addEventListener("input", (event) => { if (!composing && !event.isComposing) search(); });
  $("list").addEventListener("click", (event) => {
    const one = event.target.closest(".row");
    if (one) choose(Number(one.dataset.at));
  });
  $("language").addEventListener("click", () => { keep(HL, state.hl === "zh" ? "en" : "zh"); speak(state.hl === "zh" ? "en" : "zh"); });
  for (const [id, act] of [["note", note], ["save", save], ["forget", forget]]) $(id).addEventListener("click", act);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey) return;
    const act = event.altKey ? WITH_ALT[event.code] : alone(event);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

const WITH_ALT = {
  KeyC: copy,
  KeyN: note,
  KeyL: () => { const twin = state.open >= 0 ? twinOf(data.articles[state.open]) : -1; if (twin >= 0) open(twin); },
};

// What a key does by itself: in the box it moves and opens, anywhere else Esc and / lead back to it.
function alone({ key, target }) {
  const toBox = () => { $("q").focus(); $("q").select(); };
  if (target === $("q")) {
    const page = (by) => () => $("pane").scrollBy({ top: by * $("pane").clientHeight * 0.8 });
    return {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: () => state.hits.length && choose(state.at),
      Escape: () => { $("q").value = ""; search(); },
      PageDown: page(1),
      PageUp: page(-1),
    }[key];
  }
  const typing = target instanceof HTMLInputElement;
  if (typing && key === "Enter") return copy;
  if (key === "Escape" || (key === "/" && !typing)) return toBox;
  return undefined;
}

function choose(at) {
  state.at = at;
  open(state.hits[at]);
  if (!matchMedia("(pointer: coarse)").matches) $("q").focus({ preventScroll: true });
}

function speak(hl) {
  state.hl = hl;
  head();
  notices();
  search();
  $("pick").textContent = labels.pick;
  if (state.open >= 0) open(state.open);
}

prepare(data.words);
state.notes = remembered();
listen();
for (const node of [document.querySelector("header"), document.querySelector("main")]) node.hidden = false;
const chosen = kept(HL);
speak(["zh", "en"].includes(chosen) ? chosen : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
$("q").focus();
setInterval(() => { age(); notices(); }, 60e3);
