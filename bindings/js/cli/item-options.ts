/** Options about the file of items, which all commands that read one have. */

import type { ReadItemsOptions } from "../formats/index.ts";
import { type Given, type Option, text } from "./command.ts";

export const itemOptions: Record<string, Option> = {
  tensor: {
    value: "NAME",
    help: "the array of an npz or safetensors file that holds\nthe vectors (default: the only matrix)",
  },
  column: { value: "NAME", help: "the column or field that holds the vectors as lists\n(default: found by its shape)" },
  "skip-invalid": {
    help: "leave out rows with NaN or missing values, of\nanother length, or of an item that was there before",
  },
};

/** What was given of them. */
export function readingOf(given: Given): ReadItemsOptions & { quiet: boolean } {
  const [tensor, column] = [text(given, "tensor"), text(given, "column")];
  return {
    ...(tensor !== undefined && { tensor }),
    ...(column !== undefined && { column }),
    skipInvalid: given.values["skip-invalid"] === true,
    quiet: given.values.quiet === true,
  };
}

/** What files of items are read, for the help. */
export const ITEM_FILES = "npy, npz, safetensors,\nParquet, csv, tsv, json or jsonl, each also compressed by gzip";
