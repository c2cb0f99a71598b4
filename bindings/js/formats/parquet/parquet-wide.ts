/** Embeddings in Parquet files with a column per dimension, as data frames of numbers are written. */

import { damagedParquet } from "./parquet-bytes.ts";
import { type Column, floatChunk, type ParquetFile, pagesOf } from "./parquet-file.ts";

/** The embeddings, row-major; NaN where a value is missing. Column after column is read, so that they are held once. */
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
        const values = content.values as ArrayLike<number | bigint>; // whole numbers of 64 bits, too
        for (let i = 0, v = 0; i < page.values; i++, row++) {
          const isThere = definition === undefined || definition[i] === chunk.maxDefinition;
          data[row * dim + j] = isThere ? Number(values[v++]) / columns[j]!.divisor : Number.NaN;
        }
      }
    }
  }
  return { data, rows, dim };
}
