/** A drawing of churn against explained variance: what each stability keeps, and what it learns. */
import { medianOf, wayOf } from "./measure.mjs";

/** @typedef {{ stability: number, unchanged: number, evUnseen: number }} Point */

/**
 * @param {import("./measure.mjs").Churn} churn
 * @param {readonly number[]} stabilities
 * @returns {{ points: Point[], fresh: number, old: number }} Medians over the seeds; variances of unseen items by a fresh fit and by the old model.
 */
export function frontierOf(churn, stabilities) {
  const points = [...stabilities]
    .sort((a, b) => a - b)
    .map((stability) => {
      const of = churn[wayOf(stability)];
      return { stability, unchanged: medianOf(of, "unchanged") ?? 0, evUnseen: medianOf(of, "evUnseen") ?? 0 };
    });
  return {
    points,
    fresh: medianOf(churn.fresh, "evUnseen") ?? 0,
    old: medianOf(churn.old, "evUnseen") ?? 0,
  };
}

const [WIDTH, HEIGHT, MARGIN] = [300, 240, { left: 52, right: 18, top: 34, bottom: 44 }];
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #333; }
  .title { font-weight: 600; }
  .axis { stroke: #999; fill: none; }
  .line { stroke: #3b5bdb; stroke-width: 2; fill: none; }
  .point { fill: #3b5bdb; }
  .level { stroke: #c2255c; stroke-dasharray: 4 3; }
  .old { stroke: #868e96; stroke-dasharray: 2 3; }
  .note { font-size: 11px; fill: #666; }
  @media (prefers-color-scheme: dark) { text { fill: #ddd; } .note { fill: #aaa; } .line { stroke: #91a7ff; } .point { fill: #91a7ff; } }`;

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)}%`;
const escaped = (/** @type {string} */ text) => text.replace(/[&<]/g, (sign) => (sign === "&" ? "&amp;" : "&lt;"));

/**
 * One panel a catalogue, side by side.
 * @param {readonly ({ title: string } & ReturnType<typeof frontierOf>)[]} panels
 * @returns {string} SVG
 */
export function drawFrontiers(panels) {
  const drawn = panels.map((panel, place) => `<g transform="translate(${place * WIDTH} 0)">${drawPanel(panel)}</g>`);
  const size = `width="${panels.length * WIDTH}" height="${HEIGHT}" viewBox="0 0 ${panels.length * WIDTH} ${HEIGHT}"`;
  const label = "Share of IDs that stay unchanged against the explained variance of unseen items, by stability";
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${label}"><style>${STYLE}\n</style>\n${drawn.join("\n")}\n</svg>\n`;
}

/** @param {{ title: string } & ReturnType<typeof frontierOf>} panel */
function drawPanel({ title, points, fresh, old }) {
  const scale = (/** @type {number[]} */ values, /** @type {number} */ least) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = Math.max((high - low) * 0.15, least);
    return { low: low - room, span: high - low + 2 * room };
  };
  const across = scale(points.map((point) => point.unchanged), 0.01); // biome-ignore format: one line
  const up = scale([...points.map((point) => point.evUnseen), fresh, old], 0.002);
  const { left, right, top, bottom } = MARGIN;
  const x = (/** @type {number} */ value) => left + ((value - across.low) / across.span) * (WIDTH - left - right);
  const y = (/** @type {number} */ value) => HEIGHT - bottom - ((value - up.low) / up.span) * (HEIGHT - top - bottom);
  const at = (/** @type {number} */ value) => value.toFixed(1);
  const level = (/** @type {string} */ kind, /** @type {number} */ value, /** @type {string} */ name) =>
    `<line class="${kind}" x1="${left}" x2="${WIDTH - right}" y1="${at(y(value))}" y2="${at(y(value))}"/>` +
    `<text class="note" x="${left + 4}" y="${at(y(value) - 4)}">${name}</text>`;
  const marks = points.map(({ stability, unchanged, evUnseen }) => {
    const words = `stability ${stability}: ${percent(unchanged)} unchanged, ${percent(evUnseen)} explained`;
    return `<circle class="point" cx="${at(x(unchanged))}" cy="${at(y(evUnseen))}" r="4"><title>${words}</title></circle>`;
  });
  /** Below its point or above it; left out where there is no room. @type {{ x: number, y: number }[]} */
  const places = [];
  const isFree = (/** @type {{ x: number, y: number }} */ place) =>
    places.every((other) => Math.abs(other.x - place.x) > 26 || Math.abs(other.y - place.y) > 12);
  for (const { stability, unchanged, evUnseen } of points) {
    const place = [17, -9].map((below) => ({ x: x(unchanged), y: y(evUnseen) + below })).find(isFree);
    if (!place) continue;
    places.push(place);
    marks.push(`<text class="note" x="${at(place.x)}" y="${at(place.y)}" text-anchor="middle">${stability}</text>`);
  }
  const path = points.map(({ unchanged, evUnseen }) => `${at(x(unchanged))},${at(y(evUnseen))}`).join(" ");
  const [first, last] = [Math.min, Math.max].map((pick) => pick(...points.map((point) => point.unchanged)));
  const ends = first === last ? [first] : [first, last];
  const ticks = [
    ...ends.map((value) => `<text class="note" x="${at(x(value))}" y="${HEIGHT - bottom + 16}" text-anchor="middle">${percent(value)}</text>`),
    ...[fresh, old].map((value) => `<text class="note" x="${left - 6}" y="${at(y(value) + 4)}" text-anchor="end">${percent(value)}</text>`),
  ]; // biome-ignore format: one line each
  return [
    `<text class="title" x="${left}" y="18">${escaped(title)}</text>`,
    `<path class="axis" d="M${left} ${top}V${HEIGHT - bottom}H${WIDTH - right}"/>`,
    level("level", fresh, "trained afresh"),
    level("old", old, "old model"),
    `<polyline class="line" points="${path}"/>`,
    ...marks,
    ...ticks,
    `<text class="note" x="${(left + WIDTH - right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">IDs unchanged (points: stability)</text>`,
  ].join("\n");
}
