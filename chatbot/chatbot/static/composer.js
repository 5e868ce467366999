// The message input. Messages are sent one after the other, in the order in which they were written.

import { announce, byId, lang, newIdempotencyKey, translate } from "../web/static/page.js";
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
 * Sets how messages are sent: `send` gets the text and the idempotency key that all attempts share, and returns the id
 * of the message or throws Refusal.
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
  if (shown && left.hidden) announce(translate("left", { count: numbers.format(Math.max(rest, 0)) }));
  left.hidden = !shown;
  left.textContent = rest < 0 ? tooLong(rest) : translate("left", { count: numbers.format(rest) });
  left.classList.toggle("is-over", rest < 0);
  if (rest < 0) text.setAttribute("aria-invalid", "true");
  else text.removeAttribute("aria-invalid");
}

const tooLong = (rest) => translate("tooLong", { count: numbers.format(-rest), limit: numbers.format(most) });

function submit() {
  const words = text.value.trim();
  const rest = spare();
  if (rest < 0) {
    announce(tooLong(rest));
    return;
  }
  if (!words) return;
  write("");
  say(words);
}

/** Sends a message, after those that are still on their way; what is being written stays. */
export function say(words) {
  const { from, send } = sender;
  let key = newIdempotencyKey();
  const attempt = () => {
    line = line.then(() => send(words, key)).then((id) => bubble.delivered(id), (refusal) => {
      if (refusal.status === 409) key = newIdempotencyKey(); // certainly not accepted: the next attempt is a new message
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
// Safari ends a composition before the key that ends it: it then says so by the key code of input methods alone.
const INPUT_METHOD_KEY_CODE = 229;
const isComposing = (event) => event.isComposing || event.keyCode === INPUT_METHOD_KEY_CODE;

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
  event.preventDefault();
  submit();
});
text.addEventListener("input", tell);
addEventListener("beforeunload", (event) => {
  if (log.unsent().length) event.preventDefault();
});
