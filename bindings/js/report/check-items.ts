/** What items are like before any model sees them, in one pass over all of their numbers. */

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
  /** Rows that hold a number that is none, or an infinite one; the first few of them. */
  badRows: number;
  firstBadRows: number[];
  /** Rows of nothing but zeros. */
  zeroRows: number;
  /** Rows that are equal to an earlier one. */
  repeatedRows: number;
  /** Columns with one value in every row. */
  constantColumns: number;
  /** A column that carries most of the variance, if there is one, and its share, from 0 to 1. */
  dominant?: { column: number; share: number };
  /** Euclidean lengths of the rows that are not all zeros. */
  norms: { least: number; mean: number; most: number };
}

/** How many rows are named that hold no numbers. */
const NAMED = 5;

/**
 * Looks at every number of the items once: before training, to say what would spoil it. Rows that are not finite are counted, and passed
 * over in all that follows.
 * @param items A matrix, or a source such as `openItems` gives.
 * @throws InvalidInputError for what is neither.
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
        // Squares of float32 are far from the end of double precision: only NaN and Infinity give no number.
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
