/** What items are like before training, in one pass over all their numbers. */

import { checkOptionNames, checkSignal, OptionReader, requireThat } from "../base/option-reader.ts";
import { countRows, isSource, SourceReader } from "../items/embedding-source.ts";
import { halfValues } from "../items/half.ts";
import { impliedDim } from "../items/implied-dim.ts";
import { ItemProfiler } from "../items/item-profile.ts";
import { typedArrayName } from "../items/items.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, ItemMatrix } from "../types.ts";

/** What `checkItems` finds. */
export interface ItemCheck {
  /** Number of rows with NaN or infinite values; the first few of them. */
  badRows: number;
  firstBadRows: number[];
  /** Number of rows with only zeros. */
  zeroRows: number;
  /** Number of rows that equal an earlier one. */
  repeatedRows: number;
  /** Number of columns with the same value in every row. */
  constantColumns: number;
  /** The column that carries most of the variance, if there is one, and its share, from 0 to 1. */
  dominant?: { column: number; share: number };
  /** Euclidean lengths of the rows that are not all zeros. */
  norms: { least: number; mean: number; most: number };
}

/** The most rows that are named. */
const NAMED = 5;

/**
 * Looks at every number of the items once, to say before training what would spoil it. Rows that are not finite are counted, and ignored
 * otherwise.
 * @param items A matrix, or a source such as `openItems` gives.
 * @throws InvalidInputError for anything else.
 */
export async function checkItems(
  items: EmbeddingSource | ItemMatrix,
  options: { signal?: AbortSignal } = {},
): Promise<ItemCheck> {
  const signal = checkSignal(new OptionReader(options, "checkItems"));
  checkOptionNames(options, "checkItems", ["signal"]);
  const dim = impliedDim(items, "checkItems");
  requireThat(!Array.isArray(items), "items", "a matrix { data, rows, dim } or a source", items);
  const rows = countRows(items, dim);
  const firstBadRows: number[] = [];
  const profiler = new ItemProfiler(rows, dim);
  const { classes } = profiler;
  const example = new Float32Array(dim);
  const varies = new Uint8Array(dim);
  let badRows = 0;
  let zeroRows = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let sum = 0;
  for await (const { first, data } of blocksOf(items, new Stop(signal))) {
    for (let i = 0; i < data.length / dim; i++) {
      const row = data.subarray(i * dim, (i + 1) * dim);
      let square = 0;
      for (let j = 0; j < dim; j++) square += row[j]! * row[j]!;
      if (!Number.isFinite(square)) {
        // Squares of float32 are far below the largest double, so only NaN and Infinity give a sum that is not finite.
        if (badRows++ < NAMED) firstBadRows.push(first + i);
        continue;
      }
      if (classes.rows === 0) example.set(row);
      for (let j = 0; j < dim; j++) if (row[j] !== example[j]) varies[j] = 1;
      profiler.add(row);
      if (square === 0) {
        zeroRows++;
        continue;
      }
      const norm = Math.sqrt(square);
      if (norm < least) least = norm;
      if (norm > most) most = norm;
      sum += norm;
    }
  }
  const good = classes.rows;
  const { dominant } = good > 0 ? profiler.finish() : {};
  return {
    badRows,
    firstBadRows,
    zeroRows,
    repeatedRows: good - classes.distinct,
    constantColumns: good > 1 ? varies.reduce((constant, flag) => constant + 1 - flag, 0) : 0,
    ...(dominant && { dominant }),
    norms: most > 0 ? { least, mean: sum / (good - zeroRows), most } : { least: 0, mean: 0, most: 0 },
  };
}

async function* blocksOf(
  items: EmbeddingSource | ItemMatrix,
  stop: Stop,
): AsyncGenerator<{ first: number; data: Float32Array }> {
  const { rows, dim } = items;
  const reader = isSource(items) ? new SourceReader(items, dim, { stop }) : undefined;
  const matrix = reader ? undefined : (items as ItemMatrix).data;
  const widen = typedArrayName(matrix) === "Uint16Array" ? halfValues() : undefined;
  const most = reader?.pieceRows ?? Math.max(1, Math.floor((1 << 20) / dim));
  for (let first = 0; first < rows; first += most) {
    stop.check();
    const count = Math.min(most, rows - first);
    const part = matrix?.subarray(first * dim, (first + count) * dim);
    const data = part ? Float32Array.from(part, (value) => widen?.[value] ?? value) : await reader!.read(first, count);
    yield { first, data };
  }
}
