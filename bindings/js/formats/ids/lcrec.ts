import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { asText, requireOptions } from "../io/bytes.ts";
import { endOfString } from "../text/json-text.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
} from "./id-table.ts";

/** How to write and read LC-Rec's index. */
export interface LcRecOptions {
  /** How a code is written, see `VocabularyOptions.template`. Default: "<{letter}_{code}>". */
  template?: string;
}

/**
 * LC-Rec's `index.json` (Zheng et al. 2024; also LETTER, MiniOneRec): `{"0": ["<a_1>", "<b_2>", "<c_3>"], ...}`, written like Python's
 * `json.dump` (except for characters beyond ASCII, which are not escaped).
 * @throws InvalidInputError for item IDs that are not one per row or not unique.
 */
export function lcRecChunks(table: IdTableSource, options: LcRecOptions = {}): Generator<string> {
  requireOptions(options);
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  const template = new TokenTemplate(options.template, ids.levels);
  return inChunks(entries());

  function* entries(): Generator<string> {
    yield "{";
    for (let row = 0; row < ids.length; row++) {
      const tokens = ids.at(row).map((code, level) => JSON.stringify(template.token(level, code)));
      yield `${row > 0 ? ", " : ""}${JSON.stringify(itemId(row))}: [${tokens.join(", ")}]`;
    }
    yield "}";
  }
}

/** Where an entry ends and where its parts are: a string, a colon, a list; undefined for anything else. */
function findEntry(text: string, from: number): { key: string; list: string; end: number } | undefined {
  const passBlanks = (at: number) => {
    while (/\s/.test(text[at] ?? "")) at++;
    return at;
  };
  const start = passBlanks(from);
  const keyEnd = text[start] === '"' ? endOfString(text, start) : start;
  const colon = passBlanks(keyEnd);
  const open = passBlanks(colon + 1);
  if (keyEnd === start || text[colon] !== ":" || text[open] !== "[") return undefined;
  let close = open + 1;
  for (; close < text.length && text[close] !== "]"; close++) {
    if (text[close] === '"') close = endOfString(text, close) - 1;
  }
  if (close >= text.length) return undefined;
  return { key: text.slice(start, keyEnd), list: text.slice(open, close + 1), end: passBlanks(close + 1) };
}

/**
 * Reads LC-Rec's `index.json`, in the order of the file. A last token beyond the quantiser's levels, which tells items with the same ID
 * apart, is one more level.
 *
 * @throws InvalidInputError that names an item whose entry is not a list with one token per level.
 */
export function readLcRec(text: string, options: LcRecOptions & IdTableOptions = {}): IdTable {
  requireOptions(options);
  const content = asText(text);
  const template = new TokenTemplate(options.template);
  const table = new IdTableBuilder();
  // Entry by entry, since JSON.parse would sort numeric keys and keep only the last of two equal ones.
  let at = /^\s*\{\s*/.exec(content)?.[0].length;
  if (at === undefined)
    throw invalid("FILE_CONTENT")`expected an object { "item": ["<a_1>", ...], ... }, got ${describeValue(content)}`;
  let separator = content[at] === "}" ? "}" : ",";
  if (separator === "}") at++;
  while (separator === ",") {
    const found = findEntry(content, at);
    separator = (found && content[found.end]) ?? "";
    if (!found || (separator !== "," && separator !== "}")) {
      throw invalid(
        "NOT_JSON",
      )`the entry after ${describeValue(table.itemIds.at(-1) ?? "{")} is not an item with its list of tokens: ${describeValue(content.slice(at, at + 60))}`;
    }
    const itemId = fromJson(found.key) as string;
    const where = `item ${describeValue(itemId)}`;
    table.add(itemId, template.readTokens(fromJson(found.list) as unknown[], where), where);
    at = found.end + 1;
  }
  if (content.slice(at).trim() !== "") {
    throw invalid("NOT_JSON")`text follows the closing brace: ${describeValue(content.slice(at).trim())}`;
  }
  return table.finish(options);
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid("NOT_JSON")`${describeValue(text)} is not JSON: ${(error as Error).message}`;
  }
}
