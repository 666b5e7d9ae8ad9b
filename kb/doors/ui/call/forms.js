// The small forms below the bar. Nothing in them is required but what makes them; what is typed is kept per
// call until it is sent, so that a refresh loses nothing. All text goes in through text nodes.

const DRAFT = "firstcall.draft.";

function make(tag, facts = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const button = (text, on, facts = {}) => make("button", { type: "button", onclick: on, ...facts }, text);

function key(text) {
  return make("kbd", { "aria-hidden": "true" }, text);
}

// A text that survives a refresh until `kept.forget()`.
function kept(name, field) {
  const place = DRAFT + name;
  field.value = sessionStorage.getItem(place) ?? field.value;
  field.addEventListener("input", () => sessionStorage.setItem(place, field.value));
  field.addEventListener("keydown", (event) => { if (!event.altKey && !event.ctrlKey && !event.metaKey) event.stopPropagation(); });
  return { field, forget: () => sessionStorage.removeItem(place) };
}

function labelled(text, field) {
  return make("label", {}, make("span", {}, text), field);
}

// Choices by number key, arrow or mouse. The chosen one's index goes to `on`.
function choices(texts, on) {
  const list = make("ol", { class: "choices" });
  texts.forEach((text, at) => {
    list.append(make("li", {}, button(text, () => on(at), { "data-key": at < 9 ? String(at + 1) : "" })));
  });
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...list.querySelectorAll("button")];
    const here = all.indexOf(list.getRootNode().activeElement);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (/^[1-9]$/.test(event.key) && all[event.key - 1]) on(event.key - 1);
    else if (by) all[(here + by + all.length) % all.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return list;
}

// --- each form: what to draw, and what takes the focus ---------------------------------------------

function promiseForm(state, labels, start, done) {
  const what = kept(`${start.call}.what`, make("input", { type: "text", maxlength: "500", autocomplete: "off" }));
  if (!what.field.value) what.field.value = start.what ?? labels.promise_call_back;
  const due = make("input", { type: "datetime-local" });
  const send = (moment) => {
    if (!what.field.value.trim()) return what.field.focus();
    what.forget();
    done({ what: what.field.value.trim(), due: moment.toISOString() });
  };
  const quick = dueTimes(new Date()).map(([name, moment]) => [`${labels[name]} ${clock(moment, state.ui)}`, moment]);
  what.field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); list.querySelector("button").focus(); }
  });
  due.addEventListener("change", () => { chosen.hidden = !due.value; });
  const chosen = button(labels.promise_save, () => send(new Date(due.value)), { class: "primary", hidden: true });
  const list = choices(quick.map(([text]) => text), (at) => send(quick[at][1]));
  return [[labelled(labels.promise_what, what.field), list, labelled(labels.promise_other, due), chosen], what.field];
}

// In an hour, at six today, at ten tomorrow: those still to come.
function dueTimes(now) {
  const at = (days, hour) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const times = [["due_hour", new Date(now.getTime() + 3600e3)], ["due_today", at(0, 18)], ["due_tomorrow", at(1, 10)], ["due_three_days", at(3, 10)]];
  return times.filter(([, moment]) => moment > now);
}

function clock(moment, ui) {
  const day = moment.toDateString() === new Date().toDateString() ? {} : { weekday: "short", month: "numeric", day: "numeric" };
  return moment.toLocaleString(ui === "zh" ? "zh-CN" : "en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

function flagForm(state, labels, start, done) {
  const holder = make("div", {});
  const reasons = (sentence) => {
    const list = choices(state.data.reasons.map((reason) => labels[`reason_${reason}`]), (at) => done({ sentence, reason: state.data.reasons[at] }));
    holder.replaceChildren(make("p", { class: "quote" }, sentence || labels.flag_whole), make("p", {}, labels.flag_reason), list);
    list.querySelector("button").focus();
  };
  const sentences = ["", ...start.sentences];
  const list = choices(sentences.map((text) => text || labels.flag_whole), (at) => reasons(sentences[at]));
  holder.append(make("p", {}, labels.flag_sentence), list);
  return [[holder], () => list.querySelector("button")];
}

function gapForm(state, labels, start, done) {
  const fields = ["words", "answered", "suggestion"].map((name) => [name, kept(`${start.report}.${name}`, make("textarea", { rows: "2", maxlength: "2000" }))]);
  let kind = sessionStorage.getItem(`${DRAFT}${start.report}.kind`) ?? "";
  const kinds = make("div", { class: "kinds", role: "radiogroup", "aria-label": labels.gap_kind });
  const draw = () => kinds.replaceChildren(...state.data.kinds.map((name) => button(labels[`kind_${name}`], () => {
    kind = kind === name ? "" : name;
    sessionStorage.setItem(`${DRAFT}${start.report}.kind`, kind);
    draw();
  }, { role: "radio", "aria-checked": String(kind === name), class: kind === name ? "chosen" : "" })));
  draw();
  const send = () => {
    const said = Object.fromEntries(fields.map(([name, one]) => [name, one.field.value.trim()]));
    fields.forEach(([, one]) => one.forget());
    sessionStorage.removeItem(`${DRAFT}${start.report}.kind`);
    done({ kind, ...said });
  };
  const nodes = fields.map(([name, one]) => labelled(labels[`gap_${name}`], one.field));
  return [[make("p", {}, labels.gap_more), kinds, ...nodes, button(labels.gap_save, send, { class: "primary" })], fields[0][1].field];
}

function mineForm(state, labels, start, done) {
  const line = (text, action, on) => make("li", {}, make("span", {}, text), button(action, on));
  const promises = start.promises.map((one) => line(`${clock(new Date(one.due_at), state.ui)} · ${one.what}`, labels.mine_kept, () => done({ kept: one })));
  const answered = start.answered.map((one) => line(`${labels.mine_answered} “${one.question}”`, labels.mine_call_back, () => done({ answered: one })));
  const list = make("ul", { class: "mine" }, ...promises, ...answered);
  const none = promises.length + answered.length ? null : make("p", {}, labels.mine_none);
  return [[none, list], () => list.querySelector("button")];
}
