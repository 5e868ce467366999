// Uploads: a few at once, the rest in line; what fails for the moment is tried again by itself.

import { address, animate, announce, byId, codeOf, cutOff, element, icon, lang, maxBytes, maxMegabytes, newKey, percent, say, size } from "./page.js";
import * as contact from "./contact.js";

const AT_ONCE = 3;
const PAUSES = [2, 4, 8, 15, 30, 60]; // seconds
const FOR_THE_MOMENT = new Set([0, 408, 425, 429, 500, 502, 503, 504, 507]);
const OF_THE_FILE = new Set([400, 413, 415, 422]); // trying again is of no use
const FAULTS = 4; // after so many errors of its own the server is not asked again by itself

const section = byId("uploads");
const rows = byId("upload-rows");
const count = byId("uploads-count");
const dismissRefused = byId("dismiss-refused");

const waiting = []; // in line
const sending = new Set();
const retrying = new Set();
const held = new Set(); // until a field is corrected
const refused = new Set();
let heldUntil = 0; // the server asked for a pause
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
  const upload = { file, attempt: 0, key: newKey() };
  upload.state = element("span", { className: "upload-state" });
  upload.bar = element("progress", { className: "upload-bar", max: 1, "aria-label": say("progress", { name: file.name }) });
  upload.bar.value = 0;
  upload.now = element("button", { type: "button", className: "button button-quiet button-small", text: say("tryNow") });
  upload.now.addEventListener("click", () => {
    heldUntil = 0;
    if (held.has(upload) && contact.wrong()) contact.lead();
    else resume(upload, true);
  });
  upload.stop = element("button", { type: "button", className: "button-icon" }, icon("close"));
  upload.stop.addEventListener("click", () => leave(upload, true));
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

function turn(upload, state, sentence) {
  upload.row.dataset.state = state;
  upload.state.textContent = sentence;
  upload.bar.hidden = !["queued", "sending", "checking"].includes(state);
  upload.now.hidden = !["retrying", "held"].includes(state) && !(state === "refused" && upload.again);
  upload.now.textContent = say(state === "retrying" ? "tryNow" : "sendAgain");
  if (!upload.now.hidden) upload.now.setAttribute("aria-label", `${upload.now.textContent}: ${upload.file.name}`);
  upload.stop.hidden = state === "accepted";
  upload.stop.setAttribute("aria-label", say(state === "refused" ? "dismiss" : "cancel", { name: upload.file.name }));
}

function tally() {
  section.hidden = rows.childElementCount === 0;
  count.textContent = say("sentOf", { done, total });
  dismissRefused.hidden = refused.size < 2;
  if (section.hidden) total = done = 0;
}

async function leave(upload, byHand = false) {
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
    // the keyboard goes on with the next row, or with the choice of pictures
    const next = upload.row.nextElementSibling ?? upload.row.previousElementSibling;
    if (upload.row.contains(document.activeElement)) (next?.querySelector(".button-icon") ?? byId("file")).focus();
  } else {
    await animate(upload.row, [{ opacity: 1 }, { opacity: 0 }], { duration: 260 });
  }
  upload.row.remove();
  tally();
  pump();
}

function refuse(upload, reason, again = false) {
  sending.delete(upload);
  refused.add(upload);
  upload.again = again;
  total -= 1;
  turn(upload, "refused", reason);
  announce(say("refusedNews", { name: upload.file.name, reason }));
  tally();
}

function accept(upload, image) {
  sending.delete(upload);
  done += 1;
  turn(upload, "accepted", say("accepted"));
  tally();
  if (image) onAccepted(image);
  setTimeout(() => leave(upload), 700);
}

function retry(upload, reason, seconds) {
  sending.delete(upload);
  retrying.add(upload);
  upload.attempt += 1;
  const pause = seconds ?? PAUSES[Math.min(upload.attempt, PAUSES.length) - 1];
  const due = Date.now() + pause * 1000;
  heldUntil = Math.max(heldUntil, due);
  if (upload.attempt === 1) announce(say("retryNews", { name: upload.file.name, reason }));
  const tick = () => {
    const left = Math.ceil((due - Date.now()) / 1000);
    if (left <= 0) resume(upload);
    else turn(upload, "retrying", `${reason} ${left > 90 ? say("tryingInMinutes", { minutes: Math.ceil(left / 60) }) : say("tryingIn", { seconds: left })}`);
  };
  tick();
  upload.clock = setInterval(tick, 250);
}

/** What is wrong is not the file but a field of the page: it waits for that one. */
function hold(upload, reason) {
  sending.delete(upload);
  held.add(upload);
  turn(upload, "held", `${reason} ${say("correctField")}`);
  announce(say("refusedNews", { name: upload.file.name, reason }));
}

function resume(upload, first = false) {
  clearInterval(upload.clock);
  if (refused.delete(upload)) {
    total += 1;
    upload.attempt = 0;
    tally();
  } else if (!retrying.delete(upload) && !held.delete(upload)) {
    return;
  }
  turn(upload, "queued", say("queued"));
  upload.bar.value = 0;
  // what was tried before goes before what was not
  const place = first ? 0 : waiting.findIndex(({ attempt }) => attempt === 0);
  waiting.splice(place < 0 ? waiting.length : place, 0, upload);
  pump();
}

let later = 0;

function pump() {
  const left = heldUntil - Date.now();
  clearTimeout(later);
  if (left > 0) {
    later = setTimeout(pump, left);
    return;
  }
  while (sending.size < AT_ONCE && waiting.length) send(waiting.shift());
}

function parsed(request) {
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
  const mistake = contact.wrong();
  if (mistake) {
    hold(upload, mistake);
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
  request.open("POST", address("api/images"));
  request.setRequestHeader("Accept", "application/json, application/problem+json");
  request.setRequestHeader("Idempotency-Key", upload.key);
  const sent = (share) => {
    upload.bar.value = share;
    turn(upload, "sending", say("sending", { percent: percent(share) }));
  };
  request.upload.addEventListener("progress", ({ loaded, total: all }) => sent(all ? loaded / all : 0));
  request.upload.addEventListener("load", () => {
    upload.bar.removeAttribute("value"); // takes as long as it takes
    turn(upload, "checking", say("checking"));
  });
  request.addEventListener("loadend", async () => {
    const { status } = request;
    const unread = status === 0 && !await readable(file);
    if (upload.gone) return;
    const answer = parsed(request);
    if (status >= 200 && status < 300) accept(upload, answer.images?.[0]);
    else if (unread) refuse(upload, say("fileUnreadable"), true);
    else if (status === 429) {
      retry(upload, answer.detail || say("busy"), retryAfter(request));
    } else if (FOR_THE_MOMENT.has(status) && (status !== 500 || upload.attempt < FAULTS)) {
      retry(upload, answer.detail || say(status ? "unavailable" : cutOff()), retryAfter(request));
    } else if (status === 400 && contact.isField(codeOf(answer))) {
      hold(upload, answer.detail);
      if (`${fields}` !== `${contact.values()}`) resume(upload); // corrected while it was under way
      else contact.refuse(codeOf(answer), answer.detail);
    } else if (status === 413 && !answer.detail) refuse(upload, tooLarge(file));
    else refuse(upload, answer.detail || say("refused", { status }), !OF_THE_FILE.has(status));
    pump();
  });
  sent(0);
  request.send(form);
}

/** Whether the browser can read a file: what it cannot send looks as if nobody had answered. */
const readable = (file) => file.arrayBuffer().then(() => true, () => false);

const tooLarge = (file) => say("tooLarge", { size: size(file.size), limit: `${maxMegabytes} MB` });

function enter(file) {
  const upload = build(file);
  total += 1;
  turn(upload, "queued", say("queued"));
  rows.append(upload.row);
  return upload;
}

/** Takes files in: those that are too large are refused here, before a byte is sent. */
export function add(files) {
  for (const file of files) {
    const upload = enter(file);
    if (file.size > maxBytes) refuse(upload, tooLarge(file));
    else waiting.push(upload);
  }
  tally();
  pump();
}

/** Tells of a file or a folder that was dropped and is not to be had. */
export const miss = ({ name, isFile }) => refuse(enter(new File([], name)), say(isFile ? "fileUnreadable" : "folderUnreadable"));

dismissRefused.addEventListener("click", () => {
  for (const { row } of refused) row.remove();
  refused.clear();
  tally();
  byId("file").focus();
});

contact.whenChanged(() => {
  heldUntil = 0;
  for (const upload of [...held, ...retrying]) resume(upload);
});

addEventListener("online", () => {
  heldUntil = 0;
  for (const upload of [...retrying]) resume(upload);
});

addEventListener("beforeunload", (event) => {
  if (sending.size || waiting.length || retrying.size || held.size) event.preventDefault();
});
