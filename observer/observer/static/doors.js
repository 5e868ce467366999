// The pages of the suite, in one row: what to open, and whether it is up.

import { byId, element, lang, setText, translate } from "../web/static/page.js";
import { stateOf } from "./words.js";

const EVERY_MS = 10_000;
const TIMEOUT_MS = 4_000;
const tools = [
  { name: "mail", href: "/mail/", probe: "/mail/", title: translate("mail"), does: translate("mailDoes") },
  { name: "kafdrop", href: "/kafdrop", probe: "/status/kafdrop", title: translate("kafdrop"), does: translate("kafdropDoes") },
];
const states = new Map(); // name → "up", "degraded", "down" or "unknown", of what was asked
let graph = null;

const hasPage = ({ page }) => page && page !== location.pathname;

/** The graph, with the state of services that no group tells of: their pages were asked. */
export const withPages = (newest) => ({
  ...newest,
  services: newest.services.map((service) => (hasPage(service) && service.state === "unknown" ? { ...service, state: states.get(service.name) ?? "unknown" } : service)),
});

function doors() {
  const pages = graph.services.filter(hasPage).flatMap(({ name, page, state, [lang]: words }) => [
    { name, href: page, title: words.name, does: words.does, state },
    ...(name === "chatbot" ? [{ name: "attendants", href: `${page}attendant`, title: translate("attendants"), does: translate("attendantsDoes"), state }] : []),
  ]);
  return [...pages, ...tools.map((tool) => ({ ...tool, state: states.get(tool.name) ?? "unknown" }))];
}

export function renderDoors(newest) {
  graph = newest;
  const row = byId("doors");
  const wanted = doors();
  const present = [...row.children].map((item) => item.dataset.name);
  if (wanted.map(({ name }) => name).join() !== present.join()) {
    row.replaceChildren(...wanted.map(({ name, href, title, does }) => element("li", { dataset: { name }, "data-testid": "door" },
      element("a", { className: "door", href, title: does.replaceAll("`", "") }, element("span", { className: "light", "aria-hidden": "true" }), element("span", { text: title }), element("span", { className: "visually-hidden door-state" })))));
  }
  wanted.forEach(({ state }, index) => {
    const link = row.children[index].firstElementChild;
    link.dataset.state = state === "down" ? "off" : state;
    setText(link.querySelector(".door-state"), `, ${state === "down" ? translate("off") : stateOf(state)}`);
  });
}

async function stateAt(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.ok) {
      await answer.body?.cancel();
      return "up";
    }
    // a gateway's own 503 says nothing of the service; the service's names its checks
    return (await answer.json().catch(() => null))?.checks ? "degraded" : "down";
  } catch {
    return "unknown";
  }
}

/** Asks the pages and tools, now and then; `changed` is called when they have answered. */
export async function watchDoors(changed) {
  if (graph && !document.hidden) {
    const asked = [...graph.services.filter(hasPage).map(({ name, page }) => ({ name, probe: `${page}readyz` })), ...tools];
    await Promise.all(asked.map(async ({ name, probe }) => states.set(name, await stateAt(probe))));
    changed();
  }
  setTimeout(() => watchDoors(changed), EVERY_MS);
}
