// The message browser: topics, their partitions, and what is in them.

import { byId, element, setText, translate } from "../web/static/page.js";
import { content } from "./content.js";
import { topicAddress } from "./drawing.js";
import { placeOf } from "./records.js";
import { ask } from "./server.js";
import { fillTable } from "./table.js";
import { bytes, count, dateOf, kindOf } from "./words.js";

const form = byId("look-up");
let topics = [];
let chosen = null;
let graph = null;
let turn = 0;

const topicNamed = (name) => topics.find((topic) => topic.name === name);

function renderNames() {
  byId("topic-names").replaceChildren(...topics.map(({ name, kind }) => element("li", {},
    element("a", { className: "topic-name", href: topicAddress(name), "data-testid": "topic-name", ...(name === chosen && { "aria-current": "true" }) },
      element("span", { className: "mono", text: name }), element("span", { className: "small muted", text: kindOf(kind) })))));
}

/** The newest end that is known: groups are told of it more often. */
const endOf = (end, places) => [end, ...places.map((one) => one?.end)].reduce((most, one) => (one > (most ?? -1) ? one : most), null);

/** Partitions with begin and end, and how far each group has come in them. */
function renderPartitions() {
  const topic = topicNamed(chosen);
  if (!topic) return;
  const groups = (graph?.groups ?? []).filter((group) => chosen in group.topics);
  const table = byId("partitions");
  const heads = [translate("partition"), translate("begin"), translate("end"), ...groups.map(({ name }) => translate("lagOf", { group: name }))];
  if ([...table.tHead.rows[0].cells].map(({ textContent }) => textContent).join("\n") !== heads.join("\n")) {
    table.tHead.rows[0].replaceChildren(...heads.map((text) => element("th", { scope: "col", text })));
    table.tBodies[0].replaceChildren();
  }
  fillTable(table.tBodies[0], topic.partitions.map(({ partition, begin, end }) => {
    const places = groups.map((group) => group.topics[chosen].find((one) => one.partition === partition));
    return {
      key: String(partition),
      cells: [count(partition), count(begin), count(endOf(end, places)), ...places.map((one) => count(one?.lag))],
    };
  }));
}

function message(record) {
  const { partition, offset, key, type } = record;
  return element("li", {}, element("details", { className: "message", "data-testid": "message" },
    element("summary", {},
      element("span", { className: "mono", text: `${partition}/${offset}` }),
      element("time", { className: "mono", text: dateOf(record.at) }),
      element("span", { className: "mono message-key", text: key ?? translate("noKey") }),
      element("span", { className: "muted small", text: type ?? translate("noType") }),
      element("span", { className: "muted small", text: record.value ? bytes(record.value.bytes) : translate("noValue") })),
    element("p", { className: "small" }, element("a", { href: `#way/${placeOf(record)}`, text: translate("seeWay") })),
    content(record)));
}

function showProblem(problem) {
  byId("browser-problem").hidden = !problem;
  setText(byId("browser-problem"), problem?.message ?? "");
}

async function look() {
  const mine = ++turn;
  const partition = form.elements.partition.value;
  const parameters = { partition, limit: form.elements.limit.value };
  const from = form.elements.from.value;
  if (from === "offset") parameters.offset = form.elements.offset.value || "0";
  else if (from === "time") parameters.at = form.elements.time.value ? String(new Date(form.elements.time.value).getTime()) : "0";
  else parameters.latest = form.elements.limit.value;
  try {
    const [{ records }, list] = await Promise.all([ask(`topics/${encodeURIComponent(chosen)}/records`, parameters), ask("topics")]);
    if (mine !== turn) return;
    ({ topics } = list);
    renderPartitions();
    const { begin, end } = topicNamed(chosen)?.partitions.find((one) => String(one.partition) === partition) ?? {};
    showProblem(null);
    byId("messages").replaceChildren(...records.map(message));
    setText(byId("messages-words"), records.length === 0 ? translate("noMessages") : records.length === 1 ? translate("oneRecord") : translate("records", { count: count(records.length) }));
    const isOne = partition !== "" && records.length > 0;
    byId("older").hidden = !isOne || records[0].offset <= begin;
    byId("newer").hidden = !isOne || records.at(-1).offset + 1 >= end;
    byId("older").dataset.offset = isOne ? Math.max(begin, records[0].offset - Number(form.elements.limit.value)) : "";
    byId("newer").dataset.offset = isOne ? records.at(-1).offset + 1 : "";
  } catch (problem) {
    if (mine === turn) showProblem(problem);
  }
}

function fields() {
  const from = form.elements.from.value;
  byId("field-offset").hidden = from !== "offset";
  byId("field-time").hidden = from !== "time";
  if (from === "offset" && form.elements.partition.value === "") form.elements.partition.value = form.elements.partition.options[1]?.value ?? "";
}

/** Opens the browser at a topic, or at the first one. */
export async function openBrowser(topic) {
  const mine = ++turn;
  try {
    ({ topics } = await ask("topics"));
    if (mine !== turn) return;
    showProblem(null);
  } catch (problem) {
    if (mine === turn) showProblem(problem);
    return;
  }
  chosen = topic ?? topics[0]?.name ?? null;
  renderNames();
  const known = topicNamed(chosen);
  byId("topic").hidden = !known;
  if (!known) {
    if (chosen) showProblem(new Error(translate("topicMissing", { topic: chosen })));
    return;
  }
  setText(byId("topic-title"), chosen);
  setText(byId("topic-kind"), kindOf(known.kind));
  const select = form.elements.partition;
  select.replaceChildren(select.options[0], ...known.partitions.map(({ partition }) => element("option", { value: String(partition), text: String(partition) })));
  select.value = "";
  if (form.elements.from.value === "offset") form.elements.from.value = "newest";
  fields();
  byId("messages").replaceChildren();
  renderPartitions();
  await look();
}

/** A newer graph: groups have moved. */
export function updateBrowser(newest) {
  graph = newest;
  if (!byId("view-topics").hidden) renderPartitions();
}

form.addEventListener("input", fields);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
for (const id of ["older", "newer"]) {
  byId(id).addEventListener("click", () => {
    form.elements.from.value = "offset";
    form.elements.offset.value = byId(id).dataset.offset;
    fields();
    look();
  });
}
