/** A small transformer over codes, trained by PyTorch in Python, one process a set of IDs. Where no Python has it, the bench goes without. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ENVIRONMENT = fileURLToPath(new URL("../../build/peers/torch", import.meta.url));
const SCRIPT = fileURLToPath(new URL("transformer.py", import.meta.url));

/** Two layers of width 64; what the field's papers have is some hundred times larger. */
const MODEL = { layers: 2, width: 64, heads: 4, dropout: 0.1, beam: 30, items: 20, batch: 128, learningRate: 3e-3 };

/** @type {(python: string) => boolean} */
const hasTorch = (python) => spawnSync(python, ["-c", "import numpy, torch"]).status === 0;

/**
 * A Python that has PyTorch: the one that RQVAE_PYTHON names, or else one in build/peers/torch, or python3. Nothing is installed.
 * @returns {{ python: string } | { missing: string }}
 */
export function findTorch(env = process.env) {
  const named = env.RQVAE_PYTHON;
  if (named) return hasTorch(named) ? { python: named } : { missing: `RQVAE_PYTHON, ${named}, has no PyTorch` };
  const found = [join(ENVIRONMENT, "bin/python"), "python3"].find(hasTorch);
  return found ? { python: found } : { missing: "no Python has PyTorch: name one in RQVAE_PYTHON" };
}

/**
 * Recall@10 and NDCG@10 of the last choices of some users, the same for every set of IDs.
 * @param {string} python
 * @param {import("rqvae").SemanticIds} ids
 * @param {import("rqvae/formats").Histories} histories
 * @param {{ epochs: number, seconds: number, seed: number, threads: number, evaluated: number }} effort Training ends after so many epochs
 * or seconds; `evaluated` is the most users whose last choice is to be found.
 * @returns {Promise<{ recall: number[], ndcg: number[], epochs: number, seconds: number }>} by user
 */
export async function transformer(python, ids, { items, offsets, users }, effort) {
  const folder = mkdtempSync(join(tmpdir(), "rqvae-transformer-"));
  try {
    const step = Math.ceil(users / effort.evaluated);
    const lists = Array.from({ length: users }, (_, u) => Array.from(items.subarray(offsets[u], offsets[u + 1])));
    const isTarget = (/** @type {number[]} */ list) =>
      list.length > 1 && list.indexOf(list[list.length - 1]) === list.length - 1;
    const task = {
      ...{ ...MODEL, ...effort, codes: [...ids], codebookSizes: ids.codebookSizes, histories: lists },
      users: lists.flatMap((list, u) => (u % step === 0 && isTarget(list) ? [u] : [])),
    };
    const file = join(folder, "task.json");
    writeFileSync(file, JSON.stringify(task));
    const { stdout } = await promisify(execFile)(python, [SCRIPT, file], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
