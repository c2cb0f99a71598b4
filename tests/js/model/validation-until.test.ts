/** Items that are held out for a share of the epochs only: what the history says of them, and what is kept. */
import { type ItemMatrix, RQVAE, type TrainHistory, type TrainOptions, type TrainProgress } from "rqvae";
import { describe, expect, it } from "vitest";
import { remarks } from "../../../bindings/js/cli/train.ts";
import { catalogue, generator } from "../support/catalogue.ts";

const shape = { inputDim: 12, latentDim: 6, hiddenDims: [32], codebookSize: 16 };
const held: TrainOptions = {
  epochs: 10,
  batchSize: 32,
  learningRate: 3e-3,
  validationShare: 0.2,
  validationUntil: 0.6,
};
const learnable = catalogue(500, 12);

/** Items of which none tells anything about another, and a training that learns them by heart. */
const noise: ItemMatrix = { data: Float32Array.from({ length: 300 * 12 }, generator(3)), rows: 300, dim: 12 };
const large = { ...shape, hiddenDims: [64] };
const byHeart: TrainOptions = { ...held, batchSize: 10, learningRate: 0.02 };

async function train(own: typeof shape, items: ItemMatrix, options: TrainOptions) {
  const model = await RQVAE.create(own);
  const events: TrainProgress[] = [];
  const history = await model.train(items, { ...options, onProgress: (event) => void events.push(event) });
  return { model, history, events };
}

const percents = ({ start, validation }: TrainHistory) =>
  [start!, { validation }].map((one) => `${(100 * one.validation!.explainedVariance).toFixed(1)}%`);

/** What the command line says of a run. */
const remarked = (model: RQVAE, history: TrainHistory) => remarks(model, history).join(" ");

describe("held-out items that join the training", () => {
  it("are judged by the last figures from when they were unseen", async () => {
    const { model, history, events } = await train(shape, learnable, held);
    expect(history.afterValidation).toBe("joined");
    expect(history.selectedEpoch).toBe(9);
    expect(history.epochs.map(({ validation }) => validation !== undefined)).toEqual(
      Array.from({ length: 10 }, (_, epoch) => epoch < 6),
    );
    expect(history.validation).toEqual({ ...history.epochs[5]!.validation, epoch: 5 });
    expect(history.validation!.items).toBe(100);
    expect(history.ids).toEqual(history.epochs[9]!.ids);
    // 400 items in thirteen batches, then 500 in sixteen.
    expect(history.steps).toBe(6 * 13 + 4 * 16);
    expect(events[0]!.totalSteps).toBe(history.steps);
    expect(events.at(-1)!.progress).toBe(1);
    const [before, now] = percents(history);
    expect(history.verdict).toBe("better");
    expect(history.selectedBecause).toBe(
      `epoch 9 is the last one; up to epoch 5 the 100 validation items were held out (explained variance ${before} -> ${now}), then they joined the training`,
    );
    expect(remarked(model, history)).toBe(
      `Kept: epoch 10 is the last one; up to epoch 6 the 100 validation items were held out, then they joined the training. Validation: explained variance ${now} after epoch 6, from ${before} by residual k-means alone.`,
    );
  });

  it("leave nothing to select among but the epochs since then", async () => {
    const { model, history } = await train(shape, learnable, { ...held, epochs: 8, select: "collision" });
    expect(history.selectedBecause).toMatch(
      /^epoch [5-7] has the most distinct IDs since then \(\d+ of 500\); up to epoch 4 the 100/,
    );
    for (const best of Object.values(history.best)) {
      expect(best.epoch).toBeGreaterThanOrEqual(5);
      expect(best.validation).toBeUndefined();
    }
    const byLoss = model.select("loss");
    expect(byLoss.selectedEpoch).toBe(history.best.loss!.epoch);
    expect(byLoss.selectedBecause).toMatch(/^epoch [5-7] has the lowest training loss since then; up to epoch 4/);
    expect([byLoss.validation, byLoss.afterValidation]).toEqual([history.validation, "joined"]);
    expect(byLoss.verdict).toBeDefined();
  });

  it("are in the model file by the same figures", async () => {
    const { model, history } = await train(shape, learnable, held);
    const metadata = new TextDecoder().decode(model.save());
    expect(metadata).toContain(`validationLoss\\":${history.validation!.reconstructionLoss}`);
  });
});

describe("held-out items that nothing helps", () => {
  it("bring back the start, fitted to all items", async () => {
    const { model, history, events } = await train(large, noise, byHeart);
    expect(history.afterValidation).toBe("startKept");
    expect(history.selectedEpoch).toBe(-1);
    expect(history.epochs).toHaveLength(6);
    expect(history.stoppedEarly).toBe(false);
    expect(history.verdict).toBe("same");
    expect(history.validation).toEqual({ ...history.start!.validation, epoch: -1 });
    expect(history.selectedBecause).toBe(
      "the start, before any training, was restored with its codebooks fitted to all items: 6 epochs of training gained too little on the 60 validation items to be worth leaving them out",
    );
    expect(remarked(model, history)).toContain("; training found nothing better than the start");
    const progress = events.map((event) => event.progress);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);

    // k-means on what the start makes of all items.
    const start = await RQVAE.create(large);
    await start.train(noise, { ...byHeart, epochs: 1, learningRate: 1e-30, validationUntil: 1, select: "last" });
    await start.kmeansInitCodebooks(noise);
    expect(model.codebooks()).toEqual(start.codebooks());
    expect(new Set(Array.from(model.encode(noise), String)).size).toBe(history.ids.distinctIds);

    const file = model.save();
    for (const by of ["loss", "collision"] as const) {
      const { selectedBecause, ids, validation, verdict } = model.select(by);
      expect({ selectedBecause, ids, validation, verdict }).toEqual({
        selectedBecause: history.selectedBecause,
        ids: history.ids,
        validation: history.validation,
        verdict: history.verdict,
      });
      expect(model.save()).toEqual(file);
    }
  });

  it("bring back a model that was trained before as it was", async () => {
    using model = await RQVAE.create(large);
    await model.train(noise, { epochs: 1 });
    const codebooks = model.codebooks();
    const history = await model.train(noise, byHeart);
    expect(history.afterValidation).toBe("startKept");
    expect(history.selectedBecause).toMatch(/^the start, before any training, was restored: 6 epochs of training/);
    expect(model.codebooks()).toEqual(codebooks);
    expect(history.ids).toEqual(history.start!.ids);
  });
});

it("patience ends a training before they join, as one that holds out to the end", async () => {
  const [held, joining] = await Promise.all(
    [1, 0.6].map((validationUntil) => train(large, noise, { ...byHeart, validationUntil, patience: 2 })),
  );
  const withoutWarnings = ({ warnings, epochs, ...rest }: TrainHistory) => ({ ...rest, ended: epochs.length });
  expect(withoutWarnings(joining!.history)).toEqual(withoutWarnings(held!.history));
  expect(joining!.history.stoppedEarly).toBe(true);
  expect(joining!.model.fingerprint).toBe(held!.model.fingerprint); // their files differ in the option that they remember
});
