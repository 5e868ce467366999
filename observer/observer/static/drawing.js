// The drawing: nodes in HTML, edges in SVG, dots on a canvas above them.

import { element, setText, svgElement, translate } from "../web/static/page.js";
import { Dots, edgePath, hueOf } from "./dots.js";
import { groupProblem } from "./health.js";
import { layout } from "./layout.js";
import { placeOf } from "./records.js";
import { EVERY_TOPIC, topology } from "./topology.js";
import { count, duration, lagOf, members, partitions, rate, records, stateOf, titleOf, waitingLetters } from "./words.js";

const PULSE_MS = 500;

export const topicAddress = (topic) => `#topics/${encodeURIComponent(topic)}`;
const lettersAddress = (service) => `#dead-letters/${encodeURIComponent(service)}`;
const line = (className) => element("span", { className: `node-line ${className}` });

/** What stands on the node of a group, short: how many members, what waits, since when. The line at the top says more. */
export function groupWords(graph, group) {
  const who = group.members === null ? translate("membersUnknown") : members(group.members);
  const since = group.lag > 0 && group.oldest_seconds >= 1 ? duration(group.oldest_seconds) : "";
  return [who, lagOf(group.lag), since].filter(Boolean).join(" · ");
}

export class Drawing {
  #root;
  #inner;
  #svg;
  #nodes = new Map(); // key → {node, parts, spec}
  #chips = new Map(); // topic → chip
  #drawn = "";
  #width = 0;
  #graph = null;
  #producers = new Map();

  constructor(root, { onRecord }) {
    this.#root = root;
    this.#svg = svgElement("svg", { class: "edges", "aria-hidden": "true" });
    const canvas = element("canvas", { className: "dots", "aria-hidden": "true" });
    this.#inner = element("div", { className: "drawing-inner" }, this.#svg, canvas);
    root.replaceChildren(this.#inner);
    this.dots = new Dots(canvas);
    new ResizeObserver(() => { if (this.#graph && root.clientWidth !== this.#width) this.draw(this.#graph, this.#producers); }).observe(root);
    this.#inner.addEventListener("click", (event) => {
      const { left, top } = this.#inner.getBoundingClientRect();
      const record = this.dots.recordAt(event.clientX - left, event.clientY - top);
      if (!record) return;
      event.preventDefault();
      onRecord(placeOf(record));
    });
  }

  draw(graph, producers) {
    this.#graph = graph;
    this.#producers = producers;
    const shape = topology(graph, producers);
    const signature = JSON.stringify([[...shape.nodes.values()], [...shape.edges.values()]]);
    if (signature !== this.#drawn || this.#root.clientWidth !== this.#width) {
      this.#drawn = signature;
      this.#width = this.#root.clientWidth;
      this.#place(layout(shape, this.#width));
    }
    for (const { spec, parts, node } of this.#nodes.values()) this.#fill(spec, parts, node);
    for (const [topic, chip] of this.#chips) this.#fillChip(topic, chip);
    const late = new Set(graph.groups.filter((group) => groupProblem(group)).map(({ name }) => name));
    for (const path of this.#svg.querySelectorAll(".edge")) path.dataset.level = late.has(path.dataset.group) ? "bad" : "";
  }

  #place({ nodes, edges, width, height }) {
    const focused = document.activeElement?.dataset?.focus;
    this.#inner.style.width = `${width}px`;
    this.#inner.style.height = `${height}px`;
    for (const [name, value] of [["width", width], ["height", height], ["viewBox", `0 0 ${width} ${height}`]]) this.#svg.setAttribute(name, value);
    const arrow = svgElement("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svgElement("path", { d: "M1 1 7 4 1 7", class: "arrow" }));
    const paths = new Map(edges.map((edge) => {
      const reader = this.#readerOf(edge);
      return [edge.id, edgePath(edge.id, edge.d, { kind: edge.kind, ...(edge.kind === "read" && !edge.grouped && { alone: "" }), ...(reader && { group: reader }) })];
    }));
    this.#svg.replaceChildren(svgElement("defs", {}, arrow), ...paths.values());
    for (const { node } of this.#nodes.values()) node.remove();
    this.#nodes.clear();
    this.#chips.clear();
    const canvas = this.#inner.querySelector("canvas");
    for (const spec of nodes) {
      const made = this.#node(spec);
      Object.assign(made.node.style, { left: `${spec.x}px`, top: `${spec.y}px`, width: `${spec.w}px`, height: `${spec.h}px` });
      canvas.before(made.node);
      this.#nodes.set(spec.key, { ...made, spec });
    }
    this.dots.setEdges(paths, width, height);
    if (focused) this.#inner.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #readerOf({ kind, to }) {
    return kind === "read" ? this.#graph.services.find(({ name }) => name === to)?.group ?? (to.startsWith("group ") ? to.slice(6) : null) : null;
  }

  #node(spec) {
    const { kind, name, key } = spec;
    const dataset = { kind, name };
    const parts = { title: line("node-title"), code: line("node-code mono"), state: line("node-state") };
    if (kind === "topic") {
      const node = element("a", { className: "node", href: topicAddress(name), "data-testid": "node", title: name, dataset: { ...dataset, focus: key } }, parts.title, parts.code, parts.state);
      return { node, parts };
    }
    const page = kind === "service" && !spec.brief ? this.#graph.services.find((service) => service.name === name)?.page : null;
    parts.light = element("span", { className: "light", "aria-hidden": "true" });
    parts.name = page ? element("a", { href: page, className: "node-name node-link", dataset: { focus: key } }) : element("span", { className: "node-name" });
    parts.title.append(parts.light, parts.name);
    const node = element("div", { className: "node", "data-testid": "node", dataset: { ...dataset, ...(spec.brief && { brief: "" }) } }, parts.title, parts.code, parts.state);
    if (spec.topics?.length) {
      const chips = spec.topics.map((topic) => {
        const address = topic === `${name}.dlq` ? lettersAddress(name) : topicAddress(topic);
        const chip = element("a", { className: "chip", href: address, "data-testid": "chip", dataset: { topic, focus: `chip ${topic}` } });
        this.#chips.set(topic, chip);
        return chip;
      });
      if (chips.length === 1) parts.title.append(...chips);
      else node.append(element("span", { className: "chips" }, ...chips));
    }
    return { node, parts };
  }

  #fill({ kind, name }, parts, node) {
    const graph = this.#graph;
    if (kind === "topic") {
      const topic = graph.topics.find((one) => one.name === name);
      setText(parts.title, name);
      setText(parts.code, topic ? `${rate(topic.per_second)} · ${partitions(topic.partitions)}` : "");
      setText(parts.state, topic ? (topic.records === null ? translate("recordsUnknown") : records(topic.records)) : translate("kindMissing"));
      node.dataset.level = topic ? (topic.kind === "foreign" ? "foreign" : "") : "bad";
      return;
    }
    const service = graph.services.find((one) => one.name === name && kind !== "group");
    const title = kind === "producer" ? (name || translate("unknownProducer")) : kind === "group" ? name : titleOf(graph, name);
    setText(parts.name, title);
    node.title = service?.[document.documentElement.lang]?.does?.replaceAll("`", "") ?? title;
    if (kind === "page") {
      setText(parts.code, service.reads.includes(EVERY_TOPIC) ? translate("readsEveryTopic") : translate("showsOnPage"));
      node.dataset.level = parts.light.parentNode.dataset.state = service.state;
      return;
    }
    const group = graph.groups.find((one) => one.name === (kind === "group" ? name : service?.group));
    const isOwn = service && service.group === group?.name;
    setText(parts.code, kind === "group" ? translate("foreignGroup") : kind === "producer" ? translate("foreignProducer") : name);
    const problem = group ? groupProblem(group) : service?.state === "down" ? { level: "bad" } : service?.state === "degraded" ? { level: "warn" } : null;
    const words = group && (isOwn || kind === "group") ? groupWords(graph, group) : service ? stateOf(service.state) : "";
    setText(parts.state, words);
    parts.state.title = words;
    const state = service?.state ?? (group ? (group.members === null ? "unknown" : group.members > 0 ? "up" : "down") : "unknown");
    parts.title.dataset.state = state === "down" ? "off" : state;
    node.dataset.level = problem?.level ?? (state === "unknown" ? "unknown" : "");
  }

  #fillChip(topic, chip) {
    const { kind, records: number, waiting, per_second: perSecond } = this.#graph.topics.find(({ name }) => name === topic);
    const short = topic.slice(topic.indexOf(".") + 1) || topic;
    const isLetters = kind === "dead-letters";
    const held = isLetters ? translate("dlqHolds", { count: waitingLetters({ waiting, total: number }) }) : number === null ? translate("recordsUnknown") : records(number);
    setText(chip, isLetters ? `${short} ${waiting === null ? "?" : count(waiting)}` : short);
    chip.title = `${topic}: ${held}, ${rate(perSecond)}`;
    chip.setAttribute("aria-label", chip.title);
    chip.dataset.level = waiting > 0 ? "bad" : "";
  }

  /** Topics that stand on a service have no edge: they light up. */
  pulse(record) {
    const chip = this.#chips.get(record.topic);
    if (!chip || chip.dataset.pulse !== undefined) return;
    chip.dataset.pulse = hueOf(record);
    setTimeout(() => { delete chip.dataset.pulse; }, PULSE_MS);
  }
}
