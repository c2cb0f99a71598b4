// npm packages that only some tests and measurements need, by exact version, in the per-user cache folder: `npm ci` stays quick.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Per user: tools/toolchain.sh keeps its suite there too. */
export const CACHE = process.env.RQVAE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "rqvae");

/** The release of transformers.js that users get now. */
export const TRANSFORMERS = { "@huggingface/transformers": "4.3.2" };

/**
 * The folder whose node_modules has the packages; they are installed the first time, without running their scripts.
 * @param {string} name of the folder, for people
 * @param {Record<string, string>} packages and their exact versions
 * @returns {string}
 * @throws when they cannot be had
 */
export function npmFolder(name, packages) {
  const key = createHash("sha256").update(JSON.stringify(packages)).digest("hex").slice(0, 8);
  const folder = join(CACHE, "npm", `${name}-${key}`);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  console.error(`setup: installing ${name} into the cache folder (once)`);
  // Made beside it and put in its place when whole: an interrupted installation is never taken for one.
  const made = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
  writeFileSync(join(made, "package.json"), JSON.stringify({ private: true, dependencies: packages }));
  const args = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error, stderr } = spawnSync("npm", args, { cwd: made, encoding: "utf8" });
  if (status !== 0) {
    rmSync(made, { recursive: true, force: true });
    const why = error?.message ?? stderr.trim().split("\n").slice(-3).join(" ");
    throw new Error(`npm could not install ${Object.keys(packages).join(", ")}: ${why}`);
  }
  try {
    renameSync(made, folder);
  } catch (cause) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(folder)) throw cause; // another process was quicker
  }
  return folder;
}
