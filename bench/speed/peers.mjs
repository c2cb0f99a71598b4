// What people would use instead: how each is had and started. npm packages go into a scratch folder, Debian's into the toolchain's suite.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../tools/setup.mjs";
import { Contender } from "./contender.mjs";

/**
 * @typedef {object} Peer
 * @property {string} script of contenders/
 * @property {Record<string, string>} [npm] packages and their exact versions
 * @property {string} [module] of Python, to be imported
 * @property {string[]} [debian] packages that have it
 */

/** OpenBLAS must be named: it is only recommended, and the reference BLAS that comes instead is twenty times slower. */
const NUMERICS = ["python3-numpy", "libopenblas0-openmp"];

/** @type {Peer} */
const TFJS = {
  script: "tfjs.mjs",
  npm: { "@tensorflow/tfjs": "4.22.0", "@tensorflow/tfjs-backend-wasm": "4.22.0" },
};

/** @type {Record<string, Peer>} */
const CATALOGUE = {
  tfjs: TFJS,
  "tfjs-tuned": TFJS,
  "onnxruntime-web": { script: "onnxruntime.mjs", npm: { "onnxruntime-web": "1.30.0" } },
  "onnxruntime-node": { script: "onnxruntime.mjs", npm: { "onnxruntime-node": "1.30.0" } },
  "ml-kmeans": { script: "ml-kmeans.mjs", npm: { "ml-kmeans": "7.0.1" } },
  pytorch: { script: "pytorch.py", module: "torch", debian: ["python3-torch", ...NUMERICS] },
  "pytorch-recipes": { script: "recipes.py", module: "torch", debian: ["python3-torch", ...NUMERICS] },
  "scikit-learn": { script: "scikit_learn.py", module: "sklearn", debian: ["python3-sklearn", ...NUMERICS] },
};

export const PEER_NAMES = Object.keys(CATALOGUE);

const TOOLCHAIN = join(ROOT, "tools/toolchain.sh");

/** Runs to the end; throws the last words of what failed. @type {(command: string, args: string[], options?: object) => void} */
function attempt(command, args, options = {}) {
  const { status, error, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(stderr.trim().split("\n").slice(-3).join(" ") || `${command} failed: ${status}`);
}

/** The folder that has the packages; peers of the same packages share one. @type {(name: string, packages: Record<string, string>) => string} */
function installFromNpm(name, packages) {
  const folder = join(ROOT, "build/peers", Object.keys(packages)[0].replace("/", "-"));
  const hasAll = Object.entries(packages).every(([each, version]) => {
    const manifest = join(folder, "node_modules", each, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  });
  if (hasAll) return folder;
  console.error(`bench: installing ${name} into build/peers`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: packages }));
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" }; // its processor build is in the package
  attempt("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, env });
  return folder;
}

/**
 * The command that starts a Python with the module: the one that RQVAE_PYTHON names if it has it, else Debian's.
 * @type {(module: string, packages: string[]) => { before: string[], python: string }}
 */
function findPython(module, packages) {
  const named = process.env.RQVAE_PYTHON;
  if (named && spawnSync(named, ["-c", `import ${module}`]).status === 0) return { before: [], python: named };
  try {
    attempt(TOOLCHAIN, ["add", ...packages]); // quick when they are there
  } catch (error) {
    console.error(`bench: ${/** @type {Error} */ (error).message}`); // a toolchain on PATH may have them all the same
  }
  attempt(TOOLCHAIN, ["run", "python3", "-c", `import ${module}`]);
  return { before: [TOOLCHAIN, "run"], python: "python3" };
}

/**
 * @param {string} name
 * @param {number} threads that its libraries may use
 * @returns {Promise<Contender>}
 * @throws when it cannot be had
 */
export async function startPeer(name, threads) {
  const { script, npm, module, debian } = CATALOGUE[name];
  const path = join(ROOT, "bench/speed/contenders", script);
  if (npm) return new Contender(name, [process.execPath, path, installFromNpm(name, npm), name]);
  const { before, python } = findPython(/** @type {string} */ (module), /** @type {string[]} */ (debian));
  // Before the libraries load: some read these once.
  const limits = ["OMP", "OPENBLAS", "MKL"].map((library) => `${library}_NUM_THREADS=${threads}`);
  const variables = [...limits, "LOKY_MAX_CPU_COUNT=1", "PYTHONDONTWRITEBYTECODE=1"];
  return new Contender(name, [...before, "env", ...variables, python, path]);
}
