// The attendants' console: the queue, and the conversation that is open. The address of the page names the latter.

import { absoluteUrl, byId } from "../web/static/page.js";
import { subscribe } from "../web/static/live.js";
import * as desk from "./desk.js";
import * as queue from "./queue.js";

/** Opens the conversation in the fragment of the address, or none; an unknown fragment changes nothing. */
function turn() {
  const chosen = queue.named(location.hash.slice(1));
  if (chosen || location.hash.length < 2) desk.turnTo(chosen);
}

/** Reads the whole queue. Returns whether that worked. */
async function read() {
  const asked = performance.now();
  try {
    const answer = await fetch(absoluteUrl("api/attendant/sessions"), { headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403) location.reload(); // to the login
    if (!answer.ok) return false;
    const { sessions } = await answer.json();
    queue.fill(sessions, (Date.parse(answer.headers.get("Date")) || Date.now()) / 1000, asked);
    return true;
  } catch {
    return false;
  }
}

for (let pause = 1; !await read(); pause = Math.min(pause * 2, 15)) {
  await new Promise((resolve) => { setTimeout(resolve, pause * 1000); });
}
byId("queue").setAttribute("aria-busy", "false");
turn();
addEventListener("hashchange", turn);
subscribe("api/attendant/events", {
  session(session) {
    queue.show(session);
    if (desk.isOpen(session.sessao)) desk.show();
  },
}, {
  hasBadge: true,
  onOpen: read, // the stream tells who is there, not who is there no more
  onRefused: () => location.reload(),
  mayPause: () => false, // who waits is to be heard of in another tab too
});
