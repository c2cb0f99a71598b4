/** Shared by the readers: recognising bytes and decoding text. */

import { checkArray, viewBytes } from "../../base/attached.ts";
import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { counted, thousands } from "../../base/words.ts";

/** Bytes of text decoded at a time; engines are slow to collect longer strings. */
const textChunkBytes = 1 << 16;

/** The bytes themselves, or a view of an ArrayBuffer. @throws InvalidInputError for anything else. */
export function asBytes(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  const tag = Object.prototype.toString.call(bytes);
  if (ArrayBuffer.isView(bytes) || tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]") {
    return viewBytes(bytes, "bytes");
  }
  throw invalid()`${{ argument: "bytes" }} must be a Uint8Array or an ArrayBuffer, got ${describeValue(bytes)}`;
}

/** The text itself. @throws InvalidInputError for anything else. */
export function asText(text: string): string {
  if (typeof text === "string") return text.startsWith("\uFEFF") ? text.slice(1) : text;
  throw invalid()`${{ argument: "text" }} must be a string, got ${describeValue(text)}`;
}

const TEXTS = "a string, or an iterable of strings";

/** @throws InvalidInputError for anything but a string or pieces of one. */
export function requireTexts(text: string | Iterable<string>, name = "text"): void {
  checkArray(text, name);
  const isSo = typeof text === "string" || typeof (text as Iterable<string> | null)?.[Symbol.iterator] === "function";
  requireThat(isSo, name, TEXTS, text);
}

/** The pieces of a text, whole or in pieces. @throws InvalidInputError for anything else. */
export function* textPieces(text: string | Iterable<string>, name = "text"): Generator<string> {
  requireTexts(text, name);
  const iterator = (typeof text === "string" ? [text] : text)[Symbol.iterator]() as Iterator<unknown> | null;
  requireThat(typeof iterator?.next === "function", name, TEXTS, text);
  for (const piece of { [Symbol.iterator]: () => iterator }) {
    requireThat(typeof piece === "string", name, TEXTS, piece);
    yield piece;
  }
}

/** @throws InvalidInputError for anything but an object of options. */
export function requireOptions(options: unknown, name = "options"): void {
  requireThat(
    typeof options === "object" && options !== null && !Array.isArray(options),
    name,
    "an object of options",
    options,
  );
}

/** Formats of items that are recognised by their first bytes. */
export type BinaryFormat = "npy" | "zip" | "gzip" | "parquet" | "safetensors";

/** What the first bytes show. */
export interface Sniffed {
  /** In words. */
  kind: string;
  /** What to do about it, in whole sentences, or "". */
  advice: string;
  /** No reader of text can read it. */
  foreign: boolean;
  /** Whether it starts with a JSON object, as no table does. */
  isObject?: boolean;
  /** Set if `openItems` and `readItems` can read it. */
  format?: BinaryFormat;
}

/** Formats that are recognised by their first bytes. */
const signatures: readonly { bytes: readonly number[]; kind: string; advice: string; format?: BinaryFormat }[] = [
  { bytes: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], kind: "npy", advice: "", format: "npy" },
  {
    bytes: [0x50, 0x4b, 0x03, 0x04],
    kind: "a zip archive (npz, xlsx or a PyTorch checkpoint)",
    advice: "Save the array alone with numpy.save, or the sheet as CSV.",
    format: "zip",
  },
  {
    bytes: [0x50, 0x4b, 0x05, 0x06],
    kind: "an empty zip archive",
    advice: "Choose one with content.",
    format: "zip",
  },
  { bytes: [0x1f, 0x8b], kind: "gzip-compressed", advice: "Decompress it first.", format: "gzip" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], kind: "zstd-compressed", advice: "Decompress it first." },
  {
    bytes: [0x50, 0x41, 0x52, 0x31],
    kind: "Parquet",
    advice: "Save the embedding column with numpy.save.",
    format: "parquet",
  },
  {
    bytes: [0x41, 0x52, 0x52, 0x4f, 0x57, 0x31],
    kind: "Arrow",
    advice: "Save the embedding column with numpy.save.",
  },
  { bytes: [0x89, 0x48, 0x44, 0x46], kind: "HDF5", advice: "Save the data set with numpy.save." },
  { bytes: [0x25, 0x50, 0x44, 0x46], kind: "a PDF", advice: "Choose a file of data." },
  { bytes: [0x89, 0x50, 0x4e, 0x47], kind: "a PNG image", advice: "Choose a file of data." },
  { bytes: [0xff, 0xd8, 0xff], kind: "a JPEG image", advice: "Choose a file of data." },
];

/** What bytes look like, judged by the first of them. */
export function sniff(bytes: Uint8Array): Sniffed {
  if (bytes.length === 0) return { kind: "empty", advice: "Choose a file with content.", foreign: true };
  for (const { bytes: magic, kind, advice, format } of signatures) {
    if (magic.every((byte, i) => bytes[i] === byte)) return { kind, advice, foreign: true, ...(format && { format }) };
  }
  // safetensors: a 64-bit header length, then the JSON header.
  if (bytes[8] === 0x7b && bytes.subarray(4, 8).every((byte) => byte === 0)) {
    return {
      kind: "safetensors",
      advice: "A model is not a table of items or IDs; to use one of its tensors, save it with numpy.save.",
      foreign: true,
      format: "safetensors",
    };
  }
  if (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5) {
    return {
      kind: "a Python pickle",
      advice: "Pickles run code when they are read, so they are refused. Save the array with numpy.save.",
      foreign: true,
    };
  }
  if (isUtf16(bytes)) return { kind: "UTF-16 text", advice: "", foreign: false };
  const head = bytes.subarray(0, 4096);
  if (head.includes(0))
    return {
      kind: "binary data of an unknown format",
      advice: "Save the array with numpy.save, or the table as CSV.",
      foreign: true,
    };
  if (/^\s*<(!doctype|html|\?xml)/i.test(String.fromCharCode(...head.subarray(0, 64)))) {
    return { kind: "an HTML or XML page", advice: "Download the file itself.", foreign: true };
  }
  const first = firstVisible(head);
  if (first === 0x7b || first === 0x5b) {
    const isObject = /^[^[{]*(\[\s*)?\{\s*"[^"]*"\s*:/.test(new TextDecoder().decode(head));
    return { kind: "JSON text", advice: "", foreign: false, isObject };
  }
  return { kind: "text", advice: "", foreign: false };
}

/** Whether text is read as JSON or as a table: by its content, unless the file name's extension says otherwise. */
export function textFormat({ kind, isObject }: Sniffed, fileName: string): "json" | "csv" {
  const extension = extensionOf(fileName);
  // A table may start with "[": "[Remastered] …,0.5".
  const isTable = ["csv", "tsv", "txt"].includes(extension) && !isObject;
  return ["json", "jsonl", "ndjson"].includes(extension) || (kind === "JSON text" && !isTable) ? "json" : "csv";
}

/** @throws InvalidInputError */
export function requireFileName(fileName: unknown): void {
  requireThat(typeof fileName === "string", "fileName", "a string", fileName);
}

/** A file name's extension, in lower case, without the dot. */
export function extensionOf(fileName: string): string {
  requireFileName(fileName);
  return /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase() ?? "";
}

function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** The first byte that is neither white space nor part of a UTF-8 byte order mark. */
function firstVisible(bytes: Uint8Array): number | undefined {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return bytes.subarray(start).find((byte) => byte > 0x20);
}

/**
 * Text of bytes, UTF-8 or (with a byte order mark) UTF-16, piece by piece, since a file may be longer than the longest string.
 * @throws InvalidInputError if the bytes are not text in that encoding.
 */
export function* decodeText(bytes: Uint8Array): Generator<string> {
  const text = new TextBytes();
  for (let start = 0; start < bytes.length; start += textChunkBytes) {
    const end = Math.min(start + textChunkBytes, bytes.length);
    // slice rather than subarray, since browsers refuse to decode shared memory.
    yield text.push(bytes.slice(start, end), end === bytes.length);
  }
}

/** Decodes bytes of text, whose first bytes tell the encoding. */
class TextBytes {
  #decoder: TextDecoder | undefined;
  #done = 0;

  push(bytes: Uint8Array, isLast: boolean): string {
    const decoder = this.#decoder ?? decoderFor(bytes);
    this.#decoder = decoder;
    const start = this.#done;
    this.#done += bytes.length;
    try {
      return decoder.decode(bytes, { stream: !isLast });
    } catch {
      throw invalid(
        "NOT_UTF8",
      )`the text is not valid ${decoder.encoding.toUpperCase()} (somewhere in the bytes ${start} to ${this.#done - 1})${{ hint: "save it as UTF-8" }}`;
    }
  }
}

/** The decoder for text with these first bytes: UTF-16 has a byte order mark. */
export function decoderFor(bytes: Uint8Array): TextDecoder {
  const encoding = !isUtf16(bytes) ? "utf-8" : bytes[0] === 0xff ? "utf-16le" : "utf-16be";
  return new TextDecoder(encoding, { fatal: true });
}

/** All text of bytes as one string. @throws InvalidInputError if it is not text, or too long for a string. */
export function decodeWholeText(bytes: Uint8Array): string {
  const longest = 2 ** 29 - 25; // V8's limit, in UTF-16 units
  if (bytes.length > longest) {
    throw invalid(
      "FILE_TOO_LARGE",
    )`${counted(bytes.length, "byte")} of JSON are too long to read in one piece (limit ${thousands(longest)})${{ hint: "save the embeddings as npy" }}`;
  }
  return [...decodeText(bytes)].join("");
}
