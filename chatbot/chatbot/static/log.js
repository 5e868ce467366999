// The messages of one conversation, by time. A message that this page has sent stays at the end until the server's
// event or response, whichever comes first, confirms it.

import { animate, byId, element, icon, lang, translate } from "../web/static/page.js";

const SCROLL_TOLERANCE_PX = 120; // this close to the end counts as the end
const ICONS = { robo: "robot", cliente: "person", atendente: "headset" };
const frame = byId("log");
const list = byId("messages");
const clock = new Intl.DateTimeFormat(lang, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(lang, { dateStyle: "short", timeStyle: "short" });

const same = (one, other) => one.replace(/\s+/g, " ").trim() === other.replace(/\s+/g, " ").trim();

function timeOf(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return element("time", { datetime: date.toISOString(), text: (today ? clock : calendar).format(date) });
}

let entries = []; // in the order of the document
let known = new Map(); // id → entry
let notes = new Map(); // id → note below the message, which may not have arrived yet
let isOwn = () => false;
let atEnd = true; // if so, the log scrolls to new messages

/** Empties the log for another conversation; `own` decides which messages are the user's own. */
export function begin(own) {
  isOwn = own;
  entries = [];
  known = new Map();
  notes = new Map();
  list.replaceChildren();
  atEnd = true;
  frame.setAttribute("aria-busy", "true");
}

/** The history is complete: later messages are news. */
export function complete() {
  if (frame.getAttribute("aria-busy") === "false") return;
  frame.setAttribute("aria-busy", "false");
  toEnd();
}

export const isComplete = () => frame.getAttribute("aria-busy") === "false";

const toEnd = () => { frame.scrollTop = frame.scrollHeight; };

function following(change) {
  change();
  if (atEnd) toEnd();
}

frame.addEventListener("scroll", () => { atEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < SCROLL_TOLERANCE_PX; });
new ResizeObserver(() => following(() => {})).observe(frame); // the composer grows at its expense

function build({ de, nome, texto }, own) {
  const entry = { de, nome, texto, own, at: Infinity };
  const name = de === "robo" ? element("span", { text: translate("robot") }) : element("bdi", { text: nome });
  entry.foot = element("p", { className: "message-foot" });
  entry.row = element("li", { className: "message", dataset: { testid: "message", from: de } },
    element("p", { className: "message-who" },
      icon(ICONS[de]), name, ...(de === "atendente" ? [element("span", { className: "message-role", text: translate("attendant") })] : [])),
    element("p", { className: "message-text", dir: "auto", text: texto }),
    entry.foot);
  if (own) entry.row.dataset.own = "";
  return entry;
}

/** Names the speaker only once for consecutive messages. */
function group(place) {
  for (const at of [place, place + 1]) {
    const [before, entry] = [entries[at - 1], entries[at]];
    if (entry) entry.row.classList.toggle("is-same", before?.de === entry.de && before.nome === entry.nome);
  }
}

function put(entry) {
  let place = entries.length;
  while (place && entries[place - 1].at > entry.at) place -= 1;
  list.insertBefore(entry.row, entries[place]?.row ?? null);
  entries.splice(place, 0, entry);
  group(place);
}

function take(entry) {
  const place = entries.indexOf(entry);
  entries.splice(place, 1);
  group(place);
}

function turn(entry, state) {
  if (entry.own) entry.row.dataset.state = state;
}

function write(entry) {
  entry.foot.replaceChildren(
    timeOf(entry.at),
    ...(entry.own ? [element("span", { className: "message-state" }, icon("check"), element("span", { className: "visually-hidden", text: translate("delivered") }))] : []),
    ...(notes.has(entry.id) ? [notes.get(entry.id)] : []));
}

/** A message of the conversation, whoever tells of it. Returns whether it is new here and not this page's own. */
export function add(message) {
  if (known.has(message.id)) return false;
  const own = isOwn(message);
  const sent = own && entries.find((entry) => entry.at === Infinity && (!entry.id || entry.id === message.id) && same(entry.texto, message.texto));
  following(() => {
    const entry = sent || build(message, own);
    if (sent) take(sent);
    Object.assign(entry, { id: message.id, at: message.timestamp });
    known.set(message.id, entry);
    entry.row.dataset.id = message.id;
    turn(entry, "delivered");
    write(entry);
    put(entry);
    if (isComplete() && !sent) animate(entry.row, [{ opacity: 0, transform: "translateY(0.5rem)" }, { opacity: 1, transform: "none" }], { duration: 220 });
  });
  return !own;
}

/** Puts a note below a message. */
export function annotate(id, note) {
  notes.set(id, note);
  const entry = known.get(id);
  if (entry) following(() => write(entry));
}

/** The texts of messages that could not be delivered. */
export const unsent = () => entries.filter(({ row }) => row.dataset.state === "failed").map(({ texto }) => texto);

/** The sender of the last message that is not the customer's. */
export const lastAnswer = () => entries.findLast(({ de, at }) => de !== "cliente" && at < Infinity)?.de;

/** Adds a message that is being sent. Returns callbacks for its delivery and its failure. */
export function sending(message, { again, edit }) {
  const entry = build(message, true);
  const note = (name, text, ...more) => entry.foot.replaceChildren(
    element("span", { className: "message-state" }, icon(name), element("span", { text })), ...more);
  const begin = () => {
    turn(entry, "sending");
    note("clock", translate("sending"));
  };
  begin();
  following(() => put(entry));
  toEnd();
  const settled = () => entry.at < Infinity || !entries.includes(entry);
  const leave = () => {
    take(entry);
    entry.row.remove();
  };
  return {
    delivered(id) {
      if (settled()) return;
      if (known.has(id)) {
        leave();
        return;
      }
      entry.id = id;
      turn(entry, "delivered");
      note("check", translate("delivered"));
    },
    failed({ message: reason, isRetryable }) {
      if (settled()) return;
      turn(entry, "failed");
      const button = element("button", { type: "button", className: "message-button", text: translate(isRetryable ? "sendAgain" : "edit") });
      button.addEventListener("click", () => {
        if (isRetryable) {
          begin();
          again();
        } else {
          leave();
          edit();
        }
      });
      following(() => note("alert", translate("notDelivered", { reason }), button));
    },
  };
}
