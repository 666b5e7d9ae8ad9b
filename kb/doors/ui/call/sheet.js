// The key sheet: every action with its keys, and a key of one's own for each.

const FIXED = [["key_move", "↑ ↓"], ["key_open", "Enter"], ["key_clear", "Esc"]]; // the same for everybody

class KeySheet {
  // bar: labels, keys (action → keys), data.defaults and data.chosen (action → key), outbox
  constructor(bar) {
    this.bar = bar;
    this.learning = null; // the action that the next key is for
    this.dialog = bar.root.querySelector("#sheet");
  }

  isOpen() {
    return this.dialog.open;
  }

  close() {
    this.learning = null;
    if (this.dialog.open) this.dialog.close();
  }

  open() {
    const { labels, keys } = this.bar;
    const fixed = FIXED.map(([label, pressed]) => this.row(labels[label], [pressed]));
    const own = Object.keys(keys).map((action) => {
      const change = button(labels.key_change, () => this.startLearning(action), { "data-action": action });
      return this.row(labels[`do_${action}`], keys[action], change);
    });
    const head = make("div", { class: "head" }, make("strong", { id: "sheet-title" }, labels.keys_title), button("✕", () => this.bar.close(), { "aria-label": labels.close }));
    const note = make("p", { id: "key-note", role: "status" }, labels.key_hint);
    const reset = button(labels.key_reset, () => this.save({}));
    this.dialog.setAttribute("aria-labelledby", "sheet-title");
    this.dialog.replaceChildren(head, note, make("table", {}, make("tbody", {}, ...fixed, ...own)), reset);
    if (!this.dialog.open) this.dialog.showModal();
  }

  row(text, keys, ...more) {
    const shown = keys.flatMap((one, at) => (at ? [" ", key(one)] : [key(one)]));
    return make("tr", {}, make("td", {}, text), make("td", {}, ...shown), make("td", {}, ...more));
  }

  note(text) {
    this.dialog.querySelector("#key-note").textContent = text;
  }

  startLearning(action) {
    this.learning = action;
    this.note(`${this.bar.labels[`do_${action}`]}: ${this.bar.labels.key_press}`);
  }

  // The key that was pressed becomes the action's, unless something speaks against it.
  learn(event) {
    const { labels, keys, data } = this.bar;
    const pressed = keyOf(event).replace("Meta+", "Ctrl+");
    if (event.key === "Escape") {
      this.learning = null;
      return this.note(labels.key_hint);
    }
    const why = refusal(pressed, this.learning, keys, labels);
    if (why.trim()) this.note(`${pressed}: ${why}`);
    if (why) return;
    const own = { ...data.chosen, [this.learning]: pressed };
    this.learning = null;
    this.save(own);
  }

  save(own) {
    const { data, keys, outbox } = this.bar;
    data.chosen = own;
    for (const [action, [, ...more]] of Object.entries(keys)) keys[action] = [own[action] ?? data.defaults[action][0], ...more];
    outbox.put("/api/preferences", { keys: own });
    this.dialog.close();
    this.open();
    this.bar.draw();
  }
}
