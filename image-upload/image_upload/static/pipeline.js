// The diagram of the pipeline: it lights up as events pass, and shows which workers run.

import { absoluteUrl, animate, byId, element, operations, translate } from "./page.js";

const map = byId("pipeline");
const MAX_CELLS = 12;
const TRAVEL_MS = 520;
const node = (name) => map.querySelector(`[data-node="${CSS.escape(name)}"]`);
const off = new Set();
const watchers = new Set();

function glow(name, kind = "on") {
  const lit = node(name);
  if (!lit) return;
  lit.classList.remove("is-on", "is-bad");
  void lit.offsetWidth; // restarts the transition
  lit.classList.add(kind === "bad" ? "is-bad" : "is-on");
  clearTimeout(lit.fading);
  lit.fading = setTimeout(() => lit.classList.remove("is-on", "is-bad"), 900);
}

async function travel(name) {
  const wire = map.querySelector(`[data-wire="${name}"]`);
  if (wire.childElementCount > 5) return; // limit the number of sparks
  const spark = element("span", { className: "spark" });
  wire.append(spark);
  const { width, height } = wire.getBoundingClientRect();
  const [x, y] = name === "out" ? [width, 0] : name === "back" ? [-width, 0] : [0, height];
  await animate(spark, [{ transform: "none" }, { transform: `translate(${x}px, ${y}px)` }], { duration: TRAVEL_MS });
  spark.remove();
}

function append(topic, kind = "on") {
  const log = map.querySelector(`[data-log="${topic}"]`);
  const cell = element("span", { className: kind === "bad" ? "cell cell-bad" : "cell" });
  log.append(cell);
  while (log.childElementCount > MAX_CELLS) log.firstElementChild.remove();
  animate(cell, [{ transform: "scale(0)", opacity: 0 }, { transform: "none", opacity: 1 }], { duration: 300 });
}

/** An upload was published on the topic `image`. */
export async function published() {
  glow("page");
  await travel("out");
  glow("image");
  append("image");
  await travel("taken");
  for (const operation of operations) if (!off.has(operation)) glow(operation);
}

/** A worker answered on the topic `notification`. */
export async function answered(operation, failed) {
  const kind = failed ? "bad" : "on";
  glow(operation, kind);
  await travel("answered");
  glow("notification", kind);
  append("notification", kind);
  await travel("back");
  glow("page", kind);
}

/** What the topics held before this page was opened. */
export function recall(images) {
  for (const image of images) {
    append("image");
    for (const { status } of Object.values(image.operations)) {
      if (status !== "pending") append("notification", status === "failed" ? "bad" : "on");
    }
  }
}

export const isOff = (operation) => off.has(operation);
export const whenWorkersChange = (tell) => watchers.add(tell);

async function look() {
  if (document.hidden) return;
  let groups;
  try {
    const answer = await fetch(absoluteUrl("api/groups"), { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    ({ groups } = await answer.json());
  } catch {
    return;
  }
  let changed = false;
  for (const operation of operations) {
    const runs = (groups[`${operation}-worker`]?.members ?? 0) > 0;
    changed ||= off.has(operation) === runs;
    if (runs) off.delete(operation);
    else off.add(operation);
    const shown = node(operation);
    shown.dataset.state = runs ? "up" : "off";
    shown.querySelector(".node-note").textContent = runs ? "" : `, ${translate("off")}`;
    shown.title = runs ? "" : translate("workerOff", { worker: `${operation}-worker` });
  }
  if (changed) for (const tell of watchers) tell();
}

look();
setInterval(look, 8000);
document.addEventListener("visibilitychange", look);
