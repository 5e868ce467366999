// Server-sent events that come back by themselves, and the badge in the header that tells whether they are there.

import { address, byId, cutOff, rewrite, say } from "./page.js";

const REFUSALS = new Set([401, 403, 404, 410]);
const HIDDEN_FOR = 20_000;
const badge = byId("live");

function mark(state, words = state) {
  badge.dataset.state = state;
  rewrite(badge.querySelector(".badge-text"), say(words));
}

/** With which status the server answers; 0 where it does not. */
async function statusOf(path) {
  const enough = new AbortController();
  try {
    const { status } = await fetch(address(path), { signal: enough.signal });
    return status;
  } catch {
    return 0;
  } finally {
    enough.abort();
  }
}

/**
 * Follows the stream at `path`: `handlers` take its events, by their names. Returns what ends it.
 *
 * opened, lost: the connection is there, is gone for now. refused: the server will not give it, and takes the status
 * that says why; without it the server is asked again and again.
 * rests: whether the page may give its connection back while nobody looks at it, as a browser opens few to one host.
 */
export function follow(path, handlers, { badged = false, opened = () => {}, lost = () => {}, refused = null, rests = () => true } = {}) {
  let stream = null;
  let pause = 1;
  let reopening = 0;
  let resting = 0;

  function leave() {
    clearTimeout(reopening);
    stream?.close();
    stream = null;
  }

  function gone() {
    if (badged) mark("reconnecting", cutOff() === "offline" ? "offlineBadge" : "reconnecting");
    lost();
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
    mine.addEventListener("open", () => {
      if (badged) mark("live");
      pause = 1;
      opened();
    });
    for (const [name, handle] of Object.entries(handlers)) mine.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
    mine.addEventListener("error", () => {
      gone();
      if (mine.readyState === EventSource.CLOSED) ended(mine); // else the browser tries again by itself
    });
  }

  function looked() {
    clearTimeout(resting);
    if (!document.hidden) {
      if (!stream) connect();
    } else {
      resting = setTimeout(() => {
        if (!rests()) return;
        leave();
        gone();
      }, HIDDEN_FOR);
    }
  }

  const back = () => { if (stream?.readyState !== EventSource.OPEN) connect(); };

  function end() {
    leave();
    clearTimeout(resting);
    document.removeEventListener("visibilitychange", looked);
    removeEventListener("online", back);
  }

  document.addEventListener("visibilitychange", looked);
  addEventListener("online", back);
  connect();
  return end;
}
