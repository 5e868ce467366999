// The moving dots: one event on one edge each, drawn on a canvas. How many move at a time is bounded.

import { reducedMotion, svgElement } from "../web/static/page.js";

export const MAX_DOTS = 600;
export const TRAVEL_MS = 800;
const PULSE_MS = 500;
const SAMPLES = 48; // points of an edge between which a dot moves in straight lines
const RADIUS_PX = 4.5;
const REACH_PX = 12; // how far from a dot a click still means it
const SHARE_WINDOW_MS = 2_000;
const HUES = 6;

/** The colour of an event is that of its trace, so what follows from it looks the same. */
export function hueOf({ trace, id, topic, offset }) {
  let hash = 0;
  for (const character of trace ?? id ?? `${topic}${offset}`) hash = (hash * 31 + character.codePointAt(0)) | 0;
  return Math.abs(hash) % HUES;
}

export class Dots {
  #canvas;
  #pen;
  #edges = new Map(); // edge id → { points, path }
  #dots = [];
  #frame = 0;
  #colours = [];
  #asked = 0;
  #shown = 0;
  #windowStart = 0;
  #share = { asked: 0, shown: 0 };

  constructor(canvas) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  #readColours() {
    const style = getComputedStyle(this.#canvas);
    this.#colours = Array.from({ length: HUES }, (_, hue) => style.getPropertyValue(`--trace-${hue}`).trim());
    this.#colours.push(style.getPropertyValue("--paper").trim());
  }

  /** New edges: `paths` are SVG paths by edge id, on a drawing of this size. Dots on edges that are gone are gone too. */
  setEdges(paths, width, height) {
    this.#edges = new Map([...paths].map(([id, path]) => {
      const length = path.getTotalLength();
      const points = Array.from({ length: SAMPLES + 1 }, (_, index) => {
        const { x, y } = path.getPointAtLength((length * index) / SAMPLES);
        return [x, y];
      });
      return [id, { points, path }];
    }));
    this.#dots = this.#dots.filter(({ edge }) => this.#edges.has(edge));
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.#canvas.width = Math.ceil(width * scale);
    this.#canvas.height = Math.ceil(height * scale);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#pen.setTransform(scale, 0, 0, scale, 0, 0);
  }

  has(edge) {
    return this.#edges.has(edge);
  }

  get moving() {
    return this.#dots.length;
  }

  /** How many dots were asked for in the last seconds, and how many of them were drawn. */
  get share() {
    this.#turnWindow(performance.now());
    return this.#share;
  }

  #turnWindow(now) {
    if (now - this.#windowStart < SHARE_WINDOW_MS) return;
    this.#share = { asked: this.#asked, shown: this.#shown };
    this.#asked = this.#shown = 0;
    this.#windowStart = now;
  }

  /** Counts dots that nobody will ask for one by one. */
  skip(number) {
    this.#asked += number;
  }

  /** Sends a dot along an edge, `startsAt` as performance.now() tells it. */
  send(edge, record, startsAt = performance.now()) {
    this.#turnWindow(performance.now());
    this.#asked += 1;
    if (document.hidden || !this.#edges.has(edge) || this.#dots.length >= MAX_DOTS) return false;
    this.#shown += 1;
    if (reducedMotion.matches) {
      this.#pulse(edge, hueOf(record));
      return true;
    }
    this.#dots.push({ edge, record, startsAt, hue: hueOf(record) });
    this.#frame ||= requestAnimationFrame(this.#draw);
    return true;
  }

  #pulse(id, hue) {
    const edge = this.#edges.get(id);
    edge.path.dataset.pulse = hue;
    clearTimeout(edge.pulse);
    edge.pulse = setTimeout(() => { delete edge.path.dataset.pulse; }, PULSE_MS);
  }

  #placeOf({ edge, startsAt }, now) {
    const { points } = this.#edges.get(edge);
    const part = Math.min(1, Math.max(0, (now - startsAt) / TRAVEL_MS));
    const eased = part < 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part);
    const at = eased * SAMPLES;
    const index = Math.min(SAMPLES - 1, Math.floor(at));
    const [[x0, y0], [x1, y1]] = [points[index], points[index + 1]];
    return [x0 + (x1 - x0) * (at - index), y0 + (y1 - y0) * (at - index)];
  }

  #draw = () => {
    const now = performance.now();
    const pen = this.#pen;
    pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#dots = this.#dots.filter(({ startsAt }) => now - startsAt < TRAVEL_MS);
    pen.lineWidth = 1.5;
    pen.strokeStyle = this.#colours.at(-1);
    for (const dot of this.#dots) {
      if (now < dot.startsAt) continue;
      const [x, y] = this.#placeOf(dot, now);
      pen.beginPath();
      pen.arc(x, y, RADIUS_PX, 0, 2 * Math.PI);
      pen.fillStyle = this.#colours[dot.hue];
      pen.fill();
      pen.stroke();
    }
    this.#frame = this.#dots.length ? requestAnimationFrame(this.#draw) : 0;
  };

  clear() {
    this.#dots = [];
    this.#frame ||= requestAnimationFrame(this.#draw);
  }

  /** The record whose dot is at this place; null if there is none. */
  recordAt(x, y) {
    const now = performance.now();
    let nearest = null;
    let distance = REACH_PX;
    for (const dot of this.#dots) {
      if (now < dot.startsAt) continue;
      const [atX, atY] = this.#placeOf(dot, now);
      const away = Math.hypot(atX - x, atY - y);
      if (away < distance) [nearest, distance] = [dot.record, away];
    }
    return nearest;
  }
}

export const edgePath = (id, d, dataset) => {
  const path = svgElement("path", { d, class: "edge", "marker-end": "url(#arrow)", "data-edge": id });
  Object.assign(path.dataset, dataset);
  return path;
};
