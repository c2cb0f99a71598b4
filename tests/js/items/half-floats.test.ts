/** `Float16Array`, as onnxruntime-web and transformers.js give it for fp16 models. Skipped where the engine has none (Node before 24). */
import { RQVAE } from "rqvae";
import { writeVectors } from "rqvae/formats";
import { assessIds } from "rqvae/report";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { describe, expect, it } from "vitest";
import { readNpy, writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { VECTOR_FORMATS } from "../../../bindings/js/formats/arrays/vectors.ts";

type Floats = Float32Array<ArrayBuffer>;
const Half = (globalThis as unknown as { Float16Array?: { from(values: number[]): Floats } }).Float16Array;

async function written(...[format, vectors]: Parameters<typeof writeVectors>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of writeVectors(format, vectors)) parts.push(Buffer.from(part as string)); // text or bytes
  return Buffer.concat(parts).toString("latin1");
}

describe("vectors that are written", () => {
  const data = Float32Array.of(0, 1.5, -2, 0.25, 1024, -0.5);
  const bits = Uint16Array.of(0, 0x3e00, 0xc000, 0x3400, 0x6400, 0xb800);

  it.each(VECTOR_FORMATS)("%s: doubles and the bits of half floats give the file of their values", async (format) => {
    const expected = await written(format, { data, rows: 2, dim: 3 });
    expect(await written(format, { data: bits, rows: 2, dim: 3 })).toBe(expected);
    expect(await written(format, { data: Float64Array.from(data), rows: 2, dim: 3 })).toBe(expected);
    expect(await written(format, { blocks: [Float64Array.from(data)], rows: 2, dim: 3 })).toBe(expected);
  });

  it("must be floats, as many as are said", async () => {
    const refused = [
      [{ data: Int32Array.of(1, 2), rows: 1, dim: 2 }, /^data must be a Float32Array.*got Int32Array/],
      [{ data, rows: 1, dim: 2 }, /^data has 6 values, but rows x dim is 1 x 2/],
      [{ blocks: [[1, 2]], rows: 1, dim: 2 }, /^a block must be a Float32Array.*got an array of 2/],
      [{ blocks: [bits], rows: 2, dim: 3 }, /^a block must be a Float32Array.*got Uint16Array/],
      [{ read: () => [1, 2], rows: 1, dim: 2 }, /^the result of read\(0, 1\) must be a Float32Array/],
    ] as const;
    for (const [vectors, message] of refused) {
      await expect(written("npy", vectors as never)).rejects.toMatchObject({
        name: "InvalidInputError",
        message: expect.stringMatching(message),
      });
    }
  });
});

describe.skipIf(!Half)("Float16Array (skipped where the engine has none)", () => {
  const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i), i % 5]);
  const halves = () => Half!.from(rows.flat());
  const matrix = () => ({ data: halves(), rows: 60, dim: 3 });

  it("gives the IDs of the same values in every form, here and in workers", async () => {
    const same = Float32Array.from(halves());
    const model = await RQVAE.fit(matrix(), { epochs: 1, codebookSize: 4 });
    const { codes } = model.encode(same);
    const lines = rows.map((row) => Half!.from(row));
    const worker = await RQVAEWorker.load(model.save());
    const pool = await EncodePool.create(model.save(), { workers: 1 });
    for (const items of [matrix(), halves(), lines]) {
      expect(model.encode(items).codes).toEqual(codes);
      expect((await worker.encode(items, { transfer: true })).codes).toEqual(codes);
    }
    expect((await pool.encode(matrix())).codes).toEqual(codes);
    expect((await assessIds(model.encode(same), { items: matrix(), model })).text).toBe(
      (await assessIds(model.encode(same), { items: { data: same, rows: 60, dim: 3 }, model })).text,
    );
    expect(Float32Array.from(readNpy(writeNpy(matrix())).data as Uint16Array)).toHaveLength(180);
    await Promise.all([worker.dispose(), pool.dispose()]);
  });

  it("is taken where items are read as they are needed, and where vectors are written", async () => {
    const same = Float32Array.from(halves());
    const read = (first: number, count: number) => halves().subarray(3 * first, 3 * (first + count));
    const source = { rows: 60, dim: 3, read };
    const model = await RQVAE.fit(source, { epochs: 1, codebookSize: 4 });
    const again = await RQVAE.fit({ data: same, rows: 60, dim: 3 }, { epochs: 1, codebookSize: 4 });
    expect(model.fingerprint).toBe(again.fingerprint);
    expect((await model.encodeAsync(source)).codes).toEqual(model.encode(same).codes);
    const worker = await RQVAEWorker.load(model.save());
    expect((await worker.encodeAsync(source)).codes).toEqual(model.encode(same).codes);
    await worker.dispose();
    for (const format of VECTOR_FORMATS) {
      const expected = await written(format, { data: same, rows: 60, dim: 3 });
      for (const vectors of [matrix(), source, { rows: 60, dim: 3, blocks: [halves()] }]) {
        expect(await written(format, vectors), format).toBe(expected);
      }
    }
  });

  it("names a value that is not finite", async () => {
    const model = await RQVAE.fit(rows, { epochs: 1, codebookSize: 4 });
    const data = halves();
    data[4] = Number.NaN;
    expect(() => model.encode(data)).toThrow("row 1, column 1 is NaN");
  });
});
