/** Which ID each item had and has: the map that stored histories, caches and logs are rewritten by. */

import { requireThat } from "../../base/option-reader.ts";
import type { SemanticIds } from "../../ids/semantic-ids.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { ParquetWriter } from "../parquet/parquet-writer.ts";
import { writeTextCell } from "../text/csv-text.ts";
import type { IdFormat } from "./id-formats.ts";
import { checkedItemIds, type IdTableSource, idsOfTable, inChunks } from "./id-table.ts";
import { cellOf } from "./recbole.ts";

/** The formats that have room for two IDs per item. */
export const MAP_FORMATS = ["csv", "jsonl", "lcrec", "recbole", "parquet"] as const;

/** Rows of a group of Parquet. */
const GROUP_ROWS = 1 << 16;

interface Row {
  item: string;
  old: number[] | undefined;
  young: number[] | undefined;
}

/**
 * A file with one row per item: its own ID, its old semantic ID and its new one. An item of one table only lacks the other ID. The items of
 * `before` come first, in their order, then those of `after` alone.
 *
 * - csv: `item,old,new`, with tokens ("<a_17><b_203><c_9>"), empty where there is none;
 * - jsonl: `{"id":"B004756YJA","old":[17,203,9],"new":[17,203,4]}` per line, null where there is none;
 * - lcrec: `{"B004756YJA": {"old": ["<a_17>", ...], "new": ["<a_17>", ...]}, ...}`;
 * - recbole: the columns `item_id:token`, `old_semantic_id:token_seq` and `new_semantic_id:token_seq`;
 * - parquet: the columns of csv.
 *
 * @param before The old IDs, with the items' own IDs (default: the row numbers).
 * @param after The new ones.
 * @throws InvalidInputError for a format that has no room for two IDs, for item IDs that are not one per row or not unique.
 */
export function writeIdMap(
  format: IdFormat,
  before: IdTableSource,
  after: IdTableSource,
): Iterable<string> | Iterable<Uint8Array> {
  const isFormat = (MAP_FORMATS as readonly string[]).includes(format);
  requireThat(
    isFormat,
    "format",
    `one of ${MAP_FORMATS.join(", ")}, which have room for two IDs`,
    format,
    "writeIdMap",
  );
  const [old, young] = [idsOfTable(before), idsOfTable(after)];
  const [oldItem, youngItem] = [checkedItemIds(before), checkedItemIds(after)];
  const template = new TokenTemplate(undefined, Math.max(old.levels, young.levels));
  const tokens = (codes: readonly number[]) => codes.map((code, level) => template.token(level, code));
  const text = (codes: readonly number[] | undefined, between = "") => (codes ? tokens(codes).join(between) : "");

  function* rows(): Generator<Row> {
    const rowOf = new Map<string, number>();
    for (let row = 0; row < young.length; row++) rowOf.set(youngItem(row), row);
    for (let row = 0; row < old.length; row++) {
      const item = oldItem(row);
      yield { item, old: old.at(row), young: idAt(young, rowOf.get(item)) };
      rowOf.delete(item);
    }
    for (const [item, row] of rowOf) yield { item, old: undefined, young: young.at(row) };
  }

  function* lines(): Generator<string> {
    if (format === "csv") yield "item,old,new\n";
    if (format === "recbole") yield "item_id:token\told_semantic_id:token_seq\tnew_semantic_id:token_seq\n";
    if (format === "lcrec") yield "{";
    let first = true;
    for (const { item, old, young } of rows()) {
      if (format === "csv") yield `${writeTextCell(item)},${text(old)},${text(young)}\n`;
      else if (format === "jsonl") yield `${JSON.stringify({ id: item, old: old ?? null, new: young ?? null })}\n`;
      else if (format === "recbole") {
        yield `${[cellOf(item, "\t", "item ID"), text(old, " "), text(young, " ")].join("\t")}\n`;
      } else {
        const both = { ...(old && { old: tokens(old) }), ...(young && { new: tokens(young) }) };
        yield `${first ? "" : ","}\n${JSON.stringify(item)}: ${JSON.stringify(both)}`;
        first = false;
      }
    }
    if (format === "lcrec") yield "\n}\n";
  }

  function* parquet(): Generator<Uint8Array> {
    const writer = new ParquetWriter(["item", "old", "new"].map((name) => ({ name, kind: "text" })));
    yield writer.begin();
    let group: Row[] = [];
    const flush = () => {
      const [full, count] = [group, group.length];
      group = [];
      return writer.group(count, [
        full.map(({ item }) => item),
        full.map(({ old }) => text(old)),
        full.map(({ young }) => text(young)),
      ]);
    };
    for (const row of rows()) {
      if (group.push(row) === GROUP_ROWS) yield* flush();
    }
    if (group.length > 0) yield* flush();
    yield writer.finish();
  }

  return format === "parquet" ? parquet() : inChunks(lines());
}

const idAt = (ids: SemanticIds, row: number | undefined) => (row === undefined ? undefined : ids.at(row));
