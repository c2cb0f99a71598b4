/** The model's latents of some of the items, chunk by chunk. */

import type { Asking } from "../base/asking.ts";
import { invalid } from "../base/errors.ts";
import type { SemanticIds, SemanticIdsOutput } from "../ids/semantic-ids.ts";
import { compareCodes } from "../ids/sorted-ids.ts";
import { inWhole, notFinite, typedArrayName } from "../items/items.ts";
import type { ItemMatrix, Items } from "../types.ts";
import type { IdModel } from "./index-model.ts";

const CHUNK_ROWS = 1024;

/**
 * Calls `use` for each of `rows` with its position among them, its latent vector z (a view) and ||r||^2 of its residual.
 * @throws InvalidInputError if the model gives an item another ID than `ids` says, or if a value is not finite.
 */
export function* forEachVector(
  model: IdModel,
  items: Items,
  ids: SemanticIds,
  rows: Uint32Array,
  use: (place: number, latent: Float32Array, leftOver: number) => void,
): Asking<void> {
  const { latentDim: d, nQuantizationLayers: levels } = model.config;
  for (let first = 0; first < rows.length; first += CHUNK_ROWS) {
    const chunk = rows.subarray(first, first + CHUNK_ROWS);
    const picked = pickRows(items, model.config.inputDim, chunk);
    let found: SemanticIdsOutput;
    try {
      found = yield model.getSemanticIds(picked);
    } catch (error) {
      throw inWhole(error, (place) => chunk[place]!);
    }
    const { semIds, embeddings, residuals } = found;
    for (let i = 0; i < chunk.length; i++) {
      const row = chunk[i]!;
      if (compareCodes(semIds.codes, i * levels, ids.codes, row * levels, levels) !== 0) {
        throw invalid(
          "COUNTS_DIFFER",
        )`${{ argument: "items" }}: the model gives ${{ row }} the ID [${semIds.at(i).join()}], but ids has [${ids.at(row).join()}]: items and ids must belong to the same items, in the same order`;
      }
      let leftOver = 0;
      const last = (i * levels + levels - 1) * d;
      for (let j = last; j < last + d; j++) leftOver += (residuals[j]! - embeddings[j]!) ** 2;
      use(first + i, residuals.subarray(i * levels * d, (i * levels + 1) * d), leftOver);
    }
  }
}

/** Copies of some rows of items whose form was checked. */
function pickRows(items: Items, dim: number, rows: Uint32Array): ItemMatrix {
  const table = Array.isArray(items) ? (items as readonly ArrayLike<number>[]) : undefined;
  const flat = table ? undefined : "data" in items ? (items as ItemMatrix).data : (items as Float32Array);
  const isHalf = typedArrayName(flat) === "Uint16Array";
  const data = new (isHalf ? Uint16Array : Float64Array)(rows.length * dim);
  rows.forEach((row, i) => {
    const source = table ? table[row]! : flat!;
    const start = table ? 0 : row * dim;
    for (let j = 0; j < dim; j++) {
      const value = source[start + j]!;
      // Values that are not numbers are not converted.
      if (isHalf ? (value & 0x7c00) === 0x7c00 : !(Number.isFinite(value) && Number.isFinite(Math.fround(value)))) {
        throw notFinite(
          isHalf ? (value & 0x3ff ? Number.NaN : (value & 0x8000 ? -1 : 1) / 0) : value,
          row,
          j,
          dim,
          "items",
        );
      }
      data[i * dim + j] = value;
    }
  });
  return { data, rows: rows.length, dim };
}
