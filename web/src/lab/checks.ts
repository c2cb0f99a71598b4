import { ItemProfiler } from "rqvae/report";
import type { DataChecks } from "./types.ts";
import type { Vectors } from "./vectors.ts";

/** How many rows are named that hold no numbers. */
const NAMED = 5;

/** Looks at every number once. */
export async function checkItems(vectors: Vectors): Promise<DataChecks> {
  const { rows, dim } = vectors;
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
  for await (const { first, count, data } of vectors.blocks()) {
    for (let i = 0; i < count; i++) {
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
