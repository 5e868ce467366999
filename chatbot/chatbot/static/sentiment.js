// Sentiments: as a face with a word, never as a colour alone, and as a chart over time.

import { svgElement, element, icon, lang, translate } from "../web/static/page.js";

const percents = new Intl.NumberFormat(lang, { style: "percent" });

export const percent = (share) => percents.format(share);

const MAX_MESSAGES = 20; // in a chart
const MAX_STEP_PX = 24; // between two messages
const EDGE_PX = 4;

/** The face of a sentiment, with the word beside it. */
export function mark({ sentimento, confianca }) {
  return element("span", { className: "feel", dataset: { testid: "feel", sentiment: sentimento } },
    icon(sentimento),
    element("span", { text: translate("sounds", { sentiment: translate(sentimento), percent: percent(confianca) }) }));
}

/** The last sentiments as faces. */
export function faces(sentiments, most) {
  return element("span", { className: "faces", "aria-hidden": "true" },
    ...sentiments.slice(-most).map(({ sentimento }) =>
      element("span", { className: "feel", dataset: { sentiment: sentimento } }, icon(sentimento))));
}

/** The faces and the chart in words. */
export function describe(sentiments) {
  const last = sentiments.slice(-MAX_MESSAGES);
  const list = last.map(({ sentimento }) => translate(sentimento)).join(", ");
  return last.length === 1 ? translate("chartOne", { list }) : translate("chart", { count: last.length, list });
}

/** A line chart of the last scores, oldest first; above the middle is positive. */
export function chart(sentiments, width, height) {
  const last = sentiments.slice(-MAX_MESSAGES);
  const step = Math.min(MAX_STEP_PX, (width - 2 * EDGE_PX) / (last.length - 1));
  const points = last.map(({ score, sentimento }, place) => ({
    x: EDGE_PX + (place ? place * step : 0),
    y: EDGE_PX + (height / 2 - EDGE_PX) * (1 - score),
    sentimento,
  }));
  return svgElement("svg", { class: "line", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": describe(sentiments) },
    svgElement("line", { class: "line-middle", x1: 0, x2: width, y1: height / 2, y2: height / 2 }),
    svgElement("polyline", { class: "line-way", points: points.map(({ x, y }) => `${x},${y}`).join(" ") }),
    ...points.map(({ x, y, sentimento }) => svgElement("circle", { class: "line-point", "data-sentiment": sentimento, cx: x, cy: y, r: 3 })));
}
