// The conversations, most urgent first; waiting ones are highlighted.

import { announce, byId, element, icon, translate } from "../web/static/page.js";
import * as bell from "./bell.js";
import * as me from "./me.js";
import { chart, describe, faces, percent } from "./sentiment.js";
import { count } from "./title.js";

const FACES = 5;
const list = byId("queue");
const closedList = byId("queue-closed");

const rows = new Map(); // id → { session, row, link, state, told: when the stream last told of it, gone }
let chosen = null; // the id of the conversation that is open
let live = false; // the snapshot is complete: later changes are news
let clockSkew = 0; // seconds that this clock is ahead of the server's

/** The state of a conversation in words. */
export function stateOf({ estado, atendente }) {
  if (estado !== "human") return translate(estado);
  return atendente === me.name() ? translate("mine") : translate("human", { attendant: atendente });
}

function waited({ waiting_since: since }) {
  const seconds = Math.max(0, Math.floor(Date.now() / 1000 - clockSkew - since));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

const words = (session) => (session.estado === "waiting" ? translate("waitingFor", { time: waited(session) }) : stateOf(session));

function build(sessao) {
  const link = element("a", { className: "row", href: `#${encodeURIComponent(sessao)}`, dataset: { testid: "queue-row", id: sessao } });
  return { link, row: element("li", {}, link), state: element("span", { className: "badge row-state" }) };
}

function write({ session, link, state }) {
  const { estado, nome, last_message: last, reason, sentiments } = session;
  link.dataset.state = estado;
  state.dataset.estado = estado;
  state.replaceChildren(
    element("span", { className: "light", "aria-hidden": "true" }),
    element("span", { className: "row-words", text: words(session) }));
  link.replaceChildren(
    element("span", { className: "row-head" }, element("bdi", { className: "row-name", text: nome }), state),
    ...(last ? [element("span", { className: "row-last", dir: "auto", text: last })] : []),
    ...(estado === "waiting" && reason ? [reasonOf(reason)] : []),
    ...(sentiments.length ? [feelings(sentiments)] : []));
}

function feelings(sentiments) {
  const line = chart(sentiments, 96, 28);
  line.setAttribute("aria-hidden", "true"); // the sentence says it
  return element("span", { className: "row-feel" },
    faces(sentiments, FACES), line, element("span", { className: "visually-hidden", text: describe(sentiments) }));
}

/** Why a person is called, in words. */
export function reasonIn({ pergunta, confianca, motivo }) {
  if (motivo === "pedido") return translate("reasonAsked", { message: pergunta });
  return translate("reason", { message: pergunta, percent: percent(confianca) });
}

const reasonOf = (reason) => element("span", { className: "row-reason", dataset: { testid: "reason" } },
  icon(reason.motivo === "pedido" ? "person" : "alert"), element("span", { dir: "auto", text: reasonIn(reason) }));

const before = (one, other) => other.session.urgency - one.session.urgency || other.session.last_at - one.session.last_at;

/** Moves only rows that are in the wrong place, and restores the focus. */
function arrange(parent, wanted) {
  const focused = document.activeElement;
  wanted.forEach(({ row }, place) => {
    if (parent.children[place] !== row) parent.insertBefore(row, parent.children[place] ?? null);
  });
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function tally() {
  const waiting = [...rows.values()].filter(({ session, gone }) => session.estado === "waiting" && !gone).length;
  const badge = byId("waiting-count");
  badge.dataset.state = waiting ? "reconnecting" : "";
  badge.textContent = waiting === 0 ? translate("nobodyWaits") : waiting === 1 ? translate("oneWaits") : translate("someWait", { count: waiting });
  count(waiting);
}

function order() {
  const sorted = [...rows.values()].sort(before);
  const closed = sorted.filter(({ session }) => session.estado === "closed");
  arrange(list, sorted.filter(({ session }) => session.estado !== "closed"));
  arrange(closedList, closed);
  byId("closed").hidden = !closed.length;
  byId("closed-title").textContent = translate("closedCount", { count: closed.length });
  byId("empty").hidden = rows.size > 0;
  tally();
}

/** Adds or updates a conversation; returns whether anything changed. */
function keep(session) {
  const entry = rows.get(session.sessao) ?? build(session.sessao);
  if (JSON.stringify(entry.session) === JSON.stringify(session)) return false;
  const was = entry.session?.estado;
  entry.session = session;
  rows.set(session.sessao, entry);
  write(entry);
  if (live && session.estado === "waiting" && was !== "waiting") {
    bell.ring();
    announce(translate("calls", { name: session.nome, message: session.reason?.pergunta ?? session.last_message ?? "" }));
  }
  return true;
}

/** The conversation whose row leads to the fragment. */
export const named = (fragment) => [...rows.keys()].find((sessao) => encodeURIComponent(sessao) === fragment);

export const get = (sessao) => rows.get(sessao)?.session;

/** Removes conversations that the server no longer has; the open one stays until the attendant leaves it. */
function clear() {
  for (const [sessao, { gone, row }] of rows) {
    if (!gone || sessao === chosen) continue;
    row.remove();
    rows.delete(sessao);
  }
  order();
}

/** The list of the server at its time `now`; stream events since the request at `asked` are newer. */
export function fill(sessions, now, asked) {
  clockSkew = Date.now() / 1000 - now;
  const known = new Set(sessions.map(({ sessao }) => sessao));
  const toldSince = (sessao) => rows.get(sessao)?.told >= asked;
  for (const session of sessions) if (!toldSince(session.sessao)) keep(session);
  for (const [sessao, entry] of rows) entry.gone = !known.has(sessao) && !toldSince(sessao);
  clear();
  live = true;
}

/** One conversation as it stands now. */
export function show(session) {
  const changed = keep(session);
  Object.assign(rows.get(session.sessao), { told: performance.now(), gone: false });
  if (changed) order();
}

/** Marks the conversation that is open. */
export function choose(sessao) {
  chosen = sessao;
  clear();
  for (const [id, { link }] of rows) {
    if (id === sessao) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

export const focus = (sessao) => rows.get(sessao)?.link.focus();

setInterval(() => {
  for (const { session, state } of rows.values()) {
    if (session.estado === "waiting") state.querySelector(".row-words").textContent = words(session);
  }
}, 1000);
document.addEventListener("renamed", () => rows.forEach(write));
