/** What users of other implementations suffered, as they would meet it: whole runs through the public API. */
import { RQVAE, type TrainHistory, type TrainProgress } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { describe, expect, it } from "vitest";
import { catalogue, generator, readTensors, squaredDistance } from "../support/catalogue.ts";

interface Catalogue {
  data: Float32Array;
  rows: number;
  dim: number;
}

/** Close to N(0, 1): the sum of twelve uniforms. */
function normal(next: () => number): number {
  let sum = 0;
  for (let i = 0; i < 12; i++) sum += next() / 2;
  return sum;
}

/** Items around centres, with the standard deviations of a component of a centre and of an item around its centre. */
function clusters(rows: number, dim: number, count: number, centre: number, spread: number, seed = 1): Catalogue {
  const next = generator(seed);
  const centres = Float64Array.from({ length: count * dim }, () => centre * normal(next));
  const data = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const c = Math.floor(((next() + 1) / 2) * count);
    for (let j = 0; j < dim; j++) data[i * dim + j] = centres[c * dim + j]! + spread * normal(next);
  }
  return { data, rows, dim };
}

const row = ({ data, dim }: Catalogue, i: number) => data.subarray(i * dim, (i + 1) * dim);

function unitRows(items: Catalogue): Catalogue {
  const unit = { ...items, data: items.data.slice() };
  for (let i = 0; i < unit.rows; i++) {
    const length = Math.sqrt(row(unit, i).reduce((sum, x) => sum + x * x, 0));
    row(unit, i).forEach((x, j, own) => {
      own[j] = x / length;
    });
  }
  return unit;
}

/** 1 - sum ||x' - x||^2 / sum ||x - mean||^2, by brute force in the items' own units. */
function explainedVariance({ data, rows, dim }: Catalogue, restored: Float32Array): number {
  const mean = new Float64Array(dim);
  data.forEach((x, i) => {
    mean[i % dim]! += x / rows;
  });
  return (
    1 -
    squaredDistance(data, restored) /
      data.reduce((sum, x, i) => {
        return sum + (x - mean[i % dim]!) ** 2;
      }, 0)
  );
}

/** Per level: share of the codes that occur; and the share of different IDs; by brute force. */
function counted(model: RQVAE, items: Catalogue) {
  const ids = [...model.encode(items)];
  return {
    usage: model.config.codebookSize.map((size, level) => new Set(ids.map((id) => id[level])).size / size),
    distinct: new Set(ids.map(String)).size / items.rows,
  };
}

describe("A1: codebook collapse", () => {
  // sigma 0.05 a component: around unit centres the clusters overlap, around longer ones they are tight.
  const wide = unitRows(clusters(2000, 768, 20, 1 / Math.sqrt(768), 0.05));
  const tight = unitRows(clusters(2000, 768, 20, 1, 0.05));

  function expectHealthy(model: RQVAE, items: Catalogue): void {
    const { usage, distinct } = counted(model, items);
    expect(Math.min(...usage)).toBeGreaterThanOrEqual(0.9);
    expect(distinct).toBeGreaterThanOrEqual(0.9);
    expect(model.history!.ids.usage).toEqual(usage);
    expect(model.history!.ids.uniqueShare).toBe(distinct);
    expect(model.history!.warnings).toEqual([]);
  }

  it.each([
    ["wide", wide],
    ["tight", tight],
  ])("does not happen with the default training, in %s clusters", async (_which, items) => {
    using model = await RQVAE.fit(items, { codebookSize: 64 });
    expectHealthy(model, items);
  });

  it("does not happen in 200 epochs, of which nothing is thrown away", async () => {
    // Narrow, for time's sake.
    using model = await RQVAE.create({ inputDim: 768, codebookSize: 64, hiddenDims: [16], latentDim: 24 });
    const history = await model.train(wide, { epochs: 200, batchSize: 256 });
    expect(history.selectedEpoch).toBe(199);
    expectHealthy(model, wide);
  });

  it("is told with the level and the remedy where it is made to happen", async () => {
    // As the others begin: codes far away from all latents, so that few are ever chosen.
    using model = await RQVAE.create({
      inputDim: 768,
      codebookSize: 64,
      hiddenDims: [16],
      codebookKmeansInit: false,
      linearSkip: "none",
    });
    const { warnings } = await model.train(wide, { epochs: 3 });
    const { usage } = counted(model, wide);
    expect(Math.min(...usage)).toBeLessThan(0.9);
    for (const [level, share] of usage.entries()) {
      const warning = warnings.find((one) => one.kind === "collapse" && one.level === level);
      expect(warning !== undefined).toBe(share < 0.9);
      if (!warning) continue;
      expect(warning.message).toMatch(
        new RegExp(`^level ${level + 1} uses ${64 * share} of its 64 codes .*: try deadCodeRestart: true, `),
      );
    }
  });
});

/**
 * The gradients themselves are held against a double-precision oracle and frozen surrogates in tests/cpp/gradient_test.cpp
 * (ResidualQuantizerGradientTest, ExtraLevelsTest). Here: what one step of plain gradient descent does to an encoder that is one Linear.
 */
describe("A2: what the levels' losses do to the encoder", () => {
  const items = catalogue(200, 6);
  const LEARNING_RATE = 1e-3;

  /** What a step changed in the encoder's bias, divided by -learningRate: the mean gradient at z. */
  async function gradientAtLatent(options: object) {
    using model = await RQVAE.create({
      inputDim: 6,
      latentDim: 4,
      hiddenDims: [],
      codebookSize: [8, 4, 4],
      linearSkip: "none",
      inputScaling: "none",
      codebookWeight: 0,
      codebookGradient: "quantization",
      codebookKmeansInit: false, // at the centres that k-means finds the mean residual is zero
      ...options,
    });
    const out = model.getSemanticIds(items);
    const restored = model.reconstruct(items);
    const before = readTensors(model.save());
    using optimizer = model.createOptimizer({ optimizer: "sgd", learningRate: LEARNING_RATE });
    model.trainStep(items, optimizer);
    const [from, to] = [before, readTensors(model.save())].map((file) => file.get("encoder.network.0.bias")!);
    return { gradient: from!.map((x, j) => (x - to![j]!) / LEARNING_RATE), out, restored, before };
  }

  it("the commitment of every level reaches it", async () => {
    const { gradient, out } = await gradientAtLatent({ reconstructionWeight: 0, commitmentWeight: 3 });
    const expected = new Float64Array(4);
    const ofTheFirst = new Float64Array(4);
    for (let i = 0; i < 200; i++) {
      for (let at = 0; at < 12; at++) {
        const term = (2 * 3 * (out.residuals[12 * i + at]! - out.embeddings[12 * i + at]!)) / 200;
        expected[at % 4]! += term;
        if (at < 4) ofTheFirst[at]! += term;
      }
    }
    for (let j = 0; j < 4; j++) expect(gradient[j]).toBeCloseTo(expected[j]!, 2);
    expect(squaredDistance(gradient, ofTheFirst)).toBeGreaterThan(100 * squaredDistance(gradient, expected));
  });

  it("the reconstruction reaches it once, not once a level", async () => {
    const { gradient, restored, before } = await gradientAtLatent({ commitmentWeight: 0 });
    const weight = before.get("decoder.network.0.weight")!; // 6 x 4
    const expected = new Float64Array(4);
    for (let i = 0; i < 200; i++) {
      for (let d = 0; d < 6; d++) {
        const term = (2 * (restored[6 * i + d]! - items.data[6 * i + d]!)) / 200;
        for (let j = 0; j < 4; j++) expected[j]! += term * weight[4 * d + j]!;
      }
    }
    expect(Math.hypot(...expected)).toBeGreaterThan(0.5);
    for (let j = 0; j < 4; j++) expect(gradient[j]).toBeCloseTo(expected[j]!, 2);
  });
});

describe("A3: a learning rate of 1e-2 beside 1e-3", () => {
  const items = clusters(5000, 128, 200, 1, 0.5, 2);

  /** The same network without its head start, where a rate that is too high has to show. */
  async function at(learningRate: number, options: object) {
    using model = await RQVAE.create({ inputDim: 128, hiddenDims: [64], latentDim: 32, codebookSize: 64, ...options });
    const history = await model.train(items, { epochs: 12, learningRate });
    return { history, variance: explainedVariance(items, model.reconstruct(items)), ...counted(model, items) };
  }

  it.each([
    ["by default", {}],
    ["without the linear path", { linearSkip: "none" }],
    ["without anything", { linearSkip: "none", codebookKmeansInit: false, codebookGradient: "quantization" }],
  ])("%s: ends with a warning, or with a comparable result", async (_name, options) => {
    const [high, low] = [await at(1e-2, options), await at(1e-3, options)];
    const alarmed = high.history.warnings.some(({ kind }) => kind !== "collisions");
    const comparable = high.variance > low.variance - 0.05 && high.distinct > low.distinct - 0.05;
    expect(alarmed || comparable).toBe(true);
  });

  it("an absurd rate is an error or a warning that names it", async () => {
    const alarm = await at(1, {}).then(
      ({ history }) => history.warnings.map(({ message }) => message).join("\n"),
      (error: Error) => `${error.name} ${error.message}`,
    );
    expect(alarm).toMatch(/smaller learningRate/);
  });

  it("the history tells reconstruction, codebook and commitment loss apart, and the share of energy left", async () => {
    const { history } = await at(1e-3, {});
    for (const { reconstructionLoss, quantizeLoss, loss, perLevel } of history.epochs) {
      expect(perLevel).toHaveLength(3);
      const sum = perLevel.reduce((total, one) => total + one.codebookLoss + 0.25 * one.commitmentLoss, 0);
      expect(quantizeLoss).toBeCloseTo(sum, 9);
      expect(loss).toBeCloseTo(reconstructionLoss + quantizeLoss, 9);
      const energy = perLevel.map(({ residualEnergy }) => residualEnergy);
      expect(energy.toSorted((a, b) => b - a)).toEqual(energy); // each level takes some away
    }
  });
});

describe("A4: the commitment weight", () => {
  it("5 holds the latents to the codes, 0 does not", async () => {
    const items = clusters(1000, 32, 30, 1, 0.3, 4);
    const run = async (commitmentWeight: number) => {
      using model = await RQVAE.create({ inputDim: 32, codebookSize: 32, hiddenDims: [32], commitmentWeight });
      await model.train(items, { epochs: 30, batchSize: 100 });
      const [latents, { embeddings }] = [model.latents(items), model.getSemanticIds(items)];
      const d = model.config.latentDim;
      const quantized = latents.map((_, at) => {
        const [i, j] = [Math.floor(at / d), at % d];
        return embeddings[3 * d * i + j]! + embeddings[3 * d * i + d + j]! + embeddings[3 * d * i + 2 * d + j]!;
      });
      return { error: squaredDistance(latents, quantized) / 1000, weights: readTensors(model.save()) };
    };
    const [none, strong] = [await run(0), await run(5)];
    expect(strong.error).toBeLessThan(0.8 * none.error);
    expect(strong.weights).not.toEqual(none.weights);
  });
});

describe("A5: embeddings of small scale, with an offset, with a constant column", () => {
  // The centres carry 85% of the variance.
  const sigma = 0.04;
  const plain = clusters(3000, 512, 20, sigma * Math.sqrt(0.85 / 0.15), sigma, 3);
  const changed = (change: (x: number, column: number) => number): Catalogue => ({
    ...plain,
    data: plain.data.map((x, i) => change(x, i % 512)),
  });

  it.each([
    ["as they are", plain],
    ["times 100", changed((x) => 100 * x)],
    ["with a constant column", changed((x, column) => (column === 7 ? 3 : x))],
    ["with an offset of 5", changed((x) => x + 5)],
  ])("%s: explained variance of at least 0.6, and the loss falls", async (_name, items) => {
    // No validation items and no choice of an epoch: what training makes of them.
    using model = await RQVAE.create({ inputDim: 512, codebookSize: 64, hiddenDims: [64], latentDim: 32 });
    const { epochs } = await model.train(items, { epochs: 8, batchSize: 256 });
    expect(explainedVariance(items, model.reconstruct(items))).toBeGreaterThanOrEqual(0.6);
    expect(epochs.at(-1)!.reconstructionLoss).toBeLessThan(epochs[0]!.reconstructionLoss);
  });

  it("the same by fit", async () => {
    using model = await RQVAE.fit(plain, { codebookSize: 64, epochs: 2 });
    expect(explainedVariance(plain, model.reconstruct(plain))).toBeGreaterThanOrEqual(0.6);
  });
});

describe("A7: where are my IDs?", () => {
  it("three items: tokens beside titles, integers by level, begin and end, and the tokens to add to a language model", async () => {
    const catalogue = { apple: [0.9, 0.1, 0], pear: [0.7, 0.5, 0.1], boot: [0, 0.1, 0.9] };
    using model = await RQVAE.fit(Object.values(catalogue), { codebookSize: [2, 3] });
    const ids = model.encode(Object.values(catalogue));
    const vocabulary = new Vocabulary(ids, { baseOffset: 1000 });
    const offsets = [1005, 1007]; // after pad, begin, end, separator, unknown; then two codes of the first level
    expect(vocabulary.offsets).toEqual(offsets);
    const added = new Map(vocabulary.addedTokens().map(({ id, content }) => [content, id]));
    expect([...added.keys()].slice(5)).toEqual(["<a_0>", "<a_1>", "<b_0>", "<b_1>", "<b_2>"]);
    expect([added.get("<sid_begin>"), added.get("<sid_end>")]).toEqual([vocabulary.begin, vocabulary.eos]);
    for (const [i, title] of Object.keys(catalogue).entries()) {
      const line = `${ids.toTokens(i)} ${title}`;
      expect(line).toMatch(/^<a_[01]><b_[012]> (apple|pear|boot)$/);
      expect(vocabulary.parseAll(line)).toEqual([ids.at(i)]);
      const tokens = ids.toTokens(i).match(/<.*?>/g)!;
      expect(vocabulary.encode(ids.at(i))).toEqual(tokens.map((token) => added.get(token)));
      expect(vocabulary.encode(ids.at(i))).toEqual(ids.at(i).map((code, level) => offsets[level]! + code));
    }
    expect(ids.at(0)[0]).toBe(ids.at(1)[0]);
    expect(ids.at(0)[0]).not.toBe(ids.at(2)[0]);
  });
});

describe("A12: best loss or best collisions", () => {
  const items = catalogue(300, 16);

  it("both are kept, and the result says which epoch it is", async () => {
    // Overtrains: a large network, a large rate, few items.
    using model = await RQVAE.create({ inputDim: 16, latentDim: 6, hiddenDims: [128], codebookSize: 16 });
    const history = await model.train(items, {
      epochs: 25,
      batchSize: 20,
      learningRate: 0.02,
      validationShare: 0.3,
    });
    const evaluations = [
      { epoch: -1, ids: history.start!.ids, loss: history.start!.validation!.reconstructionLoss },
      ...history.epochs.map(({ epoch, ids, validation }) => ({ epoch, ids, loss: validation!.reconstructionLoss })),
    ];
    const byLoss = evaluations.reduce((best, one) => (one.loss < best.loss ? one : best));
    const byCollision = evaluations.reduce((best, one) => {
      const [a, b] = [one.ids.distinctIds, best.ids.distinctIds];
      return a > b || (a === b && one.loss < best.loss) ? one : best;
    });
    expect(byLoss.epoch).not.toBe(byCollision.epoch);
    expect([history.best.loss!.epoch, history.best.collision!.epoch]).toEqual([byLoss.epoch, byCollision.epoch]);

    const check = (now: TrainHistory, { epoch, ids }: (typeof evaluations)[number], because: RegExp) => {
      expect(now.selectedEpoch).toBe(epoch);
      expect(now.selectedBecause).toMatch(because);
      expect(now.ids).toEqual(ids);
      expect(counted(model, items).distinct).toBe(ids.distinctIds / 300);
      expect(model.history).toBe(now);
    };
    check(history, byLoss, /has the lowest reconstruction loss on the 90 validation items/);
    const lossFile = model.save();
    check(model.select("collision"), byCollision, /has the most distinct IDs \(\d+ of 300\)/);
    expect(model.save()).not.toEqual(lossFile);
    check(model.select("loss"), byLoss, /has the lowest reconstruction loss/);
    expect(model.save()).toEqual(lossFile);
  });
});

describe("A13: dead codes", () => {
  // 768 codes for items of 20 clusters.
  const items = clusters(1500, 32, 20, 1, 0.1, 6);
  const codes = { inputDim: 32, latentDim: 16, hiddenDims: [32], codebookSize: 256 };

  it.each([
    ["gradients", {}],
    ["averages", { codebookUpdate: "ema" }],
  ] as const)("are restarted where %s move them, and every event tells the usage", async (_name, options) => {
    const usage: Record<string, number[]> = {};
    for (const deadCodeRestart of [false, true]) {
      using model = await RQVAE.create({ ...codes, ...options, codebookKmeansInit: false });
      const events: TrainProgress[] = [];
      const history = await model.train(items, {
        epochs: 20,
        batchSize: 250,
        deadCodeRestart,
        onProgress: (event) => events.push(event),
      });
      usage[String(deadCodeRestart)] = history.ids.usage;
      expect(history.ids.usage).toEqual(counted(model, items).usage);
      expect(events.flatMap(({ newEpochs }) => newEpochs)).toEqual(history.epochs);
      for (const { lastEpoch } of events) if (lastEpoch) expect(lastEpoch.ids.usage).toHaveLength(3);
      expect(events.at(-1)!.lastEpoch!.ids.usage).toEqual(history.ids.usage);
      for (const { deadCodes, restartedCodes, epoch } of history.epochs) {
        // In the first four fifths all that residuals can be found for, then none.
        if (!deadCodeRestart || epoch >= 16) expect(restartedCodes).toEqual([0, 0, 0]);
        else expect(restartedCodes).toEqual(deadCodes);
      }
    }
    expect(Math.max(...usage.false!)).toBeLessThan(0.2);
    expect(Math.min(...usage.true!)).toBeGreaterThan(0.8);
  });

  it("are few to begin with where the codebooks come from k-means", async () => {
    using model = await RQVAE.create(codes);
    const history = await model.train(items, { epochs: 10, batchSize: 250 });
    expect(Math.min(...history.ids.usage)).toBeGreaterThan(0.9);
  });
});
