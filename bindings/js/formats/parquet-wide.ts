/** Embeddings in Parquet files with a column a dimension, as data frames of numbers are written. */

import { damagedParquet } from "./parquet-bytes.ts";
import { type Column, floatChunk, isFloat, numberedColumns, type ParquetFile, pagesOf } from "./parquet-file.ts";

/**
 * The columns of an embedding: floats that are named alike and numbered from 0 or 1 on ("emb_0", "emb_1", ...; in the order of their
 * numbers), else all floats, as in tables of text. Undefined for fewer than two.
 */
export function wideColumns(columns: readonly Column[]): Column[] | undefined {
  const floats = columns.filter((column) => isFloat(column) && column.path.length === 1 && column.maxRepetition === 0);
  const runs = numberedColumns(floats, 6).map((run) => run.columns);
  const longest = runs.reduce<Column[]>((a, b) => (b.length > a.length ? b : a), []);
  const found = longest.length > 1 ? longest : floats;
  return found.length > 1 ? found : undefined;
}

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
        const values = content.values as Float32Array;
        for (let i = 0, v = 0; i < page.values; i++, row++) {
          const isThere = definition === undefined || definition[i] === chunk.maxDefinition;
          data[row * dim + j] = isThere ? values[v++]! : Number.NaN;
        }
      }
    }
  }
  return { data, rows, dim };
}
