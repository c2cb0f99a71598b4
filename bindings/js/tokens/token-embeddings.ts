/** Initial embeddings of the tokens of semantic IDs in a language model, from the codebooks. */

import { invalid } from "../base/errors.ts";
import { OptionReader, requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import { Vocabulary } from "./vocabulary.ts";

/** How to make embeddings. */
export interface TokenEmbeddingOptions {
  /** Width of the language model's embeddings. */
  dim: number;
  /** Their length: the mean one of the language model's own embeddings. Default: 1. */
  norm?: number;
  /** The vocabulary of the tokens, of the model's IDs or of an index of them. Default: that of the model's IDs. */
  vocabulary?: Vocabulary;
}

/** Embeddings as `writeVectors` takes them. */
export interface TokenEmbeddings {
  /** rows x dim, row-major. */
  data: Float32Array;
  rows: number;
  dim: number;
  /** The text of each row's token. */
  itemIds: string[];
}

/**
 * Embeddings to start with, one for each token that a vocabulary adds, in the order of `addedTokens()`: row i is the token
 * `baseOffset + i`. Codes that stand for similar vectors get similar embeddings.
 *
 * Of each level the mean is taken off and the codes are scaled to a root mean square length of `norm`, since the codes of later levels are
 * shorter. If `dim` is less than the latent width, they are projected on the first `dim` principal directions of all codes, then scaled. If it is
 * more, they are turned into the wider space by a fixed random rotation: distances and angles stay, and no dimension is special. Tokens
 * that stand for no vector (special tokens, suffixes, codes of a level whose codes are all the same) get fixed random directions of length `norm`.
 *
 * @throws InvalidInputError for a vocabulary of other codebooks.
 */
export async function tokenEmbeddings(model: AsyncIdModel, options: TokenEmbeddingOptions): Promise<TokenEmbeddings> {
  const where = "tokenEmbeddings";
  requireThat(typeof model?.codebooks === "function", "model", "a model with codebooks", model, where);
  const read = new OptionReader(options, where);
  const dim = read.integer("dim", undefined, 1, 2 ** 20);
  const norm = read.number("norm", 1, 0, 1e6, true);
  const vocabulary = (read.get("vocabulary") as Vocabulary | undefined) ?? new Vocabulary(model.config.codebookSize);
  read.refuseUnknown();
  requireThat(typeof vocabulary?.addedTokens === "function", "vocabulary", "a Vocabulary", vocabulary, where);
  const books = await model.codebooks({ space: "latent" });
  const width = model.config.latentDim;
  const sizes = books.map((book) => book.length / width);
  const { codebookSizes, levels } = vocabulary;
  if (
    levels < sizes.length ||
    levels > sizes.length + 1 ||
    sizes.some((size, level) => size !== codebookSizes[level])
  ) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}the vocabulary has codebooks of ${codebookSizes.join(" x ")}, but the model has ${sizes.join(" x ")}`;
  }

  const centred = books.map((book) => scaled(minusMean(book, width), width, 1));
  const narrow = Math.min(dim, width);
  const directions = dim < width ? principalDirections(centred, width).slice(0, dim) : undefined;
  const wide = dim > width ? orthonormal(width, dim) : undefined;
  const added = vocabulary.addedTokens();
  const rows = added.length;
  const data = new Float32Array(rows * dim);
  const random = randomNumbers(1);
  for (let row = 0; row < rows; row++) data.set(scaled(randomVector(dim, random), dim, norm), row * dim);
  centred.forEach((book, level) => {
    const size = sizes[level]!;
    let vectors = directions ? products(book, width, directions) : book;
    vectors = scaled(vectors, narrow, norm);
    if (vectors.every((value) => value === 0)) return;
    if (wide) vectors = products(vectors, width, transposed(wide, width, dim));
    data.set(vectors, (vocabulary.offsets[level]! - vocabulary.baseOffset) * dim);
    if (vectors.length !== size * dim) throw new Error("sizes differ");
  });
  return { data, rows, dim, itemIds: added.map(({ content }) => content) };
}

function minusMean(book: Float32Array, width: number): Float64Array {
  const mean = new Float64Array(width);
  book.forEach((value, i) => {
    mean[i % width]! += value;
  });
  const rows = book.length / width;
  return Float64Array.from(book, (value, i) => value - mean[i % width]! / rows);
}

/** Rows of a root mean square length; zeros stay. */
function scaled(vectors: Float64Array, width: number, norm: number): Float64Array {
  const squares = vectors.reduce((sum, value) => sum + value * value, 0);
  const factor = squares > 0 ? norm / Math.sqrt((squares * width) / vectors.length) : 0;
  return vectors.map((value) => value * factor);
}

/** Each row's products with the directions. */
function products(vectors: Float64Array, width: number, directions: readonly Float64Array[]): Float64Array {
  const out = new Float64Array((vectors.length / width) * directions.length);
  for (let i = 0, at = 0; at < vectors.length; at += width) {
    for (const direction of directions) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += vectors[at + j]! * direction[j]!;
      out[i++] = sum;
    }
  }
  return out;
}

/** Eigenvectors of X^T X, the largest eigenvalue first, by Jacobi's rotations; of each, the largest component is positive. */
function principalDirections(books: readonly Float64Array[], d: number): Float64Array[] {
  const a = Array.from({ length: d }, () => new Float64Array(d));
  for (const book of books) {
    for (let at = 0; at < book.length; at += d) {
      for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) a[i]![j]! += book[at + i]! * book[at + j]!;
    }
  }
  const v = Array.from({ length: d }, (_, i) => Float64Array.from({ length: d }, (_, j) => (i === j ? 1 : 0)));
  const rotate = (m: Float64Array, p: number, q: number, c: number, s: number) => {
    const [x, y] = [m[p]!, m[q]!];
    m[p] = c * x - s * y;
    m[q] = s * x + c * y;
  };
  for (let sweep = 0, moved = true; moved && sweep < 50; sweep++) {
    moved = false;
    for (let p = 0; p < d; p++) {
      for (let q = p + 1; q < d; q++) {
        const off = a[p]![q]!;
        if (Math.abs(off) <= 1e-14 * Math.sqrt(Math.abs(a[p]![p]! * a[q]![q]!)) || off === 0) continue;
        moved = true;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < d; k++) rotate(a[k]!, p, q, c, s); // columns
        const [rowP, rowQ] = [a[p]!, a[q]!];
        for (let k = 0; k < d; k++) {
          const [x, y] = [rowP[k]!, rowQ[k]!];
          rowP[k] = c * x - s * y;
          rowQ[k] = s * x + c * y;
        }
        for (let k = 0; k < d; k++) rotate(v[k]!, p, q, c, s);
      }
    }
  }
  const order = [...a.keys()].sort((i, j) => a[j]![j]! - a[i]![i]! || i - j);
  return order.map((column) => {
    const direction = Float64Array.from(v, (row) => row[column]!);
    const most = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return most < 0 ? direction.map((value) => -value) : direction;
  });
}

/** `count` random rows that are orthonormal, by Gram and Schmidt, twice for the roundings. */
function orthonormal(count: number, dim: number): Float64Array[] {
  const random = randomNumbers(2);
  const rows: Float64Array[] = [];
  while (rows.length < count) {
    let row = randomVector(dim, random);
    for (const earlier of [...rows, ...rows]) {
      const along = row.reduce((sum, value, j) => sum + value * earlier[j]!, 0);
      row = row.map((value, j) => value - along * earlier[j]!);
    }
    rows.push(scaled(row, dim, 1));
  }
  return rows;
}

const transposed = (rows: readonly Float64Array[], width: number, dim: number) =>
  Array.from({ length: dim }, (_, j) => Float64Array.from({ length: width }, (_, i) => rows[i]![j]!));

/** Sums of four uniform numbers, nearly bell-shaped. */
const randomVector = (dim: number, random: () => number) =>
  Float64Array.from({ length: dim }, () => random() + random() + random() + random() - 2);

/** Numbers from 0 to 1, the same everywhere: Marsaglia's xorshift of 32 bits. */
function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
