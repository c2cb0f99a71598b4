/** A model trained afresh, with its codes numbered as in the IDs of before. */

import { invalid } from "../base/errors.ts";
import { OptionReader, requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { requireIds, type SemanticIds } from "../ids/semantic-ids.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { permuteCodes } from "../model-file/permute-codes.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, Items } from "../types.ts";
import { type CompareOptions, compareIds } from "./compare-ids.ts";
import type { IdComparison } from "./id-comparison.ts";

/** What `alignCodes` made. */
export interface AlignedModel {
  /** The model with other numbers for its codes. It is a new one: `dispose` it, and the given one, when done. */
  model: RQVAE;
  /** Its IDs of the items, one per row. */
  ids: SemanticIds;
  /** Per level, the number that each code of the given model has now. */
  renaming: number[][];
  /** The old IDs against those of the model as it was given. */
  before: IdComparison;
  /** The old IDs against `ids`. */
  after: IdComparison;
}

/**
 * Numbers the codes of a model as older IDs do, as far as that keeps items at their ID. A model that was trained afresh numbers its codes by
 * chance, so that all IDs differ although most groups of items are the same. The result is the same model but for the names of its codes: it
 * decodes its ID of an item to the vector that the given model decodes its own to, and its fingerprint is another one. An item that is as near to
 * one code as to another, to the last digits of its float32 numbers, may change sides, since sums over a codebook run in the order of its codes.
 *
 * The numbers are those of `compareIds`: a permutation per level, the upper levels first, by exact assignment up to 1,024 codes in use. Codes
 * that no item has keep their number if it is free. A training's state is not kept (`fit({ from })` trains the model further), and what the
 * file remembers of the training is.
 *
 * @param model The new model, or one in a worker; it stays as it is.
 * @param oldIds IDs that are published, of an index or of an older model. They may have more codes than the model gives, as with suffixes, or
 * fewer: the common levels are aligned.
 * @param items Vectors of the items for the new model.
 * @param options `itemIds`: item IDs of `oldIds` (`before`) and of `items` (`after`), which join them; some items may be in one only. Default:
 * row by row.
 * @throws InvalidInputError if the old IDs have more codes at a level than the model, and as `compareIds`.
 */
export async function alignCodes(
  model: AsyncIdModel,
  oldIds: SemanticIds,
  items: Items | EmbeddingSource,
  options: CompareOptions = {},
): Promise<AlignedModel> {
  const where = "alignCodes";
  const isModel = typeof model?.save === "function" && typeof model.encodeAsync === "function";
  requireThat(isModel, "model", "an RQVAE, or one in a worker", model, where);
  requireIds(oldIds, "oldIds");
  const read = new OptionReader(options, where);
  read.get("itemIds");
  read.refuseUnknown();
  const { codebookSize, seed } = model.config;
  for (const [level, size] of codebookSize.entries()) {
    const old = oldIds.codebookSizes[level];
    if (old === undefined || old <= size) continue;
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}${{ argument: "oldIds" }} ${{ level }} has ${old} codes, but the model has ${size} there${{ hint: "train a model with at least as many codes per level" }}`;
  }
  const ids = await model.encodeAsync(items);
  const before = compareIds(oldIds, ids, options);
  const books = await model.codebooks();
  const renaming = codebookSize.map((size, level) =>
    numbersOf(before.renaming[level] ?? [], size, ids, level, books[level]!),
  );
  const [{ RQVAE }, bytes, module] = [await import("../model/rqvae.ts"), await model.save(), await native()];
  const permuted = permuteCodes(bytes, renaming, (data) => hashOf(module, data));
  // With a configuration given, here an equal one, the file need not have the weights' fingerprint, which is not known yet.
  const aligned = await RQVAE.load(permuted, { config: { seed } });
  try {
    const now = await aligned.encodeAsync(items);
    return { model: aligned, ids: now, renaming, before, after: compareIds(oldIds, now, options) };
  } catch (error) {
    aligned.dispose();
    throw error;
  }
}

/**
 * The number that each of a level's codes gets.
 * @param newOfOld the new model's code for each old one
 */
function numbersOf(
  newOfOld: readonly number[],
  size: number,
  ids: SemanticIds,
  level: number,
  book: Float32Array,
): number[] {
  const isUsed = new Uint8Array(size);
  for (let row = 0; row < ids.length; row++) isUsed[ids.codes[row * ids.levels + level]!] = 1;
  const numbers: number[] = Array(size).fill(-1);
  const free = new Set(numbers.keys());
  const give = (code: number, number: number) => {
    numbers[code] = number;
    free.delete(number);
  };
  for (const [old, code] of newOfOld.entries()) if (code >= 0 && isUsed[code]) give(code, old);
  const rest = () => [...numbers.keys()].filter((code) => numbers[code] === -1);
  // A codebook for fewer distinct items than codes repeats a vector. The lowest of its codes is chosen, and must remain so.
  const width = book.length / size;
  const vector = (code: number) => book.subarray(code * width, (code + 1) * width).join();
  const used = new Set(rest().length === 0 ? [] : [...numbers.keys()].filter((code) => isUsed[code]).map(vector));
  for (const code of rest()) if (!isUsed[code] && used.has(vector(code))) give(code, Math.max(...free));
  for (const code of rest()) if (free.has(code)) give(code, code);
  for (const code of rest()) give(code, Math.min(...free));
  return numbers;
}
