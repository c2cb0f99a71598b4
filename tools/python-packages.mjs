// A Python with packages that only some tests need: one that has them, or an environment of its own in the per-user cache folder.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { CACHE } from "./npm-folder.mjs";

/** @type {(python: string, packages: readonly string[]) => boolean} */
export const hasPackages = (python, packages) =>
  spawnSync(python, ["-c", `import ${packages.join(", ")}`]).status === 0;

/**
 * A Python that has the packages: the one that RQVAE_PYTHON names, else python3; with `install` one in the cache folder, where they are
 * installed from PyPI the first time.
 * @param {string} name of the environment, for people
 * @param {Record<string, string>} packages and the versions that may be installed, such as ">=2": which there are depends on the Python
 * @param {{ install?: boolean, env?: Record<string, string | undefined> }} [options]
 * @returns {{ python: string } | { missing: string }}
 */
export function findPython(name, packages, { install = false, env = process.env } = {}) {
  const names = Object.keys(packages);
  const listed = names.join(", ");
  const given = env.RQVAE_PYTHON;
  if (given) {
    return hasPackages(given, names)
      ? { python: given }
      : { missing: `RQVAE_PYTHON, ${given}, has not all of ${listed}` };
  }
  const versions = Object.entries(packages).map(([each, version]) => each + version);
  const folder = join(CACHE, "python", `${name}-${versions.join("-").replaceAll(/[<=>]+/g, "")}`);
  const own = join(folder, "bin/python");
  const found = [own, "python3"].find((python) => hasPackages(python, names));
  if (found) return { python: found };
  if (!install) return { missing: `no Python has ${listed}; name one by RQVAE_PYTHON` };
  mkdirSync(dirname(folder), { recursive: true });
  rmSync(folder, { recursive: true, force: true }); // what an interrupted installation left
  console.error(`setup: installing ${listed} into the cache folder (once)`);
  for (const [command, ...args] of [
    ["python3", "-m", "venv", folder],
    [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1", ...versions],
  ]) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status === 0) continue;
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    return { missing: `${listed} could not be installed: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
  }
  return { python: own };
}
