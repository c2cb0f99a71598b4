// The part of docs/guides/errors.md that lists the codes, from bindings/js/base/error-codes.ts.
//
//   node tools/errors.mjs            prints it
//   node tools/errors.mjs --write    writes it into the guide
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "./setup.mjs";

export const ERRORS_FILE = "docs/guides/errors.md";
const BEGIN = '<!-- Written by "node tools/errors.mjs --write" from the list of the codes. -->\n';
const END = "<!-- The end of what is written. -->\n";

/**
 * Every code with its group and what it says.
 * @returns {{ code: string, group: string, text: string }[]}
 */
export function errorCodes() {
  const source = readFileSync(join(ROOT, "bindings/js/base/error-codes.ts"), "utf8");
  const list = source.slice(source.indexOf("export type ErrorCode"));
  let group = "";
  return [...list.matchAll(/^ {2}\/\/ (.*)$|^ {2}\/\*\* (.*) \*\/\n {2}\| "(\w+)"/gm)].flatMap(
    ([, heading, text, code]) => {
      if (heading !== undefined) group = heading;
      return code === undefined || text === undefined ? [] : [{ code, group, text }];
    },
  );
}

/** A table of Markdown, as Biome writes it. @param {string[][]} rows @returns {string} */
function table([head = [], ...rows]) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (/** @type {string[]} */ row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |\n`;
  return [head, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("");
}

/** The codes as tables of Markdown. @returns {string} */
export function codeTables() {
  const codes = errorCodes();
  const groups = [...new Set(codes.map(({ group }) => group))];
  return groups
    .map((group) => {
      const rows = codes.filter((entry) => entry.group === group).map(({ code, text }) => [`\`${code}\``, text]);
      return `### ${group}\n\n${table([["Code", "What went wrong"], ...rows])}\n`;
    })
    .join("");
}

/** The guide with these tables in it. @param {string} guide @returns {string} */
export function withCodeTables(guide) {
  const [before, rest] = guide.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${ERRORS_FILE} has no place for the codes: "${BEGIN.trim()}"`);
  return `${before}${BEGIN}\n${codeTables()}${END}${after}`;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--write")) {
    const file = join(ROOT, ERRORS_FILE);
    writeFileSync(file, withCodeTables(readFileSync(file, "utf8")));
  } else process.stdout.write(codeTables());
}
