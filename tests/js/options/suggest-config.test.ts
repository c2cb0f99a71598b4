/** What suggestConfig chooses by the catalogue's shape, and that fit goes by it and never ends worse than it began. */
import {
  type ModelOptions,
  measureSpectrum,
  RQVAE,
  residualKMeans,
  suggestConfig,
  type TrainOptions,
  type TrainProgress,
} from "rqvae";
import { describe, expect, it } from "vitest";
import { resolveModelConfig } from "../../../bindings/js/options/model-config.ts";
import { resolveTrainConfig } from "../../../bindings/js/options/train-config.ts";
import { catalogue, generator, sameBits } from "../support/catalogue.ts";
import { withImpatientClock } from "../support/impatient-clock.ts";

const suggest = (n: number, inputDim = 64) => suggestConfig({ n, inputDim });
const codes = (n: number) => suggest(n).model.codebookSize as number;

describe("the choice", () => {
  it("takes the power of two nearest to 2 sqrt(n), from 8 to 256, for codes", () => {
    for (const n of [1, 2, 3, 10, 31, 32, 33, 100, 127, 128, 129, 500, 511, 512, 513, 2048, 8192, 1e5, 1e9]) {
      const powers = [8, 16, 32, 64, 128, 256];
      // Nearest by ratio; in the middle the larger one.
      const target = 2 * Math.sqrt(n);
      const apart = (power: number) => Math.abs(Math.log2(power / target));
      const nearest = powers.reduce((best, power) => (apart(power) <= apart(best) + 1e-12 ? power : best));
      expect([n, codes(n)]).toEqual([n, nearest]);
    }
    expect([31, 32, 127, 128, 511, 512, 2047, 2048, 8191, 8192].map(codes)).toEqual([
      8, 16, 16, 32, 32, 64, 64, 128, 128, 256,
    ]);
  });

  it("takes widths and epochs by items per dimension", () => {
    const at = (q: number) => {
      const { model, train } = suggest(64 * q);
      return [model.latentDim, model.hiddenDims![0], train.epochs];
    };
    expect(at(1)).toEqual([24, 256, 25]);
    expect(at(7)).toEqual([32, 256, 25]);
    expect(at(8)).toEqual([32, 512, 40]);
    expect(at(70)).toEqual([64, 512, 40]);
    expect(at(100)).toEqual([64, 512, 28]); // 6,400 items: 180,000 in all
    expect(at(1000)).toEqual([64, 512, 10]);
    expect(at(100_000)).toEqual([64, 512, 10]);
  });

  it("takes larger steps where many items share a code, by the dimension", () => {
    const pace = (n: number, inputDim: number, codebookSize = 16) => {
      const { train } = suggestConfig({ n, inputDim, codebookSize });
      return [train.epochs, train.batchSize, train.learningRate, train.codebookLearningRateScale, train.warmup];
    };
    expect(pace(8191, 64)).toEqual([22, 256, 2e-3, 10, 0.05]);
    expect(pace(8192, 64)).toEqual([14, 384, 6e-3, 12, 0.2]);
    expect(pace(8192, 64, 256)).toEqual([14, 384, 6e-3, 12, 0.2]);
    expect(pace(8192, 64, 257)).toEqual([22, 384, 2e-3, 10, 0.05]);
    expect(pace(17_142, 64)).toEqual([7, 512, 6e-3, 12, 0.2]);
    expect(pace(17_143, 64)).toEqual([10, 512, 2e-3, 10, 0.05]); // so few epochs that none can be spared
    expect(pace(8192, 200)).toEqual([18, 384, 3e-3, 12, 0.2]);
    expect(pace(8192, 300)).toEqual([22, 384, 2e-3, 10, 0.05]);
    // With few items per dimension, the batches are smaller instead.
    expect(pace(768, 100, 32)).toEqual([16, 64, 2e-3, 15, 0.05]);
    expect(pace(20_000, 4096, 256)).toEqual([10, 256, 2e-3, 15, 0.05]);
    expect(pace(768, 100, 33)).toEqual([25, 128, 2e-3, 10, 0.05]);
    expect(pace(800, 100, 32)).toEqual([40, 128, 2e-3, 10, 0.05]);
  });

  it("pulls apart what shares an ID with the more weight the more IDs there are, and the less time", () => {
    const weight = (n: number, codebookSize: number) =>
      suggestConfig({ n, inputDim: 64, codebookSize }).train.separationWeight;
    expect([weight(2000, 32), weight(6000, 64), weight(6000, 256)]).toEqual([2, 4, 10]);
    expect([weight(1e4, 64), weight(8192, 256)]).toEqual([4.8, 16]);
  });

  it("takes noise by items per dimension and items per code", () => {
    const noise = (n: number, codebookSize: number | number[], inputDim = 64) =>
      suggestConfig({ n, inputDim, codebookSize }).train.residualNoise!;
    for (const [n, k, dim] of [
      [9681, 256, 64],
      [5000, 256, 100],
      [5957, 64, 100],
      [1531, 32, 100],
    ] as const) {
      expect(noise(n, k, dim)).toBeCloseTo((1.2 * (1 + (7 * k) / n)) / (n / dim) ** (1 / 8), 2);
    }
    expect(noise(9681, [64, 256, 448])).toBe(noise(9681, 256));
    expect([noise(64e6, 256), noise(64, 256)]).toEqual([0.55, 1.25]);
  });

  it("hardly moves what cannot be validated", () => {
    expect([1, 19, 20, 1e6].map((n) => suggest(n).train.learningRate)).toEqual([1e-5, 1e-5, 2e-3, 2e-3]);
  });

  it("has a latent no wider than the items, batches by their number, evaluations six to twelve times", () => {
    expect(suggest(1000, 5).model.latentDim).toBe(5);
    const batch = (n: number) => suggest(n).train.batchSize;
    expect([1, 2047, 2048, 8191, 8192, 16_383, 16_384, 1e7].map(batch)).toEqual([
      128, 128, 256, 256, 384, 384, 512, 512,
    ]);
    expect([64, 1000, 10_000].map((n) => suggest(n).train.evaluateEvery)).toEqual([2, 3, 2]);
  });

  it("has the latent width of a spectrum, and says why", async () => {
    const shape = { n: 2000, inputDim: 16 };
    expect(suggestConfig(shape)).not.toHaveProperty("reasons");
    const spectrum = await measureSpectrum(catalogue(2000, 16));
    const { model, reasons } = suggestConfig({ ...shape, spectrum });
    expect(model.latentDim).toBe(spectrum.latentDim);
    expect(reasons).toEqual([spectrum.reason]);
    expect(spectrum.reason).toMatch(/^(8 of 16 directions hold [\d.]+% of the variance|codes explain unseen)/);
    for (const latentDim of [0, 17, 1.5, "8"]) {
      expect(() => suggestConfig({ ...shape, spectrum: { ...spectrum, latentDim } as never })).toThrow(/latentDim/);
    }
  });

  it("says of items with one number that there is one direction", async () => {
    const { reason } = await measureSpectrum(catalogue(2000, 1), { codebookSize: 8 });
    expect(reason).toBe("codes explain unseen items in the only direction: full width");
  });

  it("keeps a tenth of the items for validation, at most 300, none below 20", () => {
    const share = (n: number) => suggest(n).train.validationShare!;
    expect([1, 19, 20, 3000].map(share)).toEqual([0, 0, 0.1, 0.1]);
    expect(share(6000)).toBe(0.05);
    expect(1e6 * share(1e6)).toBeCloseTo(300, 9);
  });

  it.each([1, 2, 3, 7, 19, 20, 21, 100, 1000, 12_101, 1_000_000, 2 ** 31])("is allowed for %i items", (n) => {
    for (const inputDim of [1, 2, 8, 64, 768, 4096, 100_000]) {
      for (const compat of ["none", "hopwise"] as const) {
        const { model, train } = suggestConfig({ n, inputDim, compat, seed: 5 });
        const config = resolveModelConfig(model);
        resolveTrainConfig(train, config);
        expect(config.latentDim).toBeLessThanOrEqual(compat === "none" ? inputDim : 64);
        expect([config.inputDim, config.seed, config.compat]).toEqual([inputDim, 5, compat]);
      }
    }
  });

  it("leaves what is given alone, and suggests only sizes for hopwise", () => {
    const given = suggestConfig({ n: 1000, inputDim: 64, codebookSize: [4, 8], nQuantizationLayers: 2, seed: 9 });
    expect(given.model).toMatchObject({ codebookSize: [4, 8], nQuantizationLayers: 2, seed: 9 });
    expect(suggestConfig({ n: 1000, inputDim: 64, compat: "hopwise" })).toEqual({
      model: { inputDim: 64, codebookSize: 64, compat: "hopwise" },
      train: {},
    });
    expect(suggest(1000).model).not.toHaveProperty("seed");
  });

  it.each([
    [{ n: 0, inputDim: 4 }, /^suggestConfig: n must be a whole number of at least 1, received 0$/],
    [{ n: 1.5, inputDim: 4 }, /n must be .* received 1.5/],
    [{ n: Number.NaN, inputDim: 4 }, /received NaN/],
    [{ n: 4 }, /^suggestConfig: inputDim must be a whole number of at least 1, received undefined$/],
    [{ n: 4, inputDim: "4" }, /received "4"/],
    [{ n: 4, inputDim: 4, levels: 3 }, /unknown option "levels"/],
    [null, /expected an object of options/],
  ])("refuses %j", (shape, message) => {
    expect(() => suggestConfig(shape as never)).toThrow(message);
  });
});

const items = catalogue(300, 10);

describe("fit", () => {
  it("is suggestConfig, create and train", async () => {
    using fitted = await RQVAE.fit(items, { seed: 3, epochs: 4 });
    const { model, train } = suggestConfig({ n: 300, inputDim: 10, seed: 3 });
    using own = await RQVAE.create(model);
    const history = await own.train(items, { ...train, epochs: 4 });
    expect(sameBits(fitted.save(), own.save())).toBe(true);
    expect(fitted.history).toEqual(history);
  });

  it("takes every option of both kinds on top", async () => {
    const given = {
      latentDim: 5,
      hiddenDims: [7],
      codebookSize: [4, 9],
      encodeBeam: 2,
      reconstructionWeight: 1,
      epochs: 2,
      batchSize: 100,
      validationShare: 0.2,
      select: "last",
      evaluateEvery: 1,
    } satisfies Partial<ModelOptions> & TrainOptions;
    using own = await RQVAE.fit(items, given);
    expect(own.config).toMatchObject({ latentDim: 5, hiddenDims: [7], codebookSize: [4, 9], encodeBeam: 2 });
    const history = own.history!;
    expect([history.steps, history.validation!.items, history.selectedEpoch]).toEqual([6, 60, 1]);
  });

  it("reports that it measures, then trains; a resumed one measures nothing again", async () => {
    const items = catalogue(400, 16);
    const options = { epochs: 3, hiddenDims: [8], seed: 3 };
    const watch = (events: TrainProgress[]) => (event: TrainProgress) => events.push(event);
    const events: TrainProgress[] = [];
    let middle: Uint8Array | undefined;
    using whole = await withImpatientClock(() =>
      RQVAE.fit(items, {
        ...options,
        onProgress: watch(events),
        checkpoint: {
          everyMs: 0,
          write: (bytes) => {
            if (events.at(-1)!.step > 3) middle ??= bytes;
          },
        },
      }),
    );
    const phases = events.map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(["measure", "initialize", "train"]);
    expect(phases.lastIndexOf("measure")).toBe(phases.indexOf("initialize") - 1);
    const progress = events.map((event) => event.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(events[0]).toMatchObject({ progress: 0, epoch: 0, epochs: 3, newEpochs: [] });

    const later: TrainProgress[] = [];
    using rest = await RQVAE.fit(items, { ...options, resume: middle!, onProgress: watch(later) });
    expect(later.length).toBeGreaterThan(0);
    expect(later.map(({ phase }) => phase)).not.toContain("measure");
    expect(sameBits(rest.save(), whole.save())).toBe(true);
    await expect(RQVAE.fit(items, { ...options, resume: whole.save() })).rejects.toThrow(/a model, not a checkpoint/);
  });

  it("leaves codebookRefine out of its own suggestion beside SimVQ, and never out of the caller's recipe", async () => {
    const items = catalogue(60, 8);
    using model = await RQVAE.fit(items, { codebookSimVq: true, epochs: 1 });
    expect(model.config.codebookRefine).toBe(false);
    const recipe = suggestConfig({ n: 60, inputDim: 8 });
    await expect(RQVAE.fit(items, { ...recipe, codebookSimVq: true })).rejects.toThrow(/codebookRefine.*codebookSimVq/);
  });

  it("treats an option that is undefined as one that is left out", async () => {
    using own = await RQVAE.fit(items, { epochs: 1, seed: undefined, latentDim: undefined } as never);
    using same = await RQVAE.fit(items, { epochs: 1 });
    expect(own.fingerprint).toBe(same.fingerprint);
  });
});

describe("what fit keeps is never worse on the validation items than where it began", () => {
  const next = generator(77);
  const random = (rows: number, dim: number, value: (i: number, j: number) => number): typeof items => ({
    data: Float32Array.from({ length: rows * dim }, (_, at) => value(Math.floor(at / dim), at % dim)),
    rows,
    dim,
  });
  const sets: [string, typeof items, TrainOptions][] = [
    ["clusters", catalogue(600, 16), {}],
    ["clusters, at a rate that destroys them", catalogue(600, 16), { learningRate: 0.3 }],
    ["noise", random(300, 8, next), {}],
    ["noise, few items of many dimensions", random(40, 100, next), {}],
    ["tight clusters", random(400, 12, (i) => (i % 5) * 10 + next() / 1000), {}],
    ["a line", random(200, 5, (i, j) => i * (j + 1)), {}],
    ["a constant column", random(200, 5, (_, j) => (j === 2 ? 7 : next())), {}],
    ["values of 1e6", random(200, 5, () => 1e6 * next()), {}],
    ["values of 1e-6", random(200, 5, () => 1e-6 * next()), {}],
    ["the least that has validation items", random(20, 4, next), {}],
  ];

  it.each(sets)("%s", async (_name, items, options) => {
    for (const seed of [0, 1, 2]) {
      using model = await RQVAE.fit(items, { epochs: 12, ...options, seed });
      const { start, validation, selectedEpoch, epochs, afterValidation } = model.history!;
      expect(validation!.reconstructionLoss).toBeLessThanOrEqual(start!.validation!.reconstructionLoss);
      const seen = [start, ...epochs].flatMap((one) => one!.validation?.reconstructionLoss ?? []);
      if (afterValidation === "joined") expect(selectedEpoch).toBe(epochs.length - 1);
      // Where too little was gained the start is kept, though an epoch may have been a little better.
      else if (afterValidation === "startKept")
        expect(validation!.reconstructionLoss).toBe(start!.validation!.reconstructionLoss);
      else expect(validation!.reconstructionLoss).toBe(Math.min(...seen));
      if (afterValidation === "startKept") expect(selectedEpoch).toBe(-1);
      expect(model.encode(items)).toHaveLength(items.rows);
      expect(model.reconstruct(items).every(Number.isFinite)).toBe(true);
    }
  });

  it("and better where there is something to learn", async () => {
    using model = await RQVAE.fit(catalogue(2000, 16), { seed: 0 });
    const { start, validation } = model.history!;
    expect(validation!.reconstructionLoss).toBeLessThan(0.95 * start!.validation!.reconstructionLoss);
  });

  it.each<[string, typeof items, number]>([
    ["one item", random(1, 4, next), 1],
    ["two items", random(2, 4, next), 2],
    ["three items of one dimension", random(3, 1, next), 3],
    ["nineteen items", random(19, 4, next), 19],
    ["fewer items than codes", random(6, 3, next), 6],
    ["two items of many dimensions", random(2, 500, next), 2],
    ["identical items", random(50, 4, (_, j) => j), 1],
    ["identical items, all zero", random(50, 4, () => 0), 1],
    ["three kinds of items", random(60, 4, (i, j) => (i % 3) * (j + 1)), 3],
    ["a constant column among few", random(5, 4, (_, j) => (j === 1 ? 3 : next())), 5],
  ])("%s: an ID for each that differs, and their vectors back", async (_name, items, distinct) => {
    for (const seed of [0, 1]) {
      using model = await RQVAE.fit(items, { seed });
      const ids = [...model.encode(items)].map(String);
      expect(new Set(ids).size).toBe(distinct);
      expect(model.history!.ids.distinctIds).toBe(distinct);
      const restored = model.reconstruct(items);
      const size = Math.max(...items.data.map(Math.abs), 1e-3);
      restored.forEach((x, at) => {
        expect(Math.abs(x - items.data[at]!)).toBeLessThan(0.25 * size);
      });
      const messages = model.history!.warnings.filter(({ kind }) => kind === "divergence" || kind === "learningRate");
      expect(messages).toEqual([]);
    }
  });

  it("the start is residual k-means in the same latent, seed and beam", async () => {
    using model = await RQVAE.fit(items, {
      ...{ seed: 2, epochs: 2, latentDim: 8, firstCodeWeight: 0, learningRate: 1e-30, validationShare: 0 },
    });
    const { latentDim, codebookSize, encodeBeam } = model.config;
    using plain = await residualKMeans(items, { latentDim, codebookSize, encodeBeam, seed: 2 });
    expect(sameBits(model.encode(items).codes, plain.encode(items).codes)).toBe(true);
  });
});
