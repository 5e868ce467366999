// Numbers, times and names, as the page's language writes them.

import { lang, translate } from "../web/static/page.js";

const whole = new Intl.NumberFormat(lang);
const tenths = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(lang, { dateStyle: "short", timeStyle: "medium" });

/** A number, or the word for what nobody knows. */
export const count = (number) => (number === null || number === undefined ? translate("unknown") : whole.format(number));
export const timeOf = (ms) => clock.format(ms);
export const dateOf = (ms) => dayAndClock.format(ms);

export function duration(seconds) {
  if (seconds < 1) return `${whole.format(Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${tenths.format(seconds)} s`;
  if (seconds < 120) return `${whole.format(Math.round(seconds))} s`;
  if (seconds < 7200) return `${whole.format(Math.round(seconds / 60))} min`;
  return `${whole.format(Math.round(seconds / 3600))} h`;
}

export const rate = (perSecond) => (perSecond === null || perSecond === undefined ? translate("unknown") : translate("perSecond", { count: tenths.format(perSecond) }));
export const bytes = (number) => `${whole.format(number)} B`;

const one = (number, single, several) => (number === 1 ? single : several(count(number)));
export const records = (number) => one(number, translate("oneRecord"), (text) => translate("records", { count: text }));
export const recordsWait = (number) => one(number, translate("oneRecordWaits"), (text) => translate("recordsWait", { count: text }));
export const partitions = (number) => one(number, translate("onePartition"), (text) => translate("partitions", { count: text }));
export const deadLetters = (number) => one(number, translate("oneDeadLetter"), (text) => translate("deadLetters", { count: text }));
export const members = (number) => (number === 0 ? translate("noMembers") : one(number, translate("oneMember"), (text) => translate("members", { count: text })));

export const lagOf = (number) => translate("lag", { count: count(number) });

/** What people call a service; `name` where the graph does not know it. */
export const titleOf = (graph, name) => graph.services.find((service) => service.name === name)?.[lang]?.name ?? name;

export const kindOf = (kind) => ({
  events: translate("kindEvents"),
  "dead-letters": translate("kindDeadLetters"),
  memory: translate("kindMemory"),
  replays: translate("kindReplays"),
  retry: translate("kindRetry"),
  foreign: translate("kindForeign"),
  missing: translate("kindMissing"),
})[kind] ?? kind;

export const letterStateOf = (state) => ({
  waiting: translate("letterWaiting"),
  replayed: translate("letterReplayed"),
  dropped: translate("letterDropped"),
  "failed-again": translate("letterFailedAgain"),
})[state] ?? state;

/** What waits of the dead letters of a service or topic, with the total where that is another number. */
export function waitingLetters({ waiting, total }) {
  if (waiting === null) return total === null ? translate("unknown") : translate("waitingUnknownOf", { total: count(total) });
  return waiting === total ? count(waiting) : translate("waitingOf", { waiting: count(waiting), total: count(total) });
}

export const stateOf = (state) => ({ up: translate("up"), degraded: translate("notReady"), down: translate("down"), unknown: translate("unknown") })[state] ?? state;

/** The state of a group, in words; the broker's own name of it stays where there is no other. */
export const groupStateOf = (state) => ({
  stable: translate("groupStable"),
  empty: translate("groupEmpty"),
  dead: translate("groupDead"),
  preparingrebalance: translate("groupRebalancing"),
  completingrebalance: translate("groupRebalancing"),
  unknown: translate("unknown"),
})[String(state ?? "unknown").toLowerCase()] ?? state;
