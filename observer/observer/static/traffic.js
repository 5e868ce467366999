// Which dot moves when: from the producer to the topic as a record appears, from there to each group as the group has read it.

import { TRAVEL_MS } from "./dots.js";
import { sourceOf } from "./records.js";
import { publishEdge, readEdge } from "./topology.js";

const WAITING_A_PARTITION = 200; // records whose reading is still awaited
const MAX_PARTITIONS = 500;
const DOTS_A_READ = 6; // a group that catches up with thousands at once is shown as a few

export class Traffic {
  #dots;
  #waiting = new Map(); // "topic/partition" → [{record, arrivesAt}]
  #positions = new Map(); // "group topic/partition" → the offset that it reads next
  #readers = new Map(); // topic → groups

  constructor(dots) {
    this.#dots = dots;
  }

  /** Positions that the graph tells; a group that has read before it was looked at sends no dots for that. */
  settle(graph) {
    const known = new Set();
    this.#readers = new Map();
    for (const { name, topics } of graph.groups) {
      for (const [topic, partitions] of Object.entries(topics)) {
        this.#readers.set(topic, [...this.#readers.get(topic) ?? [], name]);
        for (const { partition, committed } of partitions) {
          const key = `${name} ${topic}/${partition}`;
          known.add(key);
          if (committed !== null && !this.#positions.has(key)) this.#positions.set(key, committed);
        }
      }
    }
    for (const key of this.#positions.keys()) if (!known.has(key)) this.#positions.delete(key);
  }

  published(records, isShown) {
    const now = performance.now();
    for (const record of records) {
      const edge = publishEdge(sourceOf(record), record.topic);
      const moves = isShown && this.#dots.has(edge) && this.#dots.send(edge, record, now);
      const arrivesAt = moves ? now + TRAVEL_MS : now;
      const place = `${record.topic}/${record.partition}`;
      for (const group of isShown ? this.#readers.get(record.topic) ?? [] : []) {
        // what was read before the page heard of it
        const hasRead = this.#positions.get(`${group} ${place}`) > record.offset;
        if (hasRead && this.#dots.has(readEdge(group, record.topic))) this.#dots.send(readEdge(group, record.topic), record, arrivesAt);
      }
      const waiting = this.#waiting.get(place) ?? [];
      waiting.push({ record, arrivesAt });
      if (waiting.length > WAITING_A_PARTITION) waiting.shift();
      this.#waiting.delete(place);
      this.#waiting.set(place, waiting);
      if (this.#waiting.size > MAX_PARTITIONS) this.#waiting.delete(this.#waiting.keys().next().value);
    }
  }

  read(moves, isShown) {
    const now = performance.now();
    for (const { group, topic, partition, offset } of moves) {
      const key = `${group} ${topic}/${partition}`;
      const from = this.#positions.get(key) ?? 0;
      this.#positions.set(key, offset);
      const edge = readEdge(group, topic);
      if (!isShown || !this.#dots.has(edge)) continue;
      const passed = (this.#waiting.get(`${topic}/${partition}`) ?? []).filter(({ record }) => record.offset >= from && record.offset < offset);
      this.#dots.skip(Math.max(0, passed.length - DOTS_A_READ));
      for (const { record, arrivesAt } of passed.slice(-DOTS_A_READ)) this.#dots.send(edge, record, Math.max(now, arrivesAt));
    }
  }

  /** Sends one record again along all its edges. */
  replay(record, groups) {
    const now = performance.now();
    const edge = publishEdge(sourceOf(record), record.topic);
    const moves = this.#dots.has(edge) && this.#dots.send(edge, record, now);
    for (const { name, topics } of groups) {
      const position = topics[record.topic]?.find(({ partition }) => partition === record.partition);
      const hasRead = position && position.committed !== null && position.committed > record.offset;
      if (hasRead && this.#dots.has(readEdge(name, record.topic))) this.#dots.send(readEdge(name, record.topic), record, moves ? now + TRAVEL_MS : now);
    }
  }
}
