/** What a retraining must reach, beside a fresh `fit` on the same items with the same seed. */
import { alignColumns, atLeast, atMost, reported } from "../figures.mjs";
import { CASES } from "./cases.mjs";
import { FIGURES, gainOver, medianOf, PERMUTED } from "./measure.mjs";

/**
 * @typedef {import("./measure.mjs").Churn} Churn
 * @typedef {import("../figures.mjs").Figure} Figure
 */

/**
 * @param {string} set
 * @param {string} name of the case
 * @param {Churn} churn
 * @returns {Figure[]} with targets for the default stability
 */
export function figuresOf(set, name, churn) {
  const of = (/** @type {string} */ what) => `${set} ${name}: ${what}`;
  const all = Object.entries(churn).flatMap(([way, measured]) =>
    [...FIGURES, /** @type {const} */ ("cpuSeconds")].flatMap((figure) => {
      const value = medianOf(measured, figure);
      return value === null ? [] : [reported(of(`${way}: ${figure}`), value, figure === "cpuSeconds" ? "s" : "")];
    }),
  );
  const { retrained, fresh } = churn;
  if (retrained === undefined) return all;
  const share = (/** @type {typeof FIGURES[number]} */ figure) => medianOf(retrained, figure);
  const gain = (/** @type {typeof FIGURES[number]} */ figure) => gainOver(retrained, fresh, figure);
  const targets = {
    a: () => [
      atLeast(of("unchanged"), share("unchanged"), 0.95),
      atLeast(of("first code unchanged"), share("first"), 0.99),
      atLeast(of("explained variance of unseen items, above fresh"), gain("evUnseen"), -0.005),
      atMost(of("collision, above fresh"), gain("collision"), 0.003),
      atLeast(of("a permuted copy, aligned: unchanged"), medianOf(churn[PERMUTED], "unchanged"), 1),
    ],
    b: () => [atLeast(of("unchanged, codes renamed"), share("aligned"), 0.8)],
    c: () => [
      atLeast(of("unchanged"), share("unchanged"), 0.9),
      atLeast(of("explained variance of the new kind, above fresh"), gain("evArrived"), -0.02),
    ],
  };
  return [...all, ...targets[name]()];
}

const TITLES = {
  unchanged: "unchanged",
  first: "first code",
  aligned: "aligned",
  evUnseen: "EV unseen",
  evArrived: "EV new kind",
  collision: "collision",
};

const show = (/** @type {number | null} */ value) => (value === null ? "-" : `${(100 * value).toFixed(1)}%`);

/** @type {(title: string, name: string, churn: Churn) => string} */
export function describeChurn(title, name, churn) {
  const rows = Object.entries(churn).map(([way, measured]) => [
    way,
    ...FIGURES.map((figure) => show(medianOf(measured, figure))),
    `${medianOf(measured, "cpuSeconds")?.toFixed(1)} s`,
  ]);
  return `\n${title}, (${name}) ${CASES[name]}\n${alignColumns([["", ...Object.values(TITLES), "CPU"], ...rows])}`;
}

/**
 * The tables of docs/training.md: the cases with their figures, and where several stabilities were measured, churn against variance.
 * @param {readonly { set: string, name: string, churn: Churn }[]} measured
 */
export function describeInMarkdown(measured) {
  const head = ["catalogue", "", "unchanged", "first code", "aligned", "EV unseen", "EV new kind", "collision"];
  const lines = measured.flatMap(({ set, name, churn }) =>
    Object.entries(churn).map(
      ([way, of]) =>
        `| ${set} (${name}) | ${way} | ${FIGURES.map((figure) => show(medianOf(of, figure))).join(" | ")} |`,
    ),
  );
  return ["", `| ${head.join(" | ")} |`, `|${head.map(() => " --- |").join("")}`, ...lines].join("\n");
}
