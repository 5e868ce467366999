// The conversation that the attendant has open: read it live, take it, answer, hand it back, close it.

import { byId, setText, translate } from "../web/static/page.js";
import { subscribe } from "../web/static/live.js";
import * as composer from "./composer.js";
import * as log from "./log.js";
import * as me from "./me.js";
import * as queue from "./queue.js";
import { chart, mark, percent } from "./sentiment.js";
import { post } from "./server.js";

const desk = byId("desk");
const problem = byId("desk-problem");
const actions = [...desk.querySelectorAll("[data-action]")];
const drafts = new Map();

let open = null; // the id of the conversation
let opening = 0; // grows with each turn, to the same conversation too
let leave = () => {};
let pressed = null; // the button whose effect is not visible yet

const path = (end) => `api/attendant/sessions/${encodeURIComponent(open)}/${end}`;
const lines = (...texts) => texts.filter(Boolean).join("\n");
const isMine = ({ estado, atendente }) => estado === "human" && atendente === me.name();

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function hintOf(session) {
  if (session.estado === "closed") return translate("over");
  if (session.estado === "human") return isMine(session) ? "" : translate("othersHave", { attendant: session.atendente });
  return translate("takeFirst");
}

export const isOpen = (sessao) => sessao === open;

/** Writes how the open conversation stands. */
export function show() {
  const session = queue.get(open);
  if (!session) return;
  const { estado, nome, reason, sentiments } = session;
  const mine = isMine(session);
  byId("desk-name-text").textContent = nome;
  setText(byId("desk-state"), queue.stateOf(session));
  desk.dataset.state = estado;
  byId("take").hidden = !["bot", "waiting"].includes(estado);
  byId("release").hidden = !mine;
  byId("close").hidden = estado === "closed" || (estado === "human" && !mine);
  byId("desk-reason").hidden = !reason || !["waiting", "human"].includes(estado);
  byId("desk-reason").textContent = reason ? queue.reasonIn(reason) : "";
  byId("desk-chart").hidden = !sentiments.length;
  byId("desk-line").replaceChildren(...(sentiments.length ? [chart(sentiments, 120, 44)] : []));
  byId("desk-hint").textContent = hintOf(session);
  composer.show(mine);
  if (!pressed?.hidden) return;
  pressed = null; // it took the keyboard with it
  if (mine) composer.focus();
  else byId("desk-name").focus({ preventScroll: true });
}

/** What was written and not delivered is not lost where the attendant turns to another conversation. */
function keepDraft() {
  if (open) drafts.set(open, lines(...log.unsent(), composer.draft()));
}

/** A message that failed when the log no longer held it is put where the attendant can send it again. */
function giveBack(sessao, mensagem, reason) {
  if (sessao !== open) {
    drafts.set(sessao, lines(mensagem, drafts.get(sessao)));
    return;
  }
  composer.write(lines(mensagem, composer.draft()));
  complain(translate("notDelivered", { reason }));
}

/** Opens a conversation; with none, the desk is empty. */
export function turnTo(sessao) {
  const before = open;
  keepDraft();
  leave();
  leave = () => {};
  open = sessao ?? null;
  opening += 1;
  pressed = null;
  complain("");
  desk.hidden = !open;
  byId("nothing").hidden = Boolean(open);
  byId("console").dataset.view = open ? "desk" : "queue";
  queue.choose(open);
  if (!open) {
    if (before) queue.focus(before);
    return;
  }
  log.begin(({ de, nome }) => de === "atendente" && nome === me.name());
  composer.write(drafts.get(open) ?? "");
  const [here, where, turned] = [open, path("messages"), opening];
  composer.sendTo(() => ({ de: "atendente", nome: me.name() }), async (mensagem, key) => {
    try {
      const { id } = await ask(where, { mensagem }, key);
      if (turned === opening) complain("");
      return id;
    } catch (refusal) {
      if (turned !== opening) giveBack(here, mensagem, refusal.message);
      throw refusal;
    }
  });
  show();
  leave = subscribe(`api/sessions/${encodeURIComponent(open)}/events`, {
    message: log.add,
    sentiment: (one) => log.annotate(one.id, mark(one)),
    state: log.complete,
  }, { onRefused: () => complain(translate("gone")) });
  byId("desk-name").focus({ preventScroll: true });
}

/** Asks the server for something in the attendant's name. Raises Refusal. */
async function ask(where, body = {}, key = null) {
  try {
    return await post(where, { ...body, atendente: me.name() }, key);
  } catch (refusal) {
    if (refusal.status === 401 || refusal.status === 403) location.reload(); // to the login
    throw refusal;
  }
}

async function act(button) {
  if (pressed || !await me.known()) return;
  pressed = button;
  const here = open;
  complain("");
  try {
    const { id: _, ...session } = await ask(path(button.dataset.action));
    if (queue.get(here).last_at <= session.last_at) queue.show(session); // else the stream was quicker, and knows more
    show();
  } catch ({ message }) {
    if (here === open) complain(message);
  } finally {
    pressed = null;
  }
}

for (const button of actions) button.addEventListener("click", () => act(button));
document.addEventListener("renamed", show);
