// How messages sound: a face and a word, never a colour alone; and a line over time.

import { drawing, element, icon, lang, say } from "../web/static/page.js";

const percents = new Intl.NumberFormat(lang, { style: "percent" });

export const percent = (share) => percents.format(share);

const MOST = 20; // messages on a line
const WIDEST = 24; // pixels from one to the next
const EDGE = 4;

/** A face that says how a message sounds, with the word beside it. */
export function mark({ sentimento, confianca }) {
  return element("span", { className: "feel", dataset: { testid: "feel", sentiment: sentimento } },
    icon(sentimento),
    element("span", { text: say("sounds", { sentiment: say(sentimento), percent: percent(confianca) }) }));
}

/** The last messages as faces, told in one sentence. */
export function faces(sentiments, most) {
  return element("span", { className: "faces", "aria-hidden": "true" },
    ...sentiments.slice(-most).map(({ sentimento }) =>
      element("span", { className: "feel", dataset: { sentiment: sentimento } }, icon(sentimento))));
}

/** What faces and line say, in words. */
export function told(sentiments) {
  const last = sentiments.slice(-MOST);
  const list = last.map(({ sentimento }) => say(sentimento)).join(", ");
  return last.length === 1 ? say("chartOne", { list }) : say("chart", { count: last.length, list });
}

/** A line through the scores of the last messages, oldest first; above the middle is positive. */
export function chart(sentiments, width, height) {
  const last = sentiments.slice(-MOST);
  const step = Math.min(WIDEST, (width - 2 * EDGE) / (last.length - 1));
  const points = last.map(({ score, sentimento }, place) => ({
    x: EDGE + (place ? place * step : 0),
    y: EDGE + (height / 2 - EDGE) * (1 - score),
    sentimento,
  }));
  return drawing("svg", { class: "line", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": told(sentiments) },
    drawing("line", { class: "line-middle", x1: 0, x2: width, y1: height / 2, y2: height / 2 }),
    drawing("polyline", { class: "line-way", points: points.map(({ x, y }) => `${x},${y}`).join(" ") }),
    ...points.map(({ x, y, sentimento }) => drawing("circle", { class: "line-point", "data-sentiment": sentimento, cx: x, cy: y, r: 3 })));
}
