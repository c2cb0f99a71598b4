/** Wrong input of every kind: a clear error that names the argument, the place and the remedy, and nothing changed. */
import { type Items, type ModelOptions, RQVAE, RQVAEError, SemanticIds, suggestConfig, type TrainOptions } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue, sameBits, small } from "../support/catalogue.ts";

const items = catalogue(300, 20);
let model: RQVAE;
beforeAll(async () => {
  model = await RQVAE.create({ inputDim: 20, ...small });
  await model.train(items, { epochs: 2 });
});
afterAll(() => model.dispose());

/** The items with one value replaced. */
function poisoned(row: number, column: number, value: number): Float32Array {
  const data = items.data.slice();
  data[row * 20 + column] = value;
  return data;
}

const rows = (count: number, dim: number): number[][] =>
  Array.from({ length: count }, () => new Array<number>(dim).fill(0));

const badItems: [string, unknown, RegExp][] = [
  ["NaN", poisoned(7, 3, Number.NaN), /^items: row 7, column 3 is NaN; every value must be a finite number$/],
  ["Infinity", poisoned(299, 19, Number.POSITIVE_INFINITY), /row 299, column 19 is Infinity/],
  [
    "-Infinity in a matrix",
    { data: poisoned(0, 0, Number.NEGATIVE_INFINITY), rows: 300, dim: 20 },
    /row 0, column 0 is -Infinity/,
  ],
  [
    "beyond float32",
    Float64Array.from(poisoned(1, 2, 0)).fill(1e300, 22, 23),
    /row 1, column 2 is 1e\+300, which is beyond the range of float32/,
  ],
  ["a half-float NaN", { data: new Uint16Array(40).fill(0x7e00, 25, 26), rows: 2, dim: 20 }, /row 1, column 5 is NaN/],
  ["NaN in rows", [...rows(2, 20), [...new Array<number>(19).fill(0), Number.NaN]], /row 2, column 19 is NaN/],
  ["a string in rows", [[..."x".repeat(20)]], /row 0, column 0 is "x"; expected a number/],
  ["a hole in rows", [new Array<number>(20)], /row 0, column 0 is undefined; expected a number/],
  [
    "left-over values",
    new Float32Array(50),
    /whole rows of inputDim 20 values, received 50 values \(2 rows and 10 left over\)/,
  ],
  ["an empty array", new Float32Array(0), /there are no rows/],
  ["no rows", [], /there are no rows/],
  ["no rows in a matrix", { data: new Float32Array(0), rows: 0, dim: 20 }, /there are no rows/],
  [
    "the wrong dimension",
    { data: new Float32Array(64), rows: 2, dim: 32 },
    /takes vectors of inputDim 20, received vectors of dimension 32/,
  ],
  [
    "a wrong size",
    { data: new Float32Array(64), rows: 2, dim: 20 },
    /rows x dim is 2 x 20 = 40, but data has 64 values/,
  ],
  [
    "fractional rows",
    { data: new Float32Array(30), rows: 1.5, dim: 20 },
    /items.rows must be a whole number, received 1.5/,
  ],
  ["no data", { rows: 1, dim: 20, data: undefined }, /items.data must be a Float32Array/],
  [
    "a hole instead of a row",
    Object.assign(new Array(3), { 0: rows(1, 20)[0], 2: rows(1, 20)[0] }),
    /row 1 is undefined/,
  ],
  ["a ragged row", [...rows(3, 20), [1, 2]], /row 3 has 2 values, but the model's inputDim is 20/],
  ["a row that is none", [...rows(1, 20), "abc"], /row 1 is "abc"/],
  ["null", null, /received null/],
  ["undefined", undefined, /received undefined/],
  ["a string", "items.npy", /received "items.npy"/],
  ["a number", 3, /received 3/],
  ["an object", {}, /expected \{ data, rows, dim \}/],
  ["integers", new Int32Array(40), /received Int32Array/],
  ["half floats without a shape", new Uint16Array(40), /half floats need their shape/],
];

describe("items", () => {
  it.each(badItems)("%s", async (_name, bad, message) => {
    const before = model.save();
    const given = bad as Items;
    using optimizer = model.createOptimizer();
    for (const call of [
      () => model.encode(given),
      () => model.getSemanticIds(given),
      () => model.latents(given),
      () => model.reconstruct(given),
      () => model.forward(given),
      () => model.trainStep(given, optimizer),
    ]) {
      expect(call).toThrow(message);
      expect(call).toThrow(RQVAEError);
    }
    await expect(model.train(given)).rejects.toThrow(message);
    await expect(model.encodeAsync(given)).rejects.toThrow(message);
    await expect(model.kmeansInitCodebooks(given)).rejects.toThrow(message);
    expect(sameBits(model.save(), before)).toBe(true);
    expect(model.encode(items)).toHaveLength(300);
  });
});

const badModels: [string, object | null, RegExp][] = [
  ["nothing", null, /expected an object of options, received null/],
  ["no inputDim", {}, /inputDim must be a whole number from 1 to \d+, received undefined/],
  ["zero", { inputDim: 0 }, /inputDim must be .* received 0/],
  ["negative", { inputDim: 4, latentDim: -2 }, /latentDim must be .* received -2/],
  ["fractional", { inputDim: 4.5 }, /inputDim must be .* received 4.5/],
  ["NaN", { inputDim: Number.NaN }, /received NaN/],
  ["a string", { inputDim: "4" }, /received "4"/],
  ["a bigint", { inputDim: 4n }, /received 4n/],
  ["hidden", { inputDim: 4, hiddenDims: [8, 0] }, /hiddenDims\[1\] must be .* received 0/],
  ["hidden as a number", { inputDim: 4, hiddenDims: 8 }, /hiddenDims must be an array/],
  ["codes", { inputDim: 4, codebookSize: [4, -1] }, /codebookSize\[1\] must be .* received -1/],
  [
    "levels",
    { inputDim: 4, codebookSize: [4, 4], nQuantizationLayers: 3 },
    /codebookSize has 2 entries but nQuantizationLayers is 3/,
  ],
  ["no levels", { inputDim: 4, nQuantizationLayers: 0 }, /nQuantizationLayers must be .* received 0/],
  [
    "commitment",
    { inputDim: 4, commitmentWeight: -0.1 },
    /commitmentWeight must be a number of at least 0, received -0.1/,
  ],
  ["noise", { inputDim: 4, inputNoise: Number.POSITIVE_INFINITY }, /inputNoise must be .* received Infinity/],
  ["seed", { inputDim: 4, seed: -1 }, /seed must be .* received -1/],
  ["a large seed", { inputDim: 4, seed: 2 ** 53 }, /seed must be/],
  ["a choice", { inputDim: 4, activation: "gelu" }, /activation must be one of "silu", "relu", received "gelu"/],
  ["scaling", { inputDim: 4, inputScaling: "zscore" }, /inputScaling must be one of/],
  ["boolean", { inputDim: 4, codebookKmeansInit: 1 }, /codebookKmeansInit must be true or false, received 1/],
  ["unknown", { inputDim: 4, latentdim: 8 }, /unknown option "latentdim"; did you mean "latentDim"\?/],
  ["far from any", { inputDim: 4, zzzzzzzzzz: 8 }, /unknown option "zzzzzzzzzz"$/],
  [
    "averages with SimVQ",
    { inputDim: 4, codebookSimVq: true, codebookUpdate: "ema" },
    /codebookUpdate "ema" and codebookSimVq exclude/,
  ],
  [
    "averages with joint",
    { inputDim: 4, codebookGradient: "joint", codebookUpdate: "ema" },
    /cannot take codebookGradient "joint"/,
  ],
  [
    "identity of another width",
    { inputDim: 4, latentDim: 2, linearSkip: "identity" },
    /needs latentDim to be inputDim \(4\), received 2/,
  ],
  [
    "a weight that turns search round",
    { inputDim: 4, firstCodeWeight: -1 },
    /firstCodeWeight must be a number from 0 to 1000000, received -1/,
  ],
  ["a beam of nothing", { inputDim: 4, encodeBeam: 0 }, /encodeBeam must be a whole number from 1 to 256, received 0/],
  [
    "balance at too many levels",
    { inputDim: 4, sinkhornEpsilon: [0, 0.003] },
    /sinkhornEpsilon must be a number of at least 0, or one for each level \(3\)/,
  ],
  [
    "a negative balance",
    { inputDim: 4, sinkhornEpsilon: [0, 0, -1] },
    /sinkhornEpsilon must be a number of at least 0/,
  ],
  [
    "layer norm for compat",
    { inputDim: 4, compat: "hopwise", layerNorm: true },
    /compat "hopwise" needs layerNorm false, received true/,
  ],
  [
    "compat and scaling",
    { inputDim: 4, compat: "hopwise", inputScaling: "center" },
    /compat "hopwise" needs inputScaling "none"/,
  ],
];

describe("options of a model", () => {
  it.each(badModels)("%s", async (_name, bad, message) => {
    await expect(RQVAE.create(bad as ModelOptions)).rejects.toThrow(message);
    await expect(RQVAE.create(bad as ModelOptions)).rejects.toHaveProperty("name", "InvalidInputError");
  });
});

const badTraining: [string, object, RegExp][] = [
  ["epochs", { epochs: 0 }, /train: epochs must be .* received 0/],
  ["fractional epochs", { epochs: 1.5 }, /epochs must be .* received 1.5/],
  ["batch", { batchSize: -1 }, /batchSize must be .* received -1/],
  ["rate", { learningRate: 0 }, /learningRate must be a number above 0, received 0/],
  ["rate as text", { learningRate: "fast" }, /learningRate must be .* received "fast"/],
  ["optimizer", { optimizer: "lion" }, /optimizer must be one of "adam", "adamw", "adagrad", "sgd", received "lion"/],
  ["beta", { beta1: 1 }, /beta1 must be/],
  ["warmup", { warmup: 2 }, /warmup must be a number from 0 to 1, received 2/],
  ["unknown", { lr: 1 }, /unknown option "lr"/],
  ["misspelt", { batch_size: 4 }, /unknown option "batch_size"; did you mean "batchSize"\?/],
  ["progress", { onProgress: 3 }, /onProgress must be a function, received 3/],
  ["signal", { signal: {} }, /signal must be an AbortSignal/],
];

describe("options of training", () => {
  it.each(badTraining)("%s", async (_name, bad, message) => {
    const before = model.save();
    await expect(model.train(items, bad as TrainOptions)).rejects.toThrow(message);
    await expect(RQVAE.fit(items, bad as TrainOptions)).rejects.toThrow(RQVAEError);
    expect(sameBits(model.save(), before)).toBe(true);
  });

  it("of the others", async () => {
    const nothing = null as unknown as object;
    for (const call of [
      () => model.encode(items, nothing),
      () => model.save(nothing),
      () => model.codebooks(nothing),
      () => model.createOptimizer(nothing),
      () => suggestConfig(nothing as never),
    ]) {
      expect(call).toThrow(/expected an object of options, received null/);
    }
    await expect(model.train(items, nothing)).rejects.toThrow(/received null/);
    await expect(RQVAE.fit(items, { latntDim: 3 } as object)).rejects.toThrow(
      /unknown option "latntDim"; did you mean "latentDim"/,
    );
    await expect(RQVAE.fit(items, nothing)).rejects.toThrow(/received null/);
    await expect(RQVAE.fit(items, { codebookSize: "64" } as object)).rejects.toThrow(
      /codebookSize must be .* received "64"/,
    );
    expect(() => model.createOptimizer({ optimizer: "adam", learningRate: -1 })).toThrow(/learningRate/);
    expect(() => model.createOptimizer({ rate: 1 } as object)).toThrow(/unknown option "rate"/);
    expect(() => model.encode(items, { margin: true } as object)).toThrow(/unknown option "margin"/);
    expect(() => model.save({ part: "decoder" as "encoder" })).toThrow(
      /part must be "full" or "encoder", received "decoder"/,
    );
    expect(() => model.codebooks({ space: "outer" as "input" })).toThrow(/space must be/);
    await expect(model.kmeansInitCodebooks(items, { epochs: 3 } as object)).rejects.toThrow(/unknown option "epochs"/);
    await expect(RQVAE.fit(items.data)).rejects.toThrow(/do not have a dimension/);
  });
});

describe("IDs", () => {
  it.each<[string, unknown, RegExp]>([
    ["out of range", [[1, 2, 16]], /row 0, level 2: code 16 is not a whole number from 0 to 15/],
    [
      "negative",
      [
        [1, 2, 3],
        [1, -2, 3],
      ],
      /row 1, level 1: code -2/,
    ],
    ["fractional", [[1, 2, 0.5]], /code 0.5/],
    ["too short", [[1, 2]], /row 0 has 2 codes/],
    ["nothing", null, /rows must be an array of rows/],
    [
      "other sizes",
      SemanticIds.from([[1, 2, 3]], { codebookSizes: [16, 16, 17] }),
      /codebook sizes are \[16, 16, 17\], the model's are \[16, 16, 16\]/,
    ],
  ])("%s", (_name, bad, message) => {
    expect(() => model.decode(bad as number[][])).toThrow(message);
    expect(() => model.decode(bad as number[][])).toThrow(RQVAEError);
  });
});

describe("more than the memory holds", () => {
  it("a model", async () => {
    for (const options of [
      { inputDim: 100_000, hiddenDims: [100_000] },
      { inputDim: 2 ** 24, latentDim: 2 ** 24 },
      { inputDim: 4, codebookSize: 2 ** 24, latentDim: 256 },
    ]) {
      await expect(RQVAE.create(options)).rejects.toHaveProperty("name", "OutOfMemoryError");
    }
  });

  it("a catalogue", async () => {
    using wide = await RQVAE.create({ inputDim: 1000, ...small });
    const row = new Float32Array(1000);
    const items = new Array<Float32Array>(2_000_000).fill(row);
    await expect(wide.train(items)).rejects.toThrow(/no room for the items/);
    await expect(wide.train(items)).rejects.toHaveProperty("name", "OutOfMemoryError");
    await wide.train(items.slice(0, 10), { epochs: 1 });
  });
});

describe("states", () => {
  it("a model that was neither trained, initialised nor loaded", async () => {
    using fresh = await RQVAE.create({ inputDim: 20, ...small });
    using optimizer = fresh.createOptimizer();
    for (const call of [
      () => fresh.encode(items),
      () => fresh.getSemanticIds(items),
      () => fresh.forward(items),
      () => fresh.trainStep(items, optimizer),
      () => fresh.decode([[1, 2, 3]]),
      () => fresh.codebooks(),
    ]) {
      expect(call).toThrow(/not been trained, initialised or loaded: call train\(items\)/);
    }
    await expect(fresh.encodeAsync(items)).rejects.toHaveProperty("name", "NotInitializedError");
  });

  it("a disposed model and optimizer", async () => {
    const own = await RQVAE.create({ inputDim: 20, ...small });
    await own.kmeansInitCodebooks(items);
    const optimizer = own.createOptimizer();
    optimizer.dispose();
    optimizer.dispose();
    expect(() => own.trainStep(items, optimizer)).toThrow(/optimiser was disposed/);
    using others = model.createOptimizer();
    expect(() => own.trainStep(items, others)).toThrow(/belongs to another model/);
    expect(() => own.trainStep(items, {} as never)).toThrow(/must come from createOptimizer/);
    own.dispose();
    own.dispose();
    for (const call of [
      () => own.encode(items),
      () => own.save(),
      () => own.fingerprint,
      () => own.createOptimizer(),
    ]) {
      expect(call).toThrow(/disposed/);
    }
    await expect(own.train(items)).rejects.toHaveProperty("name", "DisposedError");
  });

  it("an encoder part has no decoder", async () => {
    using encoder = await RQVAE.load(model.save({ part: "encoder" }));
    expect(encoder.part).toBe("encoder");
    expect(encoder.fingerprint).toBe(model.fingerprint);
    expect(sameBits(encoder.encode(items).codes, model.encode(items).codes)).toBe(true);
    for (const call of [
      () => encoder.decode([[1, 2, 3]]),
      () => encoder.forward(items),
      () => encoder.reconstruct(items),
    ]) {
      expect(call).toThrow(/loaded from its encoder part/);
    }
    await expect(encoder.train(items)).rejects.toThrow(/encoder part/);
    expect(() => encoder.save({ part: "full" })).toThrow(/encoder part/);
    expect(sameBits(encoder.save(), model.save({ part: "encoder" }))).toBe(true);
  });

  it("a thousand failing calls leave memory and model as they were", () => {
    const before = model.save();
    const bad = poisoned(7, 3, Number.NaN);
    for (let i = 0; i < 1000; i++) expect(() => model.encode(bad)).toThrow();
    expect(sameBits(model.save(), before)).toBe(true);
  });

  it("diverging training says so and keeps a usable model", async () => {
    using own = await RQVAE.create({ inputDim: 20, ...small });
    await expect(own.train(items, { optimizer: "sgd", learningRate: 1e4, epochs: 300 })).rejects.toHaveProperty(
      "name",
      "DivergedError",
    );
    expect(own.encode(items)).toHaveLength(300);
    using once = await RQVAE.create({ inputDim: 20, ...small });
    const wild = { optimizer: "sgd", learningRate: 1e300, epochs: 1, batchSize: 300 } as const;
    await expect(once.train(items, wild)).rejects.toHaveProperty("name", "DivergedError");
    await RQVAE.load(once.save());
  });
});
