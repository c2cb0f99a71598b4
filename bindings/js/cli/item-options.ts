/** Options about the file of items, which all commands that read one have. */

import { type Given, type Option, text } from "./command.ts";
import type { Reading } from "./files.ts";

export const itemIdsOption: Option = {
  value: "FILE",
  help: "the items' own IDs, one per line, in the order of\nthe rows (default: those of the items' file, of\n--labels, or row numbers)",
};

export const itemOptions: Record<string, Option> = {
  "item-ids": itemIdsOption,
  embedding: {
    value: "NAME",
    help: "the column, field or array of the vectors, the\nprefix of numbered columns, or columns separated by\ncommas (default: found by names and values)",
  },
  "id-column": { value: "NAME", help: "the column of the items' own IDs (default: found\nby its name)" },
  "skip-invalid": {
    help: "leave out rows with NaN or missing values, of\nanother length, or with an item ID seen before",
  },
};

/** Of a command that has no `--labels`. */
export const itemOptionsWithoutLabels: Record<string, Option> = {
  ...itemOptions,
  "item-ids": { ...itemIdsOption, help: itemIdsOption.help.replace(" of\n--labels, or", "\nor") },
};

/** What was given of them. */
export function readingOf(given: Given): Reading {
  const [embedding, itemId, itemIdsPath] = [
    text(given, "embedding"),
    text(given, "id-column"),
    text(given, "item-ids"),
  ];
  return {
    ...(embedding !== undefined && { embedding }),
    ...(itemId !== undefined && { itemId }),
    ...(itemIdsPath !== undefined && { itemIdsPath }),
    skipInvalid: given.values["skip-invalid"] === true,
    quiet: given.values.quiet === true,
  };
}

/** What files of items are read, for the help. */
export const ITEM_FILES = "npy, npz, safetensors,\nParquet, csv, tsv, json or jsonl, each also compressed by gzip";
