// Makes a release of what is checked out: checks that it can be one, dates the changelog, commits and tags it. Pushing the tag publishes it
// (.github/workflows/release.yml).
//
//   npm run release                   checks, runs every test, then changes CHANGELOG.md and CITATION.cff, commits and tags
//   npm run release -- --dry-run      checks everything but the tests and says what it would do; changes nothing
//   npm run release -- --tested       does not run the tests: they have passed on this very commit
//
// The version is the one in package.json.
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { repositoryAddress } from "./npm-readme.mjs";
import { filesWithOwner, PLACEHOLDER } from "./owner.mjs";
import { packageJson, ROOT, run } from "./setup.mjs";

const UNRELEASED = "## [Unreleased]";

/** What the changelog says of the next release. @param {string} changelog */
export function unreleasedPart(changelog) {
  const begin = changelog.indexOf(`${UNRELEASED}\n`);
  if (begin < 0) return "";
  const rest = changelog.slice(begin + UNRELEASED.length);
  const end = rest.search(/^(?:## |\[[^\]]+\]: )/m);
  return (end < 0 ? rest : rest.slice(0, end)).trim();
}

/**
 * The changelog with what was unreleased under a version and its date, and with the addresses that the headings lead to.
 * @param {string} changelog
 * @param {{ version: string, date: string, repository: string }} release
 */
export function releasedChangelog(changelog, { version, date, repository }) {
  if (unreleasedPart(changelog) === "") throw new Error("CHANGELOG.md: Unreleased is empty");
  const previous = /^## \[(\d[^\]]*)\]/m.exec(changelog)?.[1];
  const since = previous ? `compare/v${previous}...v${version}` : `releases/tag/v${version}`;
  const links = [`[Unreleased]: ${repository}/compare/v${version}...HEAD`, `[${version}]: ${repository}/${since}`];
  const kept = changelog.match(/^\[(?!Unreleased)[^\]]+\]: .*$/gm) ?? [];
  const body = changelog.replace(/^\[[^\]]+\]: .*\n?/gm, "").trimEnd();
  return `${body.replace(`${UNRELEASED}\n`, `${UNRELEASED}\n\n## [${version}] - ${date}\n`)}\n\n${[...links, ...kept].join("\n")}\n`;
}

/** The citation with version and date. @param {string} citation @param {{ version: string, date: string }} release */
export function datedCitation(citation, { version, date }) {
  const dated = citation.replace(/^date-released: .*\n/m, "");
  return dated.replace(/^version: .*$/m, `version: ${version}\ndate-released: ${date}`);
}

/** @param {string[]} args */
const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();

/** @param {string} file */
const read = (file) => readFileSync(join(ROOT, file), "utf8");

/** Why what is checked out cannot be released as it is; each says what to do. */
function obstacles() {
  const { version } = packageJson();
  /** @type {string[]} */
  const found = [];
  if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) found.push(`package.json: "${version}" is no semantic version`);
  const changed = git("status", "--porcelain");
  if (changed !== "") found.push(`the working tree has changes; commit or remove them:\n${changed}`);
  const unnamed = filesWithOwner(PLACEHOLDER);
  if (unnamed.length > 0)
    found.push(
      `${PLACEHOLDER} stands for the owner in ${unnamed.join(", ")}; run "node tools/owner.mjs NAME" and commit`,
    );
  const elsewhere = {
    "package-lock.json": JSON.parse(read("package-lock.json")).version,
    "bindings/js/base/version.ts": /"([^"]+)"/.exec(read("bindings/js/base/version.ts"))?.[1],
    "CITATION.cff": /^version: (.*)$/m.exec(read("CITATION.cff"))?.[1],
  };
  for (const [file, other] of Object.entries(elsewhere))
    if (other !== version) found.push(`${file} says version ${other}, package.json ${version}; make them agree`);
  const changelog = read("CHANGELOG.md");
  if (unreleasedPart(changelog) === "") found.push("CHANGELOG.md: Unreleased is empty; say what is new");
  if (changelog.includes(`## [${version}]`))
    found.push(`CHANGELOG.md has version ${version} already; raise the version in package.json`);
  if (git("tag", "--list", `v${version}`) !== "")
    found.push(`the tag v${version} is there already; raise the version in package.json`);
  return found;
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const given = process.argv.slice(2);
  const unknown = given.find((argument) => !["--dry-run", "--tested"].includes(argument));
  if (unknown !== undefined) {
    console.error(`release: unknown argument ${unknown}; there are --dry-run and --tested`);
    process.exit(2);
  }
  const found = obstacles();
  for (const obstacle of found) console.error(`release: ${obstacle}`);
  if (found.length > 0) process.exit(1);

  const json = packageJson();
  const release = {
    version: json.version,
    date: new Date().toISOString().slice(0, 10),
    repository: repositoryAddress(json),
  };
  const tag = `v${release.version}`;
  if (given.includes("--dry-run")) {
    if (!given.includes("--tested")) console.log("would run: npm run test:all");
    console.log(`would change: CHANGELOG.md, Unreleased becomes ${release.version} - ${release.date}`);
    console.log(`would change: CITATION.cff, date-released: ${release.date}`);
    console.log(`would commit "Release ${release.version}" and tag it ${tag}`);
    process.exit(0);
  }
  if (!given.includes("--tested")) run("npm", ["run", "test:all"]);
  writeFileSync(join(ROOT, "CHANGELOG.md"), releasedChangelog(read("CHANGELOG.md"), release));
  writeFileSync(join(ROOT, "CITATION.cff"), datedCitation(read("CITATION.cff"), release));
  git("commit", "--quiet", "--message", `Release ${release.version}`, "--", "CHANGELOG.md", "CITATION.cff");
  git("tag", "--annotate", tag, "--message", `Version ${release.version}`);
  console.log(`Committed and tagged ${tag}. To publish it: git push origin HEAD ${tag}`);
}
