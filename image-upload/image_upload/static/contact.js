// Who is told when a picture is done: two fields, checked here and by the server, kept by this browser only if asked to.

import { announce, byId, say } from "./page.js";

const KEPT = "contact";
const tell = byId("tell");
const who = byId("tell-who");
const keep = byId("tell-keep");
// by the code of the server's problem
const fields = new Map([
  ["email", { input: byId("email"), problem: byId("email-problem"), sentence: "notAnEmail" }],
  ["telegram-id", { input: byId("telegram-id"), problem: byId("telegram-id-problem"), sentence: "notATelegramId" }],
]);
let onChanged = () => {};

export const whenChanged = (then) => { onChanged = then; };

const written = ({ input }) => input.value.trim();

/** The fields of an upload that are filled in. */
export const values = () => [...fields.values()].map((field) => [field.input.name, written(field)]).filter(([, value]) => value);

function show(field, sentence) {
  field.problem.textContent = sentence;
  field.problem.hidden = !sentence;
  if (sentence) field.input.setAttribute("aria-invalid", "true");
  else field.input.removeAttribute("aria-invalid");
}

function wrongIn(field) {
  const { validity, validationMessage } = field.input;
  if (validity.valid) return "";
  return validity.customError ? validationMessage : say(field.sentence);
}

/** What is wrong with the fields, in a sentence; empty when nothing is. */
export function wrong() {
  return [...fields.values()].map(wrongIn).find(Boolean) ?? "";
}

/** Whether a problem of the server is that of a field. */
export const isField = (code) => fields.has(code);

/** Shows at its field what the server refused. */
export function refuse(code, sentence) {
  fields.get(code).input.setCustomValidity(sentence);
  summarise();
  point();
}

/** Shows at the fields what is wrong with them; returns those. */
export function point() {
  const wrongOnes = [...fields.values()].filter(wrongIn);
  for (const field of wrongOnes) show(field, wrongIn(field));
  tell.open ||= wrongOnes.length > 0;
  return wrongOnes;
}

/** Leads the person to the field that is wrong. */
export const lead = () => point()[0]?.input.focus();

function remember() {
  try {
    if (keep.checked) localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(values())));
    else localStorage.removeItem(KEPT);
  } catch {
    // a browser that keeps nothing
  }
}

function summarise() {
  who.textContent = wrong() ? "" : values().map(([, value]) => value).join(", ");
}

for (const field of fields.values()) {
  field.input.addEventListener("input", () => {
    field.input.setCustomValidity("");
    if (field.input.validity.valid) show(field, ""); // relief at once, blame only when the person is done
    summarise();
  });
  field.input.addEventListener("change", () => {
    const sentence = wrongIn(field);
    show(field, sentence);
    summarise();
    if (sentence) announce(sentence);
    if (wrong()) return;
    remember();
    onChanged();
  });
}
keep.addEventListener("change", remember);
byId("tell-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (wrong()) lead();
});

try {
  const kept = JSON.parse(localStorage.getItem(KEPT));
  if (kept) {
    keep.checked = true;
    for (const { input } of fields.values()) input.value = kept[input.name] ?? "";
  }
} catch {
  // nothing was kept
}
summarise();
