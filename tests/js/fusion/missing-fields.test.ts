/** What is missing takes no part in the training (src/training/train_step.h). */
import { type ItemMatrix, RQVAE } from "rqvae";
import { fuse } from "rqvae/fusion";
import { describe, expect, test } from "vitest";
import { catalogue } from "../support/catalogue.ts";

const ROWS = 300;
const shape = { inputDim: 11, latentDim: 6, hiddenDims: [16], codebookSize: 8, nQuantizationLayers: 2, seed: 1 };
const epochs = 4;

async function trained(items: ItemMatrix): Promise<RQVAE> {
  const model = await RQVAE.create(shape);
  await model.train(items, { epochs });
  return model;
}

/** Titles of all items, and images of those that `has` says. */
async function fusedOf(has: (row: number) => boolean) {
  const [titles, images] = [catalogue(ROWS, 6, 1), catalogue(ROWS, 5, 2)];
  const vectors = Array.from({ length: ROWS }, (_, row) =>
    has(row) ? images.data.subarray(5 * row, 5 * row + 5) : null,
  );
  return fuse([
    { name: "title", vectors: titles },
    { name: "image", vectors },
  ]);
}
const without = ({ data, rows, dim }: { data: Float32Array; rows: number; dim: number }) => ({ data, rows, dim });

describe("missing fields", () => {
  test("change the training, and only where there are any", async () => {
    for (const [has, isSame] of [
      [() => true, true],
      [(row: number) => row % 3 !== 0, false],
    ] as const) {
      const fused = await fusedOf(has);
      using known = await trained(fused);
      using plain = await trained(without(fused));
      expect(known.fingerprint === plain.fingerprint).toBe(isSame);
    }
  });

  test("have no error, in a loaded model neither", async () => {
    const fused = await fusedOf((row) => row % 3 !== 0);
    using model = await RQVAE.create({ ...shape, inputScaling: "none" }); // so that errors have the items' units
    await model.train(fused, { epochs });
    const y = model.reconstruct(without(fused));
    let error = 0;
    for (let row = 0; row < ROWS; row++) {
      const known = row % 3 === 0 ? 6 : 11;
      for (let j = 0; j < known; j++) error += (y[11 * row + j]! - fused.data[11 * row + j]!) ** 2 / ROWS;
    }
    const { reconstructionLoss } = model.forward(fused);
    expect(reconstructionLoss / error).toBeCloseTo(1, 4);
    using loaded = await RQVAE.load(model.save());
    expect(loaded.forward(fused).reconstructionLoss).toBe(reconstructionLoss);
  });

  test("stay missing when a training is resumed", async () => {
    const fused = await fusedOf((row) => row % 3 !== 0);
    using whole = await trained(fused);
    const written: Uint8Array[] = [];
    using stopped = await RQVAE.create(shape);
    await stopped.train(fused, {
      epochs,
      checkpoint: { everyMs: 0, write: (bytes) => void written.push(bytes.slice()) },
    });
    using model = await RQVAE.create(shape);
    await model.train(without(fused), { resume: written[0]! });
    expect(model.fingerprint).toBe(whole.fingerprint);
  });

  test("fields of other items are refused", async () => {
    const fused = await fusedOf(() => true);
    const narrow = { ...catalogue(ROWS, 9), fields: fused.fields };
    await expect(RQVAE.fit(narrow)).rejects.toMatchObject({
      code: "ITEMS_DIMENSION",
      message: expect.stringMatching(/title, image have 11 numbers together, but the items have 9/),
    });
  });
});
