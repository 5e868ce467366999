// The start page: which services run, and how they are joined. What services there are, and what they are called, is in
// services.json (packages/events/events/); what else runs is here.

const listed = Object.entries(await (await fetch("/services.json")).json());
const pages = listed.filter(([, { page }]) => page);
const workers = listed.filter(([, { page }]) => !page);

// --- what is shown -----------------------------------------------------------------------------

/** The state of a service: "up", "degraded" (starting, or a part it needs is missing), "off", "unknown". */
const state = (level, more = {}) => ({ level, ...more });

const readyOf = (probe) => {
  if (probe.status === 200) return state("up");
  // a gateway's own 503 says nothing of the service; the service's names its checks
  return probe.body?.checks ? state("degraded", { reason: probe.body.reason }) : state("off");
};

const groupOf = (name) => ({ groups }) => {
  if (!groups.body?.groups) return state("unknown");
  const members = groups.body.groups[name]?.members ?? 0;
  return state(members > 0 ? "up" : "off", { members });
};

const checkOf = (name) => (answers) => {
  const checks = pages.map(([page]) => answers[page].body?.checks).find(Boolean);
  return state(checks ? (checks[name] ? "up" : "off") : "unknown");
};

const runs = (probe) => (answers) => state(answers[probe].status === 200 ? "up" : "off");

/** What is asked, every time: addresses on this gateway; of several the first that can tell. */
const probes = {
  ...Object.fromEntries(pages.map(([name, { page }]) => [name, `${page}readyz`])),
  groups: pages.map(([, { page }]) => `${page}api/groups`),
  kafdrop: "/status/kafdrop",
  mail: "/mail/",
};

const services = [
  ...pages.map(([name, { page }]) => ({ name, kind: "page", href: page, state: (answers) => readyOf(answers[name]) })),
  { name: "attendants", of: "chatbot", kind: "page", href: "/chat/attendant", state: ({ chatbot }) => readyOf(chatbot) },
  ...workers.map(([name]) => ({ name, kind: "worker", state: groupOf(name) })),
  { name: "broker", kind: "broker", state: checkOf("broker") },
  { name: "mail", kind: "tool", href: "/mail/", state: runs("mail") },
  { name: "kafdrop", kind: "tool", href: "/kafdrop", state: runs("kafdrop") },
];

/** The topics of each line, left to right; between two stand the services that read the first and publish the second. */
const lines = [["image", "notification"], ["chatbot", "sentiment"], ["handoff"]];
const who = (does) => listed.filter(([, service]) => does(service)).map(([name]) => name);

/** Stages from left to right: services side by side, or a topic between them. */
const flows = lines.map((topics) => [
  who(({ publishes }) => publishes.includes(topics[0])),
  ...topics.flatMap((topic, index) => {
    const next = topics[index + 1];
    return [{ topic }, who(({ reads, publishes }) => reads.includes(topic) && (!next || publishes.includes(next)))];
  }),
]);

const EVERY = 5000;

// --- words -------------------------------------------------------------------------------------

const words = {
  en: {
    skip: "Skip to the content",
    language: "Language",
    name: "Event suite",
    title: "Small services, joined by events",
    lede: "Services that never call each other: each one publishes events to Kafka topics and reacts to those of the others. Open one, use it, and watch the events pass.",
    front: "Pages to open",
    behind: "Behind the pages",
    flows: "Who talks to whom",
    documents: "For programs: the HTTP APIs and every event",
    topic: "topic",
    up: "up",
    degraded: "not ready",
    off: "off",
    asking: "asking…",
    unknown: "unknown",
    one: "1 instance running",
    many: "{count} instances running",
    changed: "{name}: {state}",
    unreachable: "The gateway does not answer. What is shown may be out of date; asking again every few seconds.",
    again: "The gateway answers again.",
    attendants: ["Attendants", "Who waits, why, and how they feel: take over, answer, hand back."],
    mail: ["Mails", "The mails that the suite sent, caught here and delivered nowhere."],
    broker: ["Kafka", "Keeps the topics: the only thing that every service knows."],
    kafdrop: ["Kafdrop", "Look into topics, partitions and messages."],
  },
  "pt-BR": {
    skip: "Pular para o conteúdo",
    language: "Idioma",
    name: "Suíte de eventos",
    title: "Pequenos serviços, unidos por eventos",
    lede: "Serviços que nunca chamam uns aos outros: cada um publica eventos em tópicos do Kafka e reage aos eventos dos demais. Abra um deles, use e veja os eventos passarem.",
    front: "Páginas para abrir",
    behind: "Por trás das páginas",
    flows: "Quem fala com quem",
    documents: "Para programas: as APIs HTTP e todos os eventos",
    topic: "tópico",
    up: "no ar",
    degraded: "indisponível",
    off: "desligado",
    asking: "verificando…",
    unknown: "desconhecido",
    one: "1 instância rodando",
    many: "{count} instâncias rodando",
    changed: "{name}: {state}",
    unreachable: "O gateway não responde. O que aparece aqui pode estar desatualizado; uma nova tentativa é feita a cada poucos segundos.",
    again: "O gateway voltou a responder.",
    attendants: ["Atendentes", "Quem espera, por quê e como se sente: assuma, responda, devolva."],
    mail: ["E-mails", "Os e-mails que a suíte enviou, capturados aqui e entregues a ninguém."],
    broker: ["Kafka", "Guarda os tópicos: a única coisa que todos os serviços conhecem."],
    kafdrop: ["Kafdrop", "Veja tópicos, partições e mensagens por dentro."],
  },
};

for (const [name, service] of listed) {
  for (const lang of Object.keys(words)) words[lang][name] = [service[lang].name, service[lang].does];
}

const known = (tag) => (/^pt\b/i.test(tag ?? "") ? "pt-BR" : /^en\b/i.test(tag ?? "") ? "en" : undefined);
const cookie = () => /(?:^|;\s*)lang=([^;]+)/.exec(document.cookie)?.[1];
const remember = (lang) => { document.cookie = `lang=${lang}; path=/; max-age=31536000; samesite=lax`; };
const asked = known(new URLSearchParams(location.search).get("lang"));
if (asked) remember(asked);

let lang = asked ?? known(cookie()) ?? navigator.languages.map(known).find(Boolean) ?? "en";
const say = (key, places = {}) => words[lang][key].replace(/\{(\w+)\}/g, (_, name) => places[name]);

// --- the page ----------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);

function element(tag, { className = "", text, dataset = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const light = () => element("span", { className: "light", "aria-hidden": "true" });
const states = new Map(); // name → state, as last seen
const cards = new Map();

/** A sentence whose `names` are shown as code. */
const coded = (sentence) => sentence.split("`").map((part, index) => (index % 2 ? element("code", { text: part }) : part));

function card({ name, of: service = name, kind, href }) {
  const [title, description] = words[lang][name];
  const heading = element("h3", {}, href ? element("a", { href, className: "service-link", text: title }) : title);
  const parts = {
    badge: element("span", { className: "badge" }, light(), element("span", { className: "badge-text" })),
    more: element("p", { className: "service-more small muted" }),
  };
  parts.card = element("li", { className: "service card", "data-testid": "service", dataset: { name, kind, state: "asking" } },
    element("div", { className: "service-head" }, heading, parts.badge),
    element("p", { className: "muted" }, ...coded(description)),
    parts.more,
    element("code", { className: "service-name small muted", text: service }));
  cards.set(name, parts);
  return parts.card;
}

function stage(item) {
  if (item.topic) {
    return element("li", { className: "stage stage-topic", dataset: { topic: item.topic } },
      element("span", { className: "muted small", text: say("topic") }), element("code", { text: item.topic }),
      element("span", { className: "log", "aria-hidden": "true" }, ...Array.from({ length: 6 }, () => element("span"))));
  }
  return element("li", { className: "stage" }, ...item.map((name) => element("span", { className: "stage-service", dataset: { service: name, state: "asking" } },
    light(), element("code", { text: name }), element("span", { className: "visually-hidden stage-state" }))));
}

function write() {
  document.documentElement.lang = lang;
  document.title = say("name");
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = say(node.dataset.text);
  byId("documents").href = lang === "pt-BR" ? "/documents/pt-BR/" : "/documents/";
  byId("languages").setAttribute("aria-label", say("language"));
  for (const link of byId("languages").children) {
    if (link.dataset.lang === lang) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  byId("front").replaceChildren(...services.filter(({ href }) => href).map(card));
  byId("behind").replaceChildren(...services.filter(({ href }) => !href).map(card));
  byId("flows").replaceChildren(...flows.map((flow) => element("ol", { className: "flow card" }, ...flow.map(stage))));
  byId("legend").replaceChildren(...["up", "degraded", "off"].map((level) => element("li", { dataset: { state: level } }, light(), say(level))));
  byId("topology").hidden = false;
  if (!byId("unreachable").hidden) byId("unreachable").textContent = say("unreachable");
  render();
}

function render() {
  for (const { name } of services) {
    const now = states.get(name);
    const { card: shown, badge, more } = cards.get(name);
    const level = now?.level ?? "asking";
    shown.dataset.state = badge.dataset.state = level;
    badge.querySelector(".badge-text").textContent = say(level);
    const counted = now?.members > 0 ? say(now.members === 1 ? "one" : "many", { count: now.members }) : "";
    more.textContent = now?.reason ?? counted;
    for (const node of document.querySelectorAll(`[data-service="${name}"]`)) {
      node.dataset.state = level;
      node.querySelector(".stage-state").textContent = `, ${say(level)}`;
    }
  }
  const broker = states.get("broker")?.level ?? "asking";
  for (const topic of document.querySelectorAll("[data-topic]")) topic.dataset.state = broker;
}

// --- asking ------------------------------------------------------------------------------------

async function ask(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(4000) });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  } catch (error) {
    return { status: 0, body: null, slow: error.name === "TimeoutError" };
  }
}

async function askFirst(addresses) {
  for (const address of addresses.slice(0, -1)) {
    const answer = await ask(address);
    if (answer.status === 200) return answer;
  }
  return ask(addresses.at(-1));
}

let asking = false;
let due = 0;

async function look() {
  clearTimeout(due);
  if (document.hidden || asking) return;
  asking = true;
  const answers = Object.fromEntries(await Promise.all(Object.entries(probes).map(async ([name, address]) => [name, await askFirst([address].flat())])));
  asking = false;
  due = setTimeout(look, EVERY);
  const news = [];
  const gone = Object.values(answers).every(({ status, slow }) => status === 0 && !slow);
  const notice = byId("unreachable");
  if (gone !== !notice.hidden) {
    notice.hidden = !gone;
    notice.textContent = gone ? say("unreachable") : "";
    if (!gone) news.push(say("again"));
  }
  for (const service of services) {
    const before = states.get(service.name);
    const now = service.state(answers);
    states.set(service.name, now);
    if (before && before.level !== now.level) news.push(say("changed", { name: words[lang][service.name][0], state: say(now.level) }));
  }
  if (news.length) byId("news").textContent = news.join(". ");
  render();
}

byId("languages").addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-lang]")?.dataset.lang;
  if (!chosen || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  lang = chosen;
  remember(lang);
  if (asked) history.replaceState(null, "", location.pathname);
  write();
});
document.addEventListener("visibilitychange", look);

write();
look();
