// Search as the customer speaks: every keystroke asks /api/search, only the newest answer is drawn.
// All text from the base goes in through text nodes; nothing here writes HTML.

const MOST_PRODUCTS = 3; // named in a row; the article names them all
const SOON = 14 * 86400e3; // an end nearer than this is said in days
const REST = 1500; // ms after which a question stands: a reranker, where one is set up, reads the first hits
const RETRY_MS = [300, 1000, 3000];
const TYPED = "firstcall.typed"; // what stands in the box, kept over a refresh
const POPPED = "firstcall.popped.finder"; // the screen-pop whose words were in the box: it is applied once
const BOX = Math.random().toString(36).slice(2); // of this tab: what is typed next takes the place of what still waits
const states = new WeakMap();
const tell = (detail) => document.dispatchEvent(new CustomEvent("firstcall", { detail }));

export default function (component) {
  const { parentElement: root, data, setTriggerValue } = component;
  let state = states.get(root);
  if (!state) {
    state = { hits: [], at: 0, sent: 0, composing: false, control: null, timer: 0, context: {} };
    states.set(root, state);
    listen(root, state);
  }
  state.labels = data.labels;
  state.ui = data.ui;
  state.data = data;
  state.box = root.querySelector("#q");
  state.open = data.open;
  state.trigger = setTriggerValue;
  const box = root.querySelector("#q");
  box.placeholder = data.labels.placeholder;
  box.setAttribute("aria-label", data.labels.label);
  root.querySelector("#keys").textContent = data.labels.keys;
  if (state.token !== data.token) {
    // a new page, a new language or a new generation: the words stay, the answer is asked again
    const first = state.token === undefined;
    state.token = data.token;
    const typed = box.value; // keys may come before this does: what was typed is never replaced
    const popped = data.pop && data.pop !== sessionStorage.getItem(POPPED);
    if (popped) sessionStorage.setItem(POPPED, data.pop);
    if (first && !typed) box.value = popped ? data.q : sessionStorage.getItem(TYPED) ?? data.q;
    ask(root, state);
    if (first) box.focus();
    if (first && !typed) box.select(); // the next words replace those of before
  }
  mark(root, state);
  return () => {
    document.removeEventListener("firstcall", state.hear);
    clearTimeout(state.timer);
    state.control?.abort();
    states.delete(root);
  };
}

function listen(root, state) {
  const box = root.querySelector("#q");
  state.hear = ({ detail }) => {
    if (detail.type === "focus") {
      box.focus();
      box.select();
    } else if (detail.type === "context") {
      state.context = { product: detail.product, prefer_lang: detail.lang };
      ask(root, state);
    } else if (detail.type === "restore") {
      box.value = detail.q;
      ask(root, state);
      box.focus();
    }
  };
  document.addEventListener("firstcall", state.hear);
  box.addEventListener("compositionstart", () => { state.composing = true; });
  box.addEventListener("compositionend", () => { state.composing = false; ask(root, state); });
  box.addEventListener("input", (event) => { if (!state.composing && !event.isComposing) ask(root, state); });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return; // the input method's own key
    if (event.altKey || event.ctrlKey || event.metaKey) return; // page shortcuts
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(root, state, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      state.hits.length ? open(root, state, state.at) : tell({ type: "entered" });
    } else if (event.key === "Escape") {
      event.preventDefault();
      box.value = "";
      ask(root, state);
    }
    event.stopPropagation(); // letters typed here are never shortcuts
  });
  root.querySelector("#list").addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) open(root, state, Number(row.dataset.at));
  });
}

async function ask(root, state, attempt = 0, settled = false) {
  const q = root.querySelector("#q").value;
  const sent = ++state.sent;
  sessionStorage.setItem(TYPED, q);
  if (!settled) tell({ type: "typed", q });
  clearTimeout(state.timer);
  state.control?.abort();
  state.control = new AbortController();
  if (!q.trim()) return draw(root, state, q, null);
  try {
    const response = await fetch(new URL("/api/search", location.origin), {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": state.ui },
      body: JSON.stringify({ q, ui: state.ui, box: BOX, limit: 10, ...state.context, ...(settled ? { settled } : {}) }),
      signal: state.control.signal,
      credentials: "same-origin",
    });
    const answer = await response.json();
    if (sent !== state.sent) return; // a newer question is on its way
    if (settled && !response.ok) return; // what is drawn stays
    if (response.status === 400 || response.status === 401) return draw(root, state, q, null, answer.message);
    const after = 1000 * response.headers.get("Retry-After");
    if (!response.ok) throw Object.assign(new Error(answer.message ?? state.labels.failed), { after });
    draw(root, state, q, answer, "", sent);
    state.settled = settled ? q : null;
    if (settled) return;
    tell({ type: "answered", q, verdict: answer.verdict, hits: answer.hits.length, complete: answer.complete, gaps: answer.beside.gaps });
    if (!answer.complete && answer.encoder === "warming") again(root, state, attempt, 1000);
    else if (state.data.settles) state.timer = setTimeout(() => settle(root, state), REST);
  } catch (error) {
    if (settled || error.name === "AbortError" || sent !== state.sent) return;
    const message = error instanceof TypeError ? state.labels.gone : error.message || state.labels.failed;
    status(root, message, true);
    const after = (error.after ?? 0) * (0.5 + Math.random()); // spread: all who were refused would come back together
    again(root, state, attempt, Math.max(after, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
  }
}

// Nobody is typing any more. Only where a reranker is set up, and once a question; the row chosen stays chosen.
function settle(root, state) {
  const q = root.querySelector("#q").value;
  if (state.data.settles && q.trim() && state.drawn === q && state.settled !== q) ask(root, state, 0, true);
}

function again(root, state, attempt, after) {
  state.timer = setTimeout(() => ask(root, state, attempt + 1), after);
}

function element(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Text with the question's words marked (spans [start, end) in code points) and slots shown as open.
function marked(node, text, spans, labels) {
  const letters = Array.from(text);
  let at = 0;
  for (const [start, end] of spans) {
    slots(node, letters.slice(at, start).join(""), labels);
    node.append(element("mark", "", letters.slice(start, end).join("")));
    at = end;
  }
  slots(node, letters.slice(at).join(""), labels);
  return node;
}

// The passage with the sentence that answers in it; places count characters, as Python does.
function answered(node, hit, labels) {
  const letters = Array.from(hit.passage.text);
  const [start, end] = hit.passage.sentence;
  for (const [from, to, name] of [[0, start, "around"], [start, end, "answer"], [end, letters.length, "around"]]) {
    const inside = hit.marks.passage.map(([a, b]) => [Math.max(a, from) - from, Math.min(b, to) - from]).filter(([a, b]) => a < b);
    if (from < to) node.append(marked(element("span", name), letters.slice(from, to).join(""), inside, labels));
  }
  return node;
}

function slots(node, text, labels) {
  text.split(/(\{[a-z_]+\})/).forEach((part, i) => {
    if (!part) return;
    if (i % 2) node.append(element("span", "slot", `‹${labels.fill}: ${labels.slots?.[part.slice(1, -1)] ?? part.slice(1, -1)}›`));
    else node.append(document.createTextNode(part));
  });
}

function status(root, text, trouble = false) {
  const line = root.querySelector("#status");
  line.textContent = text;
  line.classList.toggle("trouble", trouble);
}

function draw(root, state, q, answer, message = "", sent = 0) {
  const list = root.querySelector("#list");
  const none = root.querySelector("#none");
  const verdict = root.querySelector("#verdict");
  const keep = state.hits[state.at]?.article;
  state.hits = answer?.hits ?? [];
  const sameQuestion = state.drawn === q;
  state.drawn = q;
  state.at = sameQuestion ? Math.max(0, state.hits.findIndex((hit) => hit.article === keep)) : 0;
  list.replaceChildren(...state.hits.map((hit, at) => row(hit, at, state)));
  list.dataset.sent = sent;
  list.dataset.q = q;
  root.querySelector("#q").setAttribute("aria-expanded", String(state.hits.length > 0));
  verdict.hidden = !answer;
  if (answer) {
    verdict.className = answer.verdict;
    verdict.textContent = state.labels[answer.verdict];
    chips(verdict, state, answer.filters);
  }
  none.hidden = !!state.hits.length || !!message;
  none.textContent = answer ? state.labels.none : state.labels.hint;
  beside(root, state, answer);
  if (message) status(root, message, true);
  else if (!answer) status(root, "");
  else {
    const count = `${state.hits.length} ${state.hits.length === 1 ? state.labels.one : state.labels.many} · ${Math.round(answer.took_ms)} ms`;
    const words = answer.complete ? "" : ` · ${answer.encoder === "warming" ? state.labels.warming : state.labels.words_only}`;
    status(root, count + words);
  }
  mark(root, state);
}

// What the list was narrowed to, and one click to widen it without losing the words.
function chips(verdict, state, filters) {
  const { labels } = state;
  const names = { product: labels.products?.[filters.product] ?? filters.product, lang: { zh: "中文", en: "English" }[filters.lang] ?? filters.lang };
  for (const name of ["product", "lang"]) {
    if (!filters[name]) continue;
    const chip = element("button", "chip", `${names[name]} ✕`);
    chip.type = "button";
    chip.title = labels.widen;
    chip.addEventListener("click", () => widen(state, name));
    verdict.append(chip);
  }
}

function widen(state, name) {
  const box = state.box;
  box.value = box.value.replace(/(^|\s)(product|lang|产品|语言)[:\uff1a](["“][^"”]*["”]?|[^\s"“”]*)/giu, (all, space, key) => (({ product: "product", 产品: "product", lang: "lang", 语言: "lang" })[key.toLowerCase()] === name ? space : all)).trim();
  if (name === "product" && state.context.product) tell({ type: "about", change: { product: "" } });
  else box.dispatchEvent(new Event("input"));
  box.focus();
}

// Beside the hits: bulletins first, then what is in work or wanted already, then whom to ask.
function beside(root, state, answer) {
  const place = root.querySelector("#beside");
  const { labels } = state;
  const found = answer?.beside;
  const top = root.querySelector("#notices");
  top.replaceChildren(...(found?.bulletins ?? []).map((one) => {
    const node = element("div", `notice ${one.kind}`);
    node.append(element("strong", "", `${labels[`notice_${one.kind}`]}: ${one.title}`));
    if (one.say) node.append(element("div", "say", one.say));
    else if (one.body) node.append(element("div", "", one.body));
    return node;
  }));
  const nodes = [];
  if (found?.unfiltered) {
    nodes.push(line(labels.unfiltered, found.unfiltered.title, labels.open, () => tell({ type: "show", article: found.unfiltered.article })));
  }
  for (const one of found?.gaps ?? []) {
    const count = `${one.calls} ${one.calls === 1 ? labels.call_one : labels.call_many}`;
    const node = line(labels.gap_open, one.question, "+1", () => tell({ type: "join", gap: one.id }), count);
    node.dataset.gap = one.id;
    nodes.push(node);
  }
  for (const one of found?.drafts ?? []) nodes.push(line(labels.in_work, one.title, "", null, one.owner));
  for (const one of found?.experts ?? []) nodes.push(line(one.on_duty ? labels.ask : labels.ask_later, one.name, "", null, `${one.reach} · ${one.why}`));
  if (answer?.verdict === "missing") {
    const next = element("div", "next");
    next.append(element("span", "", labels.missing_next));
    const record = element("button", "record", labels.record);
    record.type = "button";
    record.append(element("kbd", "", state.data.keys.gap));
    record.addEventListener("click", () => tell({ type: "do", action: "gap" }));
    next.append(record);
    nodes.unshift(next);
  }
  place.replaceChildren(...nodes);
  place.hidden = !nodes.length;
}

function line(label, text, action, on, facts = "") {
  const node = element("div", "line");
  node.append(element("span", "label", label), element("span", "text", text));
  if (facts) node.append(element("span", "quiet", facts));
  if (on) {
    const act = element("button", "", action);
    act.type = "button";
    act.setAttribute("aria-label", `${action} ${text}`);
    act.addEventListener("click", on);
    node.append(act);
  }
  return node;
}

// "changed 3 days ago", "expires tomorrow", in the reader's language.
function days(moment, ui) {
  const midnight = (one) => new Date(one.getFullYear(), one.getMonth(), one.getDate());
  const count = Math.round((midnight(moment) - midnight(new Date())) / 86400e3);
  return new Intl.RelativeTimeFormat(ui === "zh" ? "zh-CN" : "en", { numeric: "auto" }).format(count, "day");
}

function row(hit, at, state) {
  const labels = state.labels;
  const node = element("div", "row");
  node.setAttribute("role", "option");
  node.id = `hit-${at}`;
  node.dataset.at = at;
  node.dataset.article = hit.article;
  node.lang = hit.lang;
  const head = element("div", "head");
  head.append(marked(element("span", "title"), hit.title, hit.marks.title, labels));
  node.append(head);
  if (hit.say) node.append(marked(element("div", "say"), hit.say, hit.marks.say, labels));
  const passage = element("div", "passage");
  if (hit.passage.section) passage.append(element("span", "section", hit.passage.section));
  node.append(answered(passage, hit, labels));
  const facts = element("div", "facts");
  const products = hit.products.map((code) => labels.products?.[code] ?? code);
  const more = products.length > MOST_PRODUCTS ? [`+${products.length - MOST_PRODUCTS}`] : [];
  for (const text of [labels.categories?.[hit.category] ?? hit.category, ...products.slice(0, MOST_PRODUCTS), ...more]) {
    if (text) facts.append(element("span", "", text));
  }
  if (hit.pinned) facts.append(element("span", "pinned", labels.pinned));
  if (hit.state !== "validated") facts.append(element("span", "warn", labels.not_validated));
  if (hit.audience === "internal") facts.append(element("span", "warn", labels.internal));
  if (hit.changed_at) facts.append(element("span", "", `${labels.changed} ${days(new Date(hit.changed_at), state.ui)}`));
  if (hit.valid_until) {
    const end = new Date(`${hit.valid_until}T00:00`);
    const soon = end - Date.now() < SOON;
    facts.append(element("span", soon ? "warn" : "", `${labels.expires} ${soon ? days(end, state.ui) : hit.valid_until}`));
  }
  if (hit.solved) facts.append(element("span", "solved", `${labels.solved} ${hit.solved}`));
  const [own, other] = hit.lang.startsWith("zh") ? ["中文", "EN"] : ["EN", "中文"];
  facts.append(element("span", "lang", hit.twin ? `${own} + ${other}` : own));
  node.append(facts);
  return node;
}

function mark(root, state) {
  const box = root.querySelector("#q");
  box.removeAttribute("aria-activedescendant");
  root.querySelectorAll(".row").forEach((node, at) => {
    const active = at === state.at;
    node.setAttribute("aria-selected", String(active));
    node.classList.toggle("open", state.hits[at]?.article === state.open);
    if (active) box.setAttribute("aria-activedescendant", node.id);
  });
}

function move(root, state, by) {
  if (!state.hits.length) return;
  state.at = (state.at + by + state.hits.length) % state.hits.length;
  mark(root, state);
  root.querySelector(`#hit-${state.at}`).scrollIntoView({ block: "nearest" });
}

function open(root, state, at) {
  const hit = state.hits[at];
  if (!hit) return;
  state.at = at;
  mark(root, state);
  const q = root.querySelector("#q").value;
  tell({ type: "opened", article: hit.article, q, rank: at + 1 });
  const sentence = Array.from(hit.passage.text).slice(...hit.passage.sentence).join("");
  state.trigger("open", { article: hit.article, q, section: hit.passage.section, sentence });
  root.querySelector("#q").focus();
  settle(root, state);
}
