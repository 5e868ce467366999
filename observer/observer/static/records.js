// The records that have come by, oldest first: as many as memory is meant for, each once.

export const KEPT_RECORDS = 4_000;
const MAX_CHARACTERS = 200; // of what others chose freely, such as a key
const TEXTS = ["topic", "id", "type", "source", "key", "cause", "trace", "session", "picture"];

export const placeOf = ({ topic, partition, offset }) => `${encodeURIComponent(topic)}/${partition}/${offset}`;
/** Who published it; "" where no header says so. */
export const sourceOf = ({ source }) => source?.replace(/^\//, "") ?? "";

function trimmed(record) {
  const kept = { partition: record.partition, offset: record.offset, at: record.at, bytes: record.bytes };
  for (const name of TEXTS) kept[name] = record[name] === null || record[name] === undefined ? null : String(record[name]).slice(0, MAX_CHARACTERS);
  return kept;
}

export class Records {
  #all = [];
  #places = new Set();

  /** Adds records; returns those that are new, oldest first. */
  add(records) {
    const fresh = records.filter((record) => !this.#places.has(placeOf(record))).map(trimmed);
    let isOrdered = true;
    for (const record of fresh) {
      isOrdered &&= !this.#all.length || this.#all.at(-1).at <= record.at;
      this.#places.add(placeOf(record));
      this.#all.push(record);
    }
    if (!isOrdered) this.#all.sort((a, b) => a.at - b.at);
    for (const gone of this.#all.splice(0, Math.max(0, this.#all.length - KEPT_RECORDS))) this.#places.delete(placeOf(gone));
    return fresh;
  }

  get all() {
    return this.#all;
  }

  /** Those that `filter` lets through: {topic, key, session, picture, trace}; a topic is meant whole, a text in part. Of `all`, if given. */
  matching(filter, all = this.#all) {
    const { topic, ...texts } = filter;
    const wanted = Object.entries(texts).filter(([, text]) => text).map(([name, text]) => [name, text.toLowerCase()]);
    if (!topic && !wanted.length) return all;
    return all.filter((record) => (!topic || record.topic === topic) && wanted.every(([name, text]) => record[name]?.toLowerCase().includes(text)));
  }
}
