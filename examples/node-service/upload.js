// The body of a request as items with IDs: JSON, JSON lines, {"id": "sku-1", "embedding": [...]}, csv or npy. A line of JSON before npy,
// ["sku-1", "sku-2"], names its rows.
import { setImmediate } from "node:timers/promises";
import { InvalidInputError } from "rqvae";
import { streamItems } from "rqvae/formats";

/** Types that bodies may have. Which format it is the content says. */
export const BODY_TYPES = ["application/json", "application/x-ndjson", "text/csv", "application/octet-stream"];

/**
 * Reads a body a few rows at a time, other requests in between.
 * @param {Uint8Array} body
 * @param {{ most: number, named?: boolean, as?: string }} options most: items at most. named: every item must say its ID; else a file
 *   without any, as npy is, has its row numbers, or for a single item `as`
 * @returns {Promise<{ itemIds: string[], items: import("rqvae").ItemMatrix }>}
 * @throws InvalidInputError naming the row that is not as it must be
 */
export async function readUpload(body, { most, named = false, as }) {
  if (body.length === 0) throw new InvalidInputError("the file is empty: items are expected in the body");
  const { names, file } = namesBeforeNpy(body);
  const blocks = [];
  const itemIds = [];
  for await (const { data, rows, itemIds: inFile } of streamItems(file)) {
    const first = itemIds.length;
    if (first + rows > most)
      throw new InvalidInputError(`a request may have ${most} items at most, but this one has more: send several`);
    const own = names?.slice(first, first + rows) ?? inFile;
    if (named && !own)
      throw new InvalidInputError('the items have no "id": expected {"id": "sku-1", "embedding": [...]}');
    for (let row = 0; row < rows; row++) itemIds.push(own ? (own[row] ?? "") : (as ?? String(first + row)));
    blocks.push(data.slice());
    await setImmediate();
  }
  if (names && names.length !== itemIds.length)
    throw new InvalidInputError(
      `the line before the npy file has ${names.length} IDs, but the file has ${itemIds.length} rows`,
    );
  return { itemIds, items: joined(blocks, itemIds.length) };
}

/** The IDs on a line of JSON before an npy file, if there is one. */
function namesBeforeNpy(body) {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const end = bytes[0] === 0x5b ? bytes.indexOf("\n") : -1;
  if (end < 0 || bytes.toString("latin1", end + 1, end + 7) !== "\x93NUMPY") return { file: body };
  let names;
  try {
    names = JSON.parse(bytes.toString("utf8", 0, end));
  } catch (error) {
    throw new InvalidInputError(`the line before the npy file is not JSON: ${error.message}`);
  }
  const rows = new Map();
  for (const [row, name] of names.entries()) {
    if (!["string", "number"].includes(typeof name) || name === "")
      throw new InvalidInputError(
        `the line before the npy file: entry ${row} is ${JSON.stringify(name)}, which is no item ID`,
      );
    if (rows.has(String(name)))
      throw new InvalidInputError(
        `the line before the npy file: entries ${rows.get(String(name))} and ${row} are both item ${JSON.stringify(name)}`,
      );
    rows.set(String(name), row);
  }
  return { names: [...rows.keys()], file: bytes.subarray(end + 1) };
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
