// The box to write in. Messages leave one after the other, in the order they were written.

import { announce, byId, lang, newKey, say } from "../web/static/page.js";
import * as log from "./log.js";

const form = byId("composer");
const text = byId("text");
const left = byId("composer-left");
const numbers = new Intl.NumberFormat(lang);
const most = Number(form.dataset.max);
const near = Math.min(most / 5, 200);

let sender = null;
let line = Promise.resolve();

/**
 * From now on what is written goes to `send`, with the key that each try of a message has in common; it returns the id
 * of the message or raises Refusal.
 */
export function sendTo(from, send) {
  sender = { from, send };
}

export const draft = () => text.value;

export function write(words) {
  text.value = words;
  tell();
}

export const focus = () => text.focus();

export function show(on) {
  form.hidden = !on;
}

const spare = () => most - [...text.value.trim()].length; // code points, as the server counts

function tell() {
  const rest = spare();
  const shown = rest <= near;
  if (shown && left.hidden) announce(say("left", { count: numbers.format(Math.max(rest, 0)) }));
  left.hidden = !shown;
  left.textContent = rest < 0 ? tooLong(rest) : say("left", { count: numbers.format(rest) });
  left.classList.toggle("is-over", rest < 0);
  if (rest < 0) text.setAttribute("aria-invalid", "true");
  else text.removeAttribute("aria-invalid");
}

const tooLong = (rest) => say("tooLong", { count: numbers.format(-rest), limit: numbers.format(most) });

function submit() {
  const words = text.value.trim();
  const rest = spare();
  if (rest < 0) {
    announce(tooLong(rest));
    return;
  }
  if (!words) return;
  write("");
  const { from, send } = sender;
  let key = newKey();
  const attempt = () => {
    line = line.then(() => send(words, key)).then((id) => bubble.delivered(id), (refusal) => {
      if (refusal.status === 409) key = newKey(); // it does not count, that is known: the next try is another message
      bubble.failed(refusal);
    });
  };
  const bubble = log.sending({ ...from(), texto: words }, {
    again: attempt,
    edit() {
      write(text.value ? `${words}\n${text.value}` : words);
      focus();
    },
  });
  attempt();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  focus();
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
text.addEventListener("input", tell);
addEventListener("beforeunload", (event) => {
  if (log.unsent().length) event.preventDefault();
});
