/** Options about the file of items, which all commands that read one have. */

import type { ReadItemsOptions } from "../formats/index.ts";
import { type Given, type Option, text } from "./command.ts";

export const itemOptions: Record<string, Option> = {
  embedding: {
    value: "NAME",
    help: "the column, field or array that holds the vectors, the\nprefix of numbered columns, or columns separated by\ncommas (default: found by names and values)",
  },
  "id-column": { value: "NAME", help: "the column that holds the items' own IDs (default:\nfound by its name)" },
  "skip-invalid": {
    help: "leave out rows with NaN or missing values, of\nanother length, or of an item that was there before",
  },
};

/** What was given of them. */
export function readingOf(given: Given): ReadItemsOptions & { quiet: boolean } {
  const [embedding, itemId] = [text(given, "embedding"), text(given, "id-column")];
  return {
    ...(embedding !== undefined && { embedding }),
    ...(itemId !== undefined && { itemId }),
    skipInvalid: given.values["skip-invalid"] === true,
    quiet: given.values.quiet === true,
  };
}

/** What files of items are read, for the help. */
export const ITEM_FILES = "npy, npz, safetensors,\nParquet, csv, tsv, json or jsonl, each also compressed by gzip";
