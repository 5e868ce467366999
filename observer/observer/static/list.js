// The recent events, newest first: filtered, paused, and gone through one by one.

import { byId, element, setText, translate } from "../web/static/page.js";
import { hueOf } from "./dots.js";
import { placeOf, sourceOf } from "./records.js";
import { ask } from "./server.js";
import { count, duration, timeOf } from "./words.js";

export const LIST_ROWS = 60;
const RENDER_MS = 400;
const TYPING_MS = 300;
const ASKED_RECORDS = 500;
const FILTERS = ["topic", "key", "session", "picture"];

export class EventList {
  #records;
  #onStep;
  #list = byId("events");
  #pause = byId("pause");
  #range = byId("moment");
  #rows = new Map(); // place → li
  #frozen = null; // the records at the moment of the pause
  #current = null; // the record that is looked at while paused
  #due = 0;
  #typing = 0;
  #asked = 0;

  constructor(records, { onStep, onPause }) {
    this.#records = records;
    this.#onStep = onStep;
    for (const name of FILTERS) byId(`filter-${name}`).addEventListener("input", () => this.#handleFilter());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", () => setTimeout(() => this.#handleFilter()));
    this.#pause.addEventListener("click", () => {
      if (this.isPaused) this.#resume();
      else this.#freeze();
      onPause(this.isPaused);
    });
    const step = (by) => () => {
      if (!this.isPaused) {
        this.#freeze();
        onPause(true);
      }
      const found = this.#matching();
      this.#look(found[Math.min(found.length - 1, Math.max(0, found.indexOf(this.#current) + by))]);
    };
    byId("earlier").addEventListener("click", step(-1));
    byId("later").addEventListener("click", step(1));
    this.#range.addEventListener("input", () => this.#look(this.#matching()[Number(this.#range.value)]));
    this.#list.addEventListener("pointerleave", () => this.changed());
    this.#list.addEventListener("focusout", () => this.changed());
  }

  get isPaused() {
    return this.#frozen !== null;
  }

  get #filter() {
    return Object.fromEntries(FILTERS.map((name) => [name, byId(`filter-${name}`).value.trim()]));
  }

  /** Whether someone points at a row, which then must not move away. */
  get #isHeld() {
    return !this.isPaused && this.#list.childElementCount > 0 && (this.#list.matches(":hover") || this.#list.contains(document.activeElement));
  }

  #matching() {
    return this.#records.matching(this.#filter, this.#frozen ?? undefined);
  }

  #freeze() {
    this.#frozen = [...this.#records.all];
    this.#current = this.#matching().at(-1) ?? null;
    this.#render();
  }

  #resume() {
    this.#frozen = this.#current = null;
    this.#render();
  }

  #look(record) {
    if (!record) return;
    this.#current = record;
    this.#render();
    this.#onStep(record);
  }

  async #handleFilter() {
    if (this.isPaused) this.#current = this.#matching().at(-1) ?? null;
    this.#render();
    clearTimeout(this.#typing);
    const filter = this.#filter;
    if (!Object.values(filter).some(Boolean)) return;
    this.#typing = setTimeout(async () => {
      const mine = ++this.#asked;
      try {
        const { records } = await ask("recent", { ...filter, limit: ASKED_RECORDS });
        if (mine !== this.#asked) return;
        const until = this.#frozen?.at(-1)?.at;
        const fresh = this.#records.add(records);
        if (this.#frozen) this.#frozen = [...this.#frozen, ...fresh.filter(({ at }) => at <= until)].sort((a, b) => a.at - b.at);
        this.#render();
      } catch {
        // what the page has itself is shown
      }
    }, TYPING_MS);
  }

  /** The topics to choose from. */
  setTopics(names) {
    const select = byId("filter-topic");
    const present = [...select.options].slice(1).map(({ value }) => value);
    if (present.join("\n") === names.join("\n")) return;
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...names.map((name) => element("option", { value: name, text: name })));
    select.value = names.includes(chosen) ? chosen : "";
  }

  /** Records were added: the list follows soon. */
  changed() {
    this.#due ||= setTimeout(() => {
      this.#due = 0;
      if (!this.isPaused) this.#render();
    }, RENDER_MS);
  }

  #row(record) {
    const { topic, partition, offset, type, key, picture, session } = record;
    const about = picture ?? session ?? key ?? "";
    return element("li", {}, element("a", { className: "event", href: `#way/${placeOf(record)}`, "data-testid": "event", dataset: { topic, hue: hueOf(record) } },
      element("time", { className: "event-time mono", text: timeOf(record.at) }),
      element("span", { className: "event-topic mono", text: topic }),
      element("span", { className: "event-source", text: sourceOf(record) || translate("unknownProducer") }),
      element("span", { className: "event-about mono", text: about, title: about }),
      element("span", { className: "event-type small muted", text: type ?? translate("noType") }),
      element("span", { className: "event-place small muted mono", text: `${partition}/${offset}` })));
  }

  #render() {
    const held = this.#isHeld;
    byId("held").hidden = !held;
    if (held) return;
    const found = this.#matching();
    const at = this.isPaused ? found.indexOf(this.#current) : found.length - 1;
    const shown = found.slice(Math.max(0, at + 1 - LIST_ROWS), at + 1).reverse();
    const rows = new Map(shown.map((record) => [placeOf(record), this.#rows.get(placeOf(record)) ?? this.#row(record)]));
    for (const [place, row] of this.#rows) if (!rows.has(place)) row.remove();
    let next = this.#list.firstElementChild;
    for (const row of rows.values()) {
      if (row === next) next = next.nextElementSibling;
      else this.#list.insertBefore(row, next);
    }
    this.#rows = rows;
    for (const [place, row] of rows) row.firstElementChild.toggleAttribute("data-current", this.isPaused && place === placeOf(this.#current ?? shown[0]));

    const all = this.#frozen ?? this.#records.all;
    setText(byId("kept"), all.length ? translate("kept", { shown: count(found.length), total: count(all.length), time: timeOf(all[0].at) }) : "");
    byId("none").hidden = found.length > 0;
    setText(byId("none"), all.length ? translate("noneMatch") : translate("noneYet"));
    setText(this.#pause, this.isPaused ? translate("goOn") : translate("pause"));
    this.#pause.setAttribute("aria-pressed", String(this.isPaused));
    byId("earlier").disabled = found.length === 0 || (this.isPaused && at <= 0);
    byId("later").disabled = !this.isPaused || at >= found.length - 1;
    byId("stepping").hidden = !this.isPaused || at < 0;
    if (this.isPaused && at >= 0) {
      this.#range.max = String(found.length - 1);
      this.#range.value = String(at);
      const newest = all.at(-1).at;
      const words = translate("moment", { number: count(at + 1), total: count(found.length), time: timeOf(this.#current.at), ago: duration((newest - this.#current.at) / 1000) });
      setText(byId("moment-words"), words);
      this.#range.setAttribute("aria-valuetext", words);
    }
  }
}
