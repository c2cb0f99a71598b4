/** What a new model does to published IDs: beside the old model as it is, and one that is trained afresh. */
import { RQVAE, SemanticIds } from "rqvae";
import { alignCodes, compareIds } from "rqvae/report";
import { hash } from "../quality/hash.mjs";
import { explainedVariance, median } from "../quality/measures.mjs";
import { pickRows, shuffledRows } from "../quality/split.mjs";
import { changeOf } from "./cases.mjs";

/**
 * @typedef {object} Measured
 * @property {number} unchanged Share of the known items with the ID that they had.
 * @property {number} first Of those with the first code that they had.
 * @property {number} aligned As `unchanged`, once the codes are renamed so that most items keep theirs.
 * @property {number} evUnseen Explained variance of items that no training saw.
 * @property {number} collision Share of the items that would need another ID for all to be distinct.
 * @property {number} [evArrived] Explained variance of the items of the new kind.
 * @property {number} cpuSeconds Of training.
 * @typedef {{ [way: string]: Measured[] }} Churn Per way, one entry a seed. "old", "fresh", and "stability s".
 */

/** The names of the figures, and how they are shown. */
export const FIGURES = /** @type {const} */ (["unchanged", "first", "aligned", "evUnseen", "evArrived", "collision"]);

/**
 * @param {import("../quality/datasets.mjs").Catalogue} catalogue
 * @param {string} name of the case
 * @param {readonly number[]} seeds
 * @param {{ stabilities: readonly (number | undefined)[], tell?: (text: string) => void }} options undefined: the default
 * @returns {Promise<Churn>}
 */
export async function measureChurn(catalogue, name, seeds, { stabilities, tell = () => {} }) {
  /** @type {Churn} */
  const churn = {};
  for (const seed of seeds) {
    const change = await changeOf(catalogue, name, seed);
    const { codes } = catalogue;
    const shape = { nQuantizationLayers: codes.length, codebookSize: codes[0], seed };
    const old = await RQVAE.fit(change.old, shape);
    const ids = old.encode(change.old);
    /** @type {(way: string, make: () => Promise<RQVAE>) => Promise<void>} */
    const add = async (way, make) => {
      const begun = process.cpuUsage();
      const model = await make();
      const { user, system } = process.cpuUsage(begun);
      churn[way] ??= [];
      churn[way].push({ ...measure(model, change, ids), cpuSeconds: (user + system) / 1e6 });
      if (model !== old) model.dispose();
      tell(`case ${name}, seed ${seed}: ${way}`);
    };
    await add("old", async () => old);
    await add("fresh", () => RQVAE.fit(change.now, shape));
    const known = { itemIds: change.nowIds, published: { itemIds: change.oldIds, ids } };
    for (const stability of stabilities) {
      const given = stability === undefined ? {} : { stability };
      await add(wayOf(stability), () => RQVAE.fit(change.now, { from: old, ...known, ...given }));
    }
    if (name === "a") {
      const renamed = renumbered(ids, seed);
      const aligned = await alignCodes(old, renamed, change.old);
      const same = { ...change, now: change.old, nowIds: change.oldIds };
      churn[PERMUTED] ??= [];
      churn[PERMUTED].push({ ...measure(aligned.model, same, renamed), cpuSeconds: 0 });
      aligned.model.dispose();
    }
    old.dispose();
  }
  return churn;
}

/** The old model, aligned with its IDs in other numbers: all of them must come back. */
export const PERMUTED = "permuted, aligned";

/** @type {(ids: SemanticIds, seed: number) => SemanticIds} */
function renumbered(ids, seed) {
  const numbers = ids.codebookSizes.map((size, level) => shuffledRows(size, hash(seed, 0x9e2, level)));
  const rows = Array.from(ids, (codes) => codes.map((code, level) => numbers[level][code]));
  return SemanticIds.from(rows, { codebookSizes: ids.codebookSizes });
}

/** @param {number | undefined} stability */
export const wayOf = (stability) => (stability === undefined ? "retrained" : `stability ${stability}`);

/** @returns {Omit<Measured, "cpuSeconds">} */
function measure(model, { now, nowIds, oldIds, unseen, arrived }, before) {
  const ids = model.encode(now);
  const distinct = new Set(Array.from(ids, (codes) => codes.join())).size;
  const compared = compareIds(before, ids, { itemIds: { before: oldIds, after: nowIds } });
  const ofArrived = arrived && pickRows(now, arrived);
  return {
    unchanged: compared.unchangedShare,
    first: compared.perDepth[0].unchangedShare,
    aligned: compared.alignedShare,
    evUnseen: explainedVariance(unseen, model.reconstruct(unseen)),
    collision: 1 - distinct / ids.length,
    ...(ofArrived && { evArrived: explainedVariance(ofArrived, model.reconstruct(ofArrived)) }),
  };
}

/**
 * The median over the seeds.
 * @param {readonly Measured[]} measured
 * @param {typeof FIGURES[number] | "cpuSeconds"} figure
 */
export const medianOf = (measured, figure) => median(measured.map((m) => m[figure] ?? null));

/**
 * The median over the seeds of the difference to another way of the same seed.
 * @param {readonly Measured[]} measured
 * @param {readonly Measured[]} other
 * @param {typeof FIGURES[number]} figure
 */
export const gainOver = (measured, other, figure) =>
  median(measured.map((m, seed) => (m[figure] === undefined ? null : m[figure] - other[seed][figure])));
