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
    throw new Error(connectionProblem() === "offline" ? translate("offline") : translate("unreachable"));
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Error(body?.detail ?? body?.title ?? translate("refused", { status: response.status }));
}
