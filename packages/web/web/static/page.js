// Shared by the scripts of all pages: the translated strings of the page, and DOM helpers.

export const byId = (id) => document.getElementById(id);

/** The JSON in the page's element `strings`: its language, its sentences, and other data for its scripts. */
export const data = JSON.parse(byId("strings").textContent);

export const { lang } = data;

const DIRECTION_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A value, such as someone's name, that does not turn the sentence around it. */
function isolated(value) {
  const text = String(value).replace(DIRECTION_CONTROLS, "");
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** A sentence with its {placeholders} replaced by `values`. */
export const interpolate = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (placeholder, name) => isolated(values[name] ?? placeholder));

/** The translated sentence of `key`, with its {placeholders} replaced by `values`. */
export const translate = (key, values = {}) => interpolate(data.strings[key], values);

export const absoluteUrl = (path) => new URL(path, document.baseURI).href;

export function element(tag, { dataset = {}, className = "", text, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function svgElement(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A random idempotency key. `crypto.randomUUID` exists with HTTPS only. */
export const newIdempotencyKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export const icon = (name) => svgElement("svg", { class: "icon", "aria-hidden": "true" }, svgElement("use", { href: `#icon-${name}` }));

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Animates an element, unless the user prefers reduced motion; resolves when the animation has finished. */
export function animate(node, frames, options) {
  if (reducedMotion.matches || document.hidden) return Promise.resolve();
  return node.animate(frames, { easing: "cubic-bezier(0.2, 0.8, 0.2, 1)", ...options }).finished.catch(() => {});
}

/** The key of the sentence that says why the server cannot be reached. */
export const connectionProblem = () => (navigator.onLine ? "unreachable" : "offline");

/** Sets the text only if it differs: screen readers read a live region aloud at every write. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const liveRegion = byId("news");
let unread = [];

/** Announces sentences to screen readers, several at once if they come within a second. */
export function announce(sentence) {
  unread.push(sentence);
  if (unread.length > 1) return;
  setTimeout(() => {
    const sentences = unread.slice(0, 3);
    if (unread.length > 3) sentences.push(translate("moreNews", { count: unread.length - 3 }));
    liveRegion.textContent = sentences.join(" ");
    unread = [];
  }, 1200);
}
