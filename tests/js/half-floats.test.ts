/** `Float16Array`, as onnxruntime-web and transformers.js give it for fp16 models. Skipped where the engine has none (Node before 24). */
import { RQVAE } from "rqvae";
import { readNpy, writeNpy } from "rqvae/formats";
import { assessIds } from "rqvae/report";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { describe, expect, it } from "vitest";

type Floats = Float32Array<ArrayBuffer>;
const Half = (globalThis as unknown as { Float16Array?: { from(values: number[]): Floats } }).Float16Array;

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
    await Promise.all([worker.terminate(), pool.terminate()]);
  });

  it("names a value that is not finite", async () => {
    const model = await RQVAE.fit(rows, { epochs: 1, codebookSize: 4 });
    const data = halves();
    data[4] = Number.NaN;
    expect(() => model.encode(data)).toThrow("row 1, column 1 is NaN");
  });
});
