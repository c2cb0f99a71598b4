/** Word vectors as a file: a table of the most frequent words of a language, one byte a number. */

import { checkArray } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { describeValue } from "../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../base/errors.ts";
import { fields, readJson, whole } from "../base/json-shape.ts";
import { checkOptionNames, requireThat } from "../base/option-reader.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { counted, thousands } from "../base/words.ts";
import { type FileSource, readBytes } from "../formats/io/byte-source.ts";
import { requireOptions } from "../formats/io/bytes.ts";
import { withFile } from "../formats/items/read-items.ts";
import { typedArrayName } from "../items/items.ts";
import { writeSafetensors } from "../model-file/model-file.ts";
import { readSafetensorsHeader, safetensorsDataStart, type TensorEntry } from "../model-file/safetensors-header.ts";

/** Version of the file; a reader refuses a higher one. */
const FORMAT = 1;
const KEY = "rqvae.words";
/** The largest whole number of a byte that has a counterpart of the other sign. */
const LARGEST = 127;

/** Word vectors, the most frequent word first. Made by `openWords`. */
export class WordTable {
  /** The number of words. */
  readonly size: number;
  /** Numbers of each vector. */
  readonly dim: number;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #vectors: Int8Array;
  readonly #scales: Float32Array;

  /** @internal Use `openWords`. */
  constructor(words: readonly string[], vectors: Int8Array, scales: Float32Array) {
    worksBehindProxy(this, WordTable);
    this.size = words.length;
    this.dim = vectors.length / words.length;
    this.#ranks = new Map(words.map((word, rank) => [word, rank]));
    this.#vectors = vectors;
    this.#scales = scales;
  }

  /** The place of a word in lower case, 0 for the most frequent one; undefined if the table does not have it. */
  rank(word: string): number | undefined {
    return this.#ranks.get(word);
  }

  /** The vector of the word at a rank, exact to half of 1/127 of its largest number. @throws InvalidInputError for a rank that the table does not have. */
  vector(rank: number): Float32Array {
    requireThat(
      Number.isInteger(rank) && rank >= 0 && rank < this.size,
      "rank",
      `a whole number from 0 to ${this.size - 1}`,
      rank,
    );
    const sum = new Float64Array(this.dim);
    this.addTo(sum, 0, rank, 1);
    return Float32Array.from(sum);
  }

  /** Adds a word's vector, times a weight, to the numbers from `at` on. @internal */
  addTo(sum: Float64Array, at: number, rank: number, weight: number): void {
    const { dim } = this;
    const vectors = this.#vectors;
    const scale = weight * this.#scales[rank]!;
    for (let j = 0, from = rank * dim; j < dim; j++, from++) sum[at + j]! += scale * vectors[from]!;
  }
}

/** One tensor of the file, checked. */
function tensorOf(
  tensors: readonly TensorEntry[],
  name: string,
  dtype: string,
  shape: readonly (number | undefined)[],
) {
  const tensor = tensors.find((each) => each.name === name);
  if (!tensor) throw damaged(`it has no tensor ${name}`);
  const isSo =
    tensor.dtype === dtype &&
    tensor.shape.length === shape.length &&
    shape.every((extent, i) => extent === undefined || extent === tensor.shape[i]);
  if (!isSo) {
    const wanted = shape.map((extent) => extent ?? "any").join(", ");
    throw damaged(
      `its tensor ${name} is ${tensor.dtype} of shape [${tensor.shape.slice(0, 8)}] instead of ${dtype} of shape [${wanted}]`,
    );
  }
  return tensor;
}

/**
 * Opens a table of word vectors: a safetensors file with `vectors` (words x dim, I8), the `scales` of its rows (F32), and the `words` in
 * lower case, the most frequent first, as lines of UTF-8. `writeWords` makes such files.
 *
 * @param file Its bytes, a Blob or File, a stream of bytes, a path (Node) or a URL.
 * @param options `fileName`: the name of bytes, a Blob or a stream, for messages.
 * @throws InvalidInputError that names the file, for one of another kind, and for one that is damaged or newer.
 */
export async function openWords(file: FileSource, options: { fileName?: string } = {}): Promise<WordTable> {
  requireOptions(options);
  checkOptionNames(options, "openWords", ["fileName"]);
  return withFile(file, options.fileName, async (source) => {
    const head = await readBytes(source, 0, Math.min(16, source.size));
    if (head[8] !== 0x7b) throw foreign("it does not start like one");
    const dataStart = safetensorsDataStart(head, source.size, () => foreign("it does not start like one"));
    const bytes = await readBytes(source, 8, source.size);
    const data = bytes.subarray(dataStart - 8);
    const { metadata, tensors } = readSafetensorsHeader(bytes.subarray(0, dataStart - 8), data.length, damaged);
    const json = Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined;
    if (typeof json !== "string") throw foreign(`its metadata has no ${KEY}`);
    const { format } = readJson<{ format: number }>(json, fields({ format: whole() }), (what) =>
      damaged(`of its metadata, ${what}`),
    );
    if (format > FORMAT) {
      throw invalid(
        "FILE_NEWER",
      )`the table of words has format ${format}, but this release of rqvae reads ${FORMAT}${{ hint: "use a newer release" }}`;
    }
    return readTable(data, tensors);
  });
}

function readTable(data: Uint8Array, tensors: readonly TensorEntry[]): WordTable {
  const lines = tensorOf(tensors, "words", "U8", [undefined]);
  const vectors = tensorOf(tensors, "vectors", "I8", [undefined, undefined]);
  const [size, dim] = vectors.shape as [number, number];
  const scales = tensorOf(tensors, "scales", "F32", [size]);
  if (size === 0 || dim === 0) throw damaged("it has no words");
  let words: string[];
  try {
    words = new TextDecoder("utf-8", { fatal: true }).decode(data.slice(lines.begin, lines.end)).split("\n");
  } catch (cause) {
    throw damaged("its words are not UTF-8", cause);
  }
  if (words.length !== size) {
    throw damaged(`it has ${counted(words.length, "word")}, but vectors of ${thousands(size)}`);
  }
  const numbers = new Float32Array(data.slice(scales.begin, scales.end).buffer);
  const bad = numbers.findIndex((scale) => !(scale >= 0 && scale < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw damaged(`the scale of the word ${describeValue(words[bad])} is ${numbers[bad]}`);
  const copy = data.slice(vectors.begin, vectors.end);
  return new WordTable(words, new Int8Array(copy.buffer), numbers);
}

/**
 * Word vectors as a file that `openWords` reads: each number as one byte, times a scale for each word, so that a hundred numbers take about a
 * hundred bytes. The same table gives the same bytes.
 *
 * @param words In lower case, the most frequent first: the weight of a word in a title follows its place.
 * @param vectors words x dim
 * @param notes Strings for the file's metadata, such as origin and licence.
 * @throws InvalidInputError for words that are empty, repeated or hold line breaks, and for numbers that are not finite.
 */
export function writeWords(
  words: readonly string[],
  vectors: Float32Array,
  notes: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  requireThat(Array.isArray(words) && words.length > 0, "words", "an array of at least one word", words);
  checkArray(vectors, "vectors");
  const isSo = typedArrayName(vectors) === "Float32Array" && vectors.length > 0 && vectors.length % words.length === 0;
  requireThat(isSo, "vectors", `a Float32Array with as many numbers for each of ${words.length} words`, vectors);
  const hasNotes =
    typeof notes === "object" && notes !== null && Object.values(notes).every((note) => typeof note === "string");
  requireThat(hasNotes, "notes", "an object of strings", notes);
  const known = new Set<unknown>();
  for (let i = 0; i < words.length; i++) {
    const word: unknown = words[i];
    requireThat(
      typeof word === "string" && word !== "" && !word.includes("\n") && !known.has(word),
      `words[${i}]`,
      "a word that is not empty, not repeated and on one line",
      word,
    );
    known.add(word);
  }
  const dim = vectors.length / words.length;
  const bytes = new Int8Array(vectors.length);
  const scales = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) {
    let most = 0;
    for (let j = i * dim; j < (i + 1) * dim; j++) {
      requireThat(Number.isFinite(vectors[j]), `vectors[${j}]`, "a finite number", vectors[j]);
      most = Math.max(most, Math.abs(vectors[j]!));
    }
    const scale = Math.fround(most / LARGEST);
    scales[i] = scale;
    if (scale === 0) continue;
    for (let j = i * dim; j < (i + 1) * dim; j++) {
      bytes[j] = Math.max(-LARGEST, Math.min(LARGEST, Math.round(vectors[j]! / scale)));
    }
  }
  const lines = new TextEncoder().encode(words.join("\n"));
  return writeSafetensors({ ...notes, [KEY]: JSON.stringify({ format: FORMAT }) }, [
    { name: "scales", dtype: "F32", shape: [words.length], data: scales },
    { name: "vectors", dtype: "I8", shape: [words.length, dim], data: bytes },
    { name: "words", dtype: "U8", shape: [lines.length], data: lines },
  ]);
}

const foreign = (why: string) =>
  invalid("FILE_FOREIGN")`this is not a table of word vectors: ${why}${{ hint: "give one that writeWords made" }}`;

function damaged(why: string, cause?: unknown): InvalidInputError {
  return invalid("FILE_DAMAGED", cause)`the table of word vectors is damaged or cut short: ${why}`;
}
