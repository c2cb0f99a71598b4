/** Writers of vectors, and IDs as Parquet. */
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { VECTOR_FORMATS } from "../../../bindings/js/formats/arrays/vectors.ts";
import { idsParquetChunks } from "../../../bindings/js/formats/ids/ids-parquet.ts";
import { openItems, readItems, type VectorFormat, writeIds, writeVectors } from "../../../bindings/js/formats/index.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { MATRIX } from "../support/format-files.ts";

async function collect(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk as string));
  return new Uint8Array(Buffer.concat(parts));
}

/** Values whose digits are many, extreme ones, and zeros. */
const rows = 70_001;
const dim = 5;
const data = Float32Array.from(
  { length: rows * dim },
  (_, i) => Math.fround(((i * 2654435761) % 4294967296) / 4294967296 - 0.5) * 10 ** ((i % 60) - 35),
);
const matrix = { data, rows, dim };
const itemIds = Array.from({ length: rows }, (_, i) => `a "${i}", b`);

describe("vectors", () => {
  test.each(VECTOR_FORMATS)("%s: what is written is read", async (format) => {
    const file = await collect(writeVectors(format, matrix, { itemIds }));
    const read = await readItems(file, { fileName: `a.${format}` });
    expect(Buffer.compare(Buffer.from(read.data.buffer), Buffer.from(data.buffer))).toBe(0);
    expect([read.rows, read.dim]).toEqual([rows, dim]);
    expect(read.itemIds).toEqual(["npy", "safetensors"].includes(format) ? undefined : itemIds);
  });

  test.each(VECTOR_FORMATS)("%s: blocks of any size, a source, a matrix give the same file", async (format) => {
    const whole = await collect(writeVectors(format, matrix));
    async function* blocks() {
      const buffer = new Float32Array(9973 * dim); // used again, as sources do
      for (let first = 0; first < rows; first += 9973) {
        const part = data.subarray(first * dim, (first + 9973) * dim);
        buffer.set(part);
        yield buffer.subarray(0, part.length);
      }
    }
    const inBlocks = await collect(writeVectors(format, { rows, dim, blocks: blocks() }));
    if (format === "parquet") {
      const items = await readItems(inBlocks); // other row groups
      expect(Buffer.compare(Buffer.from(items.data.buffer), Buffer.from(data.buffer))).toBe(0);
    } else expect(Buffer.compare(inBlocks, whole)).toBe(0);
    const source = await openItems(writeNpy(matrix));
    expect(Buffer.compare(await collect(writeVectors(format, source)), whole)).toBe(0);
  });

  test("npy is what writeNpy writes; small files as text", async () => {
    expect(await collect(writeVectors("npy", MATRIX))).toEqual(writeNpy(MATRIX));
    const small = { data: Float32Array.of(0.1, 1e-7, 3, Number.NaN), rows: 2, dim: 2 };
    const text = async (format: VectorFormat) =>
      new TextDecoder().decode(await collect(writeVectors(format, small, { itemIds: ["a", 7] })));
    expect(await text("csv")).toBe("item,x_0,x_1\na,0.1,1e-7\n7,3,NaN\n");
    await expect(text("jsonl")).rejects.toThrow(/row 1, column 1 is NaN/);
  });

  test("pieces stay small", async () => {
    for (const format of VECTOR_FORMATS) {
      for await (const chunk of writeVectors(format, matrix)) expect(chunk.length).toBeLessThan(3e6);
    }
  });

  test.each<[string, Parameters<typeof writeVectors>, RegExp]>([
    ["format", ["xls" as never, MATRIX], /format must be one of npy, csv, jsonl, parquet/],
    ["too few rows", ["npy", { rows: 5, dim: 3, blocks: [MATRIX.data] }], /4 rows instead of 5/],
    ["too many rows", ["csv", { rows: 3, dim: 3, blocks: [MATRIX.data] }], /3 rows in all/],
    ["half a row", ["csv", { rows: 3, dim: 3, blocks: [MATRIX.data.subarray(0, 4)] }], /whole rows of 3/],
    ["no rows", ["npy", { rows: 0, dim: 3, blocks: [] }], /at least 1/],
    ["IDs of another number", ["csv", MATRIX, { itemIds: ["a"] }], /itemIds has 1 entry/],
    ["IDs that are twice there", ["csv", MATRIX, { itemIds: ["a", "b", "a", "c"] }], /the same item/],
  ])("refuses: %s", async (_, given, message) => {
    const error = await collect(writeVectors(...given)).catch((error) => error);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error.message).toMatch(message);
  });
});

describe("IDs as Parquet", () => {
  test("the columns of csv", async () => {
    const ids = SemanticIds.from(
      Array.from({ length: 70_000 }, (_, i) => [i % 7, i % 256, i % 1000]),
      { codebookSizes: [7, 256, 1000] },
    );
    const titles = Array.from({ length: 70_000 }, (_, i) => `T é ${i}`);
    const file = await collect(writeIds("parquet", { ids }, { labels: { titles } }));
    expect(Buffer.compare(file, await collect(idsParquetChunks({ ids }, { titles })))).toBe(0);
    // A file of IDs in place of the vectors.
    await expect(readItems(file, { fileName: "ids.parquet" })).rejects.toThrow(
      /ids\.parquet: .*holds semantic IDs, "code_1", "code_2", "code_3", not embeddings/,
    );
  });
});
