// One picture, large: the original and its results, one key apart.

import { byId, element, labelOf, say } from "./page.js";

const box = byId("lightbox");
const picture = byId("lightbox-picture");
const problem = byId("lightbox-problem");
const kinds = byId("lightbox-kinds");
const download = byId("lightbox-download");

let shown = null; // { id, name, views: [{ kind, url, file, format }] }
let at = 0;

function render() {
  const view = shown.views[at];
  const label = labelOf(view.kind);
  byId("lightbox-name").textContent = shown.name;
  byId("lightbox-name").title = shown.name;
  byId("lightbox-label").textContent = label;
  byId("lightbox-position").textContent = say("position", { position: at + 1, total: shown.views.length });
  if (picture.getAttribute("src") !== view.url) {
    picture.hidden = false;
    problem.hidden = true;
    picture.classList.remove("is-loaded");
    picture.src = view.url;
  }
  picture.alt = say("pictureLabel", { name: shown.name, label });
  download.href = view.url;
  download.download = view.file;
  download.setAttribute("aria-label", say("download", { name: shown.name, label }));
  kinds.replaceChildren(...shown.views.map(({ kind }, index) => {
    const choose = element("button", { type: "button", className: "lightbox-kind", text: labelOf(kind), "aria-pressed": index === at });
    choose.addEventListener("click", () => go(index));
    return choose;
  }));
}

function go(index) {
  const held = kinds.contains(document.activeElement);
  at = (index + shown.views.length) % shown.views.length;
  render();
  if (held) kinds.children[at].focus();
}

/** Opens it; `views` are the pictures that can be shown, the original first. */
export function open(id, name, views, kind) {
  shown = { id, name, views };
  at = Math.max(0, views.findIndex((view) => view.kind === kind));
  render();
  box.showModal();
}

/** A result has come while its picture is open. */
export function refresh(id, views) {
  if (!box.open || shown.id !== id) return;
  const { kind } = shown.views[at];
  shown.views = views;
  at = Math.max(0, views.findIndex((view) => view.kind === kind));
  render();
}

picture.addEventListener("load", () => picture.classList.add("is-loaded"));
picture.addEventListener("error", () => {
  if (!shown) return;
  picture.hidden = true;
  problem.hidden = false;
  problem.textContent = say("cannotShow", { format: shown.views[at].format });
});

byId("lightbox-close").addEventListener("click", () => box.close());
byId("lightbox-previous").addEventListener("click", () => go(at - 1));
byId("lightbox-next").addEventListener("click", () => go(at + 1));
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "ArrowRight") go(at + 1);
  else return;
  event.preventDefault();
});
box.addEventListener("click", (event) => {
  if (event.target === box || event.target === byId("lightbox-stage")) box.close();
});
box.addEventListener("close", () => {
  shown = null;
  picture.removeAttribute("src");
});

let startX = null;
const stage = byId("lightbox-stage");
stage.addEventListener("touchstart", (event) => { startX = event.touches.length === 1 ? event.touches[0].clientX : null; }, { passive: true });
stage.addEventListener("touchend", (event) => {
  if (startX === null || !shown) return;
  const moved = event.changedTouches[0].clientX - startX;
  if (Math.abs(moved) > 48) go(at + (moved < 0 ? 1 : -1));
  startX = null;
});
