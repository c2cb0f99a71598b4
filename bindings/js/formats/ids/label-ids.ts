/** Item IDs of labels, for files of IDs. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkLabels } from "../../items/labels.ts";
import type { ItemLabels } from "../../types.ts";
import type { IdTableSource } from "./id-table.ts";

/**
 * The table with the item IDs of the labels that are written with it.
 * @throws InvalidInputError if there is not one title and one label of each name per row, or the table has other item IDs.
 */
export function withLabelIds(table: IdTableSource, labels: ItemLabels | undefined): IdTableSource {
  if (!labels) return table;
  checkLabels(labels, table.ids.length);
  const { itemIds } = labels;
  if (!itemIds) return table;
  if (!table.itemIds) return { ...table, itemIds };
  const other = itemIds.findIndex(
    (itemId, row) => table.itemIds![row] !== undefined && itemId !== String(table.itemIds![row]),
  );
  if (other < 0) return table;
  throw invalid()`labels.itemIds[${other}] is ${describeValue(itemIds[other])}, but itemIds[${other}] is ${describeValue(table.itemIds[other])}${{ hint: "join the labels to the items with joinLabels first" }}`;
}
