// The body of a request as items with IDs: npy, csv, JSON or JSON lines, {"id": "sku-1", "embedding": [...]}.
import { InvalidInputError } from "rqvae";
import { readItems } from "rqvae/formats";

/**
 * @param {Uint8Array} body
 * @param {{ named?: boolean }} [options] named: every item must say its ID; else a file without any, as npy is, has its row numbers
 * @returns {{ itemIds: string[], items: import("rqvae").ItemMatrix }}
 * @throws InvalidInputError naming the row that is not as it must be
 */
export function readUpload(body, { named = false } = {}) {
  const { items, labels } = readItems(body);
  const given = labels?.labels?.id ?? labels?.titles;
  if (!given && named)
    throw new InvalidInputError('the items have no "id": expected {"id": "sku-1", "embedding": [...]}');
  const itemIds = Array.from({ length: items.rows }, (_, row) => String(given?.[row] ?? row));
  const rowOf = new Map();
  itemIds.forEach((id, row) => {
    if (id === "") throw new InvalidInputError(`row ${row} has no "id", but others have`);
    if (rowOf.has(id))
      throw new InvalidInputError(`rows ${rowOf.get(id)} and ${row} have the same ID ${JSON.stringify(id)}`);
    rowOf.set(id, row);
  });
  return { itemIds, items };
}
