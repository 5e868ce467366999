// What every module of the page uses: its strings and settings, and small helpers for the document.

const data = JSON.parse(document.getElementById("strings").textContent);

export const { lang, maxMegabytes, operations } = data;

const filled = (sentence, places) => sentence.replace(/\{(\w+)\}/g, (place, name) => places[name] ?? place);

/** A sentence of the page in the person's language, its {places} filled in. */
export const say = (key, places = {}) => filled(data.strings[key], places);

/** What people call an operation; one that is new to this page goes by its own name. */
export const labelOf = (operation) => data.labels[operation] ?? operation;

/** That an operation on the file `name` is done. */
export function doneNews(operation, name) {
  const sentence = data.news[operation];
  return sentence ? filled(sentence, { name }) : say("doneNews", { name, label: labelOf(operation) });
}

export const address = (path) => new URL(path, document.baseURI).href;

export const byId = (id) => document.getElementById(id);

export function element(tag, { dataset = {}, className = "", text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

const MEGABYTE = 1e6;
const decimals = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(lang, { style: "percent" });
const times = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });

export const maxBytes = maxMegabytes * MEGABYTE;
export const percent = (share) => percents.format(Math.floor(share * 100) / 100);
export const time = (seconds) => times.format(seconds * 1000);

export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < MEGABYTE) return `${Math.round(bytes / 1024)} KB`;
  const megabytes = bytes / MEGABYTE;
  // never "20 MB" for a file that is over 20 MB
  const shown = bytes > maxBytes ? Math.ceil(megabytes * 10) / 10 : megabytes;
  return `${decimals.format(shown)} MB`;
}

export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Moves an element, unless the person asked for stillness; resolves when it has arrived. */
export function animate(node, frames, options) {
  if (still.matches || document.hidden) return Promise.resolve();
  return node.animate(frames, { easing: "cubic-bezier(0.2, 0.8, 0.2, 1)", ...options }).finished.catch(() => {});
}

/** Formats that this browser has been seen not to show: they are not asked for in vain a second time. */
export const blind = new Set();
const NOT_EVERYWHERE = new Set(["HEIC", "HEIF", "TIFF", "TIF", "AVIF"]);

/** Why a picture does not appear, in a sentence. */
export async function whyNotShown({ url, format }) {
  if (!blind.has(format)) {
    try {
      const { ok, status } = await fetch(url, { method: "HEAD" });
      if (!ok) return say(status === 404 ? "gone" : "unreadable");
    } catch {
      return say(cutOff());
    }
    if (NOT_EVERYWHERE.has(format)) blind.add(format);
  }
  return say("cannotShow", { format });
}

/** What stands between this page and the server, as the key of a sentence. */
export const cutOff = () => (navigator.onLine ? "unreachable" : "offline");

/** What the server says of a problem (RFC 9457), where it says anything. */
export const codeOf = ({ type }) => /^urn:problem:(.+)$/.exec(type ?? "")?.[1] ?? "";

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
