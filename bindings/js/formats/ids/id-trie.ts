import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { MAX_LEVELS, sortedRows } from "../../ids/semantic-ids.ts";
import { asText } from "../io/bytes.ts";
import { parseJson } from "../text/json-text.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
} from "./id-table.ts";

/**
 * The tree of the IDs as JSON: one object per level with codes as keys, and under the last code the list of its items:
 * `{"17":{"203":{"9":["B004756YJA"]}}}`. Codes are ascending; items that share an ID are in the order of their rows.
 * @throws InvalidInputError for item IDs that are not one per row or not unique.
 */
export function idTrieChunks(table: IdTableSource): Generator<string> {
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  return inChunks(nodes());

  function* nodes(): Generator<string> {
    yield "{";
    let before: number[] = [];
    for (const row of sortedRows(ids)) {
      const codes = ids.at(row);
      const same = codes.findIndex((code, level) => code !== before[level]);
      const item = JSON.stringify(itemId(row));
      if (same < 0) {
        yield `,${item}`;
        continue;
      }
      const close = before.length === 0 ? "" : `]${"}".repeat(ids.levels - same - 1)},`;
      yield `${close}${codes
        .slice(same)
        .map((code) => `"${code}":`)
        .join("{")}[${item}`;
      before = codes;
    }
    yield before.length === 0 ? "}" : `]${"}".repeat(ids.levels)}`;
  }
}

/**
 * Reads what `idTrieChunks` wrote. The items come in the order of their IDs, since a tree does not keep that of the rows.
 * @throws InvalidInputError that names the path to anything but a code, an object or a list of items.
 */
export function readIdTrie(text: string, options: IdTableOptions = {}): IdTable {
  let root: unknown;
  try {
    root = parseJson(asText(text));
  } catch (error) {
    throw invalid("NOT_JSON")`the text is not JSON: ${(error as Error).message}`;
  }
  const table = new IdTableBuilder();
  const visit = (node: unknown, codes: number[]): void => {
    const where = `the node ${describeValue(codes.join("/"))}`;
    if (Array.isArray(node)) {
      for (const item of node) table.add(typeof item === "number" ? String(item) : (item as string), codes, where);
      return;
    }
    if (codes.length === MAX_LEVELS) {
      throw invalid("FILE_CONTENT")`${where} is deeper than ${MAX_LEVELS} codes, the most that an ID may have`;
    }
    if (typeof node !== "object" || node === null) {
      throw invalid("FILE_CONTENT")`${where} must be an object of codes or a list of items, got ${describeValue(node)}`;
    }
    for (const [key, child] of Object.entries(node)) {
      if (!/^(0|[1-9]\d*)$/.test(key))
        throw invalid("CODE_OUT_OF_RANGE")`${where}: ${describeValue(key)} is not a code`;
      visit(child, [...codes, Number(key)]);
    }
  };
  visit(root, []);
  return table.finish(options);
}
