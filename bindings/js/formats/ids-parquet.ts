import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { checkedItemIds, type IdTableSource } from "./id-table.ts";
import { checkLabels } from "./labels.ts";
import { type ParquetColumn, ParquetWriter } from "./parquet-writer.ts";

const GROUP_ROWS = 1 << 16;

/**
 * IDs as a Parquet file in pieces, with the columns of `writeIdsCsv`: `item` (text), `title` where there are labels, `code_1` to `code_L`
 * (int32), `id` (the tokens).
 *
 * @throws InvalidInputError when there is not one title and one item ID per ID, an item is there twice, or a codebook has more than 2^31
 *   codes.
 */
export function* idsParquetChunks(table: IdTableSource, labels?: ItemLabels): Generator<Uint8Array> {
  const { ids } = table;
  if (labels) checkLabels(labels, ids.length);
  const itemId = checkedItemIds(table);
  if (Math.max(...ids.codebookSizes) > 2 ** 31) {
    throw new InvalidInputError("a codebook has more than 2^31 codes, which int32 cannot number: write another format");
  }
  const columns: ParquetColumn[] = [
    { name: "item", kind: "text" },
    ...(labels ? [{ name: "title", kind: "text" } as const] : []),
    ...Array.from({ length: ids.levels }, (_, level) => ({ name: `code_${level + 1}`, kind: "int32" }) as const),
    { name: "id", kind: "text" },
  ];
  const writer = new ParquetWriter(columns);
  yield writer.begin();
  for (let first = 0; first < ids.length; first += GROUP_ROWS) {
    const rows = Math.min(GROUP_ROWS, ids.length - first);
    const texts = (of: (row: number) => string) => Array.from({ length: rows }, (_, i) => of(first + i));
    const codes = Array.from({ length: ids.levels }, (_, level) =>
      Int32Array.from({ length: rows }, (_, i) => ids.codes[(first + i) * ids.levels + level]!),
    );
    yield* writer.group(rows, [
      texts(itemId),
      ...(labels ? [texts((row) => labels.titles[row]!)] : []),
      ...codes,
      texts((row) => ids.toTokens(row)),
    ]);
  }
  yield writer.finish();
}
