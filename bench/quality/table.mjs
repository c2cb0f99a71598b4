/** The results as text for people, and as a flat list of figures. */
import { alignColumns, reported } from "../figures.mjs";
import { METHOD_NAMES, METHODS } from "./assess.mjs";
import { median } from "./measures.mjs";
import { shapeWords } from "./shapes.mjs";
import { baselineOf, bestOf, KMEANS, REAL_METHODS, RESIDUAL_QUANTIZERS } from "./targets.mjs";

/**
 * @typedef {import("./assess.mjs").Comparison} Comparison
 * @typedef {import("./assess.mjs").Measured} Measured
 * @typedef {import("../figures.mjs").Figure} Figure
 */

const share = (value) => (value === null || value === undefined ? "-" : value.toFixed(3));
const percent = (value) => `${(100 * value).toFixed(2)}`;
const signed = (value) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;
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
 * Agreement of neighbours in their first codes: the share, by chance, and less that of greedy k-means.
 * @param {Measured} measured
 * @param {0 | 1} depth
 */
function describeNeighbours({ neighbours, chance, neighboursToGreedy }, depth) {
  const toGreedy = neighboursToGreedy[depth];
  const words = `${share(neighbours[depth])} (${share(chance[depth])})`;
  return toGreedy === undefined ? words : `${words} ${signed(toGreedy)}`;
}

/**
 * @param {Comparison} comparison
 */
export function describeComparison(comparison) {
  const { catalogue, seenRows, distinctVectors, settings, notes } = comparison;
  const { title, items, codes, category, attributes } = catalogue;
  const head = [
    "",
    `${title}: ${items.rows} items x ${items.dim}, ${shapeWords(codes)} codes, ${seenRows} items seen, ` +
      `${items.rows - distinctVectors} copies of another item`,
    `  the default chose: ${settings}${category ? `; NMI with "${category.name}"` : ""}`,
  ];
  const columns = ["", "EV seen", "EV unseen", "distinct %", "of distinct %", "usage", "entropy/level"];
  if (category) columns.push("NMI");
  if (attributes) columns.push("overlap 1, 2");
  columns.push("neighb. 1 (chance) to greedy", "neighb. 2 (chance) to greedy", "s", "CPU s");
  const measured = METHOD_NAMES.filter((method) => comparison[method].length > 0);
  const rows = measured.map((method) => {
    const m = medianOf(comparison[method]);
    const cells = [METHODS[method], share(m.evSeen), share(m.evUnseen)];
    cells.push(percent(m.distinct), percent(m.distinctAmongDistinct), perLevel(m.usage), perLevel(m.entropy));
    if (category) cells.push(share(m.nmi));
    if (attributes) cells.push(m.overlap.map(share).join(" "));
    cells.push(describeNeighbours(m, 0), describeNeighbours(m, 1));
    return [...cells, m.seconds.toFixed(1), m.cpuSeconds.toFixed(1)];
  });
  const remarks = notes.map((note) => `  ${note}`);
  const chosen = baselineOf(comparison).map((best) => {
    const method = RESIDUAL_QUANTIZERS.find((each) => comparison[each].includes(best));
    return METHODS[/** @type {keyof typeof METHODS} */ (method)];
  });
  if (chosen.length > 0) remarks.unshift(`  the baseline, seed by seed: ${chosen.join("; ")}`);
  return [...head, alignColumns([columns, ...rows]), ...remarks].join("\n");
}

const MARKDOWN_COLUMNS = [
  ...["catalogue", "items, codes", "field's recipe", "k-means, greedy", "k-means, best", "faiss RQ", "default"],
  ...["collision: lowest other", "default", "first code shared: greedy", "default"],
];

/**
 * The table of docs/quality.md, in Markdown: explained variance of unseen items, collision among distinct vectors, and the share of the ten
 * nearest neighbours with the same first code. Median over the seeds.
 * @param {readonly Comparison[]} comparisons
 */
export function describeInMarkdown(comparisons) {
  const evUnseen = (m) => m.evUnseen;
  const collision = (m) => 1 - m.distinctAmongDistinct;
  const of = (list, figure) => (list.length === 0 ? "-" : `${(100 * median(list.map(figure))).toFixed(1)}%`);
  const rows = comparisons.map((comparison) => {
    const { title, items, codes } = comparison.catalogue;
    const best = (methods, figure) => bestOf(comparison, methods, figure);
    return [
      ...[title, `${items.rows.toLocaleString("en")} × ${items.dim}, ${shapeWords(codes).replace(" x ", " × ")}`],
      ...[of(comparison.recipe, evUnseen), of(comparison.kmeansFull, evUnseen)],
      of(best(KMEANS, evUnseen), evUnseen),
      of(best(["faissBeam8", "faissBeam32"], evUnseen), evUnseen),
      `**${of(comparison.default, evUnseen)}**`,
      of(
        best(REAL_METHODS, (m) => -collision(m)),
        collision,
      ),
      of(comparison.default, collision),
      of(comparison.kmeansFull, (m) => m.neighbours[0]),
      of(comparison.default, (m) => m.neighbours[0]),
    ];
  });
  const lines = [MARKDOWN_COLUMNS, MARKDOWN_COLUMNS.map(() => "---"), ...rows].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
  return ["", ...lines].join("\n");
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
  const measured = METHOD_NAMES.filter((method) => comparison[method].length > 0);
  return measured.flatMap((method) =>
    Object.entries(medianOf(comparison[method])).flatMap(([key, value]) => {
      const unit = key === "seconds" || key === "cpuSeconds" ? "s" : key === "perplexity" ? "codes" : "";
      const name = `${set}: ${method}: ${key}`;
      if (!Array.isArray(value)) return value === null ? [] : [reported(name, value, unit)];
      return value.flatMap((each, i) => (each === null ? [] : [reported(`${name} ${i + 1}`, each, unit)]));
    }),
  );
}
