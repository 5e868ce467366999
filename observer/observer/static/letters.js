// Dead letters: what services could not handle, by service and reason; one whole; replay and drop.

import { announce, byId, element, lang, setText, translate } from "../web/static/page.js";
import { content } from "./content.js";
import { placeOf } from "./records.js";
import { ask, send } from "./server.js";
import { count, dateOf, deadLetters, letterStateOf } from "./words.js";

const SHOWN_ROWS = 50; // of a group, until more are asked for
const AGAIN_MS = 2_000; // between two looks, where others change something
const MAX_REFUSED = 20; // said one by one
const DEFAULT_SHOWN = "waiting";

const form = byId("letters-filter");
const dialog = byId("letters-confirm");
const chosen = new Set(); // ids
const unfolded = new Set(); // groups of which all rows are shown
let listed = { letters: [], complete: true };
let rows = new Map(); // id → {row, state}
let counted = ""; // what the graph said of numbers
let turn = 0;
let due = 0;
let running = null; // what ends the work that is going on

const groupOf = ({ service, error }) => `${service}\n${error}`;
const isWaiting = ({ state }) => state === "waiting";
const addressOf = (id) => id.split("/").map(encodeURIComponent).join("/");
const originalPlace = ({ original: { topic, partition, offset } }) => (topic === null || partition === null ? translate("unknown") : `${topic}/${partition}/${offset}`);

// what is asked for

const filter = () => ({ service: form.elements.service.value, reason: form.elements.reason.value, since: since() });
const since = () => (form.elements.since.value ? String(Date.now() - Number(form.elements.since.value) * 1000) : "");

function options(select, values) {
  const wanted = [...new Set([...values, select.value])].filter(Boolean).sort();
  if ([...select.options].slice(1).map(({ value }) => value).join("\n") === wanted.join("\n")) return;
  const { value } = select;
  select.replaceChildren(select.options[0], ...wanted.map((text) => element("option", { value: text, text })));
  select.value = value;
}

function showProblem(problem) {
  byId("letters-problem").hidden = !problem;
  setText(byId("letters-problem"), problem?.message ?? "");
}

async function load() {
  const mine = ++turn;
  try {
    const answer = await ask("dead-letters", filter());
    if (mine !== turn) return;
    listed = answer;
    showProblem(null);
    render();
  } catch (problem) {
    if (mine === turn) showProblem(problem);
  }
}

// the list

function fact(name, text) {
  return [element("dt", { text: name }), element("dd", { className: "mono", text })];
}

function historyOf({ letter, history }) {
  if (history.length < 2 && !letter.replay_of) return [];
  const before = letter.replay_of && !history.some(({ id }) => id === letter.replay_of) ? [translate("replayOf", { id: letter.replay_of })] : [];
  const steps = history.map((one) => translate("historyStep", { id: one.id, time: dateOf(one.at), reason: one.error, state: letterStateOf(one.state) }));
  return [
    element("h3", { className: "content-title", text: translate("history") }),
    element("ol", { className: "letter-history small", "data-testid": "letter-history" }, ...[...before, ...steps].map((text) => element("li", { text }))),
  ];
}

function letterBody(answer) {
  const { letter, key } = answer;
  const { original, group, attempts, replays, place } = letter;
  const buttons = isWaiting(letter) ? [
    ...(letter.obstacle ? [] : [element("button", { type: "button", className: "button button-small", text: translate("replay"), "data-testid": "letter-replay" })]),
    element("button", { type: "button", className: "button button-quiet button-small", text: translate("drop"), "data-testid": "letter-drop" }),
  ] : [];
  const [first, second] = buttons;
  if (buttons.length === 2) first.addEventListener("click", () => askFirst("replay", { ids: [letter.id] }, 1));
  (second ?? first)?.addEventListener("click", () => askFirst("drop", { ids: [letter.id] }, 1));
  return [
    element("p", { className: "letter-message", text: `${letter.error}: ${letter.message}` }),
    ...(letter.obstacle ? [element("p", { className: "notice", text: letter.obstacle })] : []),
    element("dl", { className: "facts small" },
      ...fact(translate("record"), originalPlace(letter)),
      ...fact(translate("itsTime"), original.at === null ? translate("unknown") : dateOf(original.at)),
      ...fact(translate("group"), translate("groupAttempts", { group: group || translate("unknown"), attempts: attempts || translate("unknown"), replays: count(replays) })),
      ...fact(translate("key"), key === null ? translate("noKey") : "json" in key ? JSON.stringify(key.json) : key.text ?? key.hex)),
    ...historyOf(answer),
    content(answer),
    element("p", { className: "letter-buttons" }, ...buttons, element("a", { className: "small", href: `#way/${placeOf(place)}`, text: translate("seeWay") })),
  ];
}

async function showWhole(id, body) {
  try {
    body.replaceChildren(...letterBody(await ask(`dead-letters/${addressOf(id)}`)));
  } catch ({ message }) {
    body.replaceChildren(element("p", { className: "notice notice-bad", role: "alert", text: message }));
  }
}

function letterRow(letter) {
  const { id, at, state } = letter;
  const box = element("input", { type: "checkbox", "aria-label": translate("choose", { id }), "data-testid": "letter-box" });
  box.checked = chosen.has(id);
  box.disabled = !isWaiting(letter);
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(id);
    else chosen.delete(id);
    renderChosen();
  });
  const body = element("div", { className: "letter-body", role: "group", "aria-label": id });
  const again = letter.replay_of && isWaiting(letter) ? ` · ${translate("replayedBefore")}` : "";
  const details = element("details", { className: "letter", "data-testid": "letter", dataset: { id, state } },
    element("summary", {},
      element("time", { className: "mono", text: dateOf(at) }),
      element("span", { className: "mono", text: originalPlace(letter) }),
      element("span", { className: "letter-why", text: letter.message, title: letter.message }),
      element("span", { className: "letter-state small", text: letterStateOf(state) + again })),
    body);
  details.addEventListener("toggle", () => { if (details.open) showWhole(id, body); });
  return element("li", { className: "letter-row" }, box, details);
}

function groupSection(letters) {
  const [{ service, error }] = letters;
  const name = groupOf(letters[0]);
  const waiting = letters.filter(isWaiting);
  const title = element("h3", {}, element("span", { className: "mono", text: service }), " · ", element("span", { className: "mono", text: error || translate("unknown") }));
  const head = element("div", { className: "letter-group-head" }, title, element("span", { className: "muted small", text: waitingOf(waiting.length, letters.length) }));
  const choosing = waiting.filter(({ id }) => !chosen.has(id));
  if (waiting.length) {
    const chooseAll = element("button", { type: "button", className: "button button-quiet button-small", text: choosing.length ? translate("chooseAll") : translate("chooseNone"), "aria-label": `${choosing.length ? translate("chooseAll") : translate("chooseNone")}: ${service}, ${error}` });
    chooseAll.addEventListener("click", () => {
      for (const { id } of waiting) if (choosing.length) chosen.add(id); else chosen.delete(id);
      for (const { id } of waiting) if (rows.has(id)) rows.get(id).row.firstElementChild.checked = chosen.has(id);
      render();
      byId("letters-groups").querySelector(`[data-group="${CSS.escape(name)}"] .button`)?.focus();
    });
    const all = element("button", { type: "button", className: "button button-small", text: translate("replayAll", { count: count(waiting.length) }), "aria-label": translate("replayAllOf", { count: count(waiting.length), service, reason: error }), "data-testid": "replay-all" });
    all.addEventListener("click", () => askFirst("replay", { service, reason: error, since: since() }, waiting.length));
    if (error) head.append(chooseAll, all);
    else head.append(chooseAll);
  }
  const shown = unfolded.has(name) ? letters : letters.slice(0, SHOWN_ROWS);
  const list = element("ul", { className: "letter-rows" }, ...shown.map((letter) => rows.get(letter.id).row));
  const more = letters.length - shown.length;
  const section = element("section", { className: "letter-group", dataset: { group: name }, "data-testid": "letter-group" }, head, list);
  if (more) {
    const button = element("button", { type: "button", className: "button button-quiet button-small", text: translate("showMore", { count: count(more) }) });
    button.addEventListener("click", () => {
      unfolded.add(name);
      render();
    });
    section.append(button);
  }
  return section;
}

const waitingOf = (waiting, total) => (waiting === 1 ? translate("oneOfWaits", { total: count(total) }) : translate("ofWait", { waiting: count(waiting), total: count(total) }));

function renderChosen() {
  const number = chosen.size;
  byId("letters-actions").hidden = number === 0;
  setText(byId("letters-chosen"), number === 1 ? translate("oneChosen") : translate("chosen", { count: count(number) }));
}

function render() {
  const { letters, complete } = listed;
  options(form.elements.service, letters.map(({ service }) => service));
  options(form.elements.reason, letters.map(({ error }) => error));
  const isShown = form.elements.shown.value === DEFAULT_SHOWN ? isWaiting : () => true;
  const shown = letters.filter(isShown);
  const present = new Set(letters.filter(isWaiting).map(({ id }) => id));
  for (const id of chosen) if (!present.has(id)) chosen.delete(id);
  rows = new Map(shown.map((letter) => {
    const known = rows.get(letter.id);
    return [letter.id, known?.state === letter.state ? known : { row: letterRow(letter), state: letter.state }];
  }));
  const groups = new Map();
  for (const letter of shown) groups.set(groupOf(letter), [...groups.get(groupOf(letter)) ?? [], letter]);
  const focused = document.activeElement;
  byId("letters-groups").replaceChildren(...[...groups.values()].map(groupSection));
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  const words = letters.length ? [translate("lettersListed", { letters: deadLetters(letters.length), waiting: waitingOf(letters.filter(isWaiting).length, letters.length) })] : [translate("noDeadLetters")];
  if (!complete) words.push(translate("moreLetters"));
  setText(byId("letters-words"), words.join(" "));
  renderChosen();
}

// replay and drop

/** Asks whether `number` dead letters are to be handled, those that `body` names, and then does it. */
function askFirst(action, body, number) {
  const isReplay = action === "replay";
  setText(byId("confirm-title"), isReplay ? translate("replayHowMany", { letters: deadLetters(number) }) : translate("dropHowMany", { letters: deadLetters(number) }));
  const about = [isReplay ? translate("replayMeans") : translate("dropMeans")];
  if (!body.ids) about.unshift(translate("allOf", { service: body.service, reason: body.reason }));
  if (!body.ids && !listed.complete) about.push(translate("maybeMore"));
  setText(byId("confirm-about"), about.join(" "));
  setText(byId("confirm-words"), "");
  byId("confirm-refused").replaceChildren();
  byId("confirm-progress").hidden = true;
  const yes = byId("confirm-yes");
  yes.hidden = false;
  setText(yes, isReplay ? translate("replay") : translate("drop"));
  setText(byId("confirm-no"), translate("cancel"));
  yes.onclick = () => act(action, Object.fromEntries(Object.entries(body).filter(([, value]) => value !== "")), number);
  dialog.showModal();
  byId("confirm-no").focus();
}

async function act(action, body, number) {
  const done = action === "replay" ? "replayed" : "dropped";
  const tally = { done: 0, before: 0, refused: [] };
  const progress = byId("confirm-progress");
  const mine = new AbortController();
  running = mine;
  byId("confirm-yes").hidden = true;
  setText(byId("confirm-no"), translate("stop"));
  byId("confirm-no").focus();
  progress.hidden = false;
  progress.max = number;
  progress.value = 0;
  const tell = () => setText(byId("confirm-words"), translate("progress", { done: count(tally.done + tally.before + tally.refused.length), total: count(Math.max(number, tally.done + tally.before + tally.refused.length)) }));
  tell();
  let problem = "";
  try {
    await send(`dead-letters/${action}`, body, ({ outcome, refused, detail }) => {
      if (refused) tally.refused.push(detail);
      else if (outcome === done) tally.done += 1;
      else tally.before += 1;
      progress.value += 1;
      tell();
    }, mine.signal);
  } catch ({ message }) {
    problem = message;
  }
  running = null;
  const words = [
    action === "replay" ? translate("replayedCount", { count: count(tally.done) }) : translate("droppedCount", { count: count(tally.done) }),
    tally.before ? translate("doneBefore", { count: count(tally.before) }) : "",
    mine.signal.aborted ? translate("stopped") : problem,
  ].filter(Boolean).join(" ");
  progress.hidden = true;
  setText(byId("confirm-words"), words);
  const refused = [...tally.refused.slice(0, MAX_REFUSED), ...(tally.refused.length > MAX_REFUSED ? [translate("moreNews", { count: count(tally.refused.length - MAX_REFUSED) })] : [])];
  byId("confirm-refused").replaceChildren(...refused.map((text) => element("li", { text })));
  setText(byId("confirm-no"), translate("close"));
  if (!dialog.open) announce(words);
  for (const { row } of rows.values()) row.querySelector("details").open = false;
  load();
}

byId("confirm-no").addEventListener("click", () => {
  if (running) running.abort();
  else dialog.close();
});
dialog.addEventListener("cancel", (event) => { if (running) event.preventDefault(); }); // Escape does not hide what goes on
for (const action of ["replay", "drop"]) {
  byId(`letters-${action}`).addEventListener("click", () => askFirst(action, { ids: [...chosen] }, chosen.size));
}
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", ({ target }) => (target.name === "shown" ? render() : load()));

/** Opens the view, of a service or of all. */
export function openLetters(service) {
  if (service !== undefined) {
    options(form.elements.service, [...form.elements.service.options].map(({ value }) => value).concat(service));
    form.elements.service.value = service;
  }
  load();
}

/** A newer graph: the number in the tab, and the list where numbers have changed. */
export function updateLetters(graph) {
  const numbers = Object.values(graph.dead_letters);
  const waiting = numbers.every((one) => one.waiting !== null) ? numbers.reduce((sum, one) => sum + one.waiting, 0) : null;
  const badge = byId("letters-count");
  badge.hidden = waiting === 0;
  setText(badge, waiting === null ? "?" : new Intl.NumberFormat(lang).format(waiting));
  badge.title = waiting === null ? translate("waitingUnknown") : waiting === 1 ? translate("oneWaits") : translate("wait", { count: count(waiting) });
  const now = JSON.stringify(graph.dead_letters);
  if (now === counted) return;
  counted = now;
  if (byId("view-letters").hidden || dialog.open) return;
  due ||= setTimeout(() => {
    due = 0;
    load();
  }, AGAIN_MS);
}
