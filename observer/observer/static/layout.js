// Where nodes stand, and the way of each edge: pure functions of the topology and of the width.

import { topicId } from "./topology.js";

export const NARROW_PX = 760; // below this width the drawing is stacked, topic by topic
const SIZES = { topic: [156, 66], service: [212, 68], group: [212, 68], page: [212, 50], producer: [212, 50] };
const CHIPS_A_ROW = 3;
const CHIP_ROW_PX = 25;
const GAP_PX = 14; // between the nodes of a column
const MIN_COLUMN_GAP_PX = 44;
const MAX_COLUMN_GAP_PX = 190;
const BRIEF_PX = 32; // a publisher that is only named
const BEND_PX = 8; // the height of an edge that passes through a column
const SWEEPS = 12;

/** A single topic that stands on a service has room beside its name; several have rows of their own. */
const heightOf = ({ kind, topics = [] }) => SIZES[kind][1] + (topics.length > 1 ? Math.ceil(topics.length / CHIPS_A_ROW) * CHIP_ROW_PX : 0);

/** The edges without those that close a circle. */
function withoutCircles({ nodes, edges }) {
  const from = new Map([...nodes.keys()].map((id) => [id, []]));
  for (const edge of edges.values()) from.get(edge.from).push(edge);
  const kept = new Set();
  const state = new Map(); // id → "open" while it is walked through, then "done"
  const walk = (id) => {
    state.set(id, "open");
    for (const edge of from.get(id)) {
      if (state.get(edge.to) === "open") continue;
      kept.add(edge);
      if (!state.has(edge.to)) walk(edge.to);
    }
    state.set(id, "done");
  };
  const hasInput = new Set([...edges.values()].map(({ to }) => to));
  const ids = [...nodes.keys()];
  for (const id of [...ids.filter((one) => !hasInput.has(one)), ...ids]) if (!state.has(id)) walk(id);
  return [...kept];
}

/** The column of each node: topics in odd ones, who publishes and reads in even ones, each right of what it needs. */
function columnsOf(topology) {
  const column = new Map([...topology.nodes.values()].map(({ id, kind }) => [id, kind === "topic" ? 1 : 0]));
  const kept = withoutCircles(topology);
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, to } of kept) {
      if (column.get(to) <= column.get(from)) {
        column.set(to, column.get(from) + 1);
        changed = true;
      }
    }
  }
  const last = Math.max(0, ...column.values());
  for (const { id, kind } of topology.nodes.values()) if (kind === "page" && column.get(id) === 0) column.set(id, last - (last % 2));
  return { column, kept };
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

function wide(topology, width) {
  const { column, kept } = columnsOf(topology);
  const places = new Map();
  const columns = Array.from({ length: Math.max(0, ...column.values()) + 1 }, () => []);
  const add = (id, at, h) => {
    const place = { id, at, h, y: 0, before: [], after: [] };
    places.set(id, place);
    columns[at].push(place);
    return place;
  };
  for (const node of topology.nodes.values()) add(node.id, column.get(node.id), heightOf(node));

  // an edge over several columns passes through a bend in each; edges of one node share their bends
  const ways = new Map();
  for (const edge of kept) {
    const way = [places.get(edge.from)];
    for (let at = column.get(edge.from) + 1; at < column.get(edge.to); at += 1) {
      const id = `bend ${edge.from} ${at}`;
      way.push(places.get(id) ?? add(id, at, BEND_PX));
    }
    way.push(places.get(edge.to));
    way.forEach((place, index) => {
      const next = way[index + 1];
      if (!next || place.after.includes(next)) return;
      place.after.push(next);
      next.before.push(place);
    });
    ways.set(edge.id, way);
  }

  // order within columns: each node near the middle of its neighbours, forth and back; the order with fewest crossings
  const rank = () => columns.forEach((places) => places.forEach((place, index) => { place.rank = index; }));
  const crossings = () => {
    let count = 0;
    for (const places of columns) {
      const pairs = places.flatMap((place) => place.after.map((next) => [place.rank, next.rank]));
      pairs.forEach(([a, b], index) => { for (const [c, d] of pairs.slice(index + 1)) if ((a - c) * (b - d) < 0) count += 1; });
    }
    return count;
  };
  rank();
  let best = { count: crossings(), order: columns.map((places) => [...places]) };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const places of forth ? columns : [...columns].reverse()) {
      for (const place of places) {
        const near = forth ? place.before : place.after;
        place.wish = near.length ? mean(near.map((one) => one.rank / Math.max(1, columns[one.at].length - 1))) : place.rank / Math.max(1, places.length - 1);
      }
      places.sort((a, b) => a.wish - b.wish || a.rank - b.rank);
      places.forEach((place, index) => { place.rank = index; });
    }
    const count = crossings();
    if (count < best.count) best = { count, order: columns.map((places) => [...places]) };
  }
  best.order.forEach((places, at) => { columns[at] = places; });
  rank();

  // heights: as near to the middle of the neighbours as the order allows
  const tallest = Math.max(...columns.map((places) => places.reduce((sum, { h }) => sum + h + GAP_PX, -GAP_PX)));
  const middle = ({ y, h }) => y + h / 2;
  const settle = (places, wish) => {
    let free = 0;
    for (const place of places) {
      place.y = Math.max(free, wish(place) - place.h / 2);
      free = place.y + place.h + GAP_PX;
    }
    let limit = tallest;
    for (const place of [...places].reverse()) {
      place.y = Math.min(place.y, limit - place.h);
      limit = place.y - GAP_PX;
    }
  };
  for (const places of columns) {
    const total = places.reduce((sum, { h }) => sum + h, 0);
    const gap = Math.min(3 * GAP_PX, (tallest - total) / (places.length + 1));
    let y = (tallest - total - gap * (places.length - 1)) / 2;
    for (const place of places) {
      place.y = y;
      y += place.h + gap;
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const places of forth ? columns : [...columns].reverse()) {
      settle(places, (place) => {
        const near = forth ? place.before : place.after;
        const other = forth ? place.after : place.before;
        return near.length ? mean(near.map(middle)) : other.length ? mean(other.map(middle)) : middle(place);
      });
    }
  }

  const widths = columns.map((_, at) => (at % 2 ? SIZES.topic[0] : SIZES.service[0]));
  const taken = widths.reduce((sum, w) => sum + w, 0);
  const gap = Math.min(MAX_COLUMN_GAP_PX, Math.max(MIN_COLUMN_GAP_PX, (width - taken) / Math.max(1, columns.length - 1)));
  const drawn = taken + gap * (columns.length - 1);
  let x = Math.max(0, (width - drawn) / 2);
  columns.forEach((places, at) => {
    for (const place of places) Object.assign(place, { x, w: widths[at] });
    x += widths[at] + gap;
  });

  // where edges end: side by side, in the order of where they come from
  const last = (way) => way.at(-2);
  const arrivals = new Map();
  for (const [id, way] of ways) {
    const target = way.at(-1);
    if (!arrivals.has(target)) arrivals.set(target, new Map());
    const sources = arrivals.get(target);
    if (!sources.has(last(way))) sources.set(last(way), []);
    sources.get(last(way)).push(id);
  }
  const ends = new Map();
  for (const [target, sources] of arrivals) {
    const ordered = [...sources].sort(([a], [b]) => middle(a) - middle(b));
    const room = Math.min(target.h * 0.5, (ordered.length - 1) * 12);
    ordered.forEach(([, ids], index) => {
      const y = middle(target) + (ordered.length > 1 ? room * (index / (ordered.length - 1) - 0.5) : 0);
      for (const id of ids) ends.set(id, y);
    });
  }
  const curve = (x0, y0, x1, y1) => {
    const bend = Math.max(24, Math.abs(x1 - x0) * 0.5);
    return `C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
  };
  const edges = [...topology.edges.values()].map((edge) => {
    const way = ways.get(edge.id) ?? [places.get(edge.from), places.get(edge.to)];
    let [{ x: left, w }] = way;
    let at = [left + w, middle(way[0])];
    let d = `M${at[0]} ${at[1]}`;
    way.slice(1).forEach((place, index) => {
      const end = index === way.length - 2;
      const y = end ? ends.get(edge.id) ?? middle(place) : middle(place);
      d += curve(at[0], at[1], place.x, y);
      if (!end) d += `L${place.x + place.w} ${y}`;
      at = [place.x + place.w, y];
    });
    return { ...edge, d };
  });
  const nodes = [...topology.nodes.values()].map((node) => {
    const { x: left, y, w, h } = places.get(node.id);
    return { ...node, key: node.id, x: left, y, w, h };
  });
  return { nodes, edges, width: Math.max(width, drawn), height: tallest };
}

/** Topic by topic: who publishes above it, who reads below it. */
function stacked(topology, width) {
  const nodes = [];
  const edges = [];
  const shown = new Set();
  const { column } = columnsOf(topology);
  const rail = 14;
  const indent = 36;
  let y = 0;
  const put = (node, key, x, w, brief = false) => {
    // what a service keeps for itself stands on it once, where it reads
    const topics = brief || shown.has(node.id) ? [] : node.topics;
    if (!brief) shown.add(node.id);
    const height = brief ? BRIEF_PX : heightOf({ ...node, topics });
    nodes.push({ ...node, topics, key, x, y, w, h: height, brief });
    y += height;
    return nodes.at(-1);
  };
  const topics = [...topology.nodes.values()].filter(({ kind }) => kind === "topic").sort((a, b) => column.get(a.id) - column.get(b.id));
  for (const topic of topics) {
    const joined = [...topology.edges.values()].filter((edge) => edge.topic === topic.name);
    const publishers = joined.filter(({ kind }) => kind === "publish");
    const readers = joined.filter(({ kind }) => kind === "read");
    const above = publishers.map((edge) => {
      const node = put(topology.nodes.get(edge.from), `${edge.from} → ${topic.name}`, indent, width - indent, true);
      y += 6;
      return [edge, node];
    });
    y += 10;
    const box = put(topic, topicId(topic.name), 0, width);
    for (const [edge, node] of above) {
      const at = node.y + node.h / 2;
      edges.push({ ...edge, d: `M${indent} ${at}H${rail + 8}Q${rail} ${at} ${rail} ${at + 8}V${box.y}` });
    }
    y += 10;
    for (const edge of readers) {
      const node = put(topology.nodes.get(edge.to), `${topic.name} → ${edge.to}`, indent, width - indent);
      const at = node.y + node.h / 2;
      edges.push({ ...edge, d: `M${rail} ${box.y + box.h}V${at - 8}Q${rail} ${at} ${rail + 8} ${at}H${indent}` });
      y += 8;
    }
    y += 20;
  }
  for (const node of topology.nodes.values()) {
    const isShown = nodes.some(({ id }) => id === node.id);
    const keeps = isShown && !shown.has(node.id) && node.topics?.length;
    if (isShown && !keeps) continue;
    put(node, node.id, 0, width);
    y += 12;
  }
  return { nodes, edges, width, height: Math.max(0, y - 12) };
}

export const layout = (topology, width) => (width < NARROW_PX ? stacked(topology, width) : wide(topology, width));
