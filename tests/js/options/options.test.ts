/**
 * Every option of a model and of its training does something in the WebAssembly build: one table with a row an option, complete by its
 * type and by the lists of names. Each row is a run with the option beside the same run without it.
 */
import { type ModelConfig, type ModelOptions, RQVAE, SemanticIds, type TrainHistory, type TrainOptions } from "rqvae";
import { describe, expect, it } from "vitest";
import { MODEL_OPTION_NAMES, resolveModelConfig } from "../../../bindings/js/options/model-config.ts";
import { resolveTrainConfig, TRAIN_OPTION_NAMES } from "../../../bindings/js/options/train-config.ts";
import { catalogue, readTensors, squaredDistance } from "../support/catalogue.ts";

const items = catalogue(500, 12);
const model = { inputDim: 12, latentDim: 6, hiddenDims: [16], codebookSize: 16 } satisfies ModelOptions;
const train = { epochs: 6, batchSize: 100 } satisfies TrainOptions;

/** IDs of the first 400 items, of which none has the first code 15. */
const published = {
  stability: 0.5,
  itemIds: Array.from({ length: 500 }, (_, i) => i),
  published: {
    itemIds: Array.from({ length: 400 }, (_, i) => i),
    ids: SemanticIds.from(
      Array.from({ length: 400 }, (_, i) => [i % 15, i % 16, (7 * i) % 16]),
      { codebookSizes: [16, 16, 16] },
    ),
  },
} satisfies TrainOptions;

interface Run {
  history: TrainHistory;
  config: ModelConfig;
  /** The trained weights, and those of the same model after its initialisation. */
  weights: Map<string, Float32Array>;
  initial: Map<string, Float32Array>;
  ids: number[][];
  latents: Float32Array;
  reconstruction: Float32Array;
  /** Mean ||z - z^||^2: what is left after the last level. */
  error: number;
}

/** One model, from its initialisation through training to its IDs. */
async function runOf(modelOptions: Partial<ModelOptions>, trainOptions: TrainOptions, given = items): Promise<Run> {
  using own = await RQVAE.create({ ...model, ...modelOptions });
  if (own.config.codebookKmeansInit) await own.kmeansInitCodebooks(given);
  const initial = readTensors(own.save());
  const history = await own.train(given, { ...train, ...trainOptions });
  return {
    history,
    config: own.config,
    weights: readTensors(own.save()),
    initial,
    ids: [...own.encode(given)],
    latents: own.latents(given),
    reconstruction: own.reconstruct(given),
    error: own.forward(given).perLevel.at(-1)!.quantizationError,
  };
}

/** How far the parameters whose names begin so went in training. */
const moved = ({ weights, initial }: Run, prefix = "") =>
  [...weights].reduce((sum, [name, values]) => {
    return name.startsWith(prefix) ? sum + squaredDistance(values, initial.get(name)!) : sum;
  }, 0);
const parameters = ({ weights }: Run) => [...weights.values()].reduce((sum, values) => sum + values.length, 0);
const last = ({ history }: Run) => history.epochs.at(-1)!;
const levels = (run: Run, level: number) => last(run).perLevel[level]!.quantizationError;
const norm = ({ weights }: Run, name: string) => weights.get(name)!.reduce((sum, x) => sum + x * x, 0);

/** Whether two runs came to the same weights. */
const sameWeights = (a: Run, b: Run) =>
  a.weights.size === b.weights.size &&
  [...a.weights].every(([name, values]) => {
    const other = b.weights.get(name);
    return other?.length === values.length && squaredDistance(values, other) === 0;
  });

interface Row<Value> {
  /** Values other than the default; each gives other weights than the others and the default. */
  values: readonly Value[];
  /** What both runs have besides. */
  model?: Partial<ModelOptions>;
  train?: TrainOptions;
  items?: typeof items;
  /** What the first value does to the run beside the same one without it. */
  effect: (withIt: Run, without: Run) => void;
  /** For an option that leaves the weights alone. */
  sameWeights?: true;
}
type Rows<Options> = { [Name in keyof Options]-?: Row<NonNullable<Options[Name]>> };

/** A few items that a large network at a large rate learns by heart. */
const overtraining = {
  items: catalogue(60, 12),
  model: { hiddenDims: [64], codebookSize: 8 },
  train: { epochs: 20, batchSize: 10, learningRate: 0.02, validationShare: 0.4 },
} satisfies Partial<Row<unknown>>;

const MODEL_ROWS: Rows<Omit<ModelOptions, "inputDim">> = {
  latentDim: {
    values: [3],
    effect: (a, b) => expect([a.latents.length, b.latents.length]).toEqual([1500, 3000]),
  },
  hiddenDims: {
    values: [[24, 16], []],
    effect: (a, b) => expect(parameters(a)).toBeGreaterThan(parameters(b)),
  },
  codebookSize: {
    values: [64, [16, 8, 4]],
    effect: (a, b) => expect(a.error).toBeLessThan(b.error),
  },
  nQuantizationLayers: {
    values: [4],
    effect: (a, b) => {
      expect([a.ids[0]!.length, b.ids[0]!.length]).toEqual([4, 3]);
      expect(a.error).toBeLessThan(b.error);
    },
  },
  codebookKmeansInit: {
    values: [false],
    effect: (a, b) =>
      expect(a.history.epochs[0]!.quantizeLoss).toBeGreaterThan(1.5 * b.history.epochs[0]!.quantizeLoss),
  },
  codebookRefine: {
    values: [true],
    model: { encodeBeam: 4, codebookSize: 8 },
    train: { epochs: 1, learningRate: 1e-9 },
    effect: (a, b) => expect(a.error).toBeLessThan(b.error),
  },
  commitmentWeight: {
    values: [5],
    model: { commitmentWeight: 0 },
    train: { epochs: 30 },
    effect: (a, b) => expect(a.error).toBeLessThan(b.error),
  },
  codebookWeight: {
    values: [0, 5],
    model: { codebookGradient: "quantization" },
    effect: (a, b) => {
      expect(moved(a, "quantization_layers")).toBe(0);
      expect(moved(b, "quantization_layers")).toBeGreaterThan(0);
    },
  },
  reconstructionWeight: {
    values: [20, 0],
    effect: (a, b) => expect(last(a).reconstructionLoss).toBeLessThan(last(b).reconstructionLoss),
  },
  reconstruction: {
    values: ["cosine"],
    model: { inputScaling: "none" },
    effect: (a, b) => {
      const angle = (run: Run) => {
        let sum = 0;
        for (let i = 0; i < 500; i++) {
          const [x, y] = [items.data, run.reconstruction].map((data) => data.slice(12 * i, 12 * (i + 1)));
          const dot = (u: Float32Array, v: Float32Array) => u.reduce((total, value, j) => total + value * v[j]!, 0);
          sum += 1 - dot(x!, y!) / Math.sqrt(dot(x!, x!) * dot(y!, y!));
        }
        return sum / 500;
      };
      expect(last(a).reconstructionLoss).toBeLessThan(2 * angle(a));
      expect(last(b).reconstructionLoss).toBeGreaterThan(5 * angle(b));
    },
  },
  activation: {
    values: ["relu"],
    effect: (a, b) => expect(a.latents).not.toEqual(b.latents),
  },
  layerNorm: {
    values: [true],
    effect: (a, b) => expect(parameters(a)).toBe(parameters(b) + 2 * 2 * 16),
  },
  inputScaling: {
    values: ["none", "center", "perDimension", "l2"],
    effect: (a, b) => {
      // The statistics of the input: an offset that all items share stays in.
      const mean = ({ weights }: Run) => weights.get("input.mean")?.reduce((sum, x) => sum + x, 0) ?? 0;
      expect(mean(a)).toBe(0);
      expect(mean(b)).toBeGreaterThan(12);
    },
  },
  inputNoise: {
    values: [1],
    effect: (a, b) => expect(last(a).reconstructionLoss).toBeGreaterThan(1.2 * last(b).reconstructionLoss),
  },
  linearSkip: {
    values: ["none", "identity"],
    model: { latentDim: 12 },
    effect: (a, b) => {
      expect(a.weights.has("encoder.skip.weight")).toBe(false);
      expect(b.weights.has("encoder.skip.weight")).toBe(true);
    },
  },
  codebookGradient: {
    values: ["quantization"],
    model: { codebookWeight: 0 },
    effect: (a, b) => {
      expect(moved(a, "quantization_layers")).toBe(0);
      expect(moved(b, "quantization_layers")).toBeGreaterThan(0);
    },
  },
  codebookUpdate: {
    values: ["ema"],
    model: { codebookGradient: "quantization" },
    train: { codebookLearningRateScale: 0 },
    effect: (a, b) => {
      expect(moved(a, "quantization_layers")).toBeGreaterThan(0);
      expect(moved(b, "quantization_layers")).toBe(0);
    },
  },
  emaDecay: {
    values: [0.5],
    model: { codebookUpdate: "ema" },
    effect: (a, b) => expect(moved(a, "quantization_layers")).toBeGreaterThan(moved(b, "quantization_layers")),
  },
  gradientEstimator: {
    values: ["rotation"],
    effect: (a, b) => expect(moved(a, "encoder")).not.toBe(moved(b, "encoder")),
  },
  sinkhornEpsilon: {
    values: [0.003, [0, 0, 0.003]],
    model: { codebookKmeansInit: false, linearSkip: "none" },
    // N(0, 1) codes far from the latents: without balance most are never chosen, with it all are.
    effect: (a, b) => {
      expect(last(a).deadCodes).toEqual([0, 0, 0]);
      expect(Math.max(...last(b).deadCodes)).toBeGreaterThan(4);
    },
  },
  sinkhornIterations: {
    values: [1],
    model: { sinkhornEpsilon: 0.003, codebookKmeansInit: false, linearSkip: "none" },
    effect: (a, b) => expect(levels(a, 0)).not.toBe(levels(b, 0)),
  },
  encodeBeam: {
    values: [8],
    effect: (a, b) => {
      expect(a.ids).not.toEqual(b.ids);
      expect(a.error).toBeLessThan(b.error);
    },
  },
  firstCodeWeight: {
    values: [1, 1e6],
    model: { encodeBeam: 8 },
    effect: (a, b) => {
      expect(a.ids).not.toEqual(b.ids);
      expect(a.error).toBeGreaterThan(b.error);
    },
  },
  compat: {
    values: ["hopwise"],
    // Both without what compat fixes: what is left of it is the output, the sum of the reconstruction and the cut gradient.
    model: { inputScaling: "none", linearSkip: "none", codebookGradient: "quantization", codebookSimVq: false },
    effect: (a, b) => {
      const length = (run: Run) => Math.sqrt(squaredDistance(run.reconstruction.slice(0, 12), new Float32Array(12)));
      expect(length(a)).toBeCloseTo(1, 5);
      expect(Math.abs(length(b) - 1)).toBeGreaterThan(0.1);
    },
  },
  codebookSimVq: {
    values: [true],
    effect: (a) => {
      expect(moved(a, "quantization_layers.0.embedding")).toBe(0);
      expect(moved(a, "quantization_layers.0.out_proj")).toBeGreaterThan(0);
    },
  },
  seed: {
    values: [1, 2 ** 53 - 1],
    effect: (a, b) => expect(squaredDistance(a.latents, b.latents)).toBeGreaterThan(0),
  },
};

/** The options that are values; those that are functions and the like have tests of their own below. */
const TRAIN_ROWS: Rows<
  Omit<
    TrainOptions,
    "columnNames" | "itemIds" | "published" | "onProgress" | "signal" | "checkpoint" | "snapshots" | "resume"
  >
> = {
  epochs: {
    values: [3],
    effect: (a, b) => expect([a.history.epochs.length, b.history.epochs.length]).toEqual([3, 6]),
  },
  batchSize: {
    values: [50],
    effect: (a, b) => expect([a.history.steps, b.history.steps]).toEqual([60, 30]),
  },
  optimizer: {
    // Without weight decay "adamw" is "adam".
    values: ["adagrad", "adamw", "sgd"],
    train: { weightDecay: 0.1 },
    effect: (a, b) => expect(moved(a)).not.toBe(moved(b)),
  },
  learningRate: {
    values: [1e-5],
    effect: (a, b) => expect(moved(a)).toBeLessThan(moved(b) / 1000),
  },
  encoderLearningRateScale: {
    values: [0, 3],
    effect: (a, b) => {
      expect(moved(a, "encoder")).toBe(0);
      expect(moved(b, "encoder")).toBeGreaterThan(0);
      expect(moved(a, "decoder")).toBeGreaterThan(0);
    },
  },
  decoderLearningRateScale: {
    values: [0, 3],
    effect: (a, b) => {
      expect(moved(a, "decoder")).toBe(0);
      expect(moved(b, "decoder")).toBeGreaterThan(0);
      expect(moved(a, "encoder")).toBeGreaterThan(0);
    },
  },
  codebookLearningRateScale: {
    values: [0, 3],
    effect: (a, b) => {
      expect(moved(a, "quantization_layers")).toBe(0);
      expect(moved(b, "quantization_layers")).toBeGreaterThan(0);
      expect(moved(a, "encoder")).toBeGreaterThan(0);
    },
  },
  gradientClip: {
    values: [1e-3],
    train: { optimizer: "sgd", learningRate: 1e-2 },
    // 30 steps of length 1e-2 x 1e-3 at most.
    effect: (a, b) => {
      expect(Math.sqrt(moved(a))).toBeLessThan(30 * 1.01e-5);
      expect(Math.sqrt(moved(b))).toBeGreaterThan(30 * 1e-4);
    },
  },
  weightDecay: {
    values: [5],
    model: { linearSkip: "none" },
    train: { optimizer: "adamw" },
    effect: (a, b) =>
      expect(norm(a, "encoder.network.0.weight")).toBeLessThan(0.9 * norm(b, "encoder.network.0.weight")),
  },
  beta1: {
    values: [0],
    effect: (a, b) => expect(moved(a)).not.toBe(moved(b)),
  },
  beta2: {
    values: [0.5],
    effect: (a, b) => expect(moved(a)).not.toBe(moved(b)),
  },
  epsilon: {
    values: [10],
    effect: (a, b) => expect(moved(a)).toBeLessThan(moved(b) / 4),
  },
  momentum: {
    values: [0.9],
    train: { optimizer: "sgd", learningRate: 1e-4 },
    effect: (a, b) => expect(moved(a)).toBeGreaterThan(4 * moved(b)),
  },
  schedule: {
    values: ["cosine", "linear"],
    effect: (a, b) => {
      expect(last(a).learningRate).toBeLessThan(1e-4);
      expect(last(b).learningRate).toBe(1e-3);
    },
  },
  warmup: {
    values: [0.5],
    effect: (a, b) => {
      const rates = (run: Run) => run.history.epochs.map((record) => record.learningRate);
      expect(rates(a)[0]).toBeLessThan(rates(a)[1]!);
      expect(rates(a)[5]).toBe(1e-3);
      expect(rates(b)[0]).toBe(1e-3);
    },
  },
  evaluateEvery: {
    values: [4],
    sameWeights: true,
    effect: (a, b) => {
      const evaluated = (run: Run) => run.history.epochs.map((record) => Number(record.evaluated));
      expect(evaluated(a)).toEqual([1, 0, 0, 1, 0, 1]);
      expect(evaluated(b)).toEqual([1, 1, 1, 1, 1, 1]);
    },
  },
  validationShare: {
    values: [0.2],
    effect: (a, b) => {
      expect(a.history.validation!.items).toBe(100);
      expect(b.history.validation).toBeUndefined();
      expect(a.history.steps).toBeLessThan(b.history.steps);
    },
  },
  validationUntil: {
    values: [0.4],
    model: { hiddenDims: [32] },
    train: { validationShare: 0.2, learningRate: 3e-3, batchSize: 32 },
    effect: (a, b) => {
      expect(a.history.afterValidation).toBe("joined");
      expect(a.history.validation!.epoch).toBe(1);
      expect(b.history.afterValidation).toBeUndefined();
      expect(a.history.steps).toBeGreaterThan(b.history.steps);
    },
  },
  select: {
    values: ["last", "collision"],
    ...overtraining,
    effect: (a, b) => {
      const losses = b.history.epochs.map((record) => record.validation!.reconstructionLoss);
      expect(a.history.selectedEpoch).toBe(19);
      expect(b.history.selectedEpoch).toBe(
        Math.min(...losses) < b.history.start!.validation!.reconstructionLoss
          ? losses.indexOf(Math.min(...losses))
          : -1,
      );
    },
  },
  patience: {
    values: [2],
    ...overtraining,
    train: { ...overtraining.train, select: "loss" },
    sameWeights: true,
    effect: (a, b) => {
      expect([a.history.stoppedEarly, b.history.stoppedEarly]).toEqual([true, false]);
      expect(a.history.epochs.length).toBeLessThan(b.history.epochs.length);
      expect(a.history.selectedEpoch).toBe(b.history.selectedEpoch);
    },
  },
  deadCodeRestart: {
    values: [true, "withSinkhorn"],
    model: { codebookKmeansInit: false, linearSkip: "none" },
    effect: (a, b) => {
      const restarted = (run: Run) => run.history.epochs.flatMap((record) => record.restartedCodes);
      expect(Math.max(...restarted(a))).toBeGreaterThan(4);
      expect(Math.max(...restarted(b))).toBe(0);
      expect(Math.min(...a.history.ids.usage)).toBeGreaterThan(Math.min(...b.history.ids.usage));
    },
  },
  residualNoise: {
    values: [2],
    effect: (a, b) => expect(last(a).reconstructionLoss).toBeGreaterThan(1.2 * last(b).reconstructionLoss),
  },
  separationWeight: {
    values: [30],
    train: { epochs: 20 },
    effect: (a, b) => expect(a.history.ids.distinctIds).toBeGreaterThan(b.history.ids.distinctIds),
  },
  separationMargin: {
    values: [1],
    train: { separationWeight: 30 },
    effect: (a, b) => expect(moved(a, "encoder")).not.toBe(moved(b, "encoder")),
  },
  stability: {
    values: [1, 0.5],
    train: { learningRate: 0.01 },
    effect: (a, b) => expect(moved(a, "encoder")).toBeLessThan(moved(b, "encoder")),
  },
  newItemRepeats: {
    values: [4, 2],
    train: { ...published, learningRate: 0.01 },
    effect: (a, b) => {
      const errors = [a, b].map(({ reconstruction }) =>
        squaredDistance(reconstruction.subarray(400 * 12), items.data.subarray(400 * 12)),
      );
      expect(errors[0]).toBeLessThan(errors[1]!);
    },
  },
  freedShare: {
    values: [0.2, 0.01],
    train: { ...published, learningRate: 1e-6 },
    effect: (a, b) => {
      const codes = [a, b].map((run) => moved(run, "quantization_layers.0"));
      expect(codes[0]).toBeGreaterThan(100 * codes[1]!);
    },
  },
};

function describeRows<Options>(
  rows: Rows<Options>,
  runWith: (name: keyof Options, value: unknown, row: Row<never>) => Promise<Run>,
): void {
  it.each(Object.entries(rows) as [keyof Options, Row<never>][])("%s", async (name, row) => {
    const without = await runWith(name, undefined, row);
    const runs = [without];
    for (const value of row.values) runs.push(await runWith(name, value, row));
    row.effect(runs[1]!, without);
    for (const [i, run] of runs.entries()) {
      for (const other of runs.slice(0, i)) expect(sameWeights(run, other)).toBe(row.sameWeights ?? false);
    }
  });
}

describe("the options of a model", () => {
  it("have a row each, at a value other than the default", () => {
    expect(["inputDim", ...Object.keys(MODEL_ROWS)].sort()).toEqual([...MODEL_OPTION_NAMES].sort());
    for (const [name, { values, ...row }] of Object.entries(MODEL_ROWS) as [string, Row<unknown>][]) {
      const defaults = resolveModelConfig({ ...model, ...row.model });
      for (const value of values) {
        expect(resolveModelConfig({ ...model, ...row.model, [name]: value }), name).not.toEqual(defaults);
      }
    }
  });

  it("inputDim", async () => {
    using narrow = await RQVAE.create({ ...model, inputDim: 6 });
    await narrow.train(items.data, train); // flat: twice as many items of half the dimension
    expect(narrow.encode(items.data)).toHaveLength(1000);
    expect(() => narrow.encode(items)).toThrow(/inputDim 6/);
  });

  describeRows(MODEL_ROWS, (name, value, row) =>
    runOf({ ...row.model, ...(value === undefined ? {} : { [name]: value }) }, row.train ?? {}, row.items),
  );
});

describe("the options of training", () => {
  const withCallbacks = [
    "columnNames",
    "itemIds",
    "published",
    "onProgress",
    "signal",
    "checkpoint",
    "snapshots",
    "resume",
  ];

  it("have a row each, at a value other than the default", () => {
    expect([...withCallbacks, ...Object.keys(TRAIN_ROWS)].sort()).toEqual([...TRAIN_OPTION_NAMES].sort());
    const config = resolveModelConfig(model);
    for (const [name, { values, ...row }] of Object.entries(TRAIN_ROWS) as [string, Row<unknown>][]) {
      const defaults = resolveTrainConfig({ ...train, ...row.train }, config);
      for (const value of values) {
        const resolved = resolveTrainConfig({ ...train, ...row.train, [name]: value }, config);
        expect(resolved, name).not.toEqual(defaults);
      }
    }
  });

  describeRows(TRAIN_ROWS, (name, value, row) =>
    runOf(
      // What this value of deadCodeRestart is for.
      { ...row.model, ...(value === "withSinkhorn" ? { sinkhornEpsilon: 0.003 } : {}) },
      { ...row.train, ...(value === undefined ? {} : { [name]: value }) },
      row.items,
    ),
  );

  it("onProgress, signal, checkpoint and resume", async () => {
    const long = { epochs: 300 }; // several slices, also on a fast machine
    const plain = await runOf({}, long);
    let events = 0;
    const checkpoints: Uint8Array[] = [];
    const watched = await runOf(
      {},
      {
        ...long,
        onProgress: () => events++,
        signal: new AbortController().signal,
        checkpoint: { everyMs: 0, write: (bytes) => void checkpoints.push(bytes) },
      },
    );
    expect(events).toBeGreaterThan(0);
    expect(checkpoints.length).toBeGreaterThan(0);
    expect(sameWeights(watched, plain)).toBe(true);
    await expect(runOf({}, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    using resumed = await RQVAE.create(model);
    const history = await resumed.train(items, { resume: checkpoints[0]! });
    expect(history.steps).toBe(plain.history.steps);
  });
});

describe("the options of an optimiser", () => {
  /** Where three steps of a loop of one's own lead. */
  async function stepped(options: object): Promise<Run> {
    using own = await RQVAE.create({ ...model, linearSkip: "none" });
    await own.kmeansInitCodebooks(items);
    const initial = readTensors(own.save());
    using optimizer = own.createOptimizer(options);
    for (let step = 0; step < 3; step++) own.trainStep(items, optimizer);
    return { initial, weights: readTensors(own.save()) } as Run;
  }

  it.each([
    ["optimizer", {}, { optimizer: "sgd" }],
    ["learningRate", {}, { learningRate: 2e-3 }],
    ["encoderLearningRateScale", {}, { encoderLearningRateScale: 2 }],
    ["decoderLearningRateScale", {}, { decoderLearningRateScale: 2 }],
    ["codebookLearningRateScale", {}, { codebookLearningRateScale: 2 }],
    ["gradientClip", { optimizer: "sgd" }, { gradientClip: 1e-3 }],
    ["weightDecay", {}, { weightDecay: 1 }],
    ["beta1", {}, { beta1: 0.5 }],
    ["beta2", {}, { beta2: 0.5 }],
    ["epsilon", {}, { epsilon: 1 }],
    ["momentum", { optimizer: "sgd" }, { momentum: 0.5 }],
  ])("%s", async (_name, common, option) => {
    const [without, withIt] = [await stepped(common), await stepped({ ...common, ...option })];
    expect(sameWeights(withIt, without)).toBe(false);
    const longer = /Scale|Rate|momentum/.test(_name) ? 1 : /Clip|epsilon/.test(_name) ? -1 : 0;
    if (longer !== 0) expect(Math.sign(moved(withIt) - moved(without))).toBe(longer);
  });
});
