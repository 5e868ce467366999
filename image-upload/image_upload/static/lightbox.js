// The lightbox: compares a result with its original by a slider, or side by side if their shapes differ.

import { unsupportedFormats, byId, element, replacement, labelOf, percent, translate, whyNotShown } from "./page.js";

const box = byId("lightbox");
const stage = byId("lightbox-stage");
const compare = byId("compare");
const before = byId("compare-before");
const after = byId("lightbox-picture");
const range = byId("compare-range");
const toggle = byId("lightbox-compare");
const problem = byId("lightbox-problem");
const note = byId("lightbox-note");
const kinds = byId("lightbox-kinds");
const download = byId("lightbox-download");
const downloadAll = byId("lightbox-download-all");

let shown = null; // { id, name, views: [{ kind, url, file, format }] }
let at = 0;
let comparing = true;
let turn = 0; // the number of the newest render; older ones are obsolete
let fresh = false; // just opened: the slider takes the keyboard once it is there

async function show(image, url) {
  if (image.getAttribute("src") !== url) {
    image.classList.remove("is-loaded");
    image.src = url;
  }
  try {
    await image.decode();
  } catch {
    return false;
  }
  image.classList.add("is-loaded");
  return true;
}

/** Whether the picture of `view`, or what stands in for it, is in `image`, decoded. */
async function load(image, view) {
  if (!unsupportedFormats.has(view.format)) {
    if (await show(image, view.url)) return true;
    if (image.getAttribute("src") !== view.url) return false; // superseded by another picture
  }
  const seen = await show(image, replacement(view));
  if (seen && view.format === "AVIF") unsupportedFormats.add(view.format); // not every browser shows it
  return seen;
}

const ratio = ({ naturalWidth, naturalHeight }) => naturalWidth / naturalHeight;
const alike = () => Math.abs(ratio(before) / ratio(after) - 1) < 0.02;

function slide() {
  compare.style.setProperty("--at", `${range.value}%`);
  range.setAttribute("aria-valuetext", translate("compareAt", { percent: percent(range.value / 100) }));
}

async function picture() {
  const mine = ++turn;
  const view = shown.views[at];
  const [original] = shown.views;
  const wanted = comparing && view !== original;
  const [seen, beside] = await Promise.all([load(after, view), wanted && load(before, original)]);
  const why = seen && (!wanted || beside) ? "" : await whyNotShown(seen ? original : view);
  if (mine !== turn || !shown) return;
  compare.dataset.mode = !wanted || !beside || !seen ? "alone" : alike() ? "slider" : "sides";
  compare.hidden = !seen;
  problem.hidden = seen;
  note.hidden = !seen || !why;
  note.textContent = seen && why ? `${labelOf("original")}: ${why}` : "";
  range.disabled = compare.dataset.mode !== "slider"; // out of the way of the keyboard
  if (seen) {
    compare.style.setProperty("--ratio", ratio(after));
    compare.style.setProperty("--width", `${Math.max(after.naturalWidth, before.naturalWidth, 480)}px`);
  } else {
    byId("lightbox-problem-format").textContent = view.format;
    byId("lightbox-problem-words").textContent = why;
  }
  if (fresh && !range.disabled && kinds.contains(document.activeElement)) range.focus({ preventScroll: true });
  fresh = false;
}

function render() {
  const view = shown.views[at];
  const label = labelOf(view.kind);
  byId("lightbox-name").textContent = shown.name;
  byId("lightbox-name").title = shown.name;
  byId("lightbox-label").textContent = label;
  byId("lightbox-position").textContent = translate("position", { position: at + 1, total: shown.views.length });
  byId("compare-label").textContent = label;
  after.alt = translate("pictureLabel", { name: shown.name, label });
  before.alt = translate("pictureLabel", { name: shown.name, label: labelOf("original") });
  range.setAttribute("aria-label", translate("compareLabel", { label }));
  for (const link of [download, byId("lightbox-problem-download")]) {
    link.href = view.url;
    link.download = view.file;
    link.setAttribute("aria-label", translate("download", { name: shown.name, label }));
  }
  toggle.hidden = view.kind === "original";
  toggle.setAttribute("aria-pressed", comparing);
  downloadAll.hidden = shown.views.length < 2;
  kinds.replaceChildren(...shown.views.map(({ kind }, index) => {
    const choose = element("button", { type: "button", className: "lightbox-kind", text: labelOf(kind), "aria-pressed": index === at, dataset: { kind } });
    choose.addEventListener("click", () => go(index));
    return choose;
  }));
  picture();
}

function go(index) {
  const held = kinds.contains(document.activeElement);
  at = (index + shown.views.length) % shown.views.length;
  render();
  if (held) kinds.children[at].focus();
}

/** Opens it; `views` are the pictures that are there, the original first. */
export function open(id, name, views, kind) {
  shown = { id, name, views };
  at = Math.max(0, views.findIndex((view) => view.kind === kind));
  range.value = 50;
  fresh = true;
  slide();
  render();
  box.showModal();
  kinds.children[at].focus();
}

/** A result has come while its picture is open. */
export function refresh(id, views) {
  if (!box.open || shown.id !== id) return;
  const held = kinds.contains(document.activeElement);
  const { kind } = shown.views[at];
  shown.views = views;
  at = Math.max(0, views.findIndex((view) => view.kind === kind));
  render();
  if (held) kinds.children[at].focus();
}

byId("lightbox-close").addEventListener("click", () => box.close());
byId("lightbox-previous").addEventListener("click", () => go(at - 1));
byId("lightbox-next").addEventListener("click", () => go(at + 1));
toggle.addEventListener("click", () => {
  comparing = !comparing;
  render();
});
downloadAll.addEventListener("click", async () => {
  for (const { url, file } of shown.views) {
    element("a", { href: url, download: file }).click();
    await new Promise((resolve) => { setTimeout(resolve, 400); }); // browsers drop what comes at once
  }
});
range.addEventListener("input", slide);
box.addEventListener("keydown", (event) => {
  if (event.target === range) return; // the arrows move the slider
  if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "ArrowRight") go(at + 1);
  else return;
  event.preventDefault();
});
box.addEventListener("click", (event) => {
  if (event.target === box || event.target === stage) box.close();
});
box.addEventListener("close", () => {
  shown = null;
  turn += 1;
  for (const image of [before, after]) {
    image.removeAttribute("src");
    image.classList.remove("is-loaded");
  }
  compare.hidden = true;
  problem.hidden = true;
  note.hidden = true;
});

// the slider follows a finger or the mouse anywhere on the picture

function follow({ clientX }) {
  const { left, width } = compare.getBoundingClientRect();
  range.value = ((clientX - left) / width) * 100;
  slide();
}

compare.addEventListener("pointerdown", (event) => {
  if (compare.dataset.mode !== "slider" || event.button !== 0) return;
  event.preventDefault(); // neither a selection nor a picture dragged
  compare.setPointerCapture(event.pointerId);
  range.focus({ preventScroll: true });
  follow(event);
});
compare.addEventListener("pointermove", (event) => {
  if (compare.hasPointerCapture(event.pointerId)) follow(event);
});

// where there is no slider, a swipe turns to the next

let startX = null;
stage.addEventListener("touchstart", (event) => {
  const sliding = compare.dataset.mode === "slider" && compare.contains(event.target);
  startX = event.touches.length === 1 && !sliding ? event.touches[0].clientX : null;
}, { passive: true });
stage.addEventListener("touchend", (event) => {
  if (startX === null || !shown) return;
  const moved = event.changedTouches[0].clientX - startX;
  if (Math.abs(moved) > 48) go(at + (moved < 0 ? 1 : -1));
  startX = null;
});
