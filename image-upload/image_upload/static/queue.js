// The upload queue: a few uploads run concurrently, and retryable failures are retried automatically.

import { absoluteUrl, animate, announce, byId, codeOf, connectionProblem, element, icon, lang, maxBytes, maxMegabytes, newIdempotencyKey, percent, translate, size } from "./page.js";
import * as contact from "./contact.js";

const MAX_CONCURRENT_UPLOADS = 3;
const RETRY_DELAYS_SECONDS = [2, 4, 8, 15, 30, 60];
const RETRYABLE_STATUSES = new Set([0, 408, 425, 429, 500, 502, 503, 504, 507]);
const PERMANENT_STATUSES = new Set([400, 413, 415, 422]); // a retry is useless
const MAX_SERVER_ERRORS = 4; // after this many server errors there are no automatic retries

const section = byId("uploads");
const rows = byId("upload-rows");
const count = byId("uploads-count");
const dismissRefused = byId("dismiss-refused");

const waiting = []; // queued
const sending = new Set();
const retrying = new Set();
const held = new Set(); // until the user corrects a field
const refused = new Set();
let pausedUntil = 0; // the server asked for a pause
let total = 0;
let done = 0;
let onAccepted = () => {};

export const whenAccepted = (tell) => { onAccepted = tell; };

// thumbnails are decoded only for rows that are in sight
const seen = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.show();
  }
});

function thumbnail(file) {
  const frame = element("span", { className: "upload-thumbnail" }, icon("picture"));
  frame.show = () => {
    const url = URL.createObjectURL(file);
    const picture = element("img", { alt: "", decoding: "async" });
    picture.addEventListener("load", () => { frame.replaceChildren(picture); URL.revokeObjectURL(url); });
    picture.addEventListener("error", () => URL.revokeObjectURL(url));
    picture.src = url;
  };
  seen.observe(frame);
  return frame;
}

function build(file) {
  const upload = { file, attempt: 0, key: newIdempotencyKey() };
  upload.state = element("span", { className: "upload-state" });
  upload.bar = element("progress", { className: "upload-bar", max: 1, "aria-label": translate("progress", { name: file.name }) });
  upload.bar.value = 0;
  upload.now = element("button", { type: "button", className: "button button-quiet button-small", text: translate("tryNow") });
  upload.now.addEventListener("click", () => {
    pausedUntil = 0;
    if (held.has(upload) && contact.wrong()) contact.lead();
    else resume(upload, true);
  });
  upload.stop = element("button", { type: "button", className: "button-icon" }, icon("close"));
  upload.stop.addEventListener("click", () => remove(upload, true));
  upload.row = element("li", { className: "upload-row", "data-testid": "upload-row" },
    thumbnail(file),
    element("div", { className: "upload-body" },
      element("div", { className: "upload-title" },
        element("span", { className: "upload-name", text: file.name, title: file.name }),
        element("span", { className: "muted small upload-size", text: file.size ? size(file.size) : "" })),
      upload.bar,
      upload.state),
    upload.now, upload.stop);
  return upload;
}

function setState(upload, state, sentence) {
  upload.row.dataset.state = state;
  upload.state.textContent = sentence;
  upload.bar.hidden = !["queued", "sending", "checking"].includes(state);
  upload.now.hidden = !["retrying", "held"].includes(state) && !(state === "refused" && upload.again);
  upload.now.textContent = translate(state === "retrying" ? "tryNow" : "sendAgain");
  if (!upload.now.hidden) upload.now.setAttribute("aria-label", `${upload.now.textContent}: ${upload.file.name}`);
  upload.stop.hidden = state === "accepted";
  upload.stop.setAttribute("aria-label", translate(state === "refused" ? "dismiss" : "cancel", { name: upload.file.name }));
}

function updateCounts() {
  section.hidden = rows.childElementCount === 0;
  count.textContent = translate("sentOf", { done, total });
  dismissRefused.hidden = refused.size < 2;
  if (section.hidden) total = done = 0;
}

async function remove(upload, byHand = false) {
  upload.gone = true;
  clearInterval(upload.clock);
  sending.delete(upload);
  retrying.delete(upload);
  held.delete(upload);
  const place = waiting.indexOf(upload);
  if (place >= 0) waiting.splice(place, 1);
  upload.request?.abort();
  if (byHand) {
    if (!refused.delete(upload)) total -= 1;
    // move the focus to the next row, or to the file input
    const next = upload.row.nextElementSibling ?? upload.row.previousElementSibling;
    if (upload.row.contains(document.activeElement)) (next?.querySelector(".button-icon") ?? byId("file")).focus();
  } else {
    await animate(upload.row, [{ opacity: 1 }, { opacity: 0 }], { duration: 260 });
  }
  upload.row.remove();
  updateCounts();
  sendNext();
}

function refuse(upload, reason, again = false) {
  sending.delete(upload);
  refused.add(upload);
  upload.again = again;
  total -= 1;
  setState(upload, "refused", reason);
  announce(translate("refusedNews", { name: upload.file.name, reason }));
  updateCounts();
}

function accept(upload, image) {
  sending.delete(upload);
  done += 1;
  setState(upload, "accepted", translate("accepted"));
  updateCounts();
  if (image) onAccepted(image);
  setTimeout(() => remove(upload), 700);
}

function retry(upload, reason, seconds) {
  sending.delete(upload);
  retrying.add(upload);
  upload.attempt += 1;
  const pause = seconds ?? RETRY_DELAYS_SECONDS[Math.min(upload.attempt, RETRY_DELAYS_SECONDS.length) - 1];
  const due = Date.now() + pause * 1000;
  pausedUntil = Math.max(pausedUntil, due);
  if (upload.attempt === 1) announce(translate("retryNews", { name: upload.file.name, reason }));
  const tick = () => {
    const left = Math.ceil((due - Date.now()) / 1000);
    if (left <= 0) resume(upload);
    else setState(upload, "retrying", `${reason} ${left > 90 ? translate("tryingInMinutes", { minutes: Math.ceil(left / 60) }) : translate("tryingIn", { seconds: left })}`);
  };
  tick();
  upload.clock = setInterval(tick, 250);
}

/** A field of the page is invalid, not the file: the upload waits for the correction. */
function hold(upload, reason) {
  sending.delete(upload);
  held.add(upload);
  setState(upload, "held", `${reason} ${translate("correctField")}`);
  announce(translate("refusedNews", { name: upload.file.name, reason }));
}

function resume(upload, first = false) {
  clearInterval(upload.clock);
  if (refused.delete(upload)) {
    total += 1;
    upload.attempt = 0;
    updateCounts();
  } else if (!retrying.delete(upload) && !held.delete(upload)) {
    return;
  }
  setState(upload, "queued", translate("queued"));
  upload.bar.value = 0;
  // retries go before new uploads
  const place = first ? 0 : waiting.findIndex(({ attempt }) => attempt === 0);
  waiting.splice(place < 0 ? waiting.length : place, 0, upload);
  sendNext();
}

let pauseTimer = 0;

function sendNext() {
  const left = pausedUntil - Date.now();
  clearTimeout(pauseTimer);
  if (left > 0) {
    pauseTimer = setTimeout(sendNext, left);
    return;
  }
  while (sending.size < MAX_CONCURRENT_UPLOADS && waiting.length) send(waiting.shift());
}

function parseResponse(request) {
  try {
    return JSON.parse(request.responseText) ?? {};
  } catch {
    return {};
  }
}

/** Seconds, or a date, as HTTP allows both. */
function retryAfter(request) {
  const value = request.getResponseHeader("Retry-After");
  if (!value) return undefined;
  const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 1), 3600) : undefined;
}

function send(upload) {
  const { file } = upload;
  const invalidField = contact.wrong();
  if (invalidField) {
    hold(upload, invalidField);
    contact.point();
    return;
  }
  sending.add(upload);
  const form = new FormData();
  form.append("lang", lang);
  const fields = contact.values();
  for (const [name, value] of fields) form.append(name, value);
  form.append("file", file, file.name);
  const request = new XMLHttpRequest();
  upload.request = request;
  request.open("POST", absoluteUrl("api/images"));
  request.setRequestHeader("Accept", "application/json, application/problem+json");
  request.setRequestHeader("Idempotency-Key", upload.key);
  const sent = (share) => {
    upload.bar.value = share;
    setState(upload, "sending", translate("sending", { percent: percent(share) }));
  };
  request.upload.addEventListener("progress", ({ loaded, total: all }) => sent(all ? loaded / all : 0));
  request.upload.addEventListener("load", () => {
    upload.bar.removeAttribute("value"); // the duration of the check is unknown
    setState(upload, "checking", translate("checking"));
  });
  request.addEventListener("loadend", async () => {
    const { status } = request;
    const unread = status === 0 && !await readable(file);
    if (upload.gone) return;
    const answer = parseResponse(request);
    if (status >= 200 && status < 300) accept(upload, answer.images?.[0]);
    else if (unread) refuse(upload, translate("fileUnreadable"), true);
    else if (status === 429) {
      retry(upload, answer.detail || translate("busy"), retryAfter(request));
    } else if (RETRYABLE_STATUSES.has(status) && (status !== 500 || upload.attempt < MAX_SERVER_ERRORS)) {
      retry(upload, answer.detail || translate(status ? "unavailable" : connectionProblem()), retryAfter(request));
    } else if (status === 400 && contact.isField(codeOf(answer))) {
      hold(upload, answer.detail);
      if (`${fields}` !== `${contact.values()}`) resume(upload); // corrected meanwhile
      else contact.refuse(codeOf(answer), answer.detail);
    } else if (status === 413 && !answer.detail) refuse(upload, tooLarge(file));
    else refuse(upload, answer.detail || translate("refused", { status }), !PERMANENT_STATUSES.has(status));
    sendNext();
  });
  sent(0);
  request.send(form);
}

/** Whether the browser can read a file: an unreadable one fails like a lost connection. */
const readable = (file) => file.arrayBuffer().then(() => true, () => false);

const tooLarge = (file) => translate("tooLarge", { size: size(file.size), limit: `${maxMegabytes} MB` });

function createRow(file) {
  const upload = build(file);
  total += 1;
  setState(upload, "queued", translate("queued"));
  rows.append(upload.row);
  return upload;
}

/** Queues files; those that are too large are refused before a byte is sent. */
export function add(files) {
  for (const file of files) {
    const upload = createRow(file);
    if (file.size > maxBytes) refuse(upload, tooLarge(file));
    else waiting.push(upload);
  }
  updateCounts();
  sendNext();
}

/** Shows a dropped file or folder that cannot be read. */
export const refuseUnreadable = ({ name, isFile }) => refuse(createRow(new File([], name)), translate(isFile ? "fileUnreadable" : "folderUnreadable"));

dismissRefused.addEventListener("click", () => {
  for (const { row } of refused) row.remove();
  refused.clear();
  updateCounts();
  byId("file").focus();
});

contact.whenChanged(() => {
  pausedUntil = 0;
  for (const upload of [...held, ...retrying]) resume(upload);
});

addEventListener("online", () => {
  pausedUntil = 0;
  for (const upload of [...retrying]) resume(upload);
});

addEventListener("beforeunload", (event) => {
  if (sending.size || waiting.length || retrying.size || held.size) event.preventDefault();
});
