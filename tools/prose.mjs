// Reads our prose: README, guides, the pages of examples, the docstrings of what the package exports, and the messages of the package and
// of the demo page. A part of `npm run check`.
//
//   node tools/prose.mjs                  everything; says nothing when there is nothing to say
//   node tools/prose.mjs docs README.md   only what lies below these paths
//   node tools/prose.mjs --count          how many findings there are, by file and by rule
//
// The rules are in tools/prose. A sentence of a page that has to stand as it is goes between <!-- markdownlint-disable RULE --> and
// <!-- markdownlint-enable RULE -->.
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import markdownIt from "markdown-it";
import { lint } from "markdownlint/sync";
import { PAGES, PROSE, RULES, readMessage } from "./prose/rules.mjs";
import { proseOf, proseOfHtml } from "./prose/sources.mjs";
import { ROOT } from "./setup.mjs";

/** The changelog is a list of facts, and what is released stays as it was. */
const PAGE =
  /^(?:(?!CHANGELOG)[A-Z]+\.md|docs\/(?!site\/).*\.md|examples\/[^/]+\/README\.md|tests\/fixtures\/README\.md)$/;
const SOURCE = /^(?:bindings\/js|web\/src)\/.*(?<!\.d)\.ts$|^web\/[^/]+\.html$/;
/** Its rows are exported as options by a type that is made of them. */
const TABLE = "bindings/js/options/table.ts";

/** @typedef {{ file: string, line: number, rule: string, message: string }} Finding */

/** The files that are read, by their paths from the root. */
export function proseFiles(root = ROOT) {
  const below = ["docs", "examples", "tests/fixtures", "bindings/js", "web"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name.replaceAll("\\", "/")}`,
    ),
  );
  const all = [...readdirSync(root), ...below].sort();
  return { pages: all.filter((name) => PAGE.test(name)), sources: all.filter((name) => SOURCE.test(name)) };
}

/**
 * What is wrong with some texts.
 * @param {Record<string, string>} texts Markdown by name
 * @param {Record<string, unknown>} [config] of markdownlint
 * @returns {Finding[]}
 */
export function findings(texts, config = PAGES) {
  const results = lint({
    strings: texts,
    config: /** @type {any} */ (config),
    customRules: /** @type {any} */ (RULES),
    markdownItFactory: () => /** @type {any} */ (markdownIt({ html: true })),
  });
  return Object.entries(results).flatMap(([file, errors]) =>
    errors.map(({ lineNumber, ruleNames, ruleDescription, errorDetail, errorContext }) => ({
      file,
      line: lineNumber,
      rule: String(ruleNames.at(-1)),
      message: [errorDetail ?? ruleDescription, errorContext].filter(Boolean).join(": "),
    })),
  );
}

/**
 * What is wrong with the prose in the sources of the package and the page.
 * @param {Record<string, string>} sources by name
 * @param {(name: string) => boolean} isPublic whether the package exports a declaration of this name
 * @returns {Finding[]}
 */
export function findingsInSources(sources, isPublic) {
  /** @type {Record<string, string>} */
  const docstrings = {};
  /** @type {Finding[]} */
  const inMessages = [];
  for (const [file, source] of Object.entries(sources)) {
    if (file.endsWith(".html")) {
      for (const text of proseOfHtml(source))
        for (const found of readMessage(text)) inMessages.push({ file, line: text.line, ...found });
      continue;
    }
    const prose = proseOf(file, source, (name) => file === TABLE || (file.startsWith("bindings/") && isPublic(name)));
    if (/\S/.test(prose.docstrings)) docstrings[file] = prose.docstrings;
    for (const text of prose.messages)
      for (const found of readMessage(text)) inMessages.push({ file, line: text.line, ...found });
  }
  return [...findings(docstrings, PROSE), ...inMessages];
}

/** The names that the package exports, from the list of its signatures. */
function exportedNames(root = ROOT) {
  const api = readFileSync(join(root, "docs/api.txt"), "utf8");
  return new Set(Array.from(api.matchAll(/^export (?:declare )?(?:abstract )?\w+ (\w+)/gm), ([, name]) => name));
}

/** @param {string[]} paths only what lies below them; none: everything */
export function readProse(paths = [], root = ROOT) {
  const { pages, sources } = proseFiles(root);
  const texts = (/** @type {string[]} */ files) =>
    Object.fromEntries(
      files
        .filter(
          (file) => paths.length === 0 || paths.some((path) => `${file}/`.startsWith(`${path.replace(/\/$/, "")}/`)),
        )
        .map((file) => [file, readFileSync(join(root, file), "utf8")]),
    );
  const names = exportedNames(root);
  return [...findings(texts(pages)), ...findingsInSources(texts(sources), (name) => names.has(name))];
}

/** @param {string[]} keys */
function tally(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([key, n]) => `${String(n).padStart(6)}  ${key}`);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const given = process.argv.slice(2);
  const paths = given.filter((argument) => argument !== "--count");
  const unknown = paths.find((path) => !existsSync(join(ROOT, path)));
  if (unknown !== undefined) {
    console.error(
      `prose: there is no ${unknown}; name files or folders by their paths from the root of the repository`,
    );
    process.exit(2);
  }
  const found = readProse(paths).sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  if (given.includes("--count")) {
    console.log([...tally(found.map(({ file }) => file)), "", ...tally(found.map(({ rule }) => rule))].join("\n"));
  } else for (const { file, line, rule, message } of found) console.error(`${file}:${line}: ${rule}: ${message}`);
  if (found.length > 0) console.error(`prose: ${found.length} findings; the rules are in tools/prose`);
  process.exit(found.length > 0 ? 1 : 0);
}
