// The body of a request as items with IDs: JSON, JSON lines, {"id": "sku-1", "embedding": [...]}, csv or npy.
import { setImmediate } from "node:timers/promises";
import { InvalidInputError } from "rqvae";
import { streamItems } from "rqvae/formats";

/** Types that bodies may have. Which format it is the content says. */
export const BODY_TYPES = ["application/json", "application/x-ndjson", "text/csv", "application/octet-stream"];

/**
 * Reads a body a few rows at a time, other requests in between.
 * @param {Uint8Array} body
 * @param {{ most: number, named?: boolean }} options most: items at most. named: every item must say its ID; else a file without any, as
 *   npy is, has its row numbers
 * @returns {Promise<{ itemIds: string[], items: import("rqvae").ItemMatrix }>}
 * @throws InvalidInputError naming the row that is not as it must be
 */
export async function readUpload(body, { most, named = false }) {
  if (body.length === 0) throw new InvalidInputError("the file is empty: items are expected in the body");
  const blocks = [];
  const itemIds = [];
  for await (const { data, rows, itemIds: own } of streamItems(body)) {
    const first = itemIds.length;
    if (first + rows > most)
      throw new InvalidInputError(`a request may have ${most} items at most, but this one has more: send several`);
    if (named && !own)
      throw new InvalidInputError('the items have no "id": expected {"id": "sku-1", "embedding": [...]}');
    for (let row = 0; row < rows; row++) itemIds.push(own ? own[row] : String(first + row));
    blocks.push(data.slice());
    await setImmediate();
  }
  return { itemIds, items: joined(blocks, itemIds.length) };
}

/** Whether a body is JSON, and not JSON lines, whose first line is a value by itself: only these are read a few rows at a time. */
export function isOneJsonValue(body) {
  if (!/^\s*[[{]/.test(body.toString("utf8", 0, 100))) return false;
  const end = body.indexOf("\n");
  if (end < 0 || end > 2 ** 24) return true;
  try {
    JSON.parse(body.toString("utf8", 0, end));
    return false;
  } catch {
    return true;
  }
}

/** Rows of floats behind one another. */
export function joined(blocks, rows) {
  const data = new Float32Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    data.set(block, at);
    at += block.length;
  }
  return { data, rows, dim: data.length / rows };
}
