/** Snapshots: the models of the epochs before the last, compared with trainings that end there. */
import { RQVAE, type TrainOptions } from "rqvae";
import { describe, expect, it } from "vitest";
import { catalogue } from "../support/catalogue.ts";

const items = catalogue(120, 4);
const config = { inputDim: 4, latentDim: 3, hiddenDims: [8], codebookSize: 8, nQuantizationLayers: 2, seed: 3 };
/** Nothing that depends on the number of epochs. */
const steady = { batchSize: 32, schedule: "constant", warmup: 0, validationShare: 0 } as const;

async function trained(options: TrainOptions) {
  const model = await RQVAE.create(config);
  return { model, history: await model.train(items, options) };
}

async function snapshotsOf(options: TrainOptions, epochs: number) {
  const found: { epoch: number; fingerprint: string; part: string; ids: string }[] = [];
  const write = async (bytes: Uint8Array, epoch: number) => {
    using model = await RQVAE.load(bytes);
    found.push({ epoch, fingerprint: model.fingerprint, part: model.part, ids: String(model.encode(items).codes) });
  };
  const { model, history } = await trained({ ...options, snapshots: { epochs, write } });
  const { fingerprint } = model;
  model.dispose();
  return { found, history, fingerprint };
}

describe("snapshots", () => {
  it("are the models that a training to that epoch gives, the last ones but one, oldest first", async () => {
    const { found } = await snapshotsOf({ ...steady, epochs: 5 }, 2);
    expect(found.map(({ epoch, part }) => [epoch, part])).toEqual([
      [2, "encoder"],
      [3, "encoder"],
    ]);
    for (const { epoch, fingerprint, ids } of found) {
      const { model, history } = await trained({ ...steady, epochs: epoch + 1 });
      expect(history.selectedEpoch).toBe(epoch); // else the comparison would be with another epoch
      expect(fingerprint).toBe(model.fingerprint);
      expect(ids).toBe(String(model.encode(items).codes));
      model.dispose();
    }
  });

  it("change nothing about the training, and are fewer than asked for when it is short", async () => {
    const { found, fingerprint } = await snapshotsOf({ ...steady, epochs: 3 }, 10);
    expect(found.map(({ epoch }) => epoch)).toEqual([0, 1]);
    const { model } = await trained({ ...steady, epochs: 3 });
    expect(fingerprint).toBe(model.fingerprint);
    model.dispose();
    expect((await snapshotsOf({ ...steady, epochs: 1 }, 3)).found).toEqual([]);
  });

  it("do not go together with resume, and need a number and a function", async () => {
    using model = await RQVAE.create(config);
    const write = () => {};
    const train = (options: object) => model.train(items, options as TrainOptions);
    await expect(train({ snapshots: { epochs: 0, write } })).rejects.toThrow(/snapshots must be { epochs, write/);
    await expect(train({ snapshots: { epochs: 2 } })).rejects.toThrow(/snapshots must be/);
    await expect(train({ snapshots: null })).rejects.toThrow(/snapshots must be/);
    await expect(train({ snapshots: { epochs: 2, write }, resume: new Uint8Array(8) })).rejects.toMatchObject({
      code: "OPTIONS_CONFLICT",
    });
  });
});
