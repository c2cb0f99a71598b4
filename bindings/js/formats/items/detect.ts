import { invalid } from "../../base/errors.ts";
import type { TableColumns } from "../../items/columns.ts";
import type { ItemLabels, ItemMatrix } from "../../types.ts";
import { readNpy } from "../arrays/npy.ts";
import { asBytes, extensionOf, sniff, textFormat } from "../io/bytes.ts";
import { Utf8Pieces } from "../io/utf8.ts";
import { CsvTable } from "../text/csv.ts";
import { JsonTable } from "../text/json.ts";

/** Embeddings, and titles and labels when the file has them. */
export interface ReadItems {
  items: ItemMatrix;
  labels?: ItemLabels;
  /** The items' own IDs, where a column, field or array holds them. */
  itemIds?: string[];
  /** What the columns, fields or arrays of the file were taken for; absent where it holds nothing but the vectors. */
  columns?: TableColumns;
}

/**
 * Reads embeddings from a file of a format that needs no waiting: npy; JSON and JSON lines; text separated by commas, tabs,
 * semicolons or spaces. `readItemsAsync` reads these and the others. The content decides, then the name: text that begins like JSON is
 * read as JSON, unless `fileName` ends with .csv, .tsv or .txt.
 *
 * @param file The file's bytes; they are not changed and not kept.
 * @param fileName Its name or path.
 * @throws InvalidInputError when the format is none of these, for an item ID that is there twice, and for what the reader refuses.
 */
export function readItems(file: Uint8Array | ArrayBuffer, fileName = ""): ReadItems {
  const bytes = asBytes(file);
  const seen = sniff(bytes);
  if (seen.kind === "npy" || (extensionOf(fileName) === "npy" && bytes.length > 0)) return { items: readNpy(bytes) };
  if (seen.foreign) {
    const name = fileName === "" ? "the file" : fileName;
    const advice = seen.format ? `Use readItemsAsync, which reads more formats. Or: ${seen.advice}` : seen.advice;
    throw invalid(
      "FILE_FOREIGN",
    )`${{ file: name, form: "statement" }} is ${seen.kind}, which cannot be read here; readable are npy, csv, tsv, json and jsonl. ${advice}`;
  }
  const table = textFormat(seen, fileName) === "json" ? new JsonTable({}, true) : new CsvTable({}, true);
  const utf8 = new Utf8Pieces();
  for (let at = 0; at < bytes.length; at += PIECE) {
    // A copy: browsers do not decode shared memory.
    table.push(utf8.convert(bytes.slice(at, at + PIECE)));
  }
  table.push(utf8.finish());
  return table.finish();
}

const PIECE = 1 << 18;
