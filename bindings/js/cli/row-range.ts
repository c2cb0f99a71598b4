/** A stretch of the items: `--rows a:b` and `--shard i/n`. */

import { counted, thereAre } from "../base/words.ts";
import { isSource } from "../items/embedding-source.ts";
import type { FusedItems } from "../items/fields.ts";
import { type Given, type Option, text, UsageError } from "./command.ts";
import type { CatalogueItems } from "./files.ts";

export const rangeOptions: Record<string, Option> = {
  rows: { value: "A:B", help: "only rows A to B - 1, counted from 0; A or B may be\nleft out" },
  shard: { value: "I/N", help: "only the I-th of N equal parts, I from 1" },
};

/** Rows [first, first + count). */
export interface RowRange {
  first: number;
  count: number;
}

/** What was asked for: a function of the number of rows, or undefined for all. @throws UsageError */
export function readRange(given: Given): ((rows: number) => RowRange) | undefined {
  const [range, shard] = [text(given, "rows"), text(given, "shard")];
  if (range !== undefined && shard !== undefined) {
    throw new UsageError("--rows and --shard both choose rows: leave one of them out");
  }
  if (range !== undefined) {
    const { from, to } = /^(?<from>\d*):(?<to>\d*)$/.exec(range)?.groups ?? {};
    if (from === undefined || to === undefined) {
      throw new UsageError(`--rows must be two row numbers, such as 0:1000, but is "${range}"`);
    }
    return (rows) => {
      const [first, end] = [Number(from), to === "" ? rows : Number(to)];
      if (first < end && end <= rows) return { first, count: end - first };
      throw new UsageError(`--rows ${range} is not within the ${counted(rows, "row")} of the items, or empty`);
    };
  }
  if (shard !== undefined) {
    const [part, parts] = (/^(\d+)\/(\d+)$/.exec(shard) ?? []).slice(1).map(Number);
    if (part === undefined || parts === undefined || part < 1 || part > parts) {
      throw new UsageError(`--shard must be a part of so many, such as 1/4, but is "${shard}"`);
    }
    return (rows) => {
      const [first, end] = [Math.floor(((part - 1) * rows) / parts), Math.floor((part * rows) / parts)];
      if (first < end) return { first, count: end - first };
      throw new UsageError(`--shard ${shard} is empty: ${thereAre(rows, "row")}`);
    };
  }
  return undefined;
}

/** These rows of the items. */
export function rowsOf(items: CatalogueItems, { first, count }: RowRange): CatalogueItems {
  const { dim } = items;
  const { fields } = items as Partial<FusedItems>;
  const part = isSource(items)
    ? { rows: count, dim, read: (from: number, many: number) => items.read(first + from, many) }
    : { data: items.data.subarray(first * dim, (first + count) * dim), rows: count, dim };
  return Object.assign(part, fields && { fields });
}
