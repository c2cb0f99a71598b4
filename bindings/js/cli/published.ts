/** Files that say which item has which ID: an index, or IDs in any format of `rqvae convert`. */

import { counted } from "../base/words.ts";
import { tokens } from "../ids/code-words.ts";
import type { ItemId } from "../ids/item-id.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { SemanticIdIndex } from "../index/semantic-id-index.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { Option } from "./command.ts";
import { isIndex } from "./file-roles.ts";
import { FileError, naming, readBytes, readIdFile, readIndex } from "./files.ts";
import { nameOfInput } from "./inputs.ts";

export const suffixOption: Option = {
  help: "the last code is a suffix, which says nothing about the\nitem (an index knows that by itself)",
};

/** In the help of a command with `<ids>`. */
export const PUBLISHED = `<ids> is an index of published IDs, or IDs in any format of rqvae convert.`;

/** What such a file holds. */
export interface Published {
  /** The items by their IDs; of a file of IDs with a suffix without it. */
  index: SemanticIdIndex;
  /** The items in the order of the file; of an index, of their IDs. */
  itemIds: readonly ItemId[];
  /** Their IDs as they stand there. */
  ids: SemanticIds;
  hasSuffix: boolean;
}

/**
 * Reads such a file.
 * @param model The model that made the IDs, for what they stand for.
 * @param sizes Numbers of codes of the levels, one or one for each, where the file does not say them.
 * @throws FileError
 */
export async function readPublished(
  path: string,
  { model, hasSuffix = false, sizes }: { model?: RQVAE | undefined; hasSuffix?: boolean; sizes?: number | number[] },
): Promise<Published> {
  const bytes = await readBytes(path);
  if (isIndex(bytes)) {
    const index = await readIndex(path, bytes, model);
    return { index, ...index.table(), hasSuffix: index.collisions === "suffix" };
  }
  const read = await readIdFile(path, {}, bytes);
  const { levels } = read.ids;
  const own = model?.config.codebookSize;
  const isLonger = hasSuffix || (own !== undefined && levels === own.length + 1);
  const rawLevels = isLonger ? levels - 1 : levels;
  return naming(path, () => {
    if (rawLevels === 0)
      throw new FileError(`${nameOfInput(path)}: --suffix: its IDs have no other code than the suffix`);
    if (own && own.length !== rawLevels) {
      throw new FileError(
        `${nameOfInput(path)}: its IDs have ${counted(levels, "code")}, but those of the model have ${own.length}, or ${own.length + 1} with a suffix`,
      );
    }
    const inferred = read.ids.hasInferredSizes;
    const wanted = own ?? (typeof sizes === "number" ? new Array<number>(rawLevels).fill(sizes) : sizes);
    const rest = read.ids.codebookSizes.slice(wanted?.length ?? 0);
    const codebookSizes = [...(wanted ?? []), ...rest];
    const { fingerprint } = read.ids;
    const whole = { codebookSizes, fingerprint, hasInferredSizes: inferred && wanted === undefined };
    const ids = SemanticIds.from({ codes: read.ids.codes, levels }, whole);
    const raw = isLonger
      ? SemanticIds.from(
          Array.from(ids, (codes) => codes.slice(0, rawLevels)),
          { ...whole, codebookSizes: codebookSizes.slice(0, rawLevels) },
        )
      : ids;
    const index = SemanticIdIndex.build(read.itemIds, raw, model ? { model } : {});
    return { index, itemIds: read.itemIds, ids, hasSuffix: isLonger };
  });
}

/** An argument: an item of the file, or the first codes of IDs. */
export type Asked = { itemId: ItemId } | { codes: number[] };

/**
 * What an argument names: an item of the file if there is one of this name, else tokens (`<a_1><b_2>`) or codes (`1,2`).
 * @throws FileError if it is none of them, or has a code that its level does not have.
 */
export function resolve(argument: string, { index }: Published, path: string): Asked {
  if (index.get(argument)) return { itemId: argument };
  // An index may name items by whole numbers.
  const number = Number(argument);
  if (String(number) === argument && index.get(number)) return { itemId: number };
  const isCodes = /^\d+(,\d+)+$/.test(argument);
  const codes = isCodes
    ? argument.split(",").map(Number)
    : Array.from(argument.matchAll(/_(\d+)>/g), (m) => Number(m[1]));
  if (isCodes || (codes.length > 0 && tokens(codes) === argument)) {
    const { codebookSizes } = index;
    const level = codes.findIndex((code, level) => code >= (codebookSizes[level] ?? Infinity));
    if (level === -1) return { codes };
    throw new FileError(
      `${nameOfInput(path)}: "${argument}": code ${codes[level]} of level ${level + 1} is not a whole number from 0 to ${codebookSizes[level]! - 1}`,
    );
  }
  throw new FileError(
    `${nameOfInput(path)}: ${JSON.stringify(argument)} is none of its items, and neither tokens such as <a_1><b_2> nor codes such as 1,2`,
  );
}

/** An item with its ID, as JSON has it. */
export const itemRow = (itemId: ItemId, codes: readonly number[]) => ({ itemId, codes, tokens: tokens(codes) });

/** A function that gives the whole ID of an item of the file. */
export function idsByItem({ itemIds, ids }: Published): (itemId: ItemId) => number[] {
  const rows = new Map(itemIds.map((itemId, row) => [itemId, row]));
  return (itemId) => ids.at(rows.get(itemId)!);
}

/** Prints rows of cells, separated by tabs. */
export function printRows(rows: Iterable<readonly (string | number)[]>): void {
  let text = "";
  for (const row of rows) {
    text += `${row.map((cell) => String(cell).replaceAll(/[\t\r\n]/g, " ")).join("\t")}\n`;
    if (text.length > 1 << 16) {
      process.stdout.write(text);
      text = "";
    }
  }
  process.stdout.write(text);
}
