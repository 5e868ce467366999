// Questions to the server.

import { absoluteUrl, connectionProblem, translate } from "../web/static/page.js";

const TIMEOUT_MS = 15_000;

/** The JSON at `path` below the page. Throws an Error whose message is a sentence for the user. */
export async function ask(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = given.length ? `?${new URLSearchParams(given)}` : "";
  let response;
  try {
    response = await fetch(absoluteUrl(`api/${path}${query}`), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw notReached();
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw refusal(response, body);
}

/**
 * Sends `body` to `path` below the page, and calls `told` with the JSON of each line of the answer as it comes. Ends
 * quietly when `signal` does. Throws an Error whose message is a sentence for the user.
 */
export async function send(path, body, told, signal) {
  const tellLine = (line) => {
    const said = JSON.parse(line);
    if (said.problem) throw Object.assign(new Error(said.problem), { isSaid: true });
    told(said);
  };
  try {
    const headers = { Accept: "application/x-ndjson", "Content-Type": "application/json" };
    const response = await fetch(absoluteUrl(`api/${path}`), { method: "POST", headers, body: JSON.stringify(body), signal });
    if (!response.ok) throw Object.assign(refusal(response, await response.json().catch(() => null)), { isSaid: true });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      lines.forEach(tellLine);
    }
  } catch (error) {
    if (!signal.aborted) throw error.isSaid ? error : notReached();
  }
}

const notReached = () => new Error(connectionProblem() === "offline" ? translate("offline") : translate("unreachable"));
const refusal = ({ status }, body) => new Error(body?.detail ?? body?.title ?? translate("refused", { status }));
