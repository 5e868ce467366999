// Shared by the modules of the page: the helpers of all pages, settings, and formatting.

import { connectionProblem, data, interpolate, lang, translate } from "../web/static/page.js";

export * from "../web/static/page.js";

export const { maxMegabytes, operations } = data;

/** The label of an operation; its name, if the page has no label for it. */
export const labelOf = (operation) => data.labels[operation] ?? operation;

/** The sentence that says that an operation on the file `name` is done. */
export function doneNews(operation, name) {
  const sentence = data.news[operation];
  return sentence ? interpolate(sentence, { name }) : translate("doneNews", { name, label: labelOf(operation) });
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

/** Formats that browsers cannot display, or that this one failed to display. */
export const unsupportedFormats = new Set(["HEIC", "HEIF", "TIFF", "TIF"]);

/** The URL of a WebP preview: for a tile, or as a replacement for a format that the browser cannot display. */
export const preview = ({ url }, width = 480) => `${url}?width=${width}`;
export const replacement = (view) => preview(view, 1600);

/** A sentence that says why a picture cannot be displayed. */
export async function whyNotShown(view) {
  try {
    const { ok, status } = await fetch(preview(view), { method: "HEAD" });
    if (status === 404) return translate("gone");
    return ok || status === 422 ? translate("cannotShow", { format: view.format }) : translate("unreadable");
  } catch {
    return translate(connectionProblem());
  }
}

/** The code of a problem (RFC 9457); empty if there is none. */
export const codeOf = ({ type }) => /^urn:problem:(.+)$/.exec(type ?? "")?.[1] ?? "";
