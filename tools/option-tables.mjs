// The tables of options in docs/training.md, made of the built package's own description of them (bindings/js/options).
//
//   node tools/option-tables.mjs            prints them
//   node tools/option-tables.mjs --write    writes them between their marks in docs/training.md
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "./setup.mjs";

/** @typedef {import("../dist/options/index.js").OptionDescription} OptionDescription */

const GUIDE = join(ROOT, "docs/training.md");

/** One table: a row per option. @param {readonly OptionDescription[]} options @returns {string} */
export function optionTable(options) {
  const rows = options.map((option) => [`\`${option.name}\``, defaultOf(option), valuesOf(option), option.guide ?? ""]);
  const all = [["option", "default", "values", "what"], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((cells) => [...cells[column]].length)));
  const lines = all.map(
    (cells) => `| ${cells.map((cell, i) => cell + " ".repeat(widths[i] - [...cell].length)).join(" | ")} |`,
  );
  lines.splice(1, 0, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
  return lines.join("\n");
}

const code = (/** @type {unknown} */ value) => `\`${JSON.stringify(value)}\``;

/** @param {OptionDescription} option */
function defaultOf({ kind, default: value, usually }) {
  if (usually !== undefined) return usually;
  if (kind === "choice") return code(value);
  return Array.isArray(value) ? `[${value.join(", ")}]` : typeof value === "number" ? count(value) : String(value);
}

/** @param {OptionDescription} option */
function valuesOf(option) {
  switch (option.kind) {
    case "choice":
      return (option.choices ?? []).map(code).join(", ");
    case "flag":
      return ["true", "false", ...(option.also === undefined ? [] : [code(option.also)])].join(", ");
    case "integers":
      return `up to ${option.most} of ${rangeOf(option)}`;
    case "integerPerLevel":
    case "numberPerLevel":
      return `${rangeOf(option)}, or one per level`;
    default:
      return rangeOf(option);
  }
}

/** @param {OptionDescription} option */
function rangeOf({ min = 0, max, isOpen }) {
  if (max === undefined) return isOpen ? `above ${min}` : `at least ${min}`;
  if (isOpen) return `above ${min} to ${power(max)}`;
  const near = Math.round(max);
  return max < near && near - max < 1e-6 ? `${min} to below ${near}` : `${min} to ${power(max)}`;
}

/** @param {number} x */
const count = (x) => (Math.abs(x) >= 1000 ? x.toLocaleString("en") : String(x));

/** Large numbers as powers of two. @param {number} x */
function power(x) {
  if (x === Number.MAX_SAFE_INTEGER) return "2^53 − 1";
  const exponent = Math.log2(x);
  return exponent >= 14 && Number.isInteger(exponent) ? `2^${exponent}` : count(x);
}

/** The guide's text with the tables of these options in their places. @param {string} text @param {readonly OptionDescription[]} options */
export function withTables(text, options) {
  return text.replace(
    /(<!-- options of (model|train), by tools\/option-tables\.mjs -->\n).*?(\n<!-- end -->)/gs,
    (_, begin, part, end) => `${begin}\n${optionTable(options.filter(({ of }) => of === part))}\n${end}`,
  );
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { OPTIONS } = await import("../dist/options/index.js");
  const text = withTables(readFileSync(GUIDE, "utf8"), OPTIONS);
  if (process.argv[2] === "--write") writeFileSync(GUIDE, text);
  else process.stdout.write(text);
}
