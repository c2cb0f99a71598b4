import { InvalidInputError } from "../errors.ts";
import type { ItemLabels, ItemMatrix } from "../types.ts";
import { asBytes, decodeText, decodeWholeText, sniff } from "./bytes.ts";
import { readCsv } from "./csv.ts";
import { readJson } from "./json.ts";
import { readNpy } from "./npy.ts";

/** Embeddings, and titles and labels when the file has them. */
export interface ReadItems {
  items: ItemMatrix;
  labels?: ItemLabels;
}

/**
 * Reads embeddings from a file of any format that has a reader: npy; JSON and JSON lines; text separated by commas, tabs,
 * semicolons or spaces. The content decides, then the name: text that begins like JSON is read as JSON, unless `fileName` ends
 * with .csv, .tsv or .txt.
 *
 * @param file The file's bytes; they are not changed and not kept.
 * @param fileName Its name or path.
 * @throws InvalidInputError when the format is none of these, and for what the reader refuses.
 */
export function readItems(file: Uint8Array | ArrayBuffer, fileName = ""): ReadItems {
  const bytes = asBytes(file);
  const extension = /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase() ?? "";
  const { kind, advice, foreign } = sniff(bytes);
  if (kind === "npy" || (extension === "npy" && bytes.length > 0)) return { items: readNpy(bytes) };
  if (foreign) {
    const name = fileName === "" ? "the file" : fileName;
    throw new InvalidInputError(
      `${name} is ${kind}, which cannot be read here; readable are npy, csv, tsv, json and jsonl. Please ${advice}.`,
    );
  }
  const isTable = ["csv", "tsv", "txt"].includes(extension);
  if (["json", "jsonl", "ndjson"].includes(extension) || (kind === "JSON text" && !isTable)) {
    return readJson(decodeWholeText(bytes));
  }
  const { items, labels } = readCsv(decodeText(bytes));
  return labels ? { items, labels } : { items };
}
