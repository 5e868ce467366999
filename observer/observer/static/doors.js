// The pages of the suite, in one row: what to open, and whether it is up.

import { byId, element, lang, setText, translate } from "../web/static/page.js";

const EVERY_MS = 10_000;
const TIMEOUT_MS = 4_000;
const tools = [
  { name: "mail", href: "/mail/", probe: "/mail/", title: translate("mail"), does: translate("mailDoes") },
  { name: "kafdrop", href: "/kafdrop", probe: "/status/kafdrop", title: translate("kafdrop"), does: translate("kafdropDoes") },
];
const states = new Map(tools.map(({ name }) => [name, "unknown"]));
let graph = null;

function doors() {
  const pages = graph.services.filter(({ page }) => page && page !== location.pathname).flatMap(({ name, page, state, [lang]: words }) => [
    { name, href: page, title: words.name, does: words.does, state },
    ...(name === "chatbot" ? [{ name: "attendants", href: `${page}attendant`, title: translate("attendants"), does: translate("attendantsDoes"), state }] : []),
  ]);
  return [...pages, ...tools.map((tool) => ({ ...tool, state: states.get(tool.name) }))];
}

function render() {
  if (!graph) return;
  const row = byId("doors");
  const wanted = doors();
  const present = new Map([...row.children].map((item) => [item.dataset.name, item]));
  if (wanted.map(({ name }) => name).join() !== [...present.keys()].join()) {
    row.replaceChildren(...wanted.map(({ name, href, title, does }) => element("li", { dataset: { name }, "data-testid": "door" },
      element("a", { className: "door", href, title: does.replaceAll("`", "") }, element("span", { className: "light", "aria-hidden": "true" }), element("span", { text: title }), element("span", { className: "visually-hidden door-state" })))));
  }
  wanted.forEach(({ state }, index) => {
    const link = row.children[index].firstElementChild;
    link.dataset.state = state === "down" ? "off" : state;
    setText(link.querySelector(".door-state"), `, ${{ up: translate("up"), down: translate("off"), unknown: translate("unknown") }[state]}`);
  });
}

async function look() {
  if (!document.hidden) {
    await Promise.all(tools.map(async ({ name, probe }) => {
      try {
        const answer = await fetch(probe, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
        await answer.body?.cancel();
        states.set(name, answer.ok ? "up" : "down");
      } catch {
        states.set(name, "unknown");
      }
    }));
    render();
  }
  setTimeout(look, EVERY_MS);
}

export function showDoors(newest) {
  const isFirst = !graph;
  graph = newest;
  render();
  if (isFirst) look();
}
