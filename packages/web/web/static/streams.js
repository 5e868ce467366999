// Event streams that the tabs of a browser share. Over HTTP/1.1 a browser has six connections to one host, and an open
// stream keeps one: with one stream a tab, the seventh tab would wait for ever.
//
// Of all tabs that follow one address, one leads: it holds the lock of the address, has the connection, and passes on
// what comes. Of all leaders, MAX_CONNECTIONS have a connection at a time; where there are more, they take turns, as each
// stream begins with the present state.

const MAX_CONNECTIONS = 4; // two are left for pages, uploads and messages
const TURN_MS = 5_000; // how long a leader keeps a connection that others wait for
const { CONNECTING, OPEN, CLOSED } = EventSource;
const slots = Array.from({ length: MAX_CONNECTIONS }, (_, number) => `stream slot ${number}`);
const isWaitedFor = async (slot) => (await navigator.locks.query()).pending.some(({ name }) => name === slot);

/** The name of the slot that the fewest hold or wait for. */
async function freestSlot() {
  const { held, pending } = await navigator.locks.query();
  const load = (slot) => [...held, ...pending].filter(({ name }) => name === slot).length;
  return slots.reduce((best, slot) => (load(slot) < load(best) ? slot : best));
}

/** As an EventSource whose events are `names`; shared with the other tabs that follow the same address. */
class SharedStream extends EventTarget {
  readyState = CONNECTING;
  #source = null;
  #endTurn = () => {};
  #closing = new AbortController();

  constructor(url, names) {
    super();
    this.url = url;
    this.names = names;
    this.channel = new BroadcastChannel(`stream ${url}`);
    this.channel.onmessage = ({ data }) => {
      if (data.type !== "join") this.#deliver(data);
      else if (this.#source) this.#connect(); // who joins has to see the present state
    };
    this.channel.postMessage({ type: "join" });
    this.#locked(`stream ${url}`, () => this.#lead());
  }

  close() {
    this.readyState = CLOSED;
    this.#closing.abort();
    this.#endTurn();
    this.channel.close();
  }

  /** Holds a lock while `use` runs; waits for it until the stream is closed. */
  async #locked(name, use) {
    try {
      await navigator.locks.request(name, { signal: this.#closing.signal }, use);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  async #lead() {
    while (this.readyState !== CLOSED) {
      const slot = await freestSlot();
      await this.#locked(slot, () => this.#takeTurn(slot));
    }
  }

  async #takeTurn(slot) {
    if (this.readyState === CLOSED) return;
    const turn = new Promise((resolve) => { this.#endTurn = resolve; });
    const timer = setInterval(async () => { if (await isWaitedFor(slot)) this.#endTurn(); }, TURN_MS);
    this.#connect();
    await turn;
    clearInterval(timer);
    this.#source?.close();
    this.#source = null;
  }

  #connect() {
    this.#source?.close();
    const source = new EventSource(this.url);
    this.#source = source;
    source.addEventListener("open", () => this.#share({ type: "open" }));
    source.addEventListener("error", () => this.#share({ type: "error", isClosed: source.readyState === CLOSED }));
    for (const name of this.names) source.addEventListener(name, ({ data }) => this.#share({ type: name, data }));
  }

  #share(event) {
    if (this.readyState === CLOSED) return;
    this.channel.postMessage(event);
    this.#deliver(event);
  }

  #deliver({ type, data, isClosed }) {
    if (this.readyState === CLOSED) return;
    if (type === "open") this.readyState = OPEN;
    if (type === "error") this.readyState = isClosed ? CLOSED : CONNECTING;
    this.dispatchEvent(new MessageEvent(type, { data }));
  }
}

/**
 * Opens the event stream at `url`, whose events are `names`: an EventSource, or what behaves like one. Tabs can share
 * streams where the page is from this machine or has come by HTTPS.
 */
export function openStream(url, names) {
  return navigator.locks && window.BroadcastChannel ? new SharedStream(url, names) : new EventSource(url);
}
