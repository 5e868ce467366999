// The live page: what the bus consists of, what passes, and what is wrong.

import { announce, byId, data, setText, translate } from "../web/static/page.js";
import { subscribe } from "../web/static/live.js";
import { openBrowser, updateBrowser } from "./browser.js";
import { openClass } from "./classroom.js";
import { renderDoors, watchDoors, withPages } from "./doors.js";
import { Drawing } from "./drawing.js";
import { problems } from "./health.js";
import { openLetters, updateLetters } from "./letters.js";
import { EventList } from "./list.js";
import { Records, sourceOf } from "./records.js";
import { ask } from "./server.js";
import { renderTables } from "./table.js";
import { Traffic } from "./traffic.js";
import { closeWay, follow, openWay } from "./way.js";
import { count } from "./words.js";

const RECENT_RECORDS = 1_000;
const MAX_PRODUCERS = 8; // programs that are no service of the graph, yet publish
const MAX_PROBLEMS = 3; // said in the line at the top; the others are counted
const SAMPLED_MS = 3_000; // how long it is said that not all is shown

const records = new Records();
const producers = new Map(); // source → the topics that it publishes to
const drawing = new Drawing(byId("drawing"), { onRecord: (place) => { location.hash = `way/${place}`; } });
const traffic = new Traffic(drawing.dots);
const list = new EventList(records, {
  onStep: (record) => {
    drawing.dots.clear();
    drawing.pulse(record);
    traffic.replay(record, graph?.groups ?? []);
  },
  onPause: () => drawing.dots.clear(),
});

let told = null; // the graph as the server told it
let graph = null; // and with what the pages of the suite said themselves
let isConnected = true;
let frame = 0;
let said = null; // the problems that were announced
let sampled = null; // what the server last said of its sampling
let sampledAt = -Infinity;

// the line at the top

function renderHealth() {
  const found = problems(graph, isConnected);
  const worst = found[0]?.level ?? (graph.groups.length || graph.topics.length ? "good" : "unknown");
  const words = found.slice(0, MAX_PROBLEMS).map((problem) => problem.words);
  if (found.length > MAX_PROBLEMS) words.push(translate("moreProblems", { count: count(found.length - MAX_PROBLEMS) }));
  const line = byId("health");
  line.dataset.level = worst;
  if (worst !== "bad" && worst !== "unknown") words.unshift(translate("allFlows"));
  if (worst === "unknown") words.unshift(translate("nothingYet"));
  setText(byId("health-words"), words.join(" "));
  byId("health-list").replaceChildren(...found.slice(MAX_PROBLEMS).map((problem) => Object.assign(document.createElement("li"), { textContent: problem.words })));
  // the numbers move each second; only what is new is read aloud
  const ids = found.map(({ id }) => id).join("\n");
  if (said !== null && said !== ids) announce(byId("health-words").textContent);
  said = ids;
}

function renderSampling() {
  const now = performance.now();
  const { asked, shown } = drawing.dots.share;
  const parts = [];
  if (sampled && now - sampledAt < SAMPLED_MS && sampled.seen > sampled.shown) parts.push(translate("sampledList", { shown: count(sampled.shown), seen: count(sampled.seen) }));
  if (asked > shown) parts.push(translate("sampledDots", { shown: count(shown), seen: count(asked) }));
  setText(byId("sampled"), parts.join(" "));
}

function render() {
  frame = 0;
  if (!graph) return;
  renderHealth();
  renderSampling();
  renderDoors(graph);
  if (!byId("view-live").hidden) {
    drawing.draw(graph, producers);
    renderTables(graph, producers);
  }
  list.setTopics(graph.topics.map(({ name }) => name));
  updateBrowser(graph);
  updateLetters(graph);
}

const renderSoon = () => { frame ||= requestAnimationFrame(render); };

// what comes

function receiveGraph(newest) {
  if (told && newest.at < told.at) return;
  const isFirst = !graph;
  const known = new Set(graph?.topics.map(({ name }) => name));
  told = newest;
  graph = withPages(told);
  traffic.settle(graph);
  if (graph.topics.some(({ name }) => !known.has(name))) learnProducers(records.all);
  if (!isFirst) {
    renderSoon();
    return;
  }
  render();
  watchDoors(() => {
    graph = withPages(told);
    renderSoon();
  });
}

/** Who publishes what, where the graph does not say so. A dead letter keeps the headers of whoever published it first. */
function learnProducers(fresh) {
  if (!graph) return;
  for (const record of fresh) {
    const source = sourceOf(record);
    const topic = graph.topics.find(({ name }) => name === record.topic);
    if (!topic || !["events", "foreign"].includes(topic.kind)) continue;
    if (graph.services.some(({ name, publishes }) => name === source && publishes.includes(record.topic))) continue;
    if (!producers.has(source) && producers.size >= MAX_PRODUCERS) continue;
    if (!producers.has(source)) producers.set(source, new Set());
    if (producers.get(source).has(record.topic)) continue;
    producers.get(source).add(record.topic);
    renderSoon();
  }
}

const isShown = () => !list.isPaused && !byId("view-live").hidden && !document.hidden;

function receiveRecords(newest) {
  const fresh = records.add(newest);
  if (!fresh.length) return;
  learnProducers(fresh);
  traffic.published(fresh, isShown());
  if (isShown()) fresh.forEach((record) => drawing.pulse(record));
  follow(fresh);
  list.changed();
}

async function readRecent() {
  try {
    const { records: recent } = await ask("recent", { limit: RECENT_RECORDS });
    learnProducers(records.add(recent));
    list.changed();
  } catch {
    // the stream tells what comes from now on
  }
}

// views

let view = "#live";

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  if (name === "way" && rest.length === 3) {
    openWay(rest.join("/"), () => { if (location.hash.startsWith("#way/")) history.replaceState(null, "", view); });
  } else {
    closeWay();
  }
  if (["topics", "dead-letters", "class"].includes(name)) view = location.hash;
  else if (name === "live" || name === "") view = "#live";
  const current = view.startsWith("#topics") ? "topics" : view.startsWith("#dead-letters") ? "letters" : view.startsWith("#class") ? "class" : "live";
  const about = rest.length ? decodeURIComponent(rest.join("/")) : undefined;
  for (const [one, section, tab] of [["live", byId("view-live"), byId("tab-live")], ["topics", byId("view-topics"), byId("tab-topics")], ["letters", byId("view-letters"), byId("tab-letters")], ["class", byId("view-class"), byId("tab-class")]]) {
    section.hidden = one !== current;
    if (one === current) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (name === "topics") openBrowser(about);
  if (name === "dead-letters") openLetters(about);
  if (name === "class") openClass(about);
  renderSoon();
}

for (const link of document.querySelectorAll(".languages a")) {
  link.addEventListener("click", () => { link.hash = location.hash; });
}
addEventListener("hashchange", route);
route();

let isOpened = false;
subscribe("events", {
  graph: receiveGraph,
  records: receiveRecords,
  read: (moves) => traffic.read(moves, isShown()),
  sampled: (share) => {
    sampled = share;
    sampledAt = performance.now();
    renderSampling();
  },
}, {
  hasBadge: true,
  onOpen: () => {
    isConnected = true;
    if (isOpened) readRecent(); // what passed meanwhile
    isOpened = true;
    renderSoon();
  },
  onLost: () => {
    isConnected = false;
    renderSoon();
  },
  onRefused: (status) => { if (status === 401 || status === 403) location.reload(); }, // the server then asks who it is
});
if (data.graph) receiveGraph(data.graph);
else ask("graph").then(receiveGraph, ({ message }) => { if (!graph) setText(byId("health-words"), message); });
readRecent();
