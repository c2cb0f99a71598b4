import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { requireOptions } from "../io/bytes.ts";
import { parseJson } from "../text/json-text.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
  linesOf,
} from "./id-table.ts";
import type { LcRecOptions } from "./lcrec.ts";

/**
 * IDs as JSON lines, one per item: `{"id":"B004756YJA","codes":[17,203,9],"tokens":"<a_17><b_203><c_9>"}`.
 * @throws InvalidInputError for item IDs that are not one per row or not unique.
 */
export function idsJsonlChunks(table: IdTableSource, options: LcRecOptions = {}): Generator<string> {
  requireOptions(options);
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  const template = new TokenTemplate(options.template, ids.levels);
  return inChunks(lines());

  function* lines(): Generator<string> {
    for (let row = 0; row < ids.length; row++) {
      const codes = ids.at(row);
      const tokens = codes.map((code, level) => template.token(level, code)).join("");
      yield `${JSON.stringify({ id: itemId(row), codes, tokens })}\n`;
    }
  }
}

/**
 * Reads what `idsJsonlChunks` wrote, whole or in pieces; `tokens` may be absent.
 * @throws InvalidInputError that names a line that is not a JSON object with `id` and `codes`, or whose tokens contradict the codes.
 */
export function readIdsJsonl(text: string | Iterable<string>, options: LcRecOptions & IdTableOptions = {}): IdTable {
  requireOptions(options);
  const template = new TokenTemplate(options.template);
  const table = new IdTableBuilder();
  for (const { line, number } of linesOf(text)) {
    const where = `line ${number}`;
    let value: { id?: unknown; codes?: unknown; tokens?: unknown } | null;
    try {
      value = parseJson(line) as typeof value;
    } catch {
      throw invalid("NOT_JSON")`${where} is not JSON: ${describeValue(line)}`;
    }
    const { id, codes, tokens } = value ?? {};
    if ((typeof id !== "string" && typeof id !== "number") || !Array.isArray(codes)) {
      throw invalid(
        "FILE_CONTENT",
      )`${where} must be an object { "id": ..., "codes": [...] }, got ${describeValue(line)}`;
    }
    table.add(String(id), codes, where);
    const written = codes.map((code, level) => template.token(level, code)).join("");
    if (tokens !== undefined && tokens !== written) {
      throw invalid("CODE_OUT_OF_RANGE")`${where}: tokens is ${describeValue(tokens)}, but the codes say ${written}`;
    }
  }
  return table.finish(options);
}
