/** IDs from a file of any format, anywhere. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames } from "../../base/option-reader.ts";
import type { SemanticIds } from "../../ids/semantic-ids.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { readIdsNpy } from "../arrays/npy.ts";
import { type ByteSource, type FileSource, readBytes } from "../io/byte-source.ts";
import { decodeText, decodeWholeText, requireOptions, sniff } from "../io/bytes.ts";
import { withFile } from "../items/read-items.ts";
import { readHopwise } from "./hopwise.ts";
import { ID_FORMATS, type IdFormat } from "./id-formats.ts";
import { readIdTrie } from "./id-trie.ts";
import { readIdsCsv } from "./ids.ts";
import { readIdsJsonl } from "./ids-jsonl.ts";
import { readIdsParquet } from "./ids-parquet.ts";
import { readLcRec } from "./lcrec.ts";
import { readRecBole } from "./recbole.ts";

/** What a file of IDs holds. */
export interface ReadIds {
  format: IdFormat;
  ids: SemanticIds;
  /** The caller's item IDs; the row numbers if the file has none. */
  itemIds: string[];
  /** From a csv or Parquet file that has them. */
  titles?: string[];
  /** From a `.semanticids` file that has them: n x L x latentDim, as `getSemanticIds` gives them. */
  embeddings?: Float32Array;
  latentDim?: number;
}

/** Give what the file does not say, and the format if the content is ambiguous. */
export interface ReadIdsOptions {
  /** Name of the bytes, a Blob or a stream, for messages. */
  fileName?: string;
  /** Default: recognised by the content. */
  format?: IdFormat;
  /**
   * Number of codes per level, as in `model.config.codebookSize`, plus the capacity of a suffix. Default: what the file says (Parquet
   * written by rqvae), or else the fewest that hold its codes, from which no `Vocabulary` can be made (`SemanticIds.hasInferredSizes`).
   */
  codebookSizes?: readonly number[];
  /** Fingerprint of the model that made the IDs. */
  fingerprint?: string;
  /** How a code is written in jsonl and lcrec, see `VocabularyOptions.template`. Default: "<{letter}_{code}>". */
  template?: string;
  /** Separator of the columns of a RecBole file. Default: tab. */
  separator?: string;
}

/**
 * Reads IDs from a file of any format in which they are written; the content decides which. Parquet files of other programs work too. They
 * need a column of item IDs (`item`, `item_id`, `id`, ...; otherwise the row numbers count). The codes are one column of whole numbers
 * per level (`code_1`, `code_2`, ...), one of lists of them, or one of tokens ("<a_17><b_203>", or a list of tokens).
 *
 * @param file Its bytes, a Blob or File, a stream of bytes, a path (Node) or a URL.
 * @throws InvalidInputError that names the file, if the format is unknown or the content invalid.
 */
export async function readIds(file: FileSource, options: ReadIdsOptions = {}): Promise<ReadIds> {
  requireOptions(options);
  checkOptionNames(options, "readIds", ["fileName", "format", "codebookSizes", "fingerprint", "template", "separator"]);
  return withFile(file, options.fileName, async (bytes, name) => {
    const format = options.format ?? sniff(await readBytes(bytes, 0, Math.min(16, bytes.size))).format;
    return format === "parquet"
      ? { format, ...(await readIdsParquet(bytes, options)) }
      : readInMemory(bytes, name, options);
  });
}

async function readInMemory(file: ByteSource, name: string, options: ReadIdsOptions): Promise<ReadIds> {
  const bytes = await readBytes(file, 0, file.size);
  const format = options.format ?? recognise(bytes, name === "" ? "the file" : name, options);
  const text = () => decodeText(bytes);
  switch (format) {
    case "csv":
      return { format, ...readIdsCsv(text(), options) };
    case "jsonl":
      return { format, ...readIdsJsonl(text(), options) };
    case "lcrec":
      return { format, ...readLcRec(decodeWholeText(bytes), options) };
    case "recbole":
      return { format, ...readRecBole(text(), options) };
    case "semanticids":
      return { format, ...readHopwise(text(), options) };
    case "npy": {
      const ids = readIdsNpy(bytes, options);
      return { format, ids, itemIds: Array.from({ length: ids.length }, (_, row) => String(row)) };
    }
    case "trie":
      return { format, ...readIdTrie(decodeWholeText(bytes), options) };
    default:
      throw invalid()`${{ argument: "format" }} must be one of ${ID_FORMATS.join(", ")}, got ${describeValue(format)}`;
  }
}

function recognise(bytes: Uint8Array, name: string, { template, separator = "\t" }: ReadIdsOptions): IdFormat {
  const { kind, advice, foreign, format } = sniff(bytes);
  if (format === "npy" || format === "parquet") return format;
  if (foreign) {
    throw invalid(
      "FILE_FOREIGN",
    )`${{ file: name, form: "statement" }} is ${kind}, but IDs can be read from ${ID_FORMATS.join(", ")}. ${advice}`;
  }
  const [beginning = ""] = decodeText(bytes);
  const head = beginning.replace(/^\uFEFF/, "").trimStart();
  if (head.startsWith("{")) return recogniseJson(head, new TokenTemplate(template));
  const header = /^[^\r\n]*/.exec(head)![0];
  if (/^items,semantic_ids\b/.test(header)) return "semanticids";
  if (/^item,(title,)?code_1,/.test(header)) return "csv";
  if (header.split(separator).some((column) => column.replace(/^"/, "").startsWith("semantic_id:"))) return "recbole";
  throw invalid(
    "FILE_FOREIGN",
  )`${{ file: name, form: "statement" }} starts with ${describeValue(header)}, which is in none of the formats of IDs (${ID_FORMATS.join(", ")})`;
}

/** A tree has objects or lists of items under its codes; LC-Rec has lists of tokens under its items; a line of jsonl names both. */
function recogniseJson(head: string, template: TokenTemplate): IdFormat {
  if (/^\{\s*"((id|tokens)"\s*:\s*["\d]|codes"\s*:\s*\[\s*\d)/.test(head)) return "jsonl";
  if (/^\{\s*"\d+"\s*:\s*\{/.test(head)) return "trie";
  const [, token] = /^\{\s*"\d+"\s*:\s*\[\s*("[^"\\]*(?:\\.[^"\\]*)*")/.exec(head) ?? [];
  if (token === undefined) return "lcrec";
  let first: string;
  try {
    first = JSON.parse(token);
  } catch {
    return "lcrec"; // whose reader says what is wrong
  }
  const match = template.matchAt(first, 0);
  return match?.level === 0 && match.end === first.length ? "lcrec" : "trie";
}
