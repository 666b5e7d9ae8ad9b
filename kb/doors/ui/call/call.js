// The call bar. It alone writes what happens: the box, the article and its sentence tell it by `firstcall` events
// on the document; it keeps the call, its context and an outbox, and tells them what to do.

const REST = 1500; // ms after which what stands in the box is a search and no longer a keystroke
const IDLE = 15 * 60 * 1000;
const NEWS = 30 * 1000; // how often a new bulletin or an answered gap is asked for, while somebody is there
const TOAST = 8000;
const SPOOLED = 3000; // how soon to look again whether the database has what waits for it
const OPENING = 3000; // ms in which an article that was opened should be there
const NEEDS_ARTICLE = new Set(["copy", "walk", "dates", "solved", "helped", "unsolved", "flag", "twin"]);
const UNDOABLE = 20;
const STIR = ["keydown", "pointerdown"]; // what shows that somebody is there
const POPPED = "firstcall.popped.call"; // the screen-pop that was applied: once, however often the bar is mounted
const HERE = "firstcall.call"; // the call that this tab is on, "" where it was put on none
const LATE = 5000; // ms in which an article that was asked for before may still come
const APP = '[data-testid="stApp"]'; // all that Streamlit draws
const DOWN = "firstcall.down"; // when the page was last found without it, ms
const AGAIN = 60 * 1000; // ms in which a page that goes down once more is left as it is
const mounted = new WeakMap();

export default function (component) {
  const { parentElement: root, data, setTriggerValue } = component;
  let bar = mounted.get(root);
  if (!bar) {
    bar = new Bar(root, data);
    mounted.set(root, bar);
  }
  bar.trigger = setTriggerValue;
  bar.update(data);
  return () => {
    bar.stop();
    mounted.delete(root);
    setTimeout(raise, 1000);
  };
}

// What Streamlit's own page cannot draw leaves it blank for good. A call goes on where it was once it is loaded again.
function raise() {
  const last = Number(sessionStorage.getItem(DOWN));
  if (document.querySelector(APP) || Date.now() - last < AGAIN) return;
  sessionStorage.setItem(DOWN, Date.now());
  location.reload();
}

const tell = (detail) => document.dispatchEvent(new CustomEvent("firstcall", { detail }));

class Bar {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.sheet = new KeySheet(this);
    this.done = []; // what can be undone, the latest last
    this.typed = { q: "" };
    this.typing = { keys: 0 }; // since the last search: how many keys, and `from`, when the first was pressed
    this.calls = new Map(data.calls.map((one) => [one.id, { ...one, begun: Date.parse(one.begun_at), last: Date.now(), known: true }]));
    const pop = popped(data.pop);
    this.current = this.first(data, pop);
    document.documentElement.dataset.firstcallUi = data.ui;
    this.outbox = new Outbox(data.user, (message) => this.sent(message));
    this.hear = (event) => this.heard(event.detail);
    this.press = (event) => this.pressed(event);
    document.addEventListener("firstcall", this.hear);
    document.addEventListener("keydown", this.press, true);
    this.active = Date.now();
    this.stir = () => this.stirred();
    for (const type of STIR) document.addEventListener(type, this.stir, true);
    this.clock = setInterval(() => this.tick(), 1000);
    if (pop?.taken) setTimeout(() => this.trail(), 300);
    this.news = setInterval(() => Date.now() - this.active < IDLE && this.refresh(), NEWS);
  }

  // What a screen-pop names, else what this tab was on, else the latest call held. A pop that names no call but what
  // it is about is of a customer whose call begins with the first search.
  first(data, pop) {
    if (pop && !pop.call && (pop.product || pop.lang)) {
      this.waiting = { product: pop.product, lang: pop.lang };
      sessionStorage.setItem(HERE, "");
      return null;
    }
    const mine = sessionStorage.getItem(HERE);
    const id = pop?.call || (mine === "" || this.calls.has(mine) ? mine : data.calls[0]?.id) || null;
    if (id && !this.calls.has(id)) this.calls.set(id, { id, begun: Date.now(), last: Date.now(), known: true, product: pop.product, lang: pop.lang });
    if (id) sessionStorage.setItem(HERE, id);
    return id;
  }

  stop() {
    document.removeEventListener("firstcall", this.hear);
    document.removeEventListener("keydown", this.press, true);
    for (const type of STIR) document.removeEventListener(type, this.stir, true);
    clearInterval(this.clock);
    clearInterval(this.news);
    clearTimeout(this.rest);
    clearTimeout(this.toasting);
    clearTimeout(this.looking);
    this.outbox.stop();
  }

  update(data) {
    this.data = data;
    this.labels = data.labels;
    this.ui = data.ui;
    document.documentElement.dataset.firstcallUi = data.ui;
    this.keys = data.keys;
    for (const one of data.calls) if (!this.calls.has(one.id)) this.calls.set(one.id, { ...one, begun: Date.parse(one.begun_at), last: Date.now(), known: true });
    if (this.mine === undefined || this.token !== data.token) this.mine = data.mine;
    this.token = data.token;
    this.shown(data.article);
    this.draw();
    this.context();
  }

  // --- the call ------------------------------------------------------------------------------------

  call() {
    return this.current ? this.calls.get(this.current) : null;
  }

  // The call that something happens on: the current one, or one that begins with it.
  sure() {
    const now = Date.now();
    let one = this.call();
    if (!one || now - one.last > IDLE) {
      one = { id: newId("c"), begun: now, last: now, product: one ? "" : this.waiting?.product ?? "", lang: one ? "" : this.waiting?.lang ?? "" };
      this.waiting = null;
      this.calls.set(one.id, one);
      this.turn(one.id);
      if (one.product || one.lang) {
        one.known = true;
        this.outbox.put(`/api/calls/${one.id}/about`, { product: one.product, lang: one.lang });
      }
    }
    one.last = now;
    return one;
  }

  turn(id) {
    this.current = id;
    sessionStorage.setItem(HERE, id ?? "");
    this.context();
    this.draw();
  }

  context() {
    const { product = "", lang = "" } = this.call() ?? this.waiting ?? {};
    if (this.told === `${product}|${lang}`) return;
    this.told = `${product}|${lang}`;
    tell({ type: "context", product, lang });
  }

  about(change) {
    const one = this.call();
    if (!one) this.waiting = { ...this.waiting, ...change };
    else {
      Object.assign(one, change);
      this.put(`/api/calls/${one.id}/about`, change);
    }
    this.context();
    this.draw();
    tell({ type: "focus" });
  }

  // Something that makes the server know this call.
  put(path, body, done) {
    this.sure().known = true;
    this.outbox.put(path, body, done);
  }

  event(kind, facts) {
    const one = this.sure();
    const id = newId("e");
    this.put(`/api/calls/${one.id}/events`, { events: [{ id, kind, ...facts }] });
    return id;
  }

  // --- what the others tell --------------------------------------------------------------------------

  heard(told) {
    if (told.type === "typed") {
      if (told.q !== this.typed.q) this.stroke(told.q);
      this.typed = { q: told.q, gaps: told.q ? this.typed.gaps : [] }; // those on the page until the next answer
    } else if (told.type === "answered") {
      this.typed = told;
      clearTimeout(this.rest);
      if (told.q.trim()) this.rest = setTimeout(() => this.search(), REST);
    } else if (told.type === "opened") {
      this.search();
      if (told.article === this.data.article?.id) this.again(told);
      else {
        this.opening = { ...told, at: Date.now() };
        this.want(told.article);
      }
    } else if (told.type === "entered") this.search();
    else if (told.type === "copied") {
      this.event("copy", { article: told.article, version: told.version, said: told.said });
      this.toast(this.labels.said_copied);
    } else if (told.type === "join") this.join(told.gap);
    else if (told.type === "about") this.about(told.change);
    else if (told.type === "do") this.act(told.action);
    else if (told.type === "show") this.show(told.article);
  }

  // Let the page show an article, none for "". The page tells which wish it has come to.
  show(article) {
    this.trigger("show", this.want(article, newId("s")));
  }

  // An article that is opened follows the wish that the page has still to come to, where there is one.
  want(article, asked = this.due() ? this.wanted.asked : this.data.asked) {
    this.wanted = { article, asked, until: Date.now() + LATE };
    return { article, asked };
  }

  due() {
    return this.wanted && Date.now() < this.wanted.until;
  }

  // What stands in the box becomes a search on the trail, once.
  search() {
    clearTimeout(this.rest);
    const { q, verdict, hits, complete } = this.typed;
    if (!q?.trim() || verdict === undefined || this.call()?.searched === q) return;
    const { keys, from } = this.typing;
    this.event("search", { q, verdict, hits, complete, ...(keys ? { keys } : {}), ...(from ? { since: Date.now() - from } : {}) });
    this.typing = { keys: 0 };
    this.call().searched = q;
    this.call().q = q;
  }

  // The box changed. Emptied, it waits for the next question, whose first key is yet to come.
  stroke(q) {
    this.typing.keys += 1;
    this.typing.from = q ? (this.typing.from ?? Date.now()) : undefined;
  }

  // The article that is open was found once more.
  again(asked) {
    const { id: article, version } = this.data.article;
    this.from = asked;
    this.event("open", { article, version, q: asked.q, rank: asked.rank });
  }

  // An article is on the page: that is what the caller may be told, in this version.
  shown(article) {
    if (this.due() && (this.wanted.asked !== this.data.asked || this.wanted.article !== (article?.id ?? ""))) return; // of an earlier wish, maybe on another call
    this.wanted = null;
    const key = article && `${article.id}|${article.version}`;
    if (key === this.article) return;
    this.article = key;
    const asked = this.opening;
    this.opening = null;
    if (!article) return sessionStorage.removeItem("firstcall.article");
    const place = `${this.current}|${key}`;
    const restored = sessionStorage.getItem("firstcall.article") === place || (!asked && article.restored);
    if (!restored) this.event("open", { article: article.id, version: article.version, q: asked?.q ?? "", ...(asked?.rank ? { rank: asked.rank } : {}) });
    if (this.call()) this.call().article = article.id;
    this.from = asked ?? this.from;
    const early = this.early;
    this.early = null;
    if (early) this.act(early);
    sessionStorage.setItem("firstcall.article", `${this.current}|${key}`);
  }

  // --- what an agent does ----------------------------------------------------------------------------

  pressed(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (this.sheet.learning) {
      this.stopEvent(event);
      return this.sheet.learn(event);
    }
    if (event.key === "Escape" && (!this.form().hidden || this.sheet.isOpen())) {
      this.stopEvent(event);
      return this.close();
    }
    const action = actionOf(event, this.keys);
    if (!action || (plain(keyOf(event)) && typing(event) && !this.emptyBox(event))) return;
    if (plain(keyOf(event)) && typing(event) && action === "focus") return;
    this.stopEvent(event);
    this.act(action);
  }

  // "?" in the empty box is the key sheet, as nobody asks for a question mark
  emptyBox(event) {
    const target = event.composedPath()[0];
    return target.id === "q" && !target.value;
  }

  stopEvent(event) {
    event.preventDefault();
    event.stopPropagation();
  }

  act(action) {
    const article = this.data.article;
    if (NEEDS_ARTICLE.has(action) && this.opening && Date.now() - this.opening.at < OPENING) {
      this.early = action; // the key came before the article it is for
      return;
    }
    const doing = {
      focus: () => tell({ type: "focus" }),
      copy: () => (article ? this.insist("copy", this.labels.open_first) : this.toast(this.labels.open_first)),
      walk: () => this.insist("walk", this.labels.no_walk),
      dates: () => this.dates(),
      solved: () => this.used("solved"),
      helped: () => this.used("helped"),
      unsolved: () => this.used("unsolved"),
      gap: () => this.gap(),
      join: () => this.join(this.typed.gaps?.[0]?.id),
      flag: () => (article ? this.open("flag", article) : this.toast(this.labels.open_first)),
      promise: () => this.open("promise", { call: this.sure().id }),
      twin: () => (article?.twin ? this.show(article.twin) : this.toast(this.labels.no_twin)),
      summary: () => this.summary(),
      trail: () => this.trail(),
      undo: () => this.undo(),
      mine: () => this.open("mine", this.mine),
      seen: () => this.seen(),
      switch: () => this.next(),
      another: () => this.another(),
      end: () => this.end(),
      keys: () => (this.sheet.isOpen() ? this.close() : this.sheet.open()),
    }[action];
    doing();
  }

  // A key may come before the article that it is for is drawn.
  insist(type, sentence, tries = 12) {
    const detail = { type, heard: false };
    tell(detail);
    if (detail.heard) return;
    if (tries) setTimeout(() => this.insist(type, sentence, tries - 1), 100);
    else this.toast(sentence);
  }

  // The article's deadlines are drawn by Streamlit: opened and entered as a hand would.
  dates(tries = 12) {
    const fold = document.querySelector("[class*=st-key-dates-] details");
    if (!fold && tries) return setTimeout(() => this.dates(tries - 1), 100);
    if (!fold) return this.toast(this.labels.no_dates);
    if (!fold.open) fold.querySelector("summary").click();
    const enter = (tries) => {
      const day = fold.querySelector("[role=spinbutton]");
      day?.focus();
      if (tries && (!day || document.activeElement !== day)) setTimeout(() => enter(tries - 1), 100);
    };
    setTimeout(() => enter(20), 100);
  }

  used(kind) {
    const article = this.data.article;
    if (!article) return this.toast(this.labels.open_first);
    const asked = this.from ?? {};
    const id = this.event(kind, { article: article.id, version: article.version, q: asked.q ?? "", ...(asked.rank ? { rank: asked.rank } : {}) });
    this.can({ id, text: `${this.labels[`said_${kind}`]} ${article.title}` });
  }

  gap() {
    const one = this.sure();
    const q = this.typed.q?.trim() || one.q || "";
    const id = newId("r");
    const gap = newId("g");
    this.search();
    this.put("/api/gaps", { id, gap, call: one.id, q, product: one.product ?? "" });
    const more = button(this.labels.gap_add, () => this.open("gap", { report: id, gap }));
    this.can({ id, text: q ? `${this.labels.said_gap} “${q}”` : this.labels.said_gap_bare }, more);
    tell({ type: "focus" });
  }

  join(gap) {
    if (!gap) return this.toast(this.labels.no_gap);
    this.search();
    const id = newId("r");
    this.put(`/api/gaps/${gap}/join`, { id, call: this.sure().id, q: this.typed.q ?? "" });
    const more = button(this.labels.gap_add, () => this.open("gap", { report: id, gap }));
    this.can({ id, text: this.labels.said_join }, more);
    tell({ type: "focus" });
  }

  // The first bulletin on top has been read.
  seen() {
    const first = this.mine.unseen[0];
    if (!first) return this.toast(this.labels.no_bulletin);
    this.outbox.put(`/api/bulletins/${first.id}/seen`, {});
    this.mine = { ...this.mine, unseen: this.mine.unseen.slice(1) };
    this.draw();
    this.can({ path: `/api/bulletins/${first.id}/unseen`, body: {}, text: `${this.labels.said_seen} ${first.title}`, back: () => {
      this.mine = { ...this.mine, unseen: [first, ...this.mine.unseen] };
      this.draw();
    } });
    tell({ type: "focus" });
  }

  end() {
    const one = this.call();
    if (!one) return this.toast(this.labels.no_call);
    this.search();
    if (one.known) this.outbox.put(`/api/calls/${one.id}/end`, {});
    this.calls.delete(one.id);
    this.ended = one;
    this.can({ path: one.known ? `/api/calls/${one.id}/resume` : "", body: {}, text: this.labels.said_end, back: () => { this.calls.set(one.id, one); this.turn(one.id); } });
    this.from = null;
    this.waiting = null;
    this.turn([...this.calls.keys()].at(-1) ?? null);
    this.restore();
    const { article, asked } = this.want(this.call()?.article ?? "", newId("s"));
    this.trigger("ended", { call: one.id, show: article, asked });
  }

  next() {
    const ids = [...this.calls.keys()];
    const other = ids[(ids.indexOf(this.current) + 1) % ids.length]; // the first, where none is on the page
    if (!other || other === this.current) return this.toast(this.labels.one_call);
    this.search();
    this.from = null; // the words of one customer open nothing on the other's call
    this.turn(other);
    this.restore();
    this.show(this.call().article ?? "");
  }

  another() {
    this.search();
    this.from = null;
    this.turn(null);
    this.restore();
    this.show("");
  }

  restore() {
    this.typed = { q: "" };
    this.typing = { keys: 0 };
    tell({ type: "restore", q: this.call()?.q ?? "" });
  }

  async summary() {
    const one = this.call() ?? this.ended;
    if (!one) return this.toast(this.labels.no_call);
    this.search();
    const deadline = Date.now() + 3000;
    while (this.outbox.items.length && Date.now() < deadline) await new Promise((wake) => setTimeout(wake, 30));
    try {
      const answer = await post(`/api/calls/${one.id}/summary`, {});
      if (!answer.ok) return this.toast(answer.message, true);
      const done = await toClipboard(answer.text);
      this.toast(done ? this.labels.said_summary : this.labels.failed_copy, !done);
      if (!done) this.paper(answer.text);
    } catch {
      this.toast(this.labels.not_sent, true);
    }
  }

  // What happened on this call so far, whoever was on it: read at once after a hand-over.
  async trail() {
    const one = this.call();
    if (!one?.known) return this.toast(this.labels.no_call);
    this.search();
    try {
      const answer = await post(`/api/calls/${one.id}/summary`, {});
      if (!answer.ok) return this.toast(answer.message, true);
      const head = make("div", { class: "head" }, make("strong", {}, this.labels.form_trail), button("✕", () => this.close(), { "aria-label": this.labels.close }));
      this.form().replaceChildren(head, make("div", { class: "trail", tabindex: "0" }, answer.text));
      this.form().hidden = false;
    } catch {
      this.toast(this.labels.not_sent, true);
    }
  }

  // The clipboard was refused: the text to copy by hand.
  paper(text) {
    const area = make("textarea", { rows: "8", readonly: true });
    area.value = text;
    this.form().replaceChildren(area);
    this.form().hidden = false;
    area.select();
  }

  // --- undo, toast, forms -----------------------------------------------------------------------------

  can(step, ...more) {
    this.done.push(step);
    if (this.done.length > UNDOABLE) this.done.shift();
    this.toast(step.text, false, button(this.labels.undo, () => this.undo(), {}), key(this.keys.undo[0]), ...more);
  }

  undo() {
    const step = this.done.pop();
    if (!step) return this.toast(this.labels.nothing_to_undo);
    if (step.path !== "") this.outbox.put(step.path ?? "/api/undo", step.body ?? { id: step.id });
    step.back?.();
    this.close();
    this.toast(`${this.labels.undone} ${step.text}`);
  }

  toast(text, trouble = false, ...more) {
    const place = this.root.querySelector("#toast");
    place.replaceChildren(make("span", {}, text), ...more);
    place.classList.toggle("trouble", trouble);
    place.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => { place.hidden = true; }, TOAST);
  }

  form() {
    return this.root.querySelector("#form");
  }

  open(name, start) {
    const sending = {
      promise: (said) => {
        const id = newId("p");
        this.put("/api/promises", { id, call: start.call, gap: start.gap ?? "", ...said }, () => this.refresh());
        this.can({ id, text: `${this.labels.said_promise} ${said.what} · ${clock(new Date(said.due), this.ui)}` });
      },
      flag: (said) => {
        const id = newId("f");
        const { id: article, version } = start;
        this.put("/api/flags", { id, call: this.sure().id, article, version, ...said });
        this.can({ id, text: `${this.labels.said_flag} ${this.labels[`reason_${said.reason}`]}` });
      },
      gap: (said) => {
        this.outbox.put(`/api/gaps/${start.gap}/describe`, { report: start.report, ...said });
        this.toast(this.labels.said_more);
      },
      mine: ({ kept: one, answered }) => {
        if (one) {
          this.outbox.put(`/api/promises/${one.id}/keep`, {}, () => this.refresh());
          this.can({ path: `/api/promises/${one.id}/reopen`, body: {}, text: this.labels.said_kept, back: () => this.refresh() });
        } else {
          this.outbox.put(`/api/gaps/${answered.gap}/told`, { report: answered.report }, () => this.refresh());
          this.can({ path: `/api/gaps/${answered.gap}/untold`, body: { report: answered.report }, text: `${this.labels.said_answered} “${answered.question}”`, back: () => this.refresh() });
          this.show(answered.article);
        }
      },
    }[name];
    const build = { promise: promiseForm, flag: flagForm, gap: gapForm, mine: mineForm }[name];
    const [nodes, focus] = build(this, this.labels, start, (said) => { sending(said); this.close(); });
    const head = make("div", { class: "head" }, make("strong", {}, this.labels[`form_${name}`]), button("✕", () => this.close(), { "aria-label": this.labels.close }));
    this.form().replaceChildren(head, ...nodes.filter(Boolean));
    this.form().hidden = false;
    (typeof focus === "function" ? focus() : focus)?.focus();
  }

  close() {
    this.form().hidden = true;
    this.form().replaceChildren();
    this.sheet.close();
    tell({ type: "focus" });
  }

  // Whoever comes back after a while reads the news at once. Nobody there asks for none: asking keeps a session alive.
  stirred() {
    const away = Date.now() - this.active >= IDLE;
    this.active = Date.now();
    if (away) this.refresh();
  }

  async refresh() {
    const puts = this.outbox.items.length ? null : this.outbox.puts;
    try {
      const answer = await post("/api/mine", {});
      if (answer.ok) {
        this.mine = { promises: answer.promises, answered: answer.answered, unseen: answer.unseen };
        this.outbox.spooled = answer.spooled;
        if (puts === this.outbox.puts && !answer.spooled) this.forget(answer.calls); // nothing was on its way meanwhile
      }
      this.draw();
    } catch { /* at the next chance */ }
    this.lookAgain();
  }

  // While the server keeps records beside its database, until it has taken them.
  lookAgain() {
    clearTimeout(this.looking);
    if (this.outbox.spooled) this.looking = setTimeout(() => this.refresh(), SPOOLED);
  }

  // Calls that were ended or taken elsewhere, or fell silent, are no longer this person's.
  forget(held) {
    for (const [id, one] of this.calls) if (one.known && !held.includes(id)) this.calls.delete(id);
    if (this.current && !this.calls.has(this.current)) this.turn(null);
  }

  sent(message) {
    if (message) this.toast(message, true);
    this.lookAgain();
    this.draw();
  }

  // --- drawing -----------------------------------------------------------------------------------------

  tick() {
    const time = this.root.querySelector("#time");
    const one = this.call();
    if (time && one) time.textContent = elapsed(Date.now() - one.begun);
  }

  draw() {
    drawBar(this);
  }
}

// The screen-pop, where this tab has not applied it yet.
function popped(pop) {
  if (!pop.token || pop.token === sessionStorage.getItem(POPPED)) return null;
  sessionStorage.setItem(POPPED, pop.token);
  return pop;
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
