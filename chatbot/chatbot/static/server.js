// Requests to the API, and errors with a sentence for the user.

import { absoluteUrl, connectionProblem, translate } from "../web/static/page.js";

const REQUEST_TIMEOUT_MS = 20_000;
const PERMANENT_STATUSES = new Set([400, 413, 415, 422]); // a retry would be refused too

/** A request that failed. `isRetryable`: whether a retry may succeed. */
export class Refusal extends Error {
  constructor(sentence, status = 0, answer = {}) {
    super(sentence);
    this.status = status;
    this.answer = answer;
    this.isRetryable = !PERMANENT_STATUSES.has(status);
  }
}

function sentenceOf(status, { detail }) {
  if (detail) return detail;
  if (status === 429) return translate("tooMany");
  return status >= 500 ? translate("unavailable") : translate("refused", { status });
}

/** Posts `body` and returns the response body. With an idempotency key `key` it may be repeated. Throws Refusal. */
export async function post(path, body, key = null) {
  const headers = { "Content-Type": "application/json", Accept: "application/json, application/problem+json" };
  if (key) headers["Idempotency-Key"] = key;
  let response;
  try {
    response = await fetch(absoluteUrl(path), {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch {
    throw new Refusal(translate(connectionProblem()));
  }
  const answer = (await response.json().catch(() => null)) ?? {};
  if (!response.ok) throw new Refusal(sentenceOf(response.status, answer), response.status, answer);
  return answer;
}
