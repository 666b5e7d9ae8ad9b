// What an agent did, on its way to the server: kept in the browser until the server has it, sent in order,
// each under an id of its own so that sending it twice is once.

const RETRY = [500, 1500, 4000, 10000];
const ALIVE = 20000; // ms after which another tab's outbox is an orphan's

class Outbox {
  constructor(user, changed) {
    this.prefix = `firstcall.outbox.${user}.`;
    this.tab = sessionStorage.getItem("firstcall.tab") ?? newId("t");
    sessionStorage.setItem("firstcall.tab", this.tab);
    this.changed = changed;
    this.items = this.read(this.prefix + this.tab);
    this.failures = 0;
    this.puts = 0;
    this.spooled = 0; // how many records the server keeps beside its database
    this.adopt();
    this.beat = setInterval(() => { if (this.items.length) { this.write(); this.adopt(); } }, ALIVE / 4);
    this.online = () => this.flush();
    addEventListener("online", this.online);
    this.flush();
  }

  stop() {
    clearInterval(this.beat);
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    this.stopped = true;
  }

  read(key) {
    try {
      return JSON.parse(localStorage.getItem(key))?.items ?? [];
    } catch {
      return [];
    }
  }

  write() {
    try {
      if (this.items.length) localStorage.setItem(this.prefix + this.tab, JSON.stringify({ items: this.items, at: Date.now() }));
      else localStorage.removeItem(this.prefix + this.tab);
    } catch { /* a full or forbidden store: it is still in memory */ }
  }

  // what a closed tab left behind
  adopt() {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(this.prefix) || key === this.prefix + this.tab) continue;
      const at = JSON.parse(localStorage.getItem(key) ?? "{}").at ?? 0;
      if (Date.now() - at < ALIVE) continue;
      this.items.unshift(...this.read(key));
      localStorage.removeItem(key);
    }
    this.write();
  }

  put(path, body, done) {
    const item = { path, body, at: Date.now(), n: newId("n") };
    this.items.push(item);
    this.puts += 1;
    if (done) (this.done ??= new Map()).set(item.n, done);
    this.write();
    this.changed();
    this.flush();
  }

  async flush() {
    if (this.sending || this.stopped) return;
    this.sending = true;
    while (this.items.length && !this.stopped) {
      const item = this.items[0];
      let answer = null;
      try {
        answer = await post(item.path, { ...item.body, ago: Math.max(0, Date.now() - item.at) });
      } catch {
        this.later();
        break;
      }
      this.failures = 0;
      this.spooled = answer.spooled ?? (answer.ok ? 0 : this.spooled);
      this.items.shift();
      this.write();
      const done = this.done?.get(item.n);
      this.done?.delete(item.n);
      if (!answer.ok) this.changed(answer.message);
      done?.(answer);
      this.changed();
    }
    this.sending = false;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), RETRY[Math.min(this.failures++, RETRY.length - 1)]);
    this.changed();
  }
}

// Throws where the server did not take it: it is not there, it is starting, or who asks must sign in again.
async function post(path, body) {
  const response = await fetch(new URL(path, location.origin), {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.dataset.firstcallUi || "" },
    body: JSON.stringify({ ...body, ui: document.documentElement.dataset.firstcallUi || "" }),
    credentials: "same-origin",
  });
  if (response.status >= 500 || response.status === 401 || response.status === 429) throw new Error(String(response.status));
  return response.json();
}

function newId(letter) {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `${letter}-${Date.now().toString(36)}-${random[0].toString(36)}${random[1].toString(36)}`;
}
