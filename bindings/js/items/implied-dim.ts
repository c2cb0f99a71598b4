/** The dimension of items that have one. */

import { checkArray } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { hints, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { EmbeddingSource, Items } from "../types.ts";

const isNothing = (items: unknown) => items === undefined || items === null || typeof items !== "object";

/** The dimension that the items themselves give; a flat array gives none. */
export function impliedDim(items: Items | EmbeddingSource, where = "RQVAE.fit"): number {
  checkArray(items, `${where}: items`);
  if (Array.isArray(items)) checkArray(items[0], `${where}: items: row 0`);
  const dim = Array.isArray(items) ? items[0]?.length : (items as { dim?: number })?.dim;
  if (typeof dim === "number" && Number.isInteger(dim) && dim > 0) return dim;
  if (Array.isArray(items) && items.length === 0) {
    throw invalid(
      "EMPTY",
    )`${where ? call(where) : ""}${{ argument: "items" }}: there are no rows${{ hint: "give at least one item", after: "; " }}`;
  }
  const advice = hints.items?.(items, "items");
  if (advice === undefined || items instanceof Float32Array || items instanceof Float64Array) {
    const received = isNothing(items) ? `, received ${show(items)}` : "";
    throw invalid(
      "ITEMS_FORM",
    )`${where ? call(where) : ""}${{ argument: "items" }} do not have a dimension: pass { data, rows, dim }, an array of rows, or the option inputDim with a flat array${received}`;
  }
  throw invalid(
    "ITEMS_FORM",
  )`${where ? call(where) : ""}${{ argument: "items" }} must be { data, rows, dim } or an array of rows, ${advice}`;
}
