// Says whose repository this is, in every file that has its address: package.json, README and guides, SECURITY.md, CITATION.cff. Before the
// first release the address has OWNER in it, and npm refuses to pack.
//
//   node tools/owner.mjs NAME     the account at GitHub
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageJson, ROOT } from "./setup.mjs";

/** What stands in the addresses as long as nobody has said it. */
export const PLACEHOLDER = "OWNER";

/** @param {{ repository: { url: string } }} json package.json @returns {string} */
export function ownerOf({ repository: { url } }) {
  const [, owner] = /github\.com\/([^/]+)\/rqvae(?:\.git)?$/.exec(url) ?? [];
  if (!owner) throw new Error(`package.json: repository is no address of rqvae at GitHub: ${url}`);
  return owner;
}

/**
 * A text with the addresses of another owner's repository and site.
 * @param {string} text @param {string} from @param {string} to
 */
export const withOwner = (text, from, to) =>
  text
    .replace(new RegExp(`(?<![\\w-])${from}(?=/rqvae(?![\\w-]))`, "g"), () => to)
    .replace(new RegExp(`(?<![\\w-])${from}(?=\\.github\\.io(?![\\w-]))`, "gi"), () => to.toLowerCase());

/** The files of the repository that may have addresses: what people and npm read, not programs, which take them from package.json. */
export function addressedFiles(root = ROOT) {
  const patterns = ["*.md", "*.json", "*.cff", "*.yml", "*.html", ":!tests", ":!**/package-lock.json"];
  return execFileSync("git", ["ls-files", "-z", "--", ...patterns], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter(Boolean);
}

/** Files that have the address of this owner's repository. @param {string} owner */
export const filesWithOwner = (owner, root = ROOT) =>
  addressedFiles(root).filter((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return withOwner(text, owner, `${owner}-`) !== text;
  });

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [name, ...more] = process.argv.slice(2);
  // GitHub's own rule for names of accounts.
  if (!name || more.length > 0 || !/^[a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38}$/i.test(name)) {
    console.error(
      `usage: node tools/owner.mjs NAME, the account at GitHub that has the repository${name ? `; got ${process.argv.slice(2).join(" ")}` : ""}`,
    );
    process.exit(2);
  }
  const owner = ownerOf(packageJson());
  for (const file of filesWithOwner(owner)) {
    const path = join(ROOT, file);
    writeFileSync(path, withOwner(readFileSync(path, "utf8"), owner, name));
    console.log(`${file}: ${owner} is ${name}`);
  }
}
