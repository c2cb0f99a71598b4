/** What a bench found: figures with the targets they must reach, and columns to show them in. */

/**
 * @typedef {object} Figure
 * @property {string} name
 * @property {number | null} value
 * @property {string} unit "" for a share or a difference of shares.
 * @property {string | null} target null: measured, no target.
 * @property {boolean | null} holds
 */

/** Sums of rounded figures must not miss by the last bit. */
const SLACK = 1e-12;

/** @type {(name: string, value: number | null, target: number, unit?: string) => Figure} */
export const atLeast = (name, value, target, unit = "") => ({
  ...{ name, value, unit, target: `>= ${target}` },
  holds: value !== null && value >= target - SLACK,
});

/** @type {(name: string, value: number | null, target: number, unit?: string) => Figure} */
export const atMost = (name, value, target, unit = "") => ({
  ...{ name, value, unit, target: `<= ${target}` },
  holds: value !== null && value <= target + SLACK,
});

/** @type {(name: string, value: number | null, unit?: string) => Figure} */
export const reported = (name, value, unit = "") => ({ name, value, unit, target: null, holds: null });

/**
 * Columns of words aligned to the left, then columns of figures to the right.
 * @param {string[][]} rows
 * @param {number} [words]
 */
export function alignColumns(rows, words = 1) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column < words ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/**
 * @param {readonly Figure[]} figures with a target
 */
export function describeTargets(figures) {
  const show = ({ value, unit }) => (value === null ? "-" : `${Number(value.toFixed(4))}${unit && ` ${unit}`}`);
  const rows = figures.map((figure) => [
    figure.holds ? "holds " : "MISSES",
    figure.name,
    show(figure),
    figure.target ?? "",
  ]);
  const held = figures.filter((figure) => figure.holds).length;
  return ["", `Targets: ${held} of ${figures.length} hold`, alignColumns(rows, 2)].join("\n");
}
