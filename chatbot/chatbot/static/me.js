// Who answers in this browser; asked before the first conversation is taken over, and remembered.

import { byId, say } from "../web/static/page.js";
import { keep, kept } from "./kept.js";

const KEPT = "attendant";
const dialog = byId("ask");
const input = byId("my-name");
const problem = byId("my-name-problem");

let mine = kept(KEPT) ?? "";
let answered = () => {};

export const name = () => mine;

function show() {
  byId("me-name").textContent = mine || say("noName");
}

function complain(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
  if (sentence) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function ask() {
  input.value = mine;
  complain("");
  dialog.showModal();
  return new Promise((resolve) => { answered = resolve; });
}

/** The name, asked for where there is none yet; empty where the person would not say. */
export const known = async () => mine || ask();

byId("ask-form").addEventListener("submit", (event) => {
  const given = input.value.trim().replace(/\s+/g, " "); // as the server writes it
  if (!given) {
    event.preventDefault();
    complain(say("nameless"));
    return;
  }
  mine = given;
  keep(KEPT, mine);
  show();
  document.dispatchEvent(new Event("renamed"));
});
input.addEventListener("input", () => complain(""));
dialog.addEventListener("close", () => answered(mine));
byId("ask-cancel").addEventListener("click", () => dialog.close());
byId("me").addEventListener("click", ask);
show();
