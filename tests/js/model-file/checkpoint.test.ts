/** Checkpoints: a run that is interrupted anywhere and resumed is the run that was not, byte for byte. */
import { type ModelOptions, RQVAE, type TrainHistory, type TrainOptions, type TrainProgress } from "rqvae";
import { describe, expect, it } from "vitest";
import { catalogue, sameBits } from "../support/catalogue.ts";
import { withImpatientClock } from "../support/impatient-clock.ts";

const items = catalogue(330, 12);
const model = { inputDim: 12, latentDim: 6, hiddenDims: [16], codebookSize: [16, 8] } satisfies ModelOptions;
const train = { epochs: 4, batchSize: 300 } satisfies TrainOptions;

interface Finished {
  file: Uint8Array;
  history: TrainHistory;
}

async function uninterrupted(modelOptions: ModelOptions, trainOptions: TrainOptions, given = items): Promise<Finished> {
  using own = await RQVAE.create(modelOptions);
  const history = await own.train(given, trainOptions);
  return { file: own.save(), history };
}

interface Checkpoint {
  bytes: Uint8Array;
  phase: TrainProgress["phase"];
  step: number;
}

/** Every checkpoint that a run has to give: one after each slice of work (a block of rows, a centre of k-means, ...). */
async function allCheckpoints(modelOptions: ModelOptions, trainOptions: TrainOptions): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  let bytes: Uint8Array | undefined;
  using own = await RQVAE.create(modelOptions);
  await withImpatientClock(() =>
    own.train(items, {
      ...trainOptions,
      checkpoint: {
        everyMs: 0,
        write: (written) => {
          bytes = written;
        },
      },
      onProgress: ({ phase, step }) => checkpoints.push({ bytes: bytes!, phase, step }),
    }),
  );
  checkpoints.pop(); // the event at the end has no checkpoint of its own
  return checkpoints;
}

/** A checkpoint of the plain run from the midst of its training. */
async function middle(): Promise<Uint8Array> {
  return (await allCheckpoints(model, train)).findLast(({ step }) => step === 5)!.bytes;
}

async function resumed(bytes: Uint8Array, modelOptions: ModelOptions, trainOptions: TrainOptions = {}, given = items) {
  using own = await RQVAE.create(modelOptions);
  const history = await own.train(given, { ...trainOptions, resume: bytes });
  return { file: own.save(), history };
}

function expectSame(actual: Finished, expected: Finished): void {
  expect(sameBits(actual.file, expected.file)).toBe(true);
  expect(actual.history).toEqual(expected.history); // nothing in it is a time
}

const averages = { codebookUpdate: "ema", emaDecay: 0.9 } as const;
const cases: [string, Partial<ModelOptions>, TrainOptions][] = [
  ["adam", {}, {}],
  ["adamw", { inputNoise: 0.2 }, { optimizer: "adamw", weightDecay: 0.1, schedule: "cosine", warmup: 0.3 }],
  ["adagrad", { layerNorm: true }, { optimizer: "adagrad", learningRate: 0.01 }],
  ["sgd with momentum", {}, { optimizer: "sgd", momentum: 0.9, gradientClip: 0.5 }],
  [
    "both noises, separation and restarts",
    { inputNoise: 0.2, codebookKmeansInit: false, codebookSize: 24 },
    { residualNoise: 0.5, separationWeight: 30, deadCodeRestart: true, epochs: 5 },
  ],
  ["averages with restarts", { ...averages, codebookKmeansInit: false }, { deadCodeRestart: true, epochs: 5 }],
  [
    "averages, balance and restarts together",
    { ...averages, sinkhornEpsilon: [0, 0.01], encodeBeam: 4, firstCodeWeight: 0.5 },
    { deadCodeRestart: "withSinkhorn", residualNoise: 0.3 },
  ],
  ["SimVQ and rotation", { codebookSimVq: true, gradientEstimator: "rotation" }, {}],
  [
    "validation with patience, by loss",
    { hiddenDims: [64] },
    { validationShare: 0.3, patience: 2, epochs: 12, learningRate: 0.05, batchSize: 100 },
  ],
  [
    "validation, by collisions, evaluated seldom",
    { codebookSize: 8 },
    { validationShare: 0.1, select: "collision", evaluateEvery: 3, epochs: 7 },
  ],
  [
    "validation items that join",
    { codebookSize: 8 },
    {
      validationShare: 0.2,
      validationUntil: 0.4,
      epochs: 6,
      evaluateEvery: 2,
      separationWeight: 1,
      residualNoise: 0.2,
    },
  ],
  [
    "validation items that nothing helped",
    { hiddenDims: [64] },
    { validationShare: 0.2, validationUntil: 0.4, epochs: 6, learningRate: 0.3 },
  ],
  ["without validation, by training loss", {}, { select: "loss", learningRate: 0.05 }],
  ["hopwise", { compat: "hopwise" }, {}],
];

describe("resuming", () => {
  it.each(cases)(
    "%s: from any point the same model and the same history",
    async (_name, modelOptions, trainOptions) => {
      const [own, how] = [
        { ...model, ...modelOptions },
        { ...train, ...trainOptions },
      ];
      const expected = await uninterrupted(own, how);
      using loaded = await RQVAE.load(expected.file);
      expect(loaded.history).toStrictEqual(expected.history);
      const checkpoints = await allCheckpoints(own, how);
      const initializing = checkpoints.filter(({ phase }) => phase === "initialize");
      const training = checkpoints.filter(({ phase }) => phase === "train");
      // Within the initialisation, after every step, and in the evaluations between them.
      expect(initializing.length).toBeGreaterThan(5);
      expect(new Set(training.map(({ step }) => step)).size).toBe(expected.history.steps + 1);
      expect(training.length).toBeGreaterThan(1.5 * expected.history.steps);
      for (const { bytes } of initializing.filter((_, i) => i % 13 === 0))
        expectSame(await resumed(bytes, own), expected);
      for (const { bytes } of training) expectSame(await resumed(bytes, own), expected);
    },
  );

  /** Trains until `stop` says so of an event, then gives the checkpoint; undefined when the run came to its end. */
  async function stoppedBy(stop: (event: TrainProgress) => boolean, own: RQVAE, resume?: Uint8Array) {
    const controller = new AbortController();
    const training = withImpatientClock(() =>
      own.train(items, {
        ...train,
        signal: controller.signal,
        ...(resume ? { resume } : {}),
        onProgress: (event) => {
          if (stop(event)) controller.abort();
        },
      }),
    );
    const error = await training.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) return undefined;
    expect(error).toBe(controller.signal.reason);
    return own.saveCheckpoint();
  }

  it("may be interrupted again and again", async () => {
    const expected = await uninterrupted(model, train);
    let bytes: Uint8Array | undefined;
    for (let runs = 1; ; runs++) {
      using own = await RQVAE.create(model);
      let slices = 0;
      bytes = await stoppedBy(({ phase }) => phase === "train" && ++slices === 5, own, bytes);
      if (bytes !== undefined) continue;
      expectSame({ file: own.save(), history: own.history! }, expected);
      expect(runs).toBeGreaterThan(3);
      return;
    }
  });

  it.each([
    ["initialize", 1],
    ["initialize", 20],
    ["train", 1],
    ["train", 2],
    ["train", 9],
    ["train", 17],
    ["train", 24],
  ])("goes on in the same model after an abort in phase %s, slice %i", async (where, at) => {
    const expected = await uninterrupted(model, train);
    using own = await RQVAE.create(model);
    let slices = 0;
    const bytes = (await stoppedBy(({ phase }) => phase === where && ++slices === at, own))!;
    expect(own.initialized).toBe(where === "train");
    expect(sameBits(own.saveCheckpoint(), bytes)).toBe(true);
    const history = await own.train(items, { resume: bytes });
    expectSame({ file: own.save(), history }, expected);
  });

  it("of a finished run gives that run", async () => {
    const expected = await uninterrupted(model, train);
    using own = await RQVAE.create(model);
    await own.train(items, train);
    expectSame(await resumed(own.saveCheckpoint(), model), expected);
  });

  it("tells only the epochs that are new, and the history has all", async () => {
    const checkpoints = await allCheckpoints(model, { ...train, epochs: 8 });
    using own = await RQVAE.create(model);
    const told: number[] = [];
    const history = await own.train(items, {
      resume: checkpoints.findLast(({ step }) => step === 10)!.bytes,
      onProgress: (event) => told.push(...event.newEpochs.map(({ epoch }) => epoch)),
    });
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(told).toEqual([5, 6, 7]);
  });

  it("takes the same options again, other callbacks, and the bytes in an ArrayBuffer", async () => {
    const expected = await uninterrupted(model, train);
    const bytes = await middle();
    const controller = new AbortController();
    const options = { ...train, signal: controller.signal, checkpoint: { write: () => {} }, onProgress: () => {} };
    expectSame(await resumed(bytes, model, options), expected);
    expectSame(await resumed(bytes.slice().buffer as never, model), expected);
  });

  it("leaves its bytes alone and wants them no longer than it takes to read them", async () => {
    const expected = await uninterrupted(model, train);
    const bytes = await middle();
    const copy = bytes.slice();
    using own = await RQVAE.create(model);
    const training = own.train(items, { resume: copy });
    await new Promise((resolve) => setImmediate(resolve));
    expect(sameBits(copy, bytes)).toBe(true);
    copy.fill(0);
    const history = await training;
    expectSame({ file: own.save(), history }, expected);
  });
});

describe("a checkpoint is a model", () => {
  it("that loads and encodes as the weights stood", async () => {
    using own = await RQVAE.create(model);
    const controller = new AbortController();
    await withImpatientClock(() =>
      own.train(items, {
        ...train,
        signal: controller.signal,
        onProgress: ({ step }) => {
          if (step === 3) controller.abort();
        },
      }),
    ).catch(() => {});
    using loaded = await RQVAE.load(own.saveCheckpoint());
    expect(loaded.fingerprint).toBe(own.fingerprint);
    expect(sameBits(loaded.encode(items).codes, own.encode(items).codes)).toBe(true);
    // No training is left in it: its file is the model's.
    expect(sameBits(loaded.save(), own.save())).toBe(true);
    expect(() => loaded.saveCheckpoint()).toThrow(/there is no training to resume/);
  });

  it("that is not initialised while initialisation went on", async () => {
    using loaded = await RQVAE.load((await allCheckpoints(model, train))[0]!.bytes);
    expect(loaded.initialized).toBe(false);
    expect(() => loaded.encode(items)).toThrow(/not been trained/);
  });
});

describe("refused, with the model as it was and usable", () => {
  const other = catalogue(330, 12, 2);
  const changedAt = (row: number) => ({ ...items, data: items.data.with(12 * row, 9) });
  const cut = { data: items.data.slice(0, 12 * 329), rows: 329, dim: 12 };

  async function refused(
    bytes: Uint8Array,
    message: RegExp,
    name: string,
    { own = model, how = {}, given = items }: { own?: ModelOptions; how?: TrainOptions; given?: typeof items } = {},
  ): Promise<void> {
    using fresh = await RQVAE.create(own);
    const empty = fresh.save();
    await expect(fresh.train(given, { ...how, resume: bytes })).rejects.toThrow(message);
    await expect(fresh.train(given, { ...how, resume: bytes })).rejects.toHaveProperty("name", name);
    expect(fresh.initialized).toBe(false);
    expect(sameBits(fresh.save(), empty)).toBe(true);

    using used = await RQVAE.create(own);
    const history = await used.train(given, { epochs: 1 });
    const before = used.save();
    await expect(used.train(given, { ...how, resume: bytes })).rejects.toThrow(message);
    expect(sameBits(used.save(), before)).toBe(true);
    expect(used.history).toBe(history);
    expect(used.encode(given)).toHaveLength(given.rows);
    await used.train(given, { epochs: 1 });
  }

  it.each([
    ["items", other, /made with other items: the first or last 256 rows differ/],
    ["first row", changedAt(0), /the first or last 256 rows differ/],
    ["row further on", changedAt(200), /the first or last 256 rows differ/],
    ["last row", changedAt(329), /the first or last 256 rows differ/],
    ["number of items", cut, /made with 330 items of dimension 12, received 329 items of 12: use the same items/],
  ])("another %s", async (_what, given, message) => {
    await refused(await middle(), message, "InvalidInputError", { given });
  });

  it.each<[string, TrainOptions, RegExp]>([
    ["epochs", { epochs: 5 }, /made with training's epochs 4, but now it is 5: use the same options/],
    ["optimizer", { optimizer: "sgd" }, /training's optimizer "adam", but now it is "sgd"/],
    ["rate", { learningRate: 0.5 }, /training's learningRate 0.001, but now it is 0.5/],
    ["restart", { deadCodeRestart: true }, /training's deadCodeRestart false, but now it is true/],
    ["validation", { validationShare: 0.1 }, /training's validationShare 0, but now it is 0.1/],
    ["typo", { epoch: 4 } as never, /unknown option "epoch": it is called epochs here/],
  ])("another option of training: %s", async (_name, how, message) => {
    await refused(await middle(), message, "InvalidInputError", { how });
  });

  it.each<[string, Partial<ModelOptions>, RegExp]>([
    ["seed", { seed: 1 }, /made with the model's seed 0, but now it is 1/],
    ["sizes", { codebookSize: [16, 16] }, /the model's codebookSize \[16, 8\], but now it is \[16, 16\]/],
    ["weights", { commitmentWeight: 1 }, /the model's commitmentWeight 0.25, but now it is 1/],
    ["beam", { encodeBeam: 2 }, /the model's encodeBeam 1, but now it is 2/],
    ["weight of which files say nothing", { firstCodeWeight: 2 }, /the model's firstCodeWeight 0, but now it is 2/],
  ])("another model: %s", async (_name, changed, message) => {
    await refused(await middle(), message, "InvalidInputError", { own: { ...model, ...changed } });
  });

  it("a model's bytes", async () => {
    const { file } = await uninterrupted(model, train);
    await refused(file, /these bytes are a model, not a checkpoint/, "InvalidInputError");
  });

  it("truncated bytes, of any length", async () => {
    const bytes = await middle();
    using fresh = await RQVAE.create(model);
    const empty = fresh.save();
    for (const length of [1, 7, 8, 100, 2000, bytes.length >> 1, bytes.length - 100, bytes.length - 1]) {
      const training = fresh.train(items, { resume: bytes.slice(0, length) });
      await expect(training, `${length} bytes`).rejects.toHaveProperty("name", "ModelFormatError");
    }
    await expect(fresh.train(items, { resume: new Uint8Array(0) })).rejects.toHaveProperty("name", "ModelFormatError");
    expect(sameBits(fresh.save(), empty)).toBe(true);
    await refused(bytes.slice(0, -1), /the model file is (truncated|damaged: .* it is truncated)/, "ModelFormatError");
  });

  it("no bytes or foreign ones, with the option's name and what to pass, by train and by fit", async () => {
    using fresh = await RQVAE.create(model);
    for (const [resume, reason] of [
      [
        new Uint8Array(0),
        "the model file has 0 bytes, but a safetensors file has at least 8: it is truncated or empty",
      ],
      [new Uint8Array(32), "this is not a safetensors model file: it starts with 00 00 00 00 00 00 00 00"],
    ] as const) {
      const refusal = {
        name: "ModelFormatError",
        argument: "resume",
        message: `resume: ${reason}; pass the bytes from checkpoint.write or saveCheckpoint()`,
      };
      await expect(fresh.train(items, { resume })).rejects.toMatchObject(refusal);
      await expect(RQVAE.fit(items, { resume })).rejects.toMatchObject(refusal);
    }
  });

  it("flipped bytes, anywhere", async () => {
    const bytes = await middle();
    using fresh = await RQVAE.create(model);
    const empty = fresh.save();
    for (let at = 0; at < bytes.length; at += 331) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      const training = fresh.train(items, { resume: damaged });
      await expect(training, `byte ${at}`).rejects.toHaveProperty("name", "ModelFormatError");
    }
    expect(sameBits(fresh.save(), empty)).toBe(true);
    const damaged = bytes.slice();
    damaged[bytes.length - 5]! ^= 1; // in the training's state
    await refused(damaged, /the model file is damaged: its checksum is/, "ModelFormatError");
  });

  it("what is no bytes at all", async () => {
    using fresh = await RQVAE.create(model);
    await expect(fresh.train(items, { resume: "checkpoint.safetensors" as never })).rejects.toThrow(
      /resume must be the bytes of a checkpoint \(Uint8Array\), received "checkpoint.safetensors"/,
    );
  });

  it("from the middle of initialisation in a model that is initialised", async () => {
    const [first] = await allCheckpoints(model, train);
    using own = await RQVAE.create(model);
    await own.kmeansInitCodebooks(items);
    const before = own.save();
    await expect(own.train(items, { resume: first!.bytes })).rejects.toThrow(/resume on a new model/);
    expect(sameBits(own.save(), before)).toBe(true);
  });
});

describe("checkpoint.write", () => {
  it.each([
    [
      "throws",
      () => {
        throw new Error("disk full");
      },
    ],
    ["rejects", () => Promise.reject(new Error("disk full"))],
  ])("that %s ends the training with its error; the model keeps the last whole step", async (_how, write) => {
    using own = await RQVAE.create(model);
    let writes = 0; // with weights
    const training = withImpatientClock(() =>
      own.train(items, {
        ...train,
        checkpoint: { everyMs: 0, write: () => (own.initialized && ++writes === 9 ? write() : undefined) },
      }),
    );
    await expect(training).rejects.toThrow("disk full");
    expect(writes).toBe(9);
    expect(own.encode(items)).toHaveLength(330);
    const expected = await uninterrupted(model, train);
    expectSame(await resumed(own.saveCheckpoint(), model), expected);
    await own.train(items, { epochs: 1 }); // and is not busy
  });

  it("is waited for", async () => {
    using own = await RQVAE.create(model);
    let writing = 0;
    let most = 0;
    let steps = 0;
    await withImpatientClock(() =>
      own.train(items, {
        ...train,
        onProgress: ({ step }) => {
          expect(writing).toBe(0);
          steps = step;
        },
        checkpoint: {
          everyMs: 0,
          async write() {
            most = Math.max(most, ++writing);
            await new Promise((resolve) => setTimeout(resolve, 3));
            writing--;
          },
        },
      }),
    );
    expect(most).toBe(1);
    expect(steps).toBe(8);
  });

  it("is called each time with everyMs 0, seldom with more, and never when the run is shorter", async () => {
    const count = async (everyMs: number | undefined) => {
      using own = await RQVAE.create(model);
      const times: number[] = [];
      const checkpoint = {
        write: () => void times.push(performance.now()),
        ...(everyMs === undefined ? {} : { everyMs }),
      };
      await withImpatientClock(() => own.train(items, { ...train, checkpoint }));
      return times;
    };
    const each = await count(0);
    const seldom = await count(2000);
    expect(each.length).toBeGreaterThan(60);
    expect(seldom.length).toBeGreaterThan(2);
    expect(seldom.length).toBeLessThan(each.length / 4);
    for (let i = 1; i < seldom.length; i++) expect(seldom[i]! - seldom[i - 1]!).toBeGreaterThanOrEqual(2000);
    // The impatient clock runs fast: the default of ten seconds comes up too, an hour does not.
    const byDefault = await count(undefined);
    expect(byDefault.length).toBeGreaterThan(0);
    expect(byDefault.length).toBeLessThan(seldom.length);
    expect(await count(3_600_000)).toHaveLength(0);
  });

  it("may keep, change or give away what it gets", async () => {
    const expected = await uninterrupted(model, train);
    using own = await RQVAE.create(model);
    const write = (bytes: Uint8Array) =>
      void structuredClone(bytes.fill(0), { transfer: [bytes.buffer as ArrayBuffer] });
    const history = await withImpatientClock(() => own.train(items, { ...train, checkpoint: { everyMs: 0, write } }));
    expectSame({ file: own.save(), history }, expected);
  });

  it.each([
    [{}, /checkpoint must be \{ write\(bytes\), everyMs\? \} with a function write/],
    [null, /checkpoint must be/],
    [{ write: 3 }, /checkpoint must be/],
    [{ write() {}, everyMs: -1 }, /checkpoint.everyMs must be a number of at least 0, received -1/],
    [{ write() {}, everyMs: "10s" }, /received "10s"/],
  ])("is checked: %j", async (checkpoint, message) => {
    using own = await RQVAE.create(model);
    await expect(own.train(items, { checkpoint: checkpoint as never })).rejects.toThrow(message);
  });
});

describe("saveCheckpoint", () => {
  it("needs a training whose weights the model still has", async () => {
    using own = await RQVAE.create(model);
    const none = /saveCheckpoint: there is no training to resume/;
    expect(() => own.saveCheckpoint()).toThrow(none);
    await own.train(items, train);
    own.saveCheckpoint();
    await own.kmeansInitCodebooks(items);
    expect(() => own.saveCheckpoint()).toThrow(none);
    await own.train(items, train);
    using optimizer = own.createOptimizer();
    own.trainStep(items, optimizer);
    expect(() => own.saveCheckpoint()).toThrow(none);
    own.dispose();
    expect(() => own.saveCheckpoint()).toThrow(/disposed/);
  });

  it("is as good during training, and does not disturb it", async () => {
    const expected = await uninterrupted(model, train);
    using own = await RQVAE.create(model);
    const checkpoints: Uint8Array[] = [];
    const history = await withImpatientClock(() =>
      own.train(items, { ...train, onProgress: () => checkpoints.push(own.saveCheckpoint()) }),
    );
    expectSame({ file: own.save(), history }, expected);
    expectSame(await resumed(checkpoints[80]!, model), expected);
  });
});
