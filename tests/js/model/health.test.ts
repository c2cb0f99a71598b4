/** What can go wrong in training is recognised and told with its remedy, and the numbers it goes by are right. */
import { type EpochRecord, type IdStatistics, type ModelOptions, RQVAE, type TrainWarning } from "rqvae";
import { describe, expect, it } from "vitest";
import { diagnose, type HealthContext, summarizeWarnings } from "../../../bindings/js/model/health.ts";
import { resolveModelConfig } from "../../../bindings/js/options/model-config.ts";
import { catalogue } from "../support/catalogue.ts";

/** A healthy epoch of 1,000 items and 2 x 10 codes, with changes. */
function record(changes: Partial<Omit<EpochRecord, "ids">> & { ids?: Partial<IdStatistics> } = {}): EpochRecord {
  const level = (residualEnergy: number) => ({
    quantizationError: residualEnergy,
    codebookLoss: residualEnergy,
    commitmentLoss: residualEnergy,
    residualEnergy,
  });
  return {
    epoch: 7,
    loss: 2,
    reconstructionLoss: 1,
    quantizeLoss: 1,
    perLevel: [level(0.5), level(0.25)],
    learningRate: 1e-3,
    evaluated: true,
    deadCodes: [0, 0],
    restartedCodes: [0, 0],
    warnings: [],
    ...changes,
    ids: {
      items: 1000,
      distinctIds: 950,
      uniqueShare: 0.95,
      itemsSharing: 90,
      largestGroup: 3,
      usedCodes: [10, 10],
      usage: [1, 1],
      perplexity: [9.5, 9.04],
      ...changes.ids,
    },
  };
}

function context(changes: Partial<HealthContext> = {}): HealthContext {
  return {
    // The scale of the items is not known, so that no loss is negligible.
    config: resolveModelConfig({ inputDim: 4, codebookSize: [10, 10], inputScaling: "center" }),
    learningRate: 1e-3,
    items: 1000,
    earlier: [],
    start: undefined,
    deadCodeRestart: false,
    ...changes,
  };
}

const kinds = (warnings: TrainWarning[]) => warnings.map(({ kind }) => kind);
const messages = (warnings: TrainWarning[]) => warnings.map(({ message }) => message);
const validation = (reconstructionLoss: number) => ({
  items: 100,
  reconstructionLoss,
  quantizeLoss: 1,
  explainedVariance: 0.5,
});

describe("diagnose", () => {
  it("says nothing of a healthy epoch", () => {
    expect(diagnose(record(), context({ earlier: [record()], start: { ids: record().ids } }))).toEqual([]);
  });

  describe("collapse", () => {
    it("names the level, what it uses and the remedies", () => {
      expect(diagnose(record({ ids: { usedCodes: [10, 4] } }), context())).toMatchObject([
        {
          kind: "collapse",
          epoch: 7,
          level: 1,
          message:
            "level 2 uses 4 of its 10 codes (perplexity 9.0): try deadCodeRestart: true, a smaller learningRate or fewer codes (codebookSize 4 or less)",
        },
      ]);
    });

    it("does not advise what is on already, nor a codebook of one", () => {
      expect(messages(diagnose(record({ ids: { usedCodes: [1, 10] } }), context({ deadCodeRestart: true })))).toEqual([
        "level 1 uses 1 of its 10 codes (perplexity 9.5): try a smaller learningRate or fewer codes (codebookSize 2 or less)",
      ]);
    });

    it("begins below nine tenths, of the items where they are fewer than the codes", () => {
      const at = (used: number, items: number) =>
        kinds(diagnose(record({ ids: { usedCodes: [used, 10] } }), context({ items })));
      expect([at(9, 1000), at(8, 1000)]).toEqual([[], ["collapse"]]);
      expect([at(10, 11), at(8, 11)]).toEqual([[], ["collapse"]]);
    });

    it("is none where one level could tell all items apart and all are told apart", () => {
      const at = (items: number, uniqueShare: number) =>
        kinds(diagnose(record({ ids: { usedCodes: [4, 1], uniqueShare, items } }), context({ items })));
      expect(at(10, 1)).toEqual([]);
      expect(at(11, 1)).toEqual(["collapse", "collapse"]);
      expect(at(5, 0.8)).toEqual(["collapse", "collapse", "collisions"]);
    });
  });

  describe("collisions", () => {
    const at = (uniqueShare: number, changes: Partial<HealthContext> = {}) =>
      diagnose(
        record({ ids: { uniqueShare, distinctIds: Math.round(1000 * uniqueShare), largestGroup: 12 } }),
        context(changes),
      );

    it("begin below nine tenths", () => {
      expect([kinds(at(0.9)), kinds(at(0.89))]).toEqual([[], ["collisions"]]);
      expect(messages(at(0.25))).toEqual([
        "1,000 items have 250 distinct IDs (25%), and the largest group has 12 items: try more codes per level, or one more level (100 IDs are possible now)",
      ]);
    });

    it("tell when training made them", () => {
      const startingAt = (uniqueShare: number) => ({ start: { ids: record({ ids: { uniqueShare } }).ids } });
      expect(messages(at(0.5, startingAt(0.99)))).toEqual([
        '1,000 items have 500 distinct IDs (50%), and the largest group has 12 items: training made them collide (before, 99% were distinct): try less inputNoise, a smaller learningRate or select: "collision"',
      ]);
      expect(messages(at(0.5, startingAt(0.6)))[0]).toMatch(/try more codes/);
    });

    it("are none for a single item", () => {
      const single = record({ ids: { items: 1, distinctIds: 1, uniqueShare: 0.5, usedCodes: [1, 1] } });
      expect(diagnose(single, context({ items: 1 }))).toEqual([]);
    });
  });

  describe("divergence", () => {
    const earlier = [record({ reconstructionLoss: 1 }), record({ reconstructionLoss: 0.5 })];

    it("is a loss half above its best and rising", () => {
      const at = (loss: number, before = earlier) =>
        kinds(diagnose(record({ reconstructionLoss: loss }), context({ earlier: before })));
      expect([at(0.75), at(0.76)]).toEqual([[], ["divergence"]]);
      expect(at(0.8, [...earlier, record({ reconstructionLoss: 0.9 })])).toEqual([]);
      expect(at(1000, [])).toEqual([]);
    });

    it("is none where the loss is next to nothing", () => {
      const scaled = (options: object) => resolveModelConfig({ inputDim: 100, codebookSize: [10, 10], ...options });
      const at = (loss: number, options: object) =>
        kinds(
          diagnose(record({ reconstructionLoss: loss }), {
            ...context({ earlier: [record({ reconstructionLoss: 1e-9 })] }),
            config: scaled(options),
          }),
        );
      expect([at(1.9, {}), at(2.1, {})]).toEqual([[], ["divergence"]]);
      expect([at(0.019, { reconstruction: "cosine" }), at(0.021, { reconstruction: "cosine" })]).toEqual([
        [],
        ["divergence"],
      ]);
      expect(at(1e-8, { inputScaling: "none" })).toEqual(["divergence"]);
    });

    it("names the numbers and the rate", () => {
      const [warning] = diagnose(record({ reconstructionLoss: 3056.4 }), context({ earlier, learningRate: 0.5 }));
      expect(warning).toMatchObject({
        kind: "divergence",
        epoch: 7,
        message:
          "the reconstruction loss is 3056, up from 0.500 at its best: try a smaller learningRate (it is 0.5), a schedule that ends at zero or gradientClip: 1",
      });
    });

    it("does not go by the quantisation loss, which rises with the latents", () => {
      expect(diagnose(record({ quantizeLoss: 1000, loss: 1001 }), context({ earlier: [record()] }))).toEqual([]);
    });
  });

  describe("learning rate", () => {
    const energies = (...values: number[]) =>
      record({ perLevel: values.map((residualEnergy, i) => ({ ...record().perLevel[i]!, residualEnergy })) });

    it("is too high when a level leaves more than it gets", () => {
      expect(diagnose(energies(1, 1), context())).toEqual([]);
      expect(diagnose(energies(1.01, 0.5), context())).toMatchObject([
        {
          kind: "learningRate",
          epoch: 7,
          level: 0,
          message:
            "level 1 leaves more energy than it gets (1.01 after 1.00 of the latents' energy), so its codes do not keep up with the encoder: try a smaller learningRate (it is 0.001) or a larger codebookLearningRateScale",
        },
      ]);
      expect(diagnose(energies(0.2, 0.3), context()).map(({ level }) => level)).toEqual([1]);
    });

    it("says nothing of energy that is next to nothing, or of latents that are all zero", () => {
      expect(diagnose(energies(0.001, 0.019), context())).toEqual([]);
      expect(diagnose(energies(Number.NaN, Number.NaN), context())).toEqual([]);
    });
  });

  describe("overfitting", () => {
    const at = (loss: number, changes: Partial<HealthContext> = {}) =>
      kinds(diagnose(record({ validation: validation(loss) }), context(changes)));
    const earlier = [record({ validation: validation(2) }), record({ validation: validation(1) })];

    it("is a validation loss above its best, the start included", () => {
      expect([at(1.05, { earlier }), at(1.06, { earlier })]).toEqual([[], ["overfitting"]]);
      expect(at(1, { start: { ids: record().ids, validation: validation(0.9) } })).toEqual(["overfitting"]);
      expect(at(1000)).toEqual([]);
    });

    it("names both", () => {
      const [warning] = diagnose(record({ validation: validation(1.5) }), context({ earlier }));
      expect(warning!.message).toMatch(
        /^the validation items' loss is 1.50, up from 1.00 at its best: try more inputNoise.*\. The best epoch is kept/,
      );
      const [other] = diagnose(record({ validation: validation(1.5) }), context({ earlier, validationJoins: true }));
      expect(other!.message).toMatch(/fewer epochs or a smaller model$/);
    });
  });

  it("goes by evaluations only where there was one", () => {
    const stale = record({
      evaluated: false,
      ids: { usedCodes: [1, 1], uniqueShare: 0.001 },
      validation: validation(1000),
    });
    expect(diagnose(stale, context({ earlier: [record({ validation: validation(1) })] }))).toEqual([]);
  });
});

describe("summarizeWarnings", () => {
  const summary = (records: EpochRecord[], selected: number, config = context().config) =>
    summarizeWarnings(records, selected, config);

  const warned = (epoch: number, kind: TrainWarning["kind"], level?: number, reconstructionLoss = 1) =>
    record({
      epoch,
      reconstructionLoss,
      warnings: [
        { kind, epoch, ...(level === undefined ? {} : { level }), message: `${kind} of ${epoch}`, wording: [] },
      ],
    });

  it("has collapse, collisions and overfitting of the selected epoch only", () => {
    for (const kind of ["collapse", "collisions", "overfitting"] as const) {
      const records = [warned(0, kind, 1), warned(1, kind, 1), record({ epoch: 2 })];
      expect(messages(summary(records, 1))).toEqual([`${kind} of 1`]);
      expect(summary(records, 2)).toEqual([]);
      expect(summary(records, -1)).toEqual([]);
    }
  });

  it("has the learning rate wherever it came up, the last time of each level", () => {
    const records = [warned(0, "learningRate", 0), warned(1, "learningRate", 1), warned(2, "learningRate", 0)];
    expect(messages(summary([...records, record({ epoch: 3 })], 3))).toEqual([
      "learningRate of 2",
      "learningRate of 1",
    ]);
  });

  it("has divergence unless the run made up for it", () => {
    const before = record({ epoch: 0, reconstructionLoss: 1 });
    const up = warned(1, "divergence", undefined, 9);
    const down = (reconstructionLoss: number) => record({ epoch: 2, reconstructionLoss });
    expect(kinds(summary([before, up], 1))).toEqual(["divergence"]);
    expect(kinds(summary([before, up, down(1.01)], 2))).toEqual(["divergence"]);
    expect(kinds(summary([before, up, down(1.01)], -1))).toEqual(["divergence"]);
    expect(summary([before, up, down(1)], 2)).toEqual([]);
    // Next to nothing, of items whose scaled energy is 100, is as good.
    const scaled = resolveModelConfig({ inputDim: 100 });
    expect(summary([before, up, down(1.9)], 2, scaled)).toEqual([]);
    expect(kinds(summary([before, up, down(2.1)], 2, scaled))).toEqual(["divergence"]);
  });

  it("is empty for a run without epochs", () => expect(summary([], -1)).toEqual([]));
});

const items = catalogue(400, 12);
const model = { inputDim: 12, latentDim: 6, hiddenDims: [16], codebookSize: 16 } satisfies ModelOptions;
const train = { epochs: 20, batchSize: 100 };

describe("real runs", () => {
  it("a healthy one has no warnings", async () => {
    using own = await RQVAE.create(model);
    const { warnings, epochs } = await own.train(items, train);
    expect(warnings).toEqual([]);
    expect(epochs.flatMap((epoch) => epoch.warnings)).toEqual([]);
  });

  it("codes that nobody chooses are told level by level, in the events too, and restarts heal it", async () => {
    const options = { ...model, codebookKmeansInit: false, codebookSize: 64 };
    using own = await RQVAE.create(options);
    const seen: TrainWarning[] = [];
    const { warnings } = await own.train(items, {
      ...train,
      onProgress: ({ newEpochs }) => seen.push(...newEpochs.flatMap((epoch) => epoch.warnings)),
    });
    const collapsed = warnings.filter(({ kind }) => kind === "collapse");
    expect(collapsed.map(({ level }) => level)).toEqual([0, 1, 2]);
    for (const { level, message, epoch } of collapsed) {
      const used = new Set([...own.encode(items)].map((id) => id[level!])).size;
      expect(epoch).toBe(19);
      expect(message).toContain(`level ${level! + 1} uses ${used} of its 64 codes`);
      expect(message).toContain("deadCodeRestart: true");
    }
    expect(seen).toContainEqual(collapsed[0]);

    using healed = await RQVAE.create(options);
    const history = await healed.train(items, { ...train, deadCodeRestart: true });
    expect(history.warnings.filter(({ kind }) => kind === "collapse")).toEqual([]);
  });

  it("a rate of 1 ends with divergence; with sgd it is an error, and the model keeps the step before", async () => {
    using own = await RQVAE.create(model);
    const { warnings } = await own.train(items, { ...train, learningRate: 1 });
    const warning = warnings.find(({ kind }) => kind === "divergence")!;
    expect(warning.message).toMatch(/a smaller learningRate \(it is 1\)/);

    using lost = await RQVAE.create(model);
    const training = lost.train(items, { ...train, optimizer: "sgd", learningRate: 1 });
    await expect(training).rejects.toThrow(/^training diverged in epoch \d+, step \d+: .* Lower learningRate/);
    expect(lost.latents(items).every(Number.isFinite)).toBe(true);
  });

  it("overfitting is told of the last epoch where that is selected, and not of the best", async () => {
    const options = { ...model, hiddenDims: [128] };
    const overtrain = { ...train, learningRate: 0.02, validationShare: 0.4, batchSize: 10 };
    using own = await RQVAE.create(options);
    const last = await own.train(items, { ...overtrain, select: "last" });
    expect(kinds(last.warnings)).toContain("overfitting");
    expect(kinds(own.select("loss").warnings)).not.toContain("overfitting");
    using best = await RQVAE.create(options);
    const history = await best.train(items, overtrain);
    expect(kinds(history.warnings)).not.toContain("overfitting");
    expect(kinds(history.epochs.flatMap((epoch) => epoch.warnings))).toContain("overfitting");
  });

  it("too few codes for the items are told with the arithmetic", async () => {
    using own = await RQVAE.create({ ...model, codebookSize: 4 });
    const { warnings, ids } = await own.train(items, train);
    expect(messages(warnings)).toEqual([
      expect.stringContaining(`400 items have ${ids.distinctIds} distinct IDs`) as string,
    ]);
    expect(messages(warnings)[0]).toContain("64 IDs are possible now");
  });
});

describe("the numbers", () => {
  it.each([
    ["greedy", {}],
    ["by beam", { encodeBeam: 4 }],
    ["SimVQ, of unlike levels", { codebookSimVq: true, codebookSize: [16, 40, 7] }],
  ])("are those of a brute-force count over the items: %s", async (_name, options) => {
    using own = await RQVAE.create({ ...model, codebookSize: [24, 16, 8], codebookKmeansInit: false, ...options });
    await own.train(items, { epochs: 3, learningRate: 0.05 });
    const sizes = own.config.codebookSize;
    // One more epoch in which nothing moves: its records are of these very weights.
    const { epochs, ids } = await own.train(items, { epochs: 1, batchSize: 150, learningRate: 1e-30 });
    const [epoch] = epochs;

    const all = [...own.encode(items)];
    const groups = new Map<string, number>();
    for (const id of all) groups.set(String(id), (groups.get(String(id)) ?? 0) + 1);
    const sharing = [...groups.values()].filter((count) => count > 1);
    expect(ids.items).toBe(400);
    expect(ids.distinctIds).toBe(groups.size);
    expect(ids.uniqueShare).toBe(groups.size / 400);
    expect(ids.itemsSharing).toBe(sharing.reduce((sum, count) => sum + count, 0));
    expect(ids.largestGroup).toBe(Math.max(...groups.values()));
    sizes.forEach((size, level) => {
      const frequencies = new Array<number>(size).fill(0);
      for (const id of all) frequencies[id[level]!]! += 1 / 400;
      const used = frequencies.filter((share) => share > 0);
      expect(ids.usedCodes[level]).toBe(used.length);
      expect(ids.usage[level]).toBe(used.length / size);
      const entropy = used.reduce((sum, share) => sum - share * Math.log(share), 0);
      expect(ids.perplexity[level]).toBeCloseTo(Math.exp(entropy), 9);
    });
    expect(epoch!.ids).toEqual(ids);

    // Training takes the codes that encoding takes: the nearest at each level, or those of the beam.
    const codebooks = own.codebooks();
    const latents = own.latents(items);
    const chosen = sizes.map(() => new Set<number>());
    const left = sizes.map(() => 0);
    let energy = 0;
    for (let i = 0; i < 400; i++) {
      const residual = [...latents.subarray(6 * i, 6 * i + 6)];
      energy += residual.reduce((sum, x) => sum + x * x, 0);
      sizes.forEach((size, level) => {
        const distances = Array.from({ length: size }, (_, k) =>
          residual.reduce((sum, x, j) => sum + (x - codebooks[level]![6 * k + j]!) ** 2, 0),
        );
        const code = all[i]![level]!;
        if (own.config.encodeBeam === 1) expect(distances[code]).toBeCloseTo(Math.min(...distances), 4);
        chosen[level]!.add(code);
        left[level]! += distances[code]!;
        residual.forEach((x, j) => {
          residual[j] = x - codebooks[level]![6 * code + j]!;
        });
      });
    }
    sizes.forEach((size, level) => {
      expect(epoch!.deadCodes[level]).toBe(size - chosen[level]!.size);
      expect(epoch!.perLevel[level]!.residualEnergy).toBeCloseTo(left[level]! / energy, 5);
      expect(epoch!.perLevel[level]!.quantizationError).toBeCloseTo(left[level]! / 400, 3);
    });
    expect(epoch!.deadCodes.some((dead) => dead > 0)).toBe(true);
  });

  it("forward tells the energy that is left by the codes that encode gives", async () => {
    for (const encodeBeam of [1, 6]) {
      using own = await RQVAE.create({ ...model, encodeBeam });
      await own.train(items, train);
      const { residuals, embeddings } = own.getSemanticIds(items);
      const left = [0, 0, 0];
      let energy = 0;
      for (let at = 0; at < residuals.length; at++) {
        const level = Math.floor(at / 6) % 3;
        if (level === 0) energy += residuals[at]! ** 2;
        left[level]! += (residuals[at]! - embeddings[at]!) ** 2;
      }
      own.forward(items).perLevel.forEach(({ residualEnergy }, level) => {
        expect(residualEnergy).toBeCloseTo(left[level]! / energy, 5);
      });
    }
  });
});
