/** Initial embeddings of tokens: lengths, angles and principal directions by other ways than the library's. */
import { RQVAE, SemanticIdIndex } from "rqvae";
import { tokenEmbeddings } from "rqvae/decoding";
import { readItems, writeVectors } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalogue } from "../support/catalogue.ts";

const SIZES = [8, 6];
const LATENT = 5;
let model: RQVAE;
const items = catalogue(200, 6);
beforeAll(async () => {
  model = await RQVAE.fit(items, { epochs: 2, latentDim: LATENT, hiddenDims: [8], codebookSize: SIZES });
});
afterAll(() => model.dispose());

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, j) => sum + value * b[j]!, 0);
const rowsOf = (data: Float32Array, dim: number) =>
  Array.from({ length: data.length / dim }, (_, i) => data.subarray(i * dim, (i + 1) * dim));

/** The codes of a level without their mean. */
function centred(level: number): number[][] {
  const rows = rowsOf(model.codebooks({ space: "latent" })[level]!, LATENT);
  const mean = Array.from({ length: LATENT }, (_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length);
  return rows.map((row) => Array.from(row, (value, j) => value - mean[j]!));
}
const rms = (rows: ArrayLike<number>[]) => Math.sqrt(rows.reduce((sum, row) => sum + dot(row, row), 0) / rows.length);

test.each([LATENT, 32])("keeps all distances and angles of a level's codes in %i dimensions", async (dim) => {
  const { data, rows, itemIds } = await tokenEmbeddings(model, { dim, norm: 3 });
  const vocabulary = new Vocabulary(model.config.codebookSize);
  expect(itemIds).toEqual(vocabulary.addedTokens().map(({ content }) => content));
  expect(rows).toBe(vocabulary.size);
  const all = rowsOf(data, dim);
  SIZES.forEach((size, level) => {
    const own = all.slice(vocabulary.offsets[level], vocabulary.offsets[level]! + size);
    const codes = centred(level);
    const factor = 3 / rms(codes);
    for (let i = 0; i < size; i++)
      for (let j = 0; j <= i; j++)
        expect(dot(own[i]!, own[j]!)).toBeCloseTo(dot(codes[i]!, codes[j]!) * factor ** 2, 4);
  });
  if (dim > LATENT) {
    // No dimension is special: each has some of the length.
    for (let j = 0; j < dim; j++) expect(all.reduce((sum, row) => sum + row[j]! ** 2, 0)).toBeGreaterThan(0.01);
  }
});

test("projects on the principal directions of all codes when the model is narrower", async () => {
  const dim = 2;
  const { data } = await tokenEmbeddings(model, { dim, norm: 1 });
  const offsets = new Vocabulary(model.config.codebookSize).offsets;
  const codes = SIZES.map((_, level) => {
    const rows = centred(level);
    return rows.map((row) => row.map((value) => value / rms(rows)));
  });
  const all = codes.flat();
  // Power iteration with deflation: another way to the same directions.
  const directions: number[][] = [];
  for (let k = 0; k < dim; k++) {
    let v = Array.from({ length: LATENT }, (_, j) => 1 + j / 7 + k);
    for (let step = 0; step < 5000; step++) {
      const next = new Array<number>(LATENT).fill(0);
      for (const row of all) {
        const along = dot(row, v);
        row.forEach((value, j) => {
          next[j]! += along * value;
        });
      }
      for (const earlier of directions) {
        const along = dot(next, earlier);
        earlier.forEach((value, j) => {
          next[j]! -= along * value;
        });
      }
      const length = Math.sqrt(dot(next, next));
      v = next.map((value) => value / length);
    }
    const most = v.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    directions.push(most < 0 ? v.map((value) => -value) : v);
  }
  codes.forEach((rows, level) => {
    const projected = rows.map((row) => directions.map((direction) => dot(row, direction)));
    const factor = 1 / rms(projected);
    const own = rowsOf(data, dim).slice(offsets[level], offsets[level]! + SIZES[level]!);
    own.forEach((row, i) => {
      for (let j = 0; j < dim; j++) expect(row[j]).toBeCloseTo(projected[i]![j]! * factor, 5);
    });
  });
});

test("gives tokens without a vector a random direction each, of the same length; the same at every call", async () => {
  const index = SemanticIdIndex.build(
    Array.from({ length: 200 }, (_, i) => i),
    model.encode(items),
    { collisions: "suffix", capacity: 200 },
  );
  const vocabulary = new Vocabulary(index, { baseOffset: 50, special: { end: { token: "</s>", id: 2 } } });
  const made = await tokenEmbeddings(model, { dim: 16, norm: 2, vocabulary });
  expect(made.rows).toBe(vocabulary.size);
  const rows = rowsOf(made.data, 16);
  const suffixes = rows.slice(vocabulary.offsets[2]! - 50);
  for (const row of [...rows.slice(0, 4), ...suffixes]) expect(Math.sqrt(dot(row, row))).toBeCloseTo(2, 5);
  expect(new Set(rows.map((row) => row.join())).size).toBe(rows.length);
  expect(await tokenEmbeddings(model, { dim: 16, norm: 2, vocabulary })).toEqual(made);
});

test.each(["npy", "safetensors"] as const)("is written as %s", async (format) => {
  const made = await tokenEmbeddings(model, { dim: 16 });
  const parts: Uint8Array[] = [];
  for await (const part of writeVectors(format, made)) parts.push(part as Uint8Array);
  const read = await readItems(Buffer.concat(parts));
  expect([read.rows, read.dim]).toEqual([made.rows, 16]);
  expect(new Float32Array(read.data)).toEqual(made.data);
});

test("refuses other codebooks and sizes", async () => {
  await expect(tokenEmbeddings(model, { dim: 4, vocabulary: new Vocabulary([8, 7]) })).rejects.toThrow(
    /the vocabulary has codebooks of 8 x 7, but the model has 8 x 6/,
  );
  await expect(tokenEmbeddings(model, { dim: 0 })).rejects.toThrow(/dim must be a whole number/);
  await expect(tokenEmbeddings(model, { dim: 4, norm: 0 })).rejects.toThrow(/norm must be a number above 0/);
  await expect(tokenEmbeddings({} as never, { dim: 4 })).rejects.toThrow(/model must be a model with codebooks/);
});
