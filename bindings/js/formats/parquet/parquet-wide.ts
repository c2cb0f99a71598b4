/** Embeddings in Parquet files with one column per dimension, as data frames of numbers are written. */

import { damagedParquet } from "./parquet-bytes.ts";
import { type Column, floatChunk, type ParquetFile, pagesOf } from "./parquet-file.ts";

/** The embeddings, row-major, with NaN for missing values. They are read column by column, so that only one copy is in memory. */
export async function readWide(
  file: ParquetFile,
  columns: readonly Column[],
): Promise<{ data: Float32Array; rows: number; dim: number }> {
  const { source, groups, rows } = file;
  const dim = columns.length;
  const chunks = groups.map((group) => columns.map((column) => floatChunk(file, group, column)));
  for (const [g, group] of groups.entries()) {
    if (chunks[g]!.some(({ values }) => values !== group.rows)) {
      throw damagedParquet("columns have different numbers of rows");
    }
  }
  const data = new Float32Array(rows * dim);
  for (const [g, group] of groups.entries()) {
    for (const [j, chunk] of chunks[g]!.entries()) {
      let row = group.first;
      for await (const { page, content } of pagesOf(source, chunk)) {
        const { definition } = content;
        const values = content.values as ArrayLike<number | bigint>; // also 64-bit integers
        for (let i = 0, v = 0; i < page.values; i++, row++) {
          const isThere = definition === undefined || definition[i] === chunk.maxDefinition;
          data[row * dim + j] = isThere ? Number(values[v++]) / columns[j]!.divisor : Number.NaN;
        }
      }
    }
  }
  return { data, rows, dim };
}
