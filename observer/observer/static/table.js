// The drawing in words: two tables that are kept up to date cell by cell, so that reading them is not interrupted.

import { byId, element, setText, translate } from "../web/static/page.js";
import { groupWords, topicAddress } from "./drawing.js";
import { groupProblem } from "./health.js";
import { EVERY_TOPIC } from "./topology.js";
import { count, duration, groupStateOf, kindOf, rate, stateOf, titleOf, waitingLetters } from "./words.js";

const listed = (names) => (names.length ? names.map((name) => (name === EVERY_TOPIC ? translate("everyTopic") : name)).join(", ") : "–");

/** Makes the rows of a table body those of `rows`: [{key, cells: [text], level, href}]. */
export function fillTable(body, rows) {
  const present = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  rows.forEach(({ key, cells, level = "", href = null }, index) => {
    let row = present.get(key);
    present.delete(key);
    if (!row) {
      row = element("tr", { dataset: { key } }, ...cells.map((_, at) => element(at ? "td" : "th", at ? {} : { scope: "row" }, ...(at || !href ? [] : [element("a", { href })]))));
    }
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
    row.dataset.level = level;
    cells.forEach((text, at) => setText(row.cells[at].firstElementChild ?? row.cells[at], text));
  });
  for (const row of present.values()) row.remove();
}

export function renderTables(graph, producers) {
  const readersOf = (topic) => [...new Set([
    ...graph.services.filter(({ reads }) => reads.includes(topic)).map(({ name }) => name),
    ...graph.groups.filter(({ topics }) => topic in topics).map(({ name }) => name),
  ])];
  const publishersOf = (topic) => [...new Set([
    ...graph.services.filter(({ publishes }) => publishes.includes(topic)).map(({ name }) => name),
    ...[...producers].filter(([, topics]) => topics.has(topic)).map(([name]) => name || translate("unknownProducer")),
  ])];
  fillTable(byId("table-topics").tBodies[0], graph.topics.map(({ name, kind, partitions, records, waiting, per_second: perSecond }) => ({
    key: name,
    href: topicAddress(name),
    level: waiting > 0 ? "bad" : "",
    cells: [name, kindOf(kind), listed(publishersOf(name)), listed(readersOf(name)), count(partitions), count(records), rate(perSecond)],
  })));
  fillTable(byId("table-groups").tBodies[0], graph.groups.map((group) => ({
    key: group.name,
    level: groupProblem(group)?.level ?? "",
    cells: [
      group.name, group.service ? titleOf(graph, group.service) : translate("foreignGroup"), listed(Object.keys(group.topics)), groupStateOf(group.state),
      count(group.members), count(group.lag), group.lag === 0 || group.oldest_seconds === null ? (group.lag === 0 ? "–" : translate("unknown")) : duration(group.oldest_seconds),
      graph.dead_letters[group.service] ? waitingLetters(graph.dead_letters[group.service]) : translate("unknown"),
    ],
  })));
  fillTable(byId("table-services").tBodies[0], graph.services.map((service) => {
    const group = graph.groups.find(({ name }) => name === service.group);
    return {
      key: service.name,
      level: service.state === "down" ? "bad" : "",
      cells: [titleOf(graph, service.name), service.name, listed(service.reads), listed(service.publishes), group ? groupWords(graph, group) : stateOf(service.state)],
    };
  }));
}
