import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { toText, type Wording, worded } from "../../base/wording.ts";
import { counted, thereAre } from "../../base/words.ts";
import { type CodeArray, markInferred, requireIds, SemanticIds } from "../../ids/semantic-ids.ts";
import { requireOptions, textPieces } from "../io/bytes.ts";

/** Semantic IDs and their items, one per row, as a reader finds them. */
export interface IdTable {
  ids: SemanticIds;
  /** The caller's item IDs; the row numbers if the file has none. */
  itemIds: string[];
}

/** What is written: IDs and the caller's item IDs. Default: the row numbers. */
export interface IdTableSource {
  ids: SemanticIds;
  itemIds?: readonly (string | number)[] | undefined;
}

/** What a file of IDs does not say. */
export interface IdTableOptions {
  /**
   * Number of codes per level, as in `model.config.codebookSize`, plus the capacity of a suffix. Default: what the file says (Parquet
   * written by rqvae), or else the fewest that hold its codes, from which no `Vocabulary` can be made (`SemanticIds.hasInferredSizes`).
   */
  codebookSizes?: readonly number[];
  /** Fingerprint of the model that made the IDs. */
  fingerprint?: string;
}

/**
 * The items' IDs as strings, checked: one per row, none empty, all unique.
 * @throws InvalidInputError that names the row.
 */
export function checkedItemIds({
  ids,
  itemIds,
}: Pick<IdTableSource, "itemIds"> & { ids: { readonly length: number } }): (row: number) => string {
  if (itemIds === undefined) return String;
  requireThat(Array.isArray(itemIds), "itemIds", "an array with one item ID per ID", itemIds);
  if (itemIds.length !== ids.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "itemIds" }} has ${counted(itemIds.length, "entry")}, but ${thereAre(ids.length, "semantic ID")}${{ hint: "give one item ID for each" }}`;
  }
  const known = new Map<string, number>();
  // Array.from, since forEach skips holes.
  Array.from(itemIds).forEach((itemId, row) => {
    requireItemId(itemId, `itemIds[${row}]`);
    const earlier = known.get(String(itemId));
    if (earlier !== undefined) {
      throw invalid(
        "ITEM_TWICE",
      )`${{ argument: "itemIds" }}[${earlier}] and itemIds[${row}] are the same item, ${describeValue(itemId)}`;
    }
    known.set(String(itemId), row);
  });
  return (row) => String(itemIds[row]);
}

function requireItemId(itemId: unknown, where: string | Wording): void {
  if (typeof itemId !== "string" && typeof itemId !== "number") {
    throw invalid("ITEM_ID_INVALID")`${where} must be a string or a number, got ${describeValue(itemId)}`;
  }
  if (itemId === "") throw invalid("ITEM_ID_INVALID")`${where} is empty${{ hint: "every item needs an ID" }}`;
  if (/\p{Surrogate}/u.test(String(itemId))) {
    throw invalid(
      "FORMAT_CANNOT_HOLD",
    )`${where} has half of a surrogate pair, which no file can hold: ${describeValue(itemId)}`;
  }
}

/** The IDs of a table to write. @throws InvalidInputError for anything but a table of IDs. */
export function idsOfTable(table: IdTableSource): SemanticIds {
  requireThat(typeof table === "object" && table !== null, "table", "an object { ids, itemIds }", table);
  requireIds(table.ids, "table.ids");
  return table.ids;
}

/** Builds the table that a reader finds, row by row. */
export class IdTableBuilder {
  readonly itemIds: string[] = [];
  #codes: CodeArray = new Uint32Array(1024);
  #levels = 0;
  readonly #sizes: number[] = [];
  readonly #known = new Map<string, string>();

  /** @throws InvalidInputError for a repeated item, or an ID of another length. */
  add(itemId: string, codes: readonly number[], where: string | Wording): void {
    requireItemId(itemId, worded`${where}: the item's ID`);
    const earlier = this.#known.get(itemId);
    if (earlier !== undefined) {
      throw invalid("ITEM_TWICE")`${where}: item ${describeValue(itemId)} occurs twice, first at ${earlier}`;
    }
    const row = this.itemIds.length;
    if (row === 0) this.#levels = codes.length;
    if (codes.length !== this.#levels || codes.length === 0) {
      if (codes.length === 0) throw invalid("ROW_LENGTH")`${where}: item ${describeValue(itemId)} has no codes`;
      throw invalid(
        "ROW_LENGTH",
      )`${where}: the ID has ${counted(codes.length, "code")}, but those before it have ${this.#levels}${{ hint: "all must have the same number" }}`;
    }
    codes.forEach((code, level) => {
      if (!Number.isInteger(code) || code < 0 || code >= 2 ** 32) {
        throw invalid(
          "CODE_OUT_OF_RANGE",
        )`${where}: code ${describeValue(code)} of ${{ level }} is not a whole number from 0 to 2^32 - 1`;
      }
      this.#sizes[level] = Math.max(this.#sizes[level] ?? 1, code + 1);
    });
    const end = (row + 1) * this.#levels;
    if (end > this.#codes.length) {
      const larger = new Uint32Array(2 * end);
      larger.set(this.#codes);
      this.#codes = larger;
    }
    this.#codes.set(codes, end - this.#levels);
    this.#known.set(itemId, toText(where));
    this.itemIds.push(itemId);
  }

  /** @throws InvalidInputError if there are no rows, or if the codes do not fit the given codebooks. */
  finish(options: IdTableOptions = {}): IdTable {
    return {
      ids: idsOf(this.#codes.subarray(0, this.itemIds.length * this.#levels), this.#levels, this.#sizes, options),
      itemIds: this.itemIds,
    };
  }
}

/** IDs from the codes in a file. `found` are the smallest codebooks that hold them. */
export function idsOf(
  codes: ArrayLike<number>,
  levels: number,
  found: readonly number[],
  options: IdTableOptions,
): SemanticIds {
  requireOptions(options);
  const { codebookSizes = markInferred([...found]), fingerprint } = options;
  requireThat(
    Array.isArray(codebookSizes) && (codebookSizes.length > 0 || options.codebookSizes === undefined),
    "codebookSizes",
    "an array with the number of codes per level",
    codebookSizes,
  );
  if (codebookSizes.length === 0) throw invalid("EMPTY")`there are no rows: give one item with its ID per row`;
  if (codes.length > 0 && codebookSizes.length !== levels) {
    throw invalid(
      "COUNTS_DIFFER",
    )`the IDs have ${counted(levels, "code")}, but codebookSizes has ${counted(codebookSizes.length, "entry")}; a last column beyond the model's levels is a suffix that tells items with the same ID apart${{ hint: "give its size too" }}`;
  }
  return SemanticIds.from(
    { codes, levels: codebookSizes.length },
    fingerprint === undefined ? { codebookSizes } : { codebookSizes, fingerprint },
  );
}

/** Joins small pieces of text into pieces of at least a few thousand characters. */
export function* inChunks(parts: Iterable<string>): Generator<string> {
  let chunk = "";
  for (const part of parts) {
    chunk += part;
    if (chunk.length < 1 << 16) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

/** The lines of a text, which may come in pieces, without line ends (LF or CRLF); empty lines are skipped. */
export function* linesOf(text: string | Iterable<string>, name?: string): Generator<{ line: string; number: number }> {
  let rest = "";
  let number = 0;
  const clean = (line: string) => {
    number++;
    const whole = number === 1 && line.startsWith("\uFEFF") ? line.slice(1) : line;
    return { line: whole.endsWith("\r") ? whole.slice(0, -1) : whole, number };
  };
  for (const piece of textPieces(text, name)) {
    const lines = piece.split("\n");
    lines[0] = rest + lines[0]!; // only noted, since a line may be as long as the file
    rest = lines.pop()!;
    for (const line of lines) {
      const entry = clean(line);
      if (entry.line !== "") yield entry;
    }
  }
  const last = clean(rest);
  if (last.line !== "") yield last;
}
