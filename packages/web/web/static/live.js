// Event streams that reconnect by themselves, and the badge in the header that shows the connection state.

import { absoluteUrl, byId, connectionProblem, setText, translate } from "./page.js";
import { openStream } from "./streams.js";

const PERMANENT_STATUSES = new Set([401, 403, 404, 410]);
const HIDDEN_DELAY_MS = 20_000; // how long a page stays connected after it was hidden
const POLL_INTERVAL_MS = 15_000; // how often a hidden page that may not pause reconnects
const SILENCE_TIMEOUT_MS = 45_000; // three missed pings: the connection is dead, even if the browser has not noticed
const STATUS_TIMEOUT_MS = 15_000;
const badge = byId("live");

function mark(state, words = state) {
  badge.dataset.state = state;
  setText(badge.querySelector(".badge-text"), translate(words));
}

/** The status of the server's response; 0 if there is none. */
async function statusOf(path) {
  try {
    const { status, body } = await fetch(absoluteUrl(path), { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
    await body?.cancel();
    return status;
  } catch {
    return 0;
  }
}

/**
 * Subscribes to the event stream at `path`; `handlers` maps event names to functions. Returns a function that closes it.
 *
 * hasBadge: whether the badge shows the state of this stream.
 * onOpen, onLost: called when the connection opens, and when it breaks.
 * onRefused: called with the status if the server refuses the stream permanently; without it, the page keeps retrying.
 * mayPause: whether the page may disconnect while it is hidden, as browsers limit the connections to one host.
 * snapshotEnd: the event that ends the snapshot at the start of the stream. If it is given, a hidden page that may not
 * pause disconnects too, and reconnects from time to time to read the snapshot.
 */
export function subscribe(path, handlers, { hasBadge = false, onOpen = () => {}, onLost = () => {}, onRefused = null, mayPause = () => true, snapshotEnd = null } = {}) {
  let stream = null;
  let delaySeconds = 1;
  let reconnectTimer = 0;
  let silenceTimer = 0;
  let hiddenTimer = 0;
  let isPaused = false; // the page was hidden long enough to disconnect

  function disconnect() {
    clearTimeout(reconnectTimer);
    clearTimeout(silenceTimer);
    reconnectTimer = 0;
    stream?.close();
    stream = null;
  }

  function reportLost() {
    if (hasBadge) mark("reconnecting", connectionProblem() === "offline" ? "offlineBadge" : "reconnecting");
    onLost();
  }

  function reconnect() {
    reportLost();
    connect();
  }

  function resetSilenceTimer() {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(reconnect, SILENCE_TIMEOUT_MS);
  }

  function pause() {
    disconnect();
    reportLost();
    if (!mayPause()) reconnectTimer = setTimeout(connect, POLL_INTERVAL_MS);
  }

  async function handleClosed(source) {
    const status = await statusOf(path);
    if (stream !== source) return;
    disconnect();
    if (onRefused && PERMANENT_STATUSES.has(status)) {
      close();
      onRefused(status);
      return;
    }
    reconnectTimer = setTimeout(connect, delaySeconds * 1000);
    delaySeconds = Math.min(delaySeconds * 2, 15);
  }

  function connect() {
    disconnect();
    const source = openStream(absoluteUrl(path), ["ping", ...Object.keys(handlers)]);
    stream = source;
    resetSilenceTimer();
    source.addEventListener("open", () => {
      resetSilenceTimer();
      if (hasBadge) mark("live");
      delaySeconds = 1;
      onOpen();
    });
    source.addEventListener("ping", resetSilenceTimer);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, ({ data }) => {
        resetSilenceTimer();
        handle(JSON.parse(data));
        if (isPaused && name === snapshotEnd) pause();
      });
    }
    source.addEventListener("error", () => {
      reportLost();
      if (source.readyState === EventSource.CLOSED) handleClosed(source); // otherwise the browser reconnects by itself
    });
  }

  function handleVisibility() {
    clearTimeout(hiddenTimer);
    if (!document.hidden) {
      isPaused = false;
      if (!stream) connect();
    } else {
      hiddenTimer = setTimeout(() => {
        isPaused = snapshotEnd !== null || mayPause();
        if (isPaused) pause();
      }, HIDDEN_DELAY_MS);
    }
  }

  // after a network change, an open connection may be dead
  const handleOnline = () => { if (stream || reconnectTimer) reconnect(); };

  function close() {
    disconnect();
    clearTimeout(hiddenTimer);
    document.removeEventListener("visibilitychange", handleVisibility);
    removeEventListener("online", handleOnline);
  }

  document.addEventListener("visibilitychange", handleVisibility);
  addEventListener("online", handleOnline);
  connect();
  handleVisibility();
  return close;
}
