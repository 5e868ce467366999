// The chat page: asks for a name, opens a session, and keeps the conversation alive with the server's events.

import { byId, setText, translate } from "../web/static/page.js";
import { subscribe } from "../web/static/live.js";
import * as composer from "./composer.js";
import { load, store } from "./storage.js";
import * as log from "./log.js";
import { post } from "./server.js";
import { count } from "./title.js";

const ICONS = { bot: "robot", back: "robot", waiting: "clock", human: "headset", closed: "check", gone: "alert" };
const entry = byId("entry");
const chat = byId("chat");
const name = byId("name");
const problem = byId("name-problem");
const banner = byId("banner");
const trouble = byId("trouble");

let leave = () => {};
let state = { estado: "bot" };
let unread = 0;

// which conversation: that of this tab, else the last of this browser

const STORAGE_KEY = "chat";
const remembered = () => load(STORAGE_KEY, "sessionStorage") ?? load(STORAGE_KEY);

function remember(session) {
  store(STORAGE_KEY, session, "sessionStorage");
  store(STORAGE_KEY, session);
}

// the state, in a banner

function show() {
  const handedBack = state.estado === "bot" && log.lastAnswer() === "atendente";
  const words = handedBack ? "back" : state.estado;
  const over = words === "closed" || words === "gone";
  banner.dataset.state = state.estado;
  byId("banner-icon").setAttribute("href", `#icon-${ICONS[words]}`);
  setText(byId("banner-text"), translate(words, { attendant: state.atendente }));
  composer.show(!over);
  byId("anew").hidden = over;
  byId("person").hidden = state.estado !== "bot";
  byId("over").hidden = !over;
}

function turn(next) {
  state = next;
  show();
}

// a conversation

function open({ sessao, nome }) {
  leave();
  entry.hidden = true;
  chat.hidden = false;
  byId("live").hidden = false;
  trouble.hidden = true;
  byId("chat-name").textContent = nome;
  state = { estado: "bot" };
  log.begin(({ de }) => de === "cliente");
  composer.sendTo(() => ({ de: "cliente", nome }), async (pergunta, key) => {
    try {
      return (await post(`api/sessions/${encodeURIComponent(sessao)}/messages`, { pergunta }, key)).id;
    } catch (refusal) {
      if (refusal.status === 404) turn({ estado: "gone" });
      throw refusal;
    }
  });
  show();
  leave = subscribe(`api/sessions/${encodeURIComponent(sessao)}/events`, {
    message(message) {
      const news = log.add(message);
      if (!log.isComplete()) return;
      show();
      if (news && document.hidden) count(unread += 1);
    },
    state(next) {
      turn(next);
      log.complete();
    },
  }, {
    hasBadge: true,
    onOpen() { trouble.hidden = true; },
    onLost() {
      if (log.isComplete()) return;
      trouble.textContent = translate("unreadable");
      trouble.hidden = false;
    },
    onRefused() {
      trouble.hidden = true;
      turn({ estado: "gone" });
    },
    mayPause: () => !["waiting", "human"].includes(state.estado), // someone is expected
    snapshotEnd: "state",
  });
}

// the name, and a new conversation

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
  if (sentence) name.setAttribute("aria-invalid", "true");
  else name.removeAttribute("aria-invalid");
}

function ask() {
  leave();
  chat.hidden = true;
  byId("live").hidden = true;
  entry.hidden = false;
  name.value = remembered()?.nome ?? "";
  name.focus();
}

byId("entry-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const nome = name.value.trim();
  complain(nome ? "" : translate("nameless"));
  if (!nome) {
    name.focus();
    return;
  }
  const button = event.submitter ?? byId("entry-form").querySelector("button");
  button.disabled = true;
  try {
    const session = await post("api/sessions", { nome });
    remember({ sessao: session.sessao, nome: session.nome });
    open(session);
    composer.focus();
  } catch (refusal) {
    complain(refusal.message);
  } finally {
    button.disabled = false;
  }
});
name.addEventListener("input", () => complain(""));
byId("person").addEventListener("click", () => {
  composer.say(translate("personWanted"));
  composer.focus();
});
byId("anew").addEventListener("click", ask);
byId("begin-anew").addEventListener("click", ask);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) count(unread = 0);
});

const session = remembered();
if (session?.sessao) open(session);
else ask();
