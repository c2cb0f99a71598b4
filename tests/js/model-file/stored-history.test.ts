/** What a model's file remembers of its training: from `train` over `save` and `load` to `history`. */
import { execFileSync } from "node:child_process";
import { ModelFormatError, RQVAE, residualKMeans, type TrainHistory } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHistory, writeHistory } from "../../../bindings/js/model-file/stored-history.ts";
import { catalogue, sameBits, small } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";
import { withImpatientClock } from "../support/impatient-clock.ts";

const items = catalogue(300, 20);
/** Validation, a start, epochs between evaluations, and warnings. */
const eventful = { epochs: 7, evaluateEvery: 3, validationShare: 0.2, learningRate: 0.1 };

let model: RQVAE;
let history: TrainHistory;
let bytes: Uint8Array;
beforeAll(async () => {
  model = await RQVAE.create({ inputDim: 20, ...small, seed: 11 });
  history = await model.train(items, eventful);
  bytes = model.save();
});
afterAll(() => model.dispose());

function metadataOf(file: Uint8Array): Record<string, string> {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))).__metadata__;
}
const told = (file: Uint8Array) => JSON.parse(metadataOf(file).rqvae!);

const read = (json: string, sizes: readonly number[] = model.config.codebookSize) =>
  readHistory(json, sizes, (what) => new ModelFormatError(what));

describe("history of a loaded model", () => {
  it("is that of the model that was saved", async () => {
    expect(history.epochs.flatMap(({ warnings }) => warnings).length).toBeGreaterThan(0);
    expect(history.start).toBeDefined();
    using loaded = await RQVAE.load(bytes);
    expect(loaded.history).toStrictEqual(history);
    expect(sameBits(loaded.save(), bytes)).toBe(true);
  });

  it.each([
    ["joined", { validationUntil: 0.5, learningRate: 0.001 }],
    ["startKept", { validationUntil: 0.5, learningRate: 0.5 }],
    ["without validation", { validationShare: 0, evaluateEvery: 1 }],
    ["stopped early", { patience: 1, epochs: 30, evaluateEvery: 1 }],
  ] as const)("when it %s", async (_, options) => {
    using own = await RQVAE.create({ inputDim: 20, ...small, hiddenDims: [32] });
    const expected = await own.train(items, { ...eventful, ...options });
    using loaded = await RQVAE.load(own.save());
    expect(loaded.history).toStrictEqual(expected);
  });

  it("is frozen, whether it was loaded, trained or selected", async () => {
    using loaded = await RQVAE.load(bytes);
    using trained = await RQVAE.create({ inputDim: 20, ...small });
    await trained.train(items, { epochs: 3, validationShare: 0.2, evaluateEvery: 1 });
    const own = trained.history!;
    for (const each of [loaded.history!, history, own, trained.select("collision")]) {
      const record = each.epochs[2]!;
      for (const part of [each, each.epochs, record, record.perLevel[1], record.ids.usedCodes, each.best]) {
        expect(Object.isFrozen(part)).toBe(true);
      }
    }
  });

  it("cannot be selected from: the file has the weights of one epoch", async () => {
    using loaded = await RQVAE.load(bytes);
    expect(() => loaded.select("collision")).toThrow(
      "select: a model file has the weights of the selected epoch only: call select before save",
    );
    using fresh = await RQVAE.create({ inputDim: 20, ...small });
    expect(() => fresh.select("loss")).toThrow("select: there is no finished training to choose an epoch of");
  });

  it("says which epoch was selected afterwards", async () => {
    using own = await RQVAE.create({ inputDim: 20, ...small, seed: 11 });
    await own.train(items, { ...eventful, select: "last" });
    const selected = own.select("loss");
    using loaded = await RQVAE.load(own.save());
    expect(loaded.history).toStrictEqual(selected);
    expect(loaded.history!.selectedBecause).toContain("lowest reconstruction loss");
  });

  it("is over once the weights change", async () => {
    using loaded = await RQVAE.load(bytes);
    loaded.trainStep(items, loaded.createOptimizer());
    expect(loaded.history).toBeUndefined();
    const { training, data, version } = told(loaded.save());
    expect({ training, data, version }).toEqual({ training: null });
    expect(metadataOf(loaded.save()).rqvae_history).toBeUndefined();
  });

  it("is in the checkpoint of a finished training, and in none before", async () => {
    using own = await RQVAE.create({ inputDim: 20, ...small, seed: 11 });
    const checkpoints: Uint8Array[] = [];
    const write = (written: Uint8Array) => void checkpoints.push(written);
    await withImpatientClock(() => own.train(items, { ...eventful, checkpoint: { everyMs: 0, write } }));
    for (const each of checkpoints) expect(metadataOf(each).rqvae_history).toBeUndefined();
    const { progress } = told(checkpoints.at(-1)!).checkpoint;
    expect(progress.step).toBeGreaterThan(0);
    expect(progress.totalSteps).toBeGreaterThanOrEqual(history.steps);
    using loaded = await RQVAE.load(own.saveCheckpoint());
    expect(loaded.history).toStrictEqual(history);
  });
});

describe("what a file says beside it", () => {
  it("options, release and items", () => {
    const { training, version, data } = told(bytes);
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(training.options).toMatchObject(eventful);
    expect(data).toMatchObject({ rows: 300, dim: 20, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(data.sums).toHaveLength(60);
  });

  it("the same at any number of threads", () => {
    const run = (threads: number) => {
      const script = `import { initialize, RQVAE } from "rqvae"; await initialize({ threads: ${threads} });
        const items = Array.from({ length: 600 }, (_, i) => Array.from({ length: 24 }, (_, j) => Math.sin(i * (j + 1))));
        const model = await RQVAE.fit(items, { epochs: 3, codebookSize: 8 });
        process.stdout.write(Buffer.from(model.save()).toString("base64"), () => process.exit());`;
      return execFileSync(process.execPath, ["--input-type=module", "-e", script], { maxBuffer: 2 ** 26 }).toString();
    };
    const one = run(1);
    expect(metadataOf(Buffer.from(one, "base64")).rqvae_history).toContain('"epoch":[0,1');
    expect(run(3)).toBe(one);
  });

  it("the same in memory and streamed, of more items than are looked at for warnings", async () => {
    const many = catalogue(2 ** 17 + 3000, 33);
    const options = { inputDim: 33, latentDim: 2, hiddenDims: [], codebookSize: 4, nQuantizationLayers: 1 };
    const fileOf = async (given: typeof many | ReturnType<typeof sourceOf>) => {
      using own = await RQVAE.create(options);
      await own.train(given, { epochs: 1, batchSize: 8192 });
      return own.save();
    };
    const memory = await fileOf(many);
    expect(told(memory).data.fingerprint).toBeDefined();
    expect(sameBits(await fileOf(sourceOf(many)), memory)).toBe(true);
  });

  it.each(["none", "center", "commonScale", "perDimension", "l2"] as const)(
    "the same in memory and streamed, of codebooks fitted to a sample, inputScaling %s",
    async (inputScaling) => {
      const many = catalogue(20_480 + 300, 3);
      const options = {
        inputDim: 3,
        latentDim: 2,
        hiddenDims: [],
        codebookSize: 2,
        nQuantizationLayers: 1,
        inputScaling,
      };
      using memory = await RQVAE.create(options);
      using streamed = await RQVAE.create(options);
      await memory.kmeansInitCodebooks(many);
      const source = sourceOf(many);
      await streamed.kmeansInitCodebooks(source);
      expect(sameBits(streamed.save(), memory.save())).toBe(true);
      const { data, training } = told(memory.save());
      expect(training).toBeNull();
      // A sample does not tell all rows, and they are not read for this.
      expect("fingerprint" in data).toBe(!["none", "l2"].includes(inputScaling));
      expect(data.hash).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it("the items, of residual k-means", async () => {
    using kmeans = await residualKMeans(items, { codebookSize: 8 });
    using loaded = await RQVAE.load(kmeans.save());
    expect(sameBits(loaded.save(), kmeans.save())).toBe(true);
    expect(loaded.history).toBeUndefined();
    expect(told(kmeans.save()).data.fingerprint).toBe(told(bytes).data.fingerprint);
  });

  it("of a model with the reference's options", async () => {
    using own = await RQVAE.create({ inputDim: 20, ...small, compat: "hopwise" });
    const expected = await own.train(items, { epochs: 2 });
    using loaded = await RQVAE.load(own.save());
    expect(loaded.history).toStrictEqual(expected);
  });

  it("in an encoder part the summary, options and one fingerprint of the items, but no epochs", async () => {
    const part = model.save({ part: "encoder" });
    const { training, data } = told(part);
    expect(training).toEqual(told(bytes).training);
    expect(Object.keys(data)).toEqual(["rows", "dim", "hash", "fingerprint"]);
    expect(data.fingerprint).toBe(told(bytes).data.fingerprint);
    expect(metadataOf(part).rqvae_history).toBeUndefined();
    expect(metadataOf(part).rqvae!.length).toBeLessThan(2500);
    using loaded = await RQVAE.load(part);
    expect(loaded.history).toBeUndefined();
    expect(sameBits(loaded.save(), part)).toBe(true);
    using full = await RQVAE.load(bytes);
    expect(sameBits(full.save({ part: "encoder" }), part)).toBe(true);
  });
});

describe("the stored text", () => {
  /** A history of many epochs, each with other figures, every fifth with warnings. */
  function longHistory(epochs: number): TrainHistory {
    const warned = history.epochs.find(({ warnings }) => warnings.length > 0)!;
    const records = Array.from({ length: epochs }, (_, epoch) => ({
      ...history.epochs[epoch % history.epochs.length]!,
      epoch,
      evaluated: true,
      loss: 1000 / (epoch + 1.7),
      perLevel: warned.perLevel.map((losses, level) => ({ ...losses, residualEnergy: 1 / (epoch + level + 3) })),
      warnings: epoch % 5 === 0 ? warned.warnings.map((warning) => ({ ...warning, epoch })) : [],
    }));
    const selectedEpoch = epochs - 12;
    const best = { loss: { ...history.best.loss!, epoch: epochs - 111 } };
    return { ...history, epochs: records, selectedEpoch, best };
  }

  it("holds every epoch of a long training, with all digits", () => {
    const given = longHistory(400);
    const json = writeHistory(given);
    expect(json.length).toBeLessThan(2 ** 18);
    expect(read(json)).toStrictEqual(given);
  });

  it("is bounded: of 10,000 epochs it keeps some, and those that matter", () => {
    const given = longHistory(10_000);
    const json = writeHistory(given);
    expect(json.length).toBeLessThanOrEqual(2 ** 18);
    expect(json.length).toBeGreaterThan(2 ** 16);
    const kept = read(json);
    expect(kept.epochs.length + kept.epochsLeftOut!).toBe(10_000);
    expect(kept.epochs.length).toBeGreaterThan(300);
    const numbers = kept.epochs.map(({ epoch }) => epoch);
    for (const epoch of [0, 9999, given.selectedEpoch, given.best.loss!.epoch]) expect(numbers).toContain(epoch);
    for (const record of kept.epochs) expect(record).toStrictEqual(given.epochs[record.epoch]);
    const { epochs: _, epochsLeftOut: __, ...rest } = kept;
    const { epochs: ___, ...givenRest } = given;
    expect(rest).toStrictEqual(givenRest);
    // Writing what was read changes nothing.
    expect(JSON.parse(writeHistory(kept)).epochs).toEqual(JSON.parse(json).epochs);
  });

  it("keeps numbers that JSON cannot write, and texts of any kind", () => {
    const [record, ...others] = history.epochs;
    const wording = [
      'column "pré;is #12 \u2028\ud83d\ude00" has 1,234.50 of 007 # and -0',
      { option: "n", value: 0.5 },
    ];
    const message = 'column "pré;is #12 \u2028\ud83d\ude00" has 1,234.50 of 007 # and -0n: 0.5';
    const odd = { kind: "dominatedByColumn" as const, epoch: -1, column: 12, message, wording };
    const validation = { items: 3, reconstructionLoss: -0, quantizeLoss: Infinity, explainedVariance: Number.NaN };
    const given: TrainHistory = {
      ...history,
      epochs: [{ ...record!, loss: Number.NaN, quantizeLoss: -Infinity, validation, warnings: [odd] }, ...others],
      warnings: [odd],
    };
    const json = writeHistory(given);
    expect(json).toMatch(/^[ -~]*$/); // ASCII, for the alignment of what follows
    expect(read(json)).toStrictEqual(given);
  });

  it("is a table for others", () => {
    const { epochs } = JSON.parse(metadataOf(bytes).rqvae_history!);
    for (const column of Object.values(epochs)) expect(column).toHaveLength(7);
    expect(epochs.loss).toEqual(history.epochs.map(({ loss }) => loss));
    expect(epochs.explainedVariance.filter((value: number | null) => value !== null).length).toBeLessThan(7);
  });

  // biome-ignore lint/suspicious/noExplicitAny: anything may be put there
  it.each<[string, (stored: Record<string, any>) => void, RegExp]>([
    [
      "a column that is missing",
      ({ epochs }) => delete epochs.loss,
      /epochs\.loss must be a list of 7, received undefined/,
    ],
    ["a column that is short", ({ epochs }) => epochs.perplexity.pop(), /epochs\.perplexity must be a list of 7/],
    [
      "a level that is missing",
      ({ epochs }) => epochs.deadCodes[3].pop(),
      /epochs\.deadCodes\[3\] must be a list of 3/,
    ],
    ["no number", ({ epochs }) => (epochs.residualEnergy[0][0] = "1"), /residualEnergy\[0\]\[0\] must be a number/],
    ["nothing to repeat", ({ epochs }) => (epochs.distinctIds[0] = null), /epochs\.distinctIds begins without a value/],
    [
      "validation by halves",
      ({ epochs }) => delete epochs.explainedVariance,
      /epochs\.explainedVariance must be a list/,
    ],
    ["no such template", (stored) => (stored.warnings = "99 1"), /a warning has no template 99/],
    ["a template that is no JSON", (stored) => stored.templates.fill("{#"), /it is not JSON/],
    [
      "a sentence of nothing",
      (stored) => (stored.selectedWording = [{}]),
      /must be a part of a sentence, received Object/,
    ],
    [
      "a sentence without an end",
      (stored) =>
        (stored.selectedWording = [{ hint: [{ hint: [{ hint: [{ hint: [{ hint: [{ hint: "x" }] }] }] }] }] }]),
      /must be a part of a sentence/,
    ],
    [
      "warnings without end",
      (stored) => {
        const spaces = " ".repeat(2 ** 20);
        stored.templates = stored.templates.map((template: string) => template + spaces);
        stored.warnings = new Array(64).fill(stored.epochs.warnings.find((text: string) => text !== "")).join(";");
      },
      /its warnings are too long/,
    ],
  ])("is refused with %s", (_, change, message) => {
    const stored = JSON.parse(metadataOf(bytes).rqvae_history!);
    change(stored);
    expect(() => read(JSON.stringify(stored))).toThrow(message);
  });
});
