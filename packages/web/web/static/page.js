// What the scripts of every page use: the strings that the page hands them, and small helpers for the document.

export const byId = (id) => document.getElementById(id);

/** What stands in the page's element `strings`: its language, its sentences, and what else its scripts need. */
export const data = JSON.parse(byId("strings").textContent);

export const { lang } = data;

/** A sentence with its {places} filled in. */
export const filled = (sentence, places) => sentence.replace(/\{(\w+)\}/g, (place, name) => places[name] ?? place);

/** A sentence of the page in the person's language, its {places} filled in. */
export const say = (key, places = {}) => filled(data.strings[key], places);

export const address = (path) => new URL(path, document.baseURI).href;

export function element(tag, { dataset = {}, className = "", text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A name that nobody guesses. `crypto.randomUUID` is for HTTPS alone. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export const icon = (name) => drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: `#icon-${name}` }));

export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Moves an element, unless the person asked for stillness; resolves when it has arrived. */
export function animate(node, frames, options) {
  if (still.matches || document.hidden) return Promise.resolve();
  return node.animate(frames, { easing: "cubic-bezier(0.2, 0.8, 0.2, 1)", ...options }).finished.catch(() => {});
}

/** What stands between this page and the server, as the key of a sentence. */
export const cutOff = () => (navigator.onLine ? "unreachable" : "offline");

/** Writes only what is new: what is written to a live region is read aloud, the same words too. */
export function rewrite(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const news = byId("news");
let unread = [];

/** Tells screen readers, several events in one breath. */
export function announce(sentence) {
  unread.push(sentence);
  if (unread.length > 1) return;
  setTimeout(() => {
    const told = unread.slice(0, 3);
    if (unread.length > 3) told.push(say("moreNews", { count: unread.length - 3 }));
    news.textContent = told.join(" ");
    unread = [];
  }, 1200);
}
