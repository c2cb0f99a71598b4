/** The place in a result as the page's address says it: `branch=17.4&item=563&find=heart`. */

import type { Place } from "./exploration.ts";
import type { Sort } from "./row-filter.ts";

const SORTS: readonly string[] = ["item", "id", "title", "shared"] satisfies Sort[];

/** Names that the address uses for places; no field of the form may have them. */
export const PLACE_NAMES = ["branch", "code", "item", "find", "sort", "shared"] as const;

/** What differs from `start`, the place where a result opens. */
export function writePlace(place: Place, start: Place): URLSearchParams {
  const link = new URLSearchParams();
  if (place.prefix.length > 0) link.set("branch", place.prefix.join("."));
  if (place.code) link.set("code", `${place.code.level}.${place.code.code}`);
  if (place.item !== start.item) link.set("item", String(place.item));
  if (place.query !== "") link.set("find", place.query);
  if (place.sort !== sortOf(place.prefix)) link.set("sort", place.sort);
  if (place.sharedOnly) link.set("shared", "1");
  return link;
}

/** The place that an address names, as far as the result has it. */
export function readPlace(link: URLSearchParams, start: Place, ids: PlaceIds): Place {
  const numbers = (link.get("branch") ?? "").split(".").filter((part) => part !== "");
  const codes = numbers.map(Number);
  const isBranch =
    codes.length < ids.levels + 1 &&
    codes.every((code, level) => Number.isInteger(code) && code >= 0 && code < ids.codebookSizes[level]!) &&
    ids.has(codes);
  const prefix = isBranch ? codes : [];
  const [level, code] = (link.get("code") ?? "").split(".").map(Number);
  const isCode =
    [level, code].every(Number.isInteger) && level! >= 0 && code! >= 0 && code! < (ids.codebookSizes[level!] ?? 0);
  const item = Number(link.get("item") ?? Number.NaN);
  const sort = link.get("sort") ?? "";
  return {
    ...start,
    prefix,
    code: isCode ? { level: level!, code: code! } : undefined,
    item: Number.isInteger(item) && item >= 0 && item < ids.length ? item : start.item,
    query: link.get("find") ?? "",
    sort: SORTS.includes(sort) ? (sort as Sort) : sortOf(prefix),
    sharedOnly: link.get("shared") === "1",
  };
}

/** The IDs in which a place is. */
export interface PlaceIds {
  length: number;
  levels: number;
  codebookSizes: readonly number[];
  /** Whether an ID begins so. */
  has(prefix: readonly number[]): boolean;
}

/** How rows are sorted unless the visitor says otherwise: a branch by its IDs. */
const sortOf = (prefix: readonly number[]): Sort => (prefix.length === 0 ? "item" : "id");
