/**
 * faiss, the field's library of quantisers, as another way of giving IDs. It runs in Python, one process a fit, on files in a temporary
 * folder. Where no Python has it and it cannot be installed, the bench goes without.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SemanticIds } from "rqvae";

/**
 * @typedef {import("./measures.mjs").Matrix} Matrix
 * @typedef {import("./methods.mjs").Shape} Shape
 * @typedef {import("./methods.mjs").Fitted} Fitted
 * @typedef {{ method: "residual", beam: number, refine?: boolean } | { method: "localSearch" | "product" }} Quantizer
 */

/** Of PyPI. */
const PACKAGE = "faiss-cpu==1.15.1";
const ENVIRONMENT = fileURLToPath(new URL("../../build/peers/faiss-cpu", import.meta.url));
const SCRIPT = fileURLToPath(new URL("faiss_quantizers.py", import.meta.url));

/** A fit that takes longer is given up. */
const MINUTES = 60;
/** Largest table of candidates, in bytes. faiss makes two or three of that size. */
const TABLE_BYTES = 2 ** 31;

/** One thread: costs are compared. */
const VARIABLES = {
  OMP_NUM_THREADS: "1",
  OPENBLAS_NUM_THREADS: "1",
  MKL_NUM_THREADS: "1",
  PYTHONDONTWRITEBYTECODE: "1",
};

/** @type {(python: string) => boolean} */
const hasFaiss = (python) => spawnSync(python, ["-c", "import faiss, numpy"]).status === 0;

/** Last words of a command that failed; undefined when it did not. @type {(command: string, args: string[]) => string | undefined} */
function complaintOf(command, args) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error) return error.message;
  return status === 0 ? undefined : stderr.trim().split("\n").at(-1) || `${command} failed: ${status}`;
}

/**
 * A Python that has faiss: the one that RQVAE_PYTHON names; without it python3, or one in build/peers, where faiss is installed from
 * PyPI unless `install` is false.
 * @param {{ install?: boolean, env?: Record<string, string | undefined> }} [options]
 * @returns {{ python: string } | { missing: string }}
 */
export function findFaiss({ install = true, env = process.env } = {}) {
  const named = env.RQVAE_PYTHON;
  if (named) return hasFaiss(named) ? { python: named } : { missing: `RQVAE_PYTHON, ${named}, has no faiss` };
  const own = join(ENVIRONMENT, "bin/python");
  const found = [own, "python3"].find(hasFaiss);
  if (found) return { python: found };
  if (!install) return { missing: "no Python has faiss" };
  console.error(`bench: installing ${PACKAGE} into build/peers`);
  const complaint =
    complaintOf("python3", ["-m", "venv", ENVIRONMENT]) ??
    complaintOf(own, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1", PACKAGE]);
  if (complaint === undefined && hasFaiss(own)) return { python: own };
  rmSync(ENVIRONMENT, { recursive: true, force: true });
  return { missing: `${PACKAGE} could not be installed: ${complaint ?? "it does not load"}` };
}

/**
 * Codes as faiss packs them: in each row the first code first, the lowest bit first; a row is a whole number of bytes.
 * @param {Uint8Array} packed
 * @param {number} rows
 * @param {readonly number[]} codebookSizes powers of two
 * @returns {Uint32Array} rows x levels
 */
export function unpackCodes(packed, rows, codebookSizes) {
  const bits = codebookSizes.map(bitsOf);
  const rowBytes = Math.ceil(bits.reduce((sum, each) => sum + each, 0) / 8);
  if (packed.length !== rows * rowBytes) throw new Error(`${packed.length} bytes of codes, not ${rows} x ${rowBytes}`);
  const codes = new Uint32Array(rows * bits.length);
  for (let row = 0; row < rows; row++) {
    let at = 8 * row * rowBytes;
    bits.forEach((count, level) => {
      let code = 0;
      for (let bit = 0; bit < count; bit++, at++) code |= ((packed[at >> 3] >> (at & 7)) & 1) << bit;
      codes[row * bits.length + level] = code;
    });
  }
  return codes;
}

/** @type {(size: number) => number} */
export function bitsOf(size) {
  const bits = Math.log2(size);
  if (!Number.isInteger(bits)) throw new Error(`faiss has codebooks of 2^n codes only, not of ${size}`);
  return bits;
}

/**
 * Refuses what would take too much memory.
 * @param {Quantizer} quantizer
 * @param {Matrix} seen
 * @param {readonly number[]} codes
 */
function checkMemory(quantizer, { rows, dim }, codes) {
  const perRow = {
    residual: () => /** @type {any} */ (quantizer).beam * dim,
    localSearch: () => codes.length * codes[0],
  };
  const bytes = 4 * rows * (perRow[quantizer.method]?.() ?? 0);
  if (bytes > TABLE_BYTES) throw new Error(`its tables of ${(bytes / 2 ** 30).toFixed(1)} GB are too large`);
}

/**
 * @param {string} python
 * @param {Matrix} seen
 * @param {Shape} shape
 * @param {Quantizer} quantizer
 * @param {Matrix} items what it is then asked to encode
 * @returns {Promise<Fitted>}
 */
export async function faissQuantizer(python, seen, { codes, seed }, quantizer, items) {
  checkMemory(quantizer, seen, codes);
  const bits = codes.map(bitsOf);
  const folder = mkdtempSync(join(tmpdir(), "rqvae-faiss-"));
  try {
    const file = (name) => join(folder, name);
    const write = (name, { data }) => {
      writeFileSync(file(name), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return file(name);
    };
    const task = { ...quantizer, dim: seen.dim, bits, seed, seen: write("seen", seen), items: write("items", items) };
    const results = { codes: file("codes"), decoded: file("decoded") };
    const cost = await ask(python, { ...task, ...results });
    const flat = unpackCodes(readFileSync(results.codes), items.rows, codes);
    const decoded = new Float32Array(new Uint8Array(readFileSync(results.decoded)).buffer);
    const ids = SemanticIds.from({ codes: flat, levels: codes.length }, { codebookSizes: codes });
    return {
      encode(rows) {
        if (rows !== items) throw new Error("faiss has encoded other items");
        return ids;
      },
      decode: () => decoded,
      dispose() {},
      cost,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** "Error in FUNCTION at FILE:LINE: Error: 'CONDITION' failed: what it means" @type {(message: string) => string} */
export const withoutPlace = (message) => message.replace(/^Error in .*' failed: *(?=\S)/s, "").trim();

/** @type {(python: string, task: object) => Promise<{ seconds: number, cpuSeconds: number }>} */
async function ask(python, task) {
  const options = { env: { ...process.env, ...VARIABLES }, timeout: MINUTES * 60_000, maxBuffer: 2 ** 26 };
  const answer = await promisify(execFile)(python, [SCRIPT, JSON.stringify(task)], options).catch((error) => {
    if (error.killed) throw new Error(`not done after ${MINUTES} minutes`);
    throw new Error(`ended with ${error.signal ?? error.code}: ${error.stderr?.trim().split("\n").at(-1) ?? ""}`);
  });
  const { result, error } = JSON.parse(answer.stdout.trim().split("\n").at(-1) ?? "");
  if (error !== undefined) throw new Error(withoutPlace(error));
  return result;
}
