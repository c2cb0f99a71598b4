// The README as npm's page shows it, where links to files of the repository lead nowhere: `npm pack` and `npm publish` run this before they
// pack, and again afterwards, to have it as it was.
//
//   node tools/npm-readme.mjs          before: links become absolute
//   node tools/npm-readme.mjs --undo   after
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageJson, ROOT } from "./setup.mjs";

const README = join(ROOT, "README.md");
const ORIGINAL = join(ROOT, "build/README.md");

/**
 * The address of the repository, for people.
 * @param {{ repository: { url: string } }} json
 * @throws Error as long as nobody has said where it is
 */
export function repositoryAddress({ repository: { url } }) {
  if (url.includes("OWNER")) {
    throw new Error(
      'package.json: the owner of the repository has to stand in place of OWNER; run "node tools/owner.mjs NAME"',
    );
  }
  return url.replace(/^git\+/, "").replace(/\.git$/, "");
}

/**
 * Links to files of the repository as links to those of a version of it.
 * @param {string} markdown
 * @param {string} repository its address
 * @param {string} version whose tag is v<version>
 */
export function withAbsoluteLinks(markdown, repository, version) {
  const absolute = (/** @type {string} */ path) =>
    `${repository}/${/\.(png|jpe?g|gif|svg)$/i.test(path) ? "raw" : "blob"}/v${version}/${path}`;
  return markdown
    .split(/^(```[\s\S]*?^```$)/m) // blocks of code stay as they are
    .map((part) =>
      part.startsWith("```")
        ? part
        : part
            .replace(/\]\((?!https?:|#)([^)\s]+)/g, (_, path) => `](${absolute(path)}`)
            .replace(/\b(src|href)="(?!https?:|#)([^"]+)"/g, (_, name, path) => `${name}="${absolute(path)}"`),
    )
    .join("");
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--undo") {
    if (existsSync(ORIGINAL)) renameSync(ORIGINAL, README);
  } else {
    const json = packageJson();
    const absolute = withAbsoluteLinks(readFileSync(README, "utf8"), repositoryAddress(json), json.version);
    mkdirSync(join(ROOT, "build"), { recursive: true });
    copyFileSync(README, ORIGINAL);
    writeFileSync(README, absolute);
  }
}
