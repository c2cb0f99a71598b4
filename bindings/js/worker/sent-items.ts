/** Items sent to a worker: copies, unless the caller transfers them. */

import { checkArray, requireAttached } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { isSource } from "../items/embedding-source.ts";
import type { FusedItems } from "../items/fields.ts";
import { isFloats } from "../items/items.ts";
import { adviseItems } from "../options/item-forms.ts";
import type { EmbeddingSource, FloatArray, ItemMatrix, Items } from "../types.ts";
import { plain } from "./plain.ts";

/** Options of every call that takes items. */
export interface TransferOption {
  /**
   * Transfer the items' array to the worker instead of copying it: the caller's array is then empty, even if the call is refused. An array
   * that is part of a larger buffer, and an array of rows, are still copied; one over a SharedArrayBuffer is neither copied nor emptied,
   * and must not be changed before the call is done. Default: false.
   */
  transfer?: boolean;
}

/** Items of a long call: a source stays here and is read as the worker requests. */
export function sentSource(
  items: Items | EmbeddingSource,
  transfer: boolean | undefined,
  method: string,
): { sent: unknown; source?: EmbeddingSource } {
  if (!isSource(items)) return { sent: sentItems(items, transfer, method) };
  const { rows, dim } = items;
  return { sent: { wire: "source", rows, dim, ...sentFields(items) }, source: items };
}

/**
 * The items in a form that a message can carry. Rows become one matrix. Invalid items are cloned as they are; the model refuses them, with
 * the same message as without a worker.
 */
export function sentItems(items: Items, transfer: boolean | undefined, method: string): Items {
  if (transfer !== undefined && typeof transfer !== "boolean") {
    throw invalid()`${call(method)}${{ argument: "transfer" }} must be true or false, received ${show(transfer)}`;
  }
  const own = <T extends FloatArray | Uint16Array>(data: T) => {
    requireAttached(data, "items");
    return transfer && isWhole(data) ? data : (data.slice() as T);
  };
  checkArray(items, "items");
  checkArray((items as Partial<ItemMatrix> | null)?.data, "items.data");
  if (isFloats(items)) return own(items);
  if (Array.isArray(items)) return copyRows(items) ?? clone(items);
  const { data, rows, dim } = (items ?? {}) as ItemMatrix;
  return isFloats(data) || isHalfs(data) ? { data: own(data), rows, dim, ...sentFields(items) } : clone(items);
}

/** How items were fused: always a copy, since the layout is the model's too, or the next call's. */
function sentFields(items: object): Partial<Pick<FusedItems, "fields">> {
  const { fields } = items as Partial<FusedItems>;
  return fields ? { fields: clone(fields as never) as never } : {};
}

/** Whether it can be transferred without anything else of the caller's. Shared memory stays the caller's. */
function isWhole({ byteLength, buffer }: FloatArray | Uint16Array): boolean {
  return byteLength === buffer.byteLength || Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";
}

function clone(items: Items): Items {
  try {
    return structuredClone(plain(items));
  } catch (error) {
    const advice = adviseItems(items, "items");
    if (advice)
      throw invalid("ITEMS_FORM")`${{ argument: "items" }} must be { data, rows, dim } or an array of rows, ${advice}`;
    throw invalid(
      "NOT_SENDABLE",
      error,
    )`${{ argument: "items" }} cannot be sent to the worker: ${(error as Error).message}`;
  }
}

/** Rows as a matrix, if they are rows. Float32Arrays stay floats and numbers become doubles, so that nothing is rounded. */
function copyRows(source: readonly unknown[]): ItemMatrix | undefined {
  const rows = Array.from(source); // holes become undefined, since `every` would skip them
  rows.forEach((row, i) => {
    checkArray(row, `items: row ${i}`);
  });
  if (!rows.every(isRow)) return undefined;
  const dim = rows[0]?.length ?? 0;
  if (dim === 0 || rows.some((row) => row.length !== dim)) return undefined;
  const data = new (rows.every((row) => tagOf(row) === "Float32Array") ? Float32Array : Float64Array)(
    rows.length * dim,
  );
  rows.forEach((row, i) => {
    data.set(row, i * dim);
  });
  return { data, rows: rows.length, dim };
}

function isRow(row: unknown): row is ArrayLike<number> {
  return isFloats(row) || (Array.isArray(row) && row.every((x) => typeof x === "number"));
}

// By tag rather than `instanceof`, since the array may come from another realm.
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);
const isHalfs = (value: unknown): value is Uint16Array => tagOf(value) === "Uint16Array";
