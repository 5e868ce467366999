// Server-sent events that come back by themselves, and the badge in the header that tells whether they are there.

import { address, byId, cutOff, rewrite, say } from "./page.js";

const REFUSALS = new Set([401, 403, 404, 410]);
const HIDDEN_FOR = 20_000;
const LOOKS_IN_EVERY = 15_000;
const SILENT_FOR = 45_000; // three pings: such a connection is dead, though nobody told the browser
const PATIENCE = 15_000;
const badge = byId("live");

function mark(state, words = state) {
  badge.dataset.state = state;
  rewrite(badge.querySelector(".badge-text"), say(words));
}

/** With which status the server answers; 0 where it does not. */
async function statusOf(path) {
  try {
    const { status, body } = await fetch(address(path), { signal: AbortSignal.timeout(PATIENCE) });
    await body?.cancel();
    return status;
  } catch {
    return 0;
  }
}

/**
 * Follows the stream at `path`: `handlers` take its events, by their names. Returns what ends it.
 *
 * opened, lost: the connection is there, is gone for now. refused: the server will not give it, and takes the status
 * that says why; without it the server is asked again and again.
 * rests: whether the page may give its connection back while nobody looks at it, as a browser opens few to one host.
 * whole: the event that ends the present state, with which a stream begins. Where it is named, a page that may not rest
 * gives its connection back too, and looks in from time to time.
 */
export function follow(path, handlers, { badged = false, opened = () => {}, lost = () => {}, refused = null, rests = () => true, whole = null } = {}) {
  let stream = null;
  let pause = 1;
  let reopening = 0;
  let silence = 0;
  let hiding = 0;
  let unseen = false; // nobody has looked for so long that the stream is not held

  function leave() {
    clearTimeout(reopening);
    clearTimeout(silence);
    reopening = 0;
    stream?.close();
    stream = null;
  }

  function gone() {
    if (badged) mark("reconnecting", cutOff() === "offline" ? "offlineBadge" : "reconnecting");
    lost();
  }

  function anew() {
    gone();
    connect();
  }

  function heard() {
    clearTimeout(silence);
    silence = setTimeout(anew, SILENT_FOR);
  }

  function rest() {
    leave();
    gone();
    if (!rests()) reopening = setTimeout(connect, LOOKS_IN_EVERY);
  }

  async function ended(mine) {
    const status = await statusOf(path);
    if (stream !== mine) return;
    leave();
    if (refused && REFUSALS.has(status)) {
      end();
      refused(status);
      return;
    }
    reopening = setTimeout(connect, pause * 1000);
    pause = Math.min(pause * 2, 15);
  }

  function connect() {
    leave();
    const mine = new EventSource(address(path));
    stream = mine;
    heard();
    mine.addEventListener("open", () => {
      heard();
      if (badged) mark("live");
      pause = 1;
      opened();
    });
    mine.addEventListener("ping", heard);
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, ({ data }) => {
        heard();
        handle(JSON.parse(data));
        if (unseen && name === whole) rest();
      });
    }
    mine.addEventListener("error", () => {
      gone();
      if (mine.readyState === EventSource.CLOSED) ended(mine); // else the browser tries again by itself
    });
  }

  function looked() {
    clearTimeout(hiding);
    if (!document.hidden) {
      unseen = false;
      if (!stream) connect();
    } else {
      hiding = setTimeout(() => {
        unseen = whole !== null || rests();
        if (unseen) rest();
      }, HIDDEN_FOR);
    }
  }

  // the network is another now: what was open may be dead, and look open
  const back = () => { if (stream || reopening) anew(); };

  function end() {
    leave();
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", looked);
    removeEventListener("online", back);
  }

  document.addEventListener("visibilitychange", looked);
  addEventListener("online", back);
  connect();
  looked();
  return end;
}
