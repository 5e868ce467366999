// What every module of the page uses: what all pages share, its settings, and how it names things.

import { cutOff, data, filled, lang, say } from "../web/static/page.js";

export * from "../web/static/page.js";

export const { maxMegabytes, operations } = data;

/** What people call an operation; one that is new to this page goes by its own name. */
export const labelOf = (operation) => data.labels[operation] ?? operation;

/** That an operation on the file `name` is done. */
export function doneNews(operation, name) {
  const sentence = data.news[operation];
  return sentence ? filled(sentence, { name }) : say("doneNews", { name, label: labelOf(operation) });
}

const MEGABYTE = 1e6;
const decimals = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(lang, { style: "percent" });
const times = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });

export const maxBytes = maxMegabytes * MEGABYTE;
export const percent = (share) => percents.format(Math.floor(share * 100) / 100);
export const time = (seconds) => times.format(seconds * 1000);

export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < MEGABYTE) return `${Math.round(bytes / 1024)} KB`;
  const megabytes = bytes / MEGABYTE;
  // never "20 MB" for a file that is over 20 MB
  const shown = bytes > maxBytes ? Math.ceil(megabytes * 10) / 10 : megabytes;
  return `${decimals.format(shown)} MB`;
}

/** Formats that browsers do not show, and those that this one has been seen not to. */
export const blind = new Set(["HEIC", "HEIF", "TIFF", "TIF"]);

/** The address of a small WebP of a picture: for a tile, or to stand in for one that the browser cannot show. */
export const small = ({ url }, width = 480) => `${url}?width=${width}`;
export const instead = (view) => small(view, 1600);

/** Why a picture does not appear, in a sentence. */
export async function whyNotShown(view) {
  try {
    const { ok, status } = await fetch(small(view), { method: "HEAD" });
    if (status === 404) return say("gone");
    return ok || status === 422 ? say("cannotShow", { format: view.format }) : say("unreadable");
  } catch {
    return say(cutOff());
  }
}

/** What the server says of a problem (RFC 9457), where it says anything. */
export const codeOf = ({ type }) => /^urn:problem:(.+)$/.exec(type ?? "")?.[1] ?? "";
