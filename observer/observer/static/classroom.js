// A class on one broker: every suite side by side, and one of them by its services.

import { byId, element, setText, translate } from "../web/static/page.js";
import { ask } from "./server.js";
import { fillTable } from "./table.js";
import { count, duration, lagOf, members, waitingLetters } from "./words.js";

const EVERY_MS = 3_000;
let due = 0;
let chosen = null; // the prefix that is shown by its services
let report = null;

const isUp = ({ members: number }) => number > 0;
const address = (prefix) => `#class/${encodeURIComponent(prefix)}`;

/** "off" where nobody is up, "bad" where something waits for people, "unknown" where nobody knows. */
function levelOf({ services, dead_letters: letters }) {
  if (services.some(({ members: number }) => number === null)) return "unknown";
  if (letters.waiting > 0 || services.some((service) => service.members === 0 && service.lag > 0)) return "bad";
  return services.some(isUp) ? "good" : "off";
}

function upWords({ services }) {
  if (services.some(({ members: number }) => number === null)) return translate("upUnknown");
  return translate("upOf", { up: count(services.filter(isUp).length), total: count(services.length) });
}

function activity({ active_at: at }) {
  return at === null ? translate("activityUnknown") : translate("activeAgo", { time: duration(Math.max(0, report.at - at) / 1000) });
}

const lettersWords = ({ waiting, total }) => translate("lettersOfSuite", { letters: waitingLetters({ waiting, total }) });

function card(prefix) {
  const parts = { light: element("span", { className: "light", "aria-hidden": "true" }), up: element("span"), lag: element("span"), letters: element("span", { className: "suite-letters" }), active: element("span", { className: "muted" }) };
  const link = element("a", { className: "suite", href: address(prefix), "data-testid": "suite", dataset: { prefix } },
    element("span", { className: "suite-name mono" }, parts.light, prefix),
    element("span", { className: "suite-facts small" }, parts.up, parts.lag, parts.letters, parts.active));
  return { item: element("li", {}, link), link, parts };
}

const cards = new Map(); // prefix → card

function renderCards() {
  const { suites } = report;
  const present = new Set(suites.map(({ prefix }) => prefix));
  for (const [prefix, { item }] of cards) {
    if (present.has(prefix)) continue;
    item.remove();
    cards.delete(prefix);
  }
  suites.forEach((suite, index) => {
    if (!cards.has(suite.prefix)) cards.set(suite.prefix, card(suite.prefix));
    const { item, link, parts } = cards.get(suite.prefix);
    const list = byId("class-suites");
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    const level = levelOf(suite);
    link.dataset.level = level;
    parts.light.parentNode.dataset.state = level === "good" || level === "bad" ? "up" : level;
    setText(parts.up, upWords(suite));
    setText(parts.lag, lagOf(suite.lag));
    setText(parts.letters, lettersWords(suite.dead_letters));
    parts.letters.hidden = suite.dead_letters.total === 0;
    setText(parts.active, activity(suite));
    if (suite.prefix === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
}

function renderOne() {
  const suite = report.suites.find(({ prefix }) => prefix === chosen);
  byId("class-one").hidden = !suite;
  if (!suite) return;
  setText(byId("class-prefix"), suite.prefix);
  setText(byId("class-command"), `KAFKA_TOPIC_PREFIX=${suite.prefix} KAFKA_GROUP_PREFIX=${suite.prefix}`);
  fillTable(byId("class-services").tBodies[0], suite.services.map((service) => ({
    key: service.name,
    level: service.dead_letters.waiting > 0 || (service.members === 0 && service.lag > 0) ? "bad" : "",
    cells: [
      service.name, service.members === null ? translate("unknown") : members(service.members), count(service.lag), waitingLetters(service.dead_letters),
    ],
  })));
}

function render() {
  const { suites, more, broker, at } = report;
  const words = [];
  if (broker.up === false) words.push(translate("classAway"));
  if (at !== null && !suites.length) words.push(translate("noSuites"));
  if (suites.length) words.push(translate("suitesUp", { up: count(suites.filter(({ services }) => services.some(isUp)).length), total: count(suites.length) }));
  if (more) words.push(translate("moreSuites", { count: count(more) }));
  setText(byId("class-words"), words.join(" "));
  renderCards();
  renderOne();
}

async function look() {
  clearTimeout(due);
  due = 0;
  if (byId("view-class").hidden) return;
  if (!document.hidden) {
    try {
      report = await ask("class");
      byId("class-problem").hidden = true;
      render();
    } catch ({ message }) {
      byId("class-problem").hidden = false;
      setText(byId("class-problem"), message);
    }
  }
  due ||= setTimeout(look, EVERY_MS);
}

/** Opens the view; with a prefix, also what is known of the services of that suite. */
export function openClass(prefix) {
  chosen = prefix ?? null;
  if (report) render();
  look();
  if (prefix && report) {
    byId("class-one").scrollIntoView({ block: "nearest" });
    byId("class-prefix").focus({ preventScroll: true });
  }
}
