// Headers and value of a record.

import { element, translate } from "../web/static/page.js";
import { bytes } from "./words.js";

function valueText(value) {
  if (value === null || value === undefined) return translate("noValue");
  if ("json" in value) return JSON.stringify(value.json, null, 2);
  return value.text ?? value.hex ?? "";
}

const formOf = (value) => ("json" in value ? translate("asJson") : "hex" in value ? translate("asHex") : translate("asText"));

/** Headers and value, or that the record is gone: it was deleted, or compacted. */
export function content({ headers, value, gone }) {
  if (gone || !headers) return element("p", { className: "small muted", text: translate("recordGone") });
  const rows = headers.map(([name, text]) => element("tr", {}, element("th", { scope: "row", className: "mono", text: name }), element("td", { className: "mono", text: text ?? "" })));
  return element("div", { className: "content" },
    element("div", {},
      element("h3", { className: "content-title", text: translate("headers") }),
      rows.length ? element("table", { className: "headers" }, element("tbody", {}, ...rows)) : element("p", { className: "small muted", text: translate("noHeaders") })),
    element("div", {},
      element("h3", { className: "content-title", text: translate("value") }),
      element("p", { className: "small muted", text: value ? [formOf(value), bytes(value.bytes), value.cut ? translate("cut") : "", value.unreadable ? translate("unreadable", { reason: value.unreadable }) : ""].filter(Boolean).join(" · ") : "" }),
      element("pre", { className: "value", tabindex: "0", "aria-label": translate("value"), "data-testid": "value", text: valueText(value) })));
}
