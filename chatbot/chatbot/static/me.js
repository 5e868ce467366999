// Who answers in this browser; asked before the first conversation is taken over, and remembered.

import { byId, translate } from "../web/static/page.js";
import { load, store } from "./storage.js";

const STORAGE_KEY = "attendant";
const dialog = byId("ask");
const input = byId("my-name");
const problem = byId("my-name-problem");

let mine = load(STORAGE_KEY) ?? "";
let answered = () => {};

export const name = () => mine;

function show() {
  byId("me-name").textContent = mine || translate("noName");
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

/** The name, asked for if there is none yet; empty if the attendant cancels. */
export const known = async () => mine || ask();

byId("ask-form").addEventListener("submit", (event) => {
  const given = input.value.trim().replace(/\s+/g, " "); // as the server writes it
  if (!given) {
    event.preventDefault();
    complain(translate("nameless"));
    return;
  }
  mine = given;
  store(STORAGE_KEY, mine);
  show();
  document.dispatchEvent(new Event("renamed"));
});
input.addEventListener("input", () => complain(""));
dialog.addEventListener("close", () => answered(mine));
byId("ask-cancel").addEventListener("click", () => dialog.close());
byId("me").addEventListener("click", ask);
show();
