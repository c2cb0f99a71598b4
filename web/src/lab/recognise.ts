import { InvalidInputError, RQVAEError } from "rqvae";
import { openItems, readLabels } from "rqvae/formats";
import { asSentence } from "../base/page-words.ts";

/** What a file is, by its content. */
export type Recognised =
  | { file: File; role: "items" | "titles" }
  /** `why`: what it is and what to do instead, in a sentence. */
  | { file: File; role: "refused"; why: string };

/** Bytes by which a file is recognised. */
const LOOKED_AT = 1 << 18;

/** The first bytes of npy, zip (npz), Parquet and gzip. */
const BINARY = [
  [0x93, 0x4e],
  [0x50, 0x4b],
  [0x50, 0x41, 0x52, 0x31],
  [0x1f, 0x8b],
];
/** safetensors: eight bytes of length, the upper ones zero, then JSON. */
const isSafetensors = (bytes: Uint8Array) => bytes[8] === 0x7b && bytes.subarray(4, 8).every((byte) => byte === 0);
/** The library's reader finds no vectors in it, and no mistake either. */
const NO_VECTORS = new Set(["COLUMN_MISSING", "COLUMN_UNCLEAR", "FILE_CONTENT"]);
/** A list of numbers in JSON that is too long to be read for a look. */
const NUMBERS = /\[\s*-?\d+(\.\d+)?(e[-+]?\d+)?\s*,\s*-?\d/i;

/** What a file is: its name says nothing, since a PNG may be called titles.txt. */
export async function recognise(file: File): Promise<Recognised> {
  if (file.size === 0) return { file, role: "refused", why: `${file.name} is empty. Choose a file with content.` };
  const whole = file.size <= LOOKED_AT;
  const bytes = new Uint8Array(await file.slice(0, LOOKED_AT).arrayBuffer());
  const isBinary = isSafetensors(bytes) || BINARY.some((magic) => magic.every((byte, i) => bytes[i] === byte));
  const head = whole || isBinary ? bytes : bytes.subarray(0, bytes.lastIndexOf(10) + 1 || bytes.length);
  const text = isBinary ? "" : new TextDecoder().decode(head);
  const isCutJson = !whole && /^\s*[[{]/.test(text) && !/^\s*[[{].*[\]}]\s*\n/.test(text);
  if (isCutJson) return { file, role: NUMBERS.test(text) ? "items" : "titles" };
  try {
    const opened = await openItems(head, { fileName: file.name });
    await opened.close();
    // One number is no embedding, but may be a title or the end of one: "1984", "Apollo 13".
    return { file, role: opened.dim === 1 && !isBinary ? "titles" : "items" };
  } catch (error) {
    if (!(error instanceof RQVAEError)) throw error;
    if (error.code === "FILE_FOREIGN" && error instanceof InvalidInputError)
      return { file, role: "refused", why: asSentence(error.message) };
    if (isBinary || !NO_VECTORS.has(error.code) || NUMBERS.test(text)) return { file, role: "items" };
  }
  try {
    readLabels(text, file.name);
    return { file, role: "titles" };
  } catch {
    return { file, role: "items" }; // whose reader says what is wrong
  }
}
