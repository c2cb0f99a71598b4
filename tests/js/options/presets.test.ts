/** The field's recipes have the numbers that their references name, and train. */
import { type PresetName, presets, type Recipe, RQVAE } from "rqvae";
import { describe, expect, it } from "vitest";
import { MODEL_OPTION_NAMES, resolveModelConfig } from "../../../bindings/js/options/model-config.ts";
import { resolveTrainConfig } from "../../../bindings/js/options/train-config.ts";
import { catalogue } from "../support/catalogue.ts";

const names = Object.keys(presets) as PresetName[];
const resolved = ({ model, train }: Recipe) => {
  const config = resolveModelConfig(model);
  return { model: config, train: resolveTrainConfig(train, config) };
};

describe("the numbers of the references", () => {
  it("TIGER: section 3.1 and the appendix of the paper", () => {
    const { model, train } = resolved(presets.tiger({ inputDim: 768 }));
    expect(model).toMatchObject({
      inputDim: 768,
      hiddenDims: [512, 256, 128],
      latentDim: 32,
      codebookSize: [256, 256, 256],
      activation: "relu",
      commitmentWeight: 0.25,
      codebookWeight: 1,
      reconstructionWeight: 1,
      codebookKmeansInit: true,
      // A plain RQ-VAE: nothing of this library's own.
      inputScaling: "none",
      inputNoise: 0,
      linearSkip: "none",
      codebookGradient: "quantization",
      codebookUpdate: "gradient",
      gradientEstimator: "straightThrough",
      sinkhornEpsilon: [0, 0, 0],
      encodeBeam: 1,
      layerNorm: false,
      codebookSimVq: false,
    });
    expect(train).toMatchObject({
      epochs: 20_000,
      batchSize: 1024,
      optimizer: "adagrad",
      learningRate: 0.4,
      weightDecay: 0,
      schedule: "constant",
      select: "last",
    });
  });

  it("LC-Rec: the program's index/run.sh, models/rq.py and trainer.py", () => {
    const { model, train } = resolved(presets.lcrec({ inputDim: 4096 }));
    expect(model).toMatchObject({
      inputDim: 4096,
      hiddenDims: [2048, 1024, 512, 256, 128, 64],
      latentDim: 32,
      codebookSize: [256, 256, 256, 256],
      activation: "relu",
      commitmentWeight: 0.25,
      sinkhornEpsilon: [0, 0, 0, 0.003],
      sinkhornIterations: 50,
      // There: mean over 4,096 features + mean over 4 levels of means over 32 features.
      reconstructionWeight: (4 * 32) / 4096,
      inputScaling: "none",
      linearSkip: "none",
      codebookGradient: "quantization",
    });
    expect(train).toMatchObject({
      epochs: 10_000,
      batchSize: 1024,
      optimizer: "adamw",
      learningRate: 1e-3,
      weightDecay: 1e-4,
      schedule: "linear",
      warmup: 0.005,
      gradientClip: 4 * 32, // 1, of a loss that is so many times theirs
      evaluateEvery: 50,
      select: "collision",
    });
  });

  it("Hopwise: the tutorial's program", () => {
    const { model, train } = resolved(presets.hopwise({ inputDim: 384 }));
    expect(model).toMatchObject({
      ...{ inputDim: 384, hiddenDims: [256, 128, 64], latentDim: 256, codebookSize: [256, 256, 256] },
      ...{ compat: "hopwise", codebookSimVq: true, inputScaling: "none", commitmentWeight: 0.25 },
    });
    expect(train).toMatchObject({
      ...{ epochs: 20_000, batchSize: 1024, optimizer: "adagrad", learningRate: 1e-3, weightDecay: 1e-4 },
    });
  });
});

describe.each(names)("%s", (name) => {
  it("passes the seed on and says nothing else of it", () => {
    const { seed: _, ...rest } = presets[name]({ inputDim: 8, seed: 7 }).model;
    expect(presets[name]({ inputDim: 8, seed: 7 }).model.seed).toBe(7);
    expect(presets[name]({ inputDim: 8 }).model).toEqual(rest);
  });

  it("gives fresh objects", () => {
    const first = presets[name]({ inputDim: 8 });
    first.model.latentDim = 1;
    first.train.epochs = 1;
    expect(presets[name]({ inputDim: 8 })).not.toEqual(first);
  });

  it("makes a model and trains it", async () => {
    const items = catalogue(600, 24);
    const { model, train } = presets[name]({ inputDim: 24, seed: 1 });
    using own = await RQVAE.create(model);
    const history = await own.train(items, { ...train, epochs: 4, batchSize: 200 });
    expect(history.epochs).toHaveLength(4);
    expect(own.encode(items)).toHaveLength(600);
    const losses = history.epochs.map((epoch) => epoch.reconstructionLoss);
    expect(Math.min(...losses.slice(1))).toBeLessThan(losses[0]!);
    using again = await RQVAE.load(own.save());
    expect(again.fingerprint).toBe(own.fingerprint);
  });

  it("may be given to fit, whose suggestions it overrides", async () => {
    const items = catalogue(100, 24);
    const { model, train } = presets[name]({ inputDim: 24 });
    using own = await RQVAE.fit(items, { ...model, ...train, epochs: 1 });
    const config = own.config as unknown as Record<string, unknown>;
    for (const [option, value] of Object.entries(model)) {
      expect(MODEL_OPTION_NAMES).toContain(option);
      if (option !== "codebookSize") expect(config[option], option).toEqual(value);
      else expect(new Set(own.config.codebookSize)).toEqual(new Set([value]));
    }
  });

  it.each([
    [{}, /^presets\.\w+: inputDim must be a whole number of at least 1, received undefined$/],
    [{ inputDim: 0 }, /received 0$/],
    [{ inputDim: 2.5 }, /received 2\.5$/],
    [{ inputDim: "768" }, /received "768"$/],
    [{ inputDim: 8, latentDim: 4 }, /unknown option "latentDim"/],
    [null, /expected an object of options, received null/],
  ])("refuses %j", (shape, message) => {
    expect(() => presets[name](shape as never)).toThrow(message);
  });
});
