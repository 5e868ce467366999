// Requests to the API; what goes wrong is a sentence for the person.

import { address, cutOff, say } from "../web/static/page.js";

const PATIENCE = 20_000;
const USELESS = new Set([400, 413, 415, 422]); // the same again would be refused again

/** Why the server did not take a request. */
export class Refusal extends Error {
  constructor(sentence, status = 0, answer = {}) {
    super(sentence);
    this.status = status;
    this.answer = answer;
    this.again = !USELESS.has(status);
  }
}

function sentenceOf(status, { detail }) {
  if (detail) return detail;
  if (status === 429) return say("tooMany");
  return status >= 500 ? say("unavailable") : say("refused", { status });
}

/** What the server answers to `body`; with a `key` it may be asked again, and takes it once. Raises Refusal. */
export async function post(path, body, key = null) {
  const headers = { "Content-Type": "application/json", Accept: "application/json, application/problem+json" };
  if (key) headers["Idempotency-Key"] = key;
  let reply;
  try {
    reply = await fetch(address(path), {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Refusal(say(cutOff()));
  }
  const answer = (await reply.json().catch(() => null)) ?? {};
  if (!reply.ok) throw new Refusal(sentenceOf(reply.status, answer), reply.status, answer);
  return answer;
}
