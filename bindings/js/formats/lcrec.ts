import { InvalidInputError } from "../errors.ts";
import { TokenTemplate } from "../token-template.ts";
import { asText, describeValue, requireOptions } from "./bytes.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
} from "./id-table.ts";

/** How LC-Rec's index is written and read. */
export interface LcRecOptions {
  /** How a code is written, see `VocabularyOptions.template`. Default: "<{letter}_{code}>". */
  template?: string;
}

/** The pieces of `writeLcRec`. */
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

/**
 * LC-Rec's `index.json` (Zheng et al. 2024; also LETTER, MiniOneRec): `{"0": ["<a_1>", "<b_2>", "<c_3>"], ...}`, written as Python's
 * `json.dump` does (but for characters beyond ASCII, which stay as they are).
 *
 * @throws InvalidInputError for item IDs that are not one a row, or twice the same.
 */
export function writeLcRec(table: IdTableSource, options: LcRecOptions = {}): string {
  return [...lcRecChunks(table, options)].join("");
}

const string = '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"';
const entry = new RegExp(`\\s*(${string})\\s*:\\s*(\\[\\s*(?:${string}\\s*(?:,\\s*)?)*\\])\\s*`, "y");

/**
 * Reads LC-Rec's `index.json`, in the order of the file. A last token beyond the quantiser's levels, which tells items of one ID apart,
 * is one more level.
 *
 * @throws InvalidInputError naming the item whose entry is not a list of tokens, a level each.
 */
export function readLcRec(text: string, options: LcRecOptions & IdTableOptions = {}): IdTable {
  requireOptions(options);
  const content = asText(text);
  const template = new TokenTemplate(options.template);
  const table = new IdTableBuilder();
  // Entry by entry: JSON.parse would sort the keys that are numbers and keep the last of two alike.
  let at = /^\s*\{\s*/.exec(content)?.[0].length;
  if (at === undefined)
    throw new InvalidInputError(`expected an object { "item": ["<a_1>", ...], ... }, got ${describeValue(content)}`);
  let separator = content[at] === "}" ? "}" : ",";
  if (separator === "}") at++;
  while (separator === ",") {
    const found = matchAt(entry, content, at);
    separator = content[at + (found?.[0].length ?? 0)] ?? "";
    if (!found || (separator !== "," && separator !== "}")) {
      throw new InvalidInputError(
        `the entry after ${describeValue(table.itemIds.at(-1) ?? "{")} is no item with its list of tokens: ${describeValue(content.slice(at, at + 60))}`,
      );
    }
    const itemId = fromJson(found[1]!) as string;
    const where = `item ${describeValue(itemId)}`;
    table.add(itemId, template.readTokens(fromJson(found[2]!) as unknown[], where), where);
    at += found[0].length + 1;
  }
  if (content.slice(at).trim() !== "") {
    throw new InvalidInputError(`text follows the closing brace: ${describeValue(content.slice(at).trim())}`);
  }
  return table.finish(options);
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(`${describeValue(text)} is not JSON: ${(error as Error).message}`);
  }
}
