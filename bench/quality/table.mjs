/** The results as text for people, and as a flat list of figures. */
import { alignColumns, reported } from "../figures.mjs";
import { METHODS } from "./assess.mjs";
import { median } from "./measures.mjs";

/**
 * @typedef {import("./assess.mjs").Comparison} Comparison
 * @typedef {import("./assess.mjs").Measured} Measured
 * @typedef {import("../figures.mjs").Figure} Figure
 */

const share = (value) => (value === null || value === undefined ? "-" : value.toFixed(3));
const percent = (value) => `${(100 * value).toFixed(2)}`;
const perLevel = (values) => values.map((value) => value.toFixed(2).replace(/^0/, "")).join(" ");

/**
 * The median over the seeds of every figure.
 * @param {readonly Measured[]} measured
 * @returns {Measured}
 */
export function medianOf(measured) {
  const [first] = measured;
  const entries = Object.keys(first).map((key) => {
    const list = first[key];
    if (!Array.isArray(list)) return [key, median(measured.map((each) => each[key]))];
    return [key, list.map((_, i) => median(measured.map((each) => each[key][i])))];
  });
  return /** @type {any} */ (Object.fromEntries(entries));
}

/**
 * @param {Comparison} comparison
 */
export function describeComparison(comparison) {
  const { catalogue, seenRows, distinctVectors, settings } = comparison;
  const { title, items, levels, codes, category, attributes } = catalogue;
  const head = [
    "",
    `${title}: ${items.rows} items x ${items.dim}, ${levels} x ${codes} codes, ${seenRows} items seen, ` +
      `${items.rows - distinctVectors} copies of another item`,
    `  the default chose: ${settings}${category ? `; NMI with "${category.name}"` : ""}`,
  ];
  const columns = ["", "EV seen", "EV unseen", "distinct %", "of distinct %", "usage", "entropy/level"];
  if (category) columns.push("NMI");
  if (attributes) columns.push("overlap 1, 2");
  columns.push("neighb. 1 (chance)", "neighb. 2 (chance)", "s", "CPU s");
  const rows = Object.entries(METHODS).map(([method, name]) => {
    const m = medianOf(comparison[method]);
    const cells = [name, share(m.evSeen), share(m.evUnseen), percent(m.distinct), percent(m.distinctAmongDistinct)];
    cells.push(perLevel(m.usage), perLevel(m.entropy));
    if (category) cells.push(share(m.nmi));
    if (attributes) cells.push(m.overlap.map(share).join(" "));
    for (const depth of [0, 1]) cells.push(`${share(m.neighbours[depth])} (${share(m.chance[depth])})`);
    return [...cells, m.seconds.toFixed(1), m.cpuSeconds.toFixed(1)];
  });
  return [...head, alignColumns([columns, ...rows])].join("\n");
}

/**
 * @param {readonly { name: string, levels: number, measured: import("./assess.mjs").IdMeasures }[]} published
 */
export function describePublished(published) {
  const rows = published.map(({ name, levels, measured }) => {
    const { distinct, usage, entropy, overlap } = measured;
    const first = [...entropy.slice(0, 4)];
    return [
      name,
      `${levels}`,
      percent(1 - distinct),
      `${Math.round(256 * usage[0])}`,
      perLevel(first),
      overlap.map(share).join(" "),
    ];
  });
  const columns = ["", "levels", "collision %", "first codes", "entropy, levels 1-4", "overlap 1, 2"];
  return ["", "Published IDs, by the same ruler", alignColumns([columns, ...rows])].join("\n");
}

/**
 * Everything that was measured of the methods, median over the seeds.
 * @param {Comparison} comparison
 * @returns {Figure[]}
 */
export function figuresOf(comparison) {
  const set = comparison.catalogue.name;
  return Object.keys(METHODS).flatMap((method) =>
    Object.entries(medianOf(comparison[method])).flatMap(([key, value]) => {
      const unit = key === "seconds" || key === "cpuSeconds" ? "s" : key === "perplexity" ? "codes" : "";
      const name = `${set}: ${method}: ${key}`;
      if (!Array.isArray(value)) return value === null ? [] : [reported(name, value, unit)];
      return value.flatMap((each, i) => (each === null ? [] : [reported(`${name} ${i + 1}`, each, unit)]));
    }),
  );
}
