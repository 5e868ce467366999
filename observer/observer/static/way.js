// The way of one event: what led to it and what followed, as a waterfall of steps.

import { byId, element, setText, translate } from "../web/static/page.js";
import { content } from "./content.js";
import { hueOf } from "./dots.js";
import { placeOf, sourceOf } from "./records.js";
import { ask } from "./server.js";
import { count, dateOf, duration, timeOf } from "./words.js";

const AGAIN_MS = 700;
const dialog = byId("way");
let place = null;
let trace = null;
let turn = 0;
let due = 0;
let isOpen = new Set(); // the places of the steps whose details are open
let onClosed = () => {};

const percent = (part, whole) => `${(100 * part) / whole}%`;

function depthOf(steps, index) {
  let depth = 0;
  for (let at = steps[index].parent; at !== null && at !== undefined && depth < 8; at = steps[at]?.parent) depth += 1;
  return depth;
}

function readers(step) {
  if (!step.read_by.length) return element("p", { className: "small muted", text: translate("readByNobody") });
  return element("ul", { className: "readers small" }, ...step.read_by.map(({ group, at }) => element("li", {},
    element("span", { className: "mono", text: group }), " ",
    element("span", { className: "muted", text: at === null ? translate("hasRead") : translate("hasReadAfter", { time: duration(Math.max(0, at - step.at) / 1000) }) }))));
}

function stepRow(steps, index, start, span) {
  const step = steps[index];
  const here = placeOf(step);
  const bar = element("span", { className: "bar" });
  const from = Math.max(0, step.after_ms - (step.took_ms ?? 0));
  bar.style.setProperty("--from", percent(from, span));
  bar.style.setProperty("--part", percent(step.after_ms - from, span));
  const track = element("span", { className: "track", "aria-hidden": "true" }, bar);
  for (const { at } of step.read_by) {
    if (at === null) continue;
    const mark = element("span", { className: "mark" });
    mark.style.setProperty("--from", percent(Math.max(0, at - start), span));
    track.append(mark);
  }
  const details = element("details", { className: "step", "data-testid": "step", dataset: { hue: hueOf(step), topic: step.topic } },
    element("summary", {},
      element("span", { className: "step-name" },
        element("span", { className: "mono step-topic", text: step.topic }),
        element("span", { className: "small muted", text: translate("from", { source: sourceOf(step) || translate("unknownProducer") }) })),
      track,
      element("span", { className: "step-time small" },
        element("span", { text: index === 0 ? timeOf(step.at) : `+${duration(step.after_ms / 1000)}` }),
        element("span", { className: "muted", text: step.took_ms === null || step.parent === null ? "" : translate("took", { time: duration(step.took_ms / 1000) }) }))),
    element("div", { className: "step-body" },
      element("p", { className: "small muted" },
        translate("place", { partition: count(step.partition), offset: count(step.offset) }), " · ", dateOf(step.at), " · ", step.type ?? translate("noType"), " · ", translate("keyIs", { key: step.key ?? "–" })),
      element("h3", { className: "content-title", text: translate("readBy") }), readers(step), content(step)));
  details.querySelector("summary").style.setProperty("--depth", depthOf(steps, index));
  details.open = isOpen.has(here);
  if (here === place) details.dataset.current = "";
  details.addEventListener("toggle", () => (details.open ? isOpen.add(here) : isOpen.delete(here)));
  return element("li", {}, details);
}

function render({ trace: newest, steps, complete }) {
  trace = newest;
  const start = steps.length ? steps[0].at - steps[0].after_ms : 0;
  const span = Math.max(1, ...steps.flatMap((step) => [step.after_ms, ...step.read_by.map(({ at }) => (at ?? start) - start)]));
  byId("way-steps").replaceChildren(...steps.map((_, index) => stepRow(steps, index, start, span)));
  setText(byId("way-trace"), newest ?? translate("noTrace"));
  setText(byId("way-span"), steps.length ? (steps.length === 1 ? translate("oneStep") : translate("steps", { count: count(steps.length), time: duration(span / 1000) })) : "");
  byId("way-incomplete").hidden = complete;
}

async function load() {
  const mine = ++turn;
  const problem = byId("way-problem");
  try {
    const answer = await ask(`ways/${place}`);
    if (mine !== turn) return;
    problem.hidden = true;
    render(answer);
  } catch (error) {
    if (mine !== turn) return;
    problem.hidden = false;
    problem.textContent = error.message;
  }
}

export function openWay(wanted, whenClosed) {
  onClosed = whenClosed;
  place = wanted;
  trace = null;
  isOpen = new Set([wanted]);
  byId("way-steps").replaceChildren();
  for (const id of ["way-trace", "way-span"]) setText(byId(id), "");
  byId("way-incomplete").hidden = true;
  if (!dialog.open) dialog.showModal();
  load();
}

export function closeWay() {
  if (dialog.open) dialog.close();
}

/** New records: those of the way that is open are shown too. */
export function follow(records) {
  if (!dialog.open || !trace || !records.some((record) => record.trace === trace)) return;
  due ||= setTimeout(() => {
    due = 0;
    if (dialog.open) load();
  }, AGAIN_MS);
}

byId("way-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => {
  turn += 1;
  place = null;
  onClosed();
});
