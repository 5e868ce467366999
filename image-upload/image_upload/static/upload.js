// The upload page: accepts pictures, and keeps the gallery up to date with the server's events.

import { byId, operations } from "./page.js";
import { subscribe } from "../web/static/live.js";
import * as gallery from "./gallery.js";
import * as queue from "./queue.js";

// an upload becomes a card at once; later events fill it
queue.whenAccepted((image) => gallery.show({
  timestamp: Date.now() / 1000,
  operations: Object.fromEntries(operations.map((name) => [name, { status: "pending", url: null, reason: null }])),
  ...image,
}, { provisional: true }));

// choosing, dropping, pasting

const input = byId("file");
input.addEventListener("change", () => {
  queue.add([...input.files]);
  input.value = ""; // so that the same file can be chosen again
});

async function filesIn(entry) {
  const found = [];
  try {
    if (entry.isFile) return [await new Promise((resolve, reject) => { entry.file(resolve, reject); })];
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
      if (!some.length) break;
      for (const inner of some) if (!inner.name.startsWith(".")) found.push(...await filesIn(inner));
    }
  } catch {
    queue.refuseUnreadable(entry);
  }
  return found;
}

async function dropped({ items, files }) {
  const plain = [...files];
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  return (await Promise.all(entries.map(filesIn))).flat();
}

const overlay = byId("drop-overlay");
const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
const dialogOpen = () => document.querySelector("dialog[open]") !== null;
let depth = 0;

function cover(on) {
  if (!on) depth = 0;
  overlay.hidden = !on;
}

addEventListener("dragenter", (event) => {
  if (!carriesFiles(event) || dialogOpen()) return;
  depth += 1;
  cover(true);
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event) && --depth <= 0) cover(false);
});
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = dialogOpen() ? "none" : "copy";
});
addEventListener("drop", async (event) => {
  cover(false);
  if (!carriesFiles(event)) return;
  event.preventDefault();
  if (!dialogOpen()) queue.add(await dropped(event.dataTransfer));
});
addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData?.files.length && !dialogOpen()) queue.add([...clipboardData.files]);
});

// live

let broken = false;
let since; // the newest picture before the connection was lost

await gallery.catchUp();
subscribe("api/events", { image: gallery.show }, {
  hasBadge: true,
  onOpen() {
    if (broken) gallery.catchUp(since); // the stream starts with the newest pictures, but more may have been missed
    broken = false;
  },
  onLost() {
    if (!broken) since = gallery.newest();
    broken = true;
  },
});
