/**
 * IDs of content alone, and of content fused with behaviour, by the model of ID prefixes: all items, and items that had no history when
 * the IDs were made.
 */
import { SemanticIds } from "rqvae";
import { fuse, leaveOut } from "rqvae/fusion";
import { CountingModel } from "../../dist/evaluate/counting-model.js";
import { evaluateChoices } from "../../dist/evaluate/evaluate.js";
import { figureOf, meanOfFigure, pairedDifference } from "../../dist/evaluate/measures.js";
import { leaveOneOut, splitInTime } from "../../dist/evaluate/splits.js";
import { hash } from "../quality/hash.mjs";
import { libraryDefault, residualKMeans } from "../quality/methods.mjs";
import { withSuffix } from "./catalogues.mjs";

/** @typedef {import("rqvae/formats").Histories} Histories */
/** @typedef {{ data: Float32Array, rows: number, dim: number }} Matrix */

/** Histories without the choices of some items. @param {Histories} histories @param {Uint8Array} isLeftOut */
function without(histories, isLeftOut) {
  const { items, offsets, userIds } = histories;
  const kept = [];
  const bounds = [0];
  const users = [];
  userIds.forEach((userId, u) => {
    for (let i = offsets[u]; i < offsets[u + 1]; i++) if (!isLeftOut[items[i]]) kept.push(items[i]);
    if (kept.length === bounds.at(-1)) return;
    bounds.push(kept.length);
    users.push(userId);
  });
  const { times: _, ...rest } = histories;
  return {
    ...rest,
    users: users.length,
    userIds: users,
    items: Uint32Array.from(kept),
    offsets: Uint32Array.from(bounds),
  };
}

/** Only the targets that pass. */
function only(split, isAsked) {
  const targets = [];
  const firsts = new Uint32Array(split.firsts.length);
  for (let u = 0; u + 1 < firsts.length; u++) {
    for (const target of split.targets.subarray(split.firsts[u], split.firsts[u + 1])) {
      if (isAsked(split.items[target])) targets.push(target);
    }
    firsts[u + 1] = targets.length;
  }
  return { ...split, targets: Uint32Array.from(targets), firsts };
}

/** @returns {Promise<SemanticIds>} published */
async function idsOf(items, codes, seed, isFit) {
  const train = isFit ? libraryDefault : (of, options) => residualKMeans(of, options, { latentDim: of.dim, beam: 1 });
  const model = await train(items, { codes, seed });
  const ids = withSuffix(SemanticIds.from([...model.encode(items)], { codebookSizes: codes }));
  model.dispose();
  return ids;
}

/** Recall@10 by seed. */
async function recallOf(sets, split) {
  const figures = [];
  for (const ids of sets) figures.push(await evaluateChoices(await CountingModel.count(ids, split, undefined), split));
  return figureOf(figures.map(({ byUser }) => byUser));
}

/**
 * @typedef {object} FusionTask
 * @property {Matrix} vectors
 * @property {Histories} histories
 * @property {number[]} codes
 * @property {number} seeds
 * @property {boolean} isFit
 * @property {number | "auto"} [weight] of behaviour
 * @property {(ids: SemanticIds, seed: number) => Promise<number[]>} [transformer] Recall@10 of the last choices, by user
 *
 * @param {FusionTask} task
 * @returns {Promise<{ of: string, content: number, fused: number, mean: number, margin: number, targets: number }[]>}
 */
export async function compareFusion({ vectors, histories, codes, seeds, isFit, weight = 1, transformer }) {
  const seen = await leaveOut(histories, "both");
  const isCold = Uint8Array.from({ length: vectors.rows }, (_, row) => Number(hash(11, row) % 10 === 0));
  const fused = async (/** @type {Histories} */ of) =>
    fuse([{ name: "content", vectors }], {
      histories: of,
      weights: weight === "auto" ? "auto" : { behaviour: weight },
    });
  const [warm, cold] = [await fused(seen), await fused(without(seen, isCold))];
  const make = async (items) => {
    const sets = [];
    for (let seed = 0; seed < seeds; seed++) sets.push(await idsOf(items, codes, seed, isFit));
    return sets;
  };
  const [ofContent, ofWarm, ofCold] = [await make(vectors), await make(warm), await make(cold)];
  const rows = [];
  const splits = {
    "leave-one-out": await leaveOneOut(histories, undefined),
    "split in time": await splitInTime(histories, 0.2, undefined),
  };
  for (const [name, split] of Object.entries(splits)) {
    for (const [of, sets, asked] of [
      [name, ofWarm, split],
      [`${name}, items without history`, ofCold, only(split, (item) => isCold[item] === 1)],
    ]) {
      const [a, b] = [await recallOf(ofContent, asked), await recallOf(sets, asked)];
      rows.push({
        of,
        content: meanOfFigure(a),
        fused: meanOfFigure(b),
        ...pairedDifference(b, a),
        targets: asked.targets.length,
      });
    }
  }
  if (transformer) {
    const recall = async (/** @type {SemanticIds[]} */ sets) => {
      const byUser = [];
      for (const [seed, ids] of sets.entries()) byUser.push(Float64Array.from(await transformer(ids, seed)));
      return figureOf(byUser);
    };
    const [a, b] = [await recall(ofContent), await recall(ofWarm)];
    const means = { content: meanOfFigure(a), fused: meanOfFigure(b) };
    rows.push({ of: "transformer, leave-one-out", ...means, ...pairedDifference(b, a), targets: a.byUser.length });
  }
  return rows;
}
