// The contact fields: validated here and by the server, and stored in this browser only on request.

import { announce, byId, translate } from "./page.js";

const STORAGE_KEY = "contact";
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

/** The contact fields that are filled in. */
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
  return validity.customError ? validationMessage : translate(field.sentence);
}

/** A sentence about the first invalid field; empty if all are valid. */
export function wrong() {
  return [...fields.values()].map(wrongIn).find(Boolean) ?? "";
}

/** Whether the code of a server's problem concerns a field. */
export const isField = (code) => fields.has(code);

/** Shows the server's refusal at its field. */
export function refuse(code, sentence) {
  fields.get(code).input.setCustomValidity(sentence);
  summarise();
  point();
}

/** Shows the errors of invalid fields; returns those fields. */
export function point() {
  const wrongOnes = [...fields.values()].filter(wrongIn);
  for (const field of wrongOnes) show(field, wrongIn(field));
  tell.open ||= wrongOnes.length > 0;
  return wrongOnes;
}

/** Moves the focus to the first invalid field. */
export const lead = () => point()[0]?.input.focus();

function remember() {
  try {
    if (keep.checked) localStorage.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(values())));
    else localStorage.removeItem(STORAGE_KEY);
  } catch {
    // storage is off, or full
  }
}

function summarise() {
  who.textContent = wrong() ? "" : values().map(([, value]) => value).join(", ");
}

for (const field of fields.values()) {
  field.input.addEventListener("input", () => {
    field.input.setCustomValidity("");
    if (field.input.validity.valid) show(field, ""); // remove an error at once, show one only after editing
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
  const kept = JSON.parse(localStorage.getItem(STORAGE_KEY));
  if (kept) {
    keep.checked = true;
    for (const { input } of fields.values()) input.value = kept[input.name] ?? "";
  }
} catch {
  // nothing is stored
}
summarise();
