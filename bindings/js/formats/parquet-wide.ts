/** Embeddings in Parquet files with a column a dimension, as data frames of numbers are written. */

import { InvalidInputError } from "../errors.ts";
import { count, describeValue } from "./bytes.ts";
import { inflatedLimit } from "./inflate.ts";
import { type Column, chunkOf, type ParquetFile, pagesOf } from "./parquet-file.ts";

/**
 * The columns of an embedding: floats that are named alike and numbered from 0 or 1 on ("emb_0", "emb_1", ...; in the order of their
 * numbers), else all floats, as in tables of text. Undefined for fewer than two.
 */
export function wideColumns(columns: readonly Column[]): Column[] | undefined {
  const floats = columns.filter(
    ({ type, path, maxRepetition }) =>
      (type === "float" || type === "double" || type === "half") && path.length === 1 && maxRepetition === 0,
  );
  const alike = new Map<string, { number: number; column: Column }[]>();
  for (const column of floats) {
    const [, prefix, digits] = /^(.*?)(\d{1,6})$/.exec(column.name) ?? [];
    if (prefix === undefined) continue;
    alike.set(prefix, [...(alike.get(prefix) ?? []), { number: Number(digits), column }]);
  }
  const rows = [...alike.values()]
    .map((numbered) => numbered.sort((a, b) => a.number - b.number))
    .filter((numbered) => {
      const first = numbered[0]!.number;
      return first <= 1 && numbered.every(({ number }, i) => number === first + i);
    })
    .sort((a, b) => b.length - a.length);
  const found = (rows[0]?.length ?? 0) > 1 ? rows[0]!.map(({ column }) => column) : floats;
  return found.length > 1 ? found : undefined;
}

/** The embeddings, row-major; NaN where a value is missing. Column after column is read, so that they are held once. */
export async function readWide(
  file: ParquetFile,
  columns: readonly Column[],
): Promise<{ data: Float32Array; rows: number; dim: number }> {
  const { source, groups, rows } = file;
  const dim = columns.length;
  const chunks = groups.map((group) => columns.map((column) => chunkOf(file, group, column)));
  for (const [g, group] of groups.entries()) {
    for (const [j, { values, start, end }] of chunks[g]!.entries()) {
      if (values === group.rows && values * 4 <= inflatedLimit(end - start)) continue;
      throw new InvalidInputError(
        `column ${describeValue(columns[j]!.name)} claims ${count(values)} values of ${count(group.rows)} rows in ${count(end - start)} bytes: every row must have one, and more than 1000 times as many bytes are refused`,
      );
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
