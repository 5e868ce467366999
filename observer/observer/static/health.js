// What is wrong, in words: from the graph alone.

import { translate } from "../web/static/page.js";
import { EVERY_TOPIC } from "./topology.js";
import { deadLetters, duration, recordsWait, timeOf } from "./words.js";

export const BEHIND_SECONDS = 10; // a group whose oldest waiting record is older is behind

/** What is wrong with a group: null, or {level, words}. Nobody answers for a group that is no service's. */
export function groupProblem({ name, service, members, lag, oldest_seconds: oldestSeconds }) {
  const waiting = lag > 0 ? (oldestSeconds === null ? recordsWait(lag) : translate("oldestFor", { waiting: recordsWait(lag), age: duration(oldestSeconds) })) : "";
  if (members === 0) {
    if (!service && !waiting) return null;
    return { level: service ? "bad" : "warn", words: waiting ? translate("noMembersWhile", { name, waiting }) : translate("hasNoMembers", { name }) };
  }
  if (waiting && oldestSeconds > BEHIND_SECONDS) return { level: service ? "bad" : "warn", words: translate("behind", { name, waiting }) };
  return null;
}

/** All that is wrong, the worst first: [{level, id, words}]. `id` stays the same while the numbers move. */
export function problems(graph, isConnected) {
  const found = [];
  const add = (level, id, words) => found.push({ level, id, words });
  if (!isConnected) add("bad", "connection", translate("notConnected", { time: timeOf(graph.at) }));
  if (!graph.broker.up) add("bad", "broker", translate("brokerAway", { time: timeOf(graph.at) }));
  const told = new Set();
  for (const group of graph.groups) {
    const problem = groupProblem(group);
    if (!problem) continue;
    told.add(group.name);
    add(problem.level, `group ${group.name} ${group.members === 0}`, problem.words);
  }
  for (const { name, group, state } of graph.services) {
    if (state === "down" && !told.has(group)) add("bad", `service ${name}`, translate("isDown", { name }));
    if (state === "degraded") add("warn", `service ${name}`, translate("isNotReady", { name }));
  }
  if (graph.broker.up) {
    const there = new Set(graph.topics.map(({ name }) => name));
    const named = new Set(graph.services.flatMap(({ reads, publishes }) => [...reads, ...publishes]).filter((topic) => topic !== EVERY_TOPIC));
    for (const topic of named) if (!there.has(topic)) add("bad", `topic ${topic}`, translate("topicMissing", { topic }));
  }
  for (const [name, { waiting, total }] of Object.entries(graph.dead_letters)) {
    if (waiting > 0) add("warn", `dead letters ${name}`, translate("deadLettersWait", { name, letters: deadLetters(waiting) }));
    else if (waiting === null && total > 0) add("warn", `dead letters ${name}`, translate("deadLettersMayWait", { name, letters: deadLetters(total) }));
  }
  return found.sort((a, b) => (a.level === "bad" ? 0 : 1) - (b.level === "bad" ? 0 : 1));
}
