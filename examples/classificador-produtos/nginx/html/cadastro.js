"use strict";

const english = !navigator.language.toLowerCase().startsWith("pt");
const words = english
  ? { asking: "Looking …", is: name => `Category: ${name}`, away: "The classifier does not answer. Try again in a moment." }
  : { asking: "Procurando …", is: name => `Categoria: ${name}`, away: "O classificador não responde. Tente de novo em instantes." };

if (english) {
  document.documentElement.lang = "en";
  document.title = "Product registration";
  for (const element of document.querySelectorAll("[data-en]")) element.textContent = element.dataset.en;
  for (const element of document.querySelectorAll("[data-en-label]")) element.setAttribute("aria-label", element.dataset.enLabel);
}

const form = document.querySelector("form");
const answer = document.querySelector("output");
const list = document.querySelector("tbody");
let asked = 0;

function say(text, failed = false) {
  answer.textContent = text;
  answer.classList.toggle("failed", failed);
}

function mark(category) {
  for (const item of document.querySelectorAll("[data-category]")) item.removeAttribute("aria-current");
  const item = document.querySelector(`[data-category="${category}"]`);
  item?.setAttribute("aria-current", "true");
  return item?.querySelector("b").textContent ?? category;
}

function note(description, name) {
  const row = list.insertRow(0);
  row.insertCell().textContent = description;
  row.insertCell().textContent = name;
  list.closest("section").hidden = false;
}

async function classify(description) {
  const mine = ++asked;
  mark(null);
  say(words.asking);
  try {
    const response = await fetch("api/predizer_categoria", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ descricao: description }),
    });
    const found = await response.json();
    if (mine !== asked) return; // a later question has the page
    if (!response.ok) return say(found.detail, true);
    const name = mark(found.categoria);
    say(words.is(name));
    note(description, name);
  } catch {
    if (mine === asked) say(words.away, true);
  }
}

form.addEventListener("submit", event => {
  event.preventDefault();
  classify(form.descricao.value);
});
document.querySelector(".examples").addEventListener("click", event => {
  if (!event.target.matches("button")) return;
  form.descricao.value = event.target.textContent;
  form.requestSubmit();
});
