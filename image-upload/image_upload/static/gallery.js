// The pictures and their results, newest first, synchronised with the server.

import { absoluteUrl, animate, announce, byId, connectionProblem, doneNews, element, icon, labelOf, operations, translate, preview, time, whyNotShown } from "./page.js";
import * as lightbox from "./lightbox.js";
import * as pipeline from "./pipeline.js";

const PAGE_SIZE = 50;
const list = byId("cards");
const empty = byId("empty");
const more = byId("more");
const loadMore = byId("load-more");
const moreProblem = byId("more-problem");
const problem = byId("gallery-problem");

const entries = new Map(); // id → { image, card, tiles }
const order = []; // entries, newest first
let complete = false; // the oldest picture is here
let read = false; // the list was read once: later changes are news

const newerFirst = (a, b) => b.image.timestamp - a.image.timestamp || (a.image.id < b.image.id ? 1 : -1);
const original = (image) => absoluteUrl(`api/images/${encodeURIComponent(image.id)}/original`);
const extensionOf = (name) => (/\.([^.]+)$/.exec(name ?? "")?.[1] ?? "").toLowerCase();

function views(image) {
  const name = image.original_name;
  const extension = extensionOf(image.new_file) || extensionOf(name) || "jpeg";
  const stem = name.replace(/\.[^.]+$/, "") || image.id;
  // browsers cannot show HEIC, so its results are JPEG
  const resulting = ["heic", "heif"].includes(extension) ? "jpeg" : extension;
  return [
    { kind: "original", url: original(image), file: name, format: extension.toUpperCase() },
    ...Object.entries(image.operations)
      .filter(([, { status }]) => status === "done")
      .map(([kind, { url }]) => ({
        kind,
        url: absoluteUrl(url ?? `api/images/${encodeURIComponent(image.id)}/${encodeURIComponent(kind)}`),
        file: `${stem}_${kind}.${resulting}`,
        format: resulting.toUpperCase(),
      })),
  ];
}

/** The operations in the order of the page, those it does not know after them. */
function arranged(found) {
  const names = Object.keys(found);
  const known = operations.filter((name) => names.includes(name));
  return Object.fromEntries([...known, ...names.filter((name) => !known.includes(name))].map((name) => [name, found[name]]));
}

// tiles

// Thousands of pictures do not fit into memory: a card releases its pictures while it is not visible.
const REPORTS_VISIBILITY = "oncontentvisibilityautostatechange" in document;

list.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
  const entry = entries.get(target.dataset.id);
  if (!entry || target !== entry.card) return;
  entry.inSight = !skipped;
  for (const frame of target.querySelectorAll("button.frame")) frame.look();
});

/** A button with a preview while its card is visible, or with the format if there is no preview. */
function pictureOf(entry, view, tries = 1) {
  const alt = translate("pictureLabel", { name: entry.image.original_name, label: labelOf(view.kind) });
  const frame = element("button", { type: "button", className: "frame", "aria-haspopup": "dialog", "aria-label": alt });
  frame.addEventListener("click", () => lightbox.open(entry.image.id, entry.image.original_name, views(entry.image), view.kind));
  const plain = async () => {
    frame.look = () => {};
    frame.classList.add("frame-plain");
    frame.replaceChildren(icon("picture"), element("span", { text: view.format }), element("span", { className: "frame-note", text: translate("noPreview") }));
    frame.title = await whyNotShown(view);
    frame.setAttribute("aria-label", `${alt}. ${frame.title}`);
  };
  frame.look = () => {
    frame.replaceChildren();
    if (!entry.inSight) return;
    const picture = element("img", { className: "picture", decoding: "async", loading: "lazy", width: 480, height: 360, alt });
    picture.addEventListener("load", () => picture.classList.add("is-loaded"));
    picture.addEventListener("error", () => {
      if (!picture.isConnected) return;
      if (tries <= 0) plain();
      else setTimeout(frame.look, 2000);
      tries -= 1;
    });
    picture.src = preview(view);
    frame.append(picture);
  };
  frame.look();
  return frame;
}

function downloadOf(entry, view) {
  const label = labelOf(view.kind);
  return element("a", {
    className: "button-icon tile-download", href: view.url, download: view.file,
    "aria-label": translate("download", { name: entry.image.original_name, label }),
  }, icon("download"));
}

function fillOriginal(entry, tile) {
  const [view] = views(entry.image);
  tile.replaceChildren(
    pictureOf(entry, view),
    element("figcaption", {}, element("span", { className: "tile-label", text: labelOf("original") }), downloadOf(entry, view)),
  );
}

function fillResult(entry, tile, operation) {
  const { status } = entry.image.operations[operation];
  const label = element("span", { className: "tile-label", text: labelOf(operation) });
  tile.dataset.status = status;
  if (status === "done") {
    const view = views(entry.image).find(({ kind }) => kind === operation);
    tile.replaceChildren(pictureOf(entry, view), element("figcaption", {}, label, downloadOf(entry, view)));
  } else if (status === "failed") {
    tile.replaceChildren(
      element("div", { className: "frame frame-failed" }, icon("alert"), element("span", { text: translate("failed") })),
      element("figcaption", {}, label),
    );
  } else {
    tile.replaceChildren(
      element("div", { className: "frame frame-waiting" }, element("span", { className: "waiting" })),
      element("figcaption", {}, label),
    );
    sayWaiting(tile, operation);
  }
}

function sayWaiting(tile, operation) {
  const off = pipeline.isOff(operation);
  tile.classList.toggle("is-off", off);
  tile.querySelector(".waiting").textContent = off ? translate("workerOff", { worker: `${operation}-worker` }) : translate("waiting");
}

pipeline.whenWorkersChange(() => {
  for (const { tiles } of order) {
    for (const [operation, tile] of tiles) if (tile.dataset.status === "pending") sayWaiting(tile, operation);
  }
});

// cards

function build(image) {
  const entry = { image, tiles: new Map(), inSight: !REPORTS_VISIBILITY };
  entry.name = element("h3", { className: "card-name" });
  entry.when = element("time", { className: "card-time muted small" });
  entry.original = element("figure", { className: "tile", "data-testid": "original" });
  entry.grid = element("div", { className: "tiles" }, entry.original);
  entry.notes = element("ul", { className: "card-notes" });
  entry.card = element("li", { className: "image-card card", "data-testid": "image-card", dataset: { id: image.id } },
    element("div", { className: "card-head" }, entry.name, entry.when), entry.grid, entry.notes);
  describe(entry);
  fillOriginal(entry, entry.original);
  for (const operation of Object.keys(image.operations)) fill(entry, operation);
  note(entry);
  return entry;
}

function describe({ image, name, when }) {
  name.textContent = image.original_name;
  name.title = image.original_name;
  when.dateTime = new Date(image.timestamp * 1000).toISOString();
  when.textContent = time(image.timestamp);
}

function fill(entry, operation) {
  let tile = entry.tiles.get(operation);
  if (!tile) {
    tile = element("figure", { className: "tile", "data-testid": "result", dataset: { operation } });
    entry.tiles.set(operation, tile);
    const after = Object.keys(entry.image.operations).indexOf(operation);
    entry.grid.insertBefore(tile, entry.grid.children[after + 1] ?? null);
    entry.grid.dataset.count = entry.grid.childElementCount;
  }
  fillResult(entry, tile, operation);
}

function note({ image, notes }) {
  notes.replaceChildren(...Object.entries(image.operations)
    .filter(([, { status }]) => status === "failed")
    .map(([operation, { reason }]) => element("li", { className: "notice notice-bad small" },
      element("strong", { text: labelOf(operation) }),
      ` ${translate("failedBecause", { reason: reason || translate("noReason") })}`)));
}

function place(entry) {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (newerFirst(order[middle], entry) < 0) low = middle + 1;
    else high = middle;
  }
  const before = order[low]?.card ?? null;
  order.splice(low, 0, entry);
  if (entry.card.parentNode !== list || entry.card.nextElementSibling !== before) list.insertBefore(entry.card, before);
  return low;
}

function tell(image, operation) {
  const { status, reason } = image.operations[operation];
  const name = image.original_name;
  pipeline.answered(operation, status === "failed");
  if (status === "failed") announce(translate("failedNews", { name, reason: reason || translate("noReason") }));
  else announce(doneNews(operation, name));
}

/** Shows an image as the server (or, for an upload just accepted, this page) knows it. */
export function show(given, { provisional = false } = {}) {
  const news = read;
  const known = entries.get(given.id);
  if (known && provisional) return;
  const image = { timestamp: Date.now() / 1000, ...known?.image, ...given };
  image.original_name ||= image.new_file || image.id;
  if (!known) {
    const entry = build({ ...image, operations: arranged(image.operations) });
    entry.provisional = provisional;
    entries.set(image.id, entry);
    const rank = place(entry);
    settle();
    if (news && rank < PAGE_SIZE) {
      animate(entry.card, [{ opacity: 0, transform: "translateY(0.75rem)" }, { opacity: 1, transform: "none" }], { duration: 420 });
      announce(translate("newPicture", { name: image.original_name }));
      pipeline.published();
      for (const [operation, { status }] of Object.entries(image.operations)) if (status !== "pending") tell(image, operation);
    }
    return;
  }
  known.provisional = false;
  const before = known.image;
  const merged = { ...before.operations };
  for (const [operation, now] of Object.entries(image.operations)) {
    const then = merged[operation]?.status;
    // a slow response may be older
    if (now.status === "pending" && then !== undefined) continue;
    merged[operation] = now;
  }
  known.image = { ...image, operations: arranged(merged) };
  if (before.timestamp !== image.timestamp || before.original_name !== image.original_name) {
    describe(known);
    order.splice(order.indexOf(known), 1);
    place(known);
  }
  if (before.new_file !== image.new_file) fillOriginal(known, known.original);
  let changed = false;
  for (const [operation, now] of Object.entries(known.image.operations)) {
    const then = before.operations[operation];
    if (then && then.status === now.status && then.url === now.url && then.reason === now.reason) continue;
    changed = true;
    fill(known, operation);
    if (news && now.status !== "pending" && then?.status !== now.status) tell(known.image, operation);
  }
  if (changed) {
    note(known);
    lightbox.refresh(image.id, views(known.image));
  }
}

let ghosts = [...list.children];

function settle() {
  for (const ghost of ghosts) ghost.remove();
  ghosts = [];
  list.setAttribute("aria-busy", "false");
  empty.hidden = order.length > 0 || !read;
  more.hidden = complete || order.length === 0 || !read;
}

// pages of the list

async function page(before) {
  const url = new URL(absoluteUrl("api/images"));
  url.searchParams.set("limit", PAGE_SIZE);
  if (before) url.searchParams.set("before", before);
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail ?? "");
  return (await response.json()).images;
}

/** `fetch` throws a TypeError with the browser's own message if there is no response. */
const sentenceOf = (error) => (error instanceof TypeError ? translate(connectionProblem()) : error.message || translate("cannotList"));

let reading = null;
let cursor; // the picture down to which the list was read; an event may show one from further down

/** When the newest picture was taken in that the server has shown so far. */
export const newest = () => order.find((entry) => !entry.provisional)?.image.timestamp;

/**
 * Reads the newest pictures; after a break, as far down as something may have been missed:
 * what came `since` then, and every result that is still pending.
 */
export function catchUp(since) {
  reading ??= (async () => {
    for (let pause = 1; ; pause = Math.min(pause * 2, 30)) {
      try {
        await readFromTop(since);
        problem.hidden = true;
        return;
      } catch (error) {
        problem.hidden = false;
        problem.textContent = `${sentenceOf(error)} ${translate("tryingAgain")}`;
        await new Promise((resolve) => { setTimeout(resolve, pause * 1000); });
      }
    }
  })().finally(() => { reading = null; });
  return reading;
}

async function readFromTop(since = 0) {
  const first = !read;
  const awaited = order.filter(({ image }) => Object.values(image.operations).some(({ status }) => status === "pending"));
  const until = Math.min(since, awaited.at(-1)?.image.timestamp ?? Infinity);
  for (let before; ;) {
    const images = await page(before);
    for (const image of images) show(image);
    if (images.length < PAGE_SIZE) complete = true;
    else if (order.at(-1).image.id === images.at(-1).id) complete = false;
    if (first) {
      cursor = images.at(-1)?.id;
      pipeline.recall(images.slice(0, 12).reverse());
      break;
    }
    const end = images.at(-1);
    if (images.length < PAGE_SIZE || end.timestamp <= until) break;
    before = end.id;
  }
  read = true;
  settle();
}

async function older() {
  if (loadMore.disabled || complete || !read) return;
  loadMore.disabled = true;
  loadMore.textContent = translate("loading");
  moreProblem.textContent = "";
  try {
    const images = await page(cursor);
    cursor = images.at(-1)?.id ?? cursor;
    complete = images.length < PAGE_SIZE;
    read = false; // old pictures are not announced
    try {
      for (const image of images) show(image);
    } finally {
      read = true;
    }
    end.unobserve(more); // reports again whether the end is visible: it may never have left
    end.observe(more);
  } catch (error) {
    moreProblem.textContent = sentenceOf(error); // the button stays, to be pressed again
  }
  loadMore.disabled = false;
  loadMore.textContent = translate("loadMore");
  settle();
}

loadMore.addEventListener("click", older);
const end = new IntersectionObserver((seen) => { if (seen.some(({ isIntersecting }) => isIntersecting)) older(); }, { rootMargin: "800px" });
end.observe(more);
