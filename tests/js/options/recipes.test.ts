/** What `suggestConfig` and `presets` return goes into `fit`, `create` and `train` as it is, and a configuration into `create`. */
import { presets, type Recipe, RQVAE, suggestConfig } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { describe, expect, it } from "vitest";
import { catalogue, sameBits } from "../support/catalogue.ts";

const items = catalogue(120, 8);
const recipes: [string, Recipe][] = [
  ["suggestConfig", suggestConfig({ n: 120, inputDim: 8, codebookSize: 8, seed: 3 })],
  ["presets.hopwise", presets.hopwise({ inputDim: 8, seed: 3 })],
  ["presets.tiger", presets.tiger({ inputDim: 8, seed: 3 })],
];

describe.each(recipes)("the recipe of %s", (_, recipe) => {
  it("makes the same model by parts, whole, and by fit", async () => {
    const epochs = 2;
    using parts = await RQVAE.create(recipe.model);
    await parts.train(items, { ...recipe.train, epochs });
    using whole = await RQVAE.create(recipe);
    await whole.train(items, { ...recipe, epochs });
    using fitted = await RQVAE.fit(items, { ...recipe, epochs });
    expect(sameBits(whole.save(), parts.save())).toBe(true);
    expect(sameBits(fitted.save(), parts.save())).toBe(true);
    expect(fitted.history?.epochs).toHaveLength(parts.history!.epochs.length);
  });

  it("has options on top; one that is undefined leaves it as it is", async () => {
    using own = await RQVAE.create({ ...recipe, latentDim: 5, seed: undefined } as Recipe);
    expect(own.config).toMatchObject({ latentDim: 5, seed: 3 });
  });
});

it("a recipe is taken in a worker as well", async () => {
  const [, recipe] = recipes[0]!;
  using whole = await RQVAE.create(recipe);
  await whole.train(items, { ...recipe, epochs: 2 });
  const worker = await RQVAEWorker.create(recipe);
  await worker.train(items, { ...recipe, epochs: 2 });
  expect(sameBits(await worker.save(), whole.save())).toBe(true);
  await worker.dispose();
});

it("a configuration makes such a model again, for any options", async () => {
  for (const options of [
    { inputDim: 8 },
    { inputDim: 8, codebookSize: [4, 8], sinkhornEpsilon: [0, 0.003], encodeBeam: 3, firstCodeWeight: 0.5 },
    { inputDim: 8, compat: "hopwise" as const },
    { inputDim: 8, codebookUpdate: "ema" as const, seed: 9 },
  ]) {
    using model = await RQVAE.create(options);
    using again = await RQVAE.create(model.config);
    expect(again.config).toEqual(model.config);
    expect(again.fingerprint).toBe(model.fingerprint);
  }
});

it("half a recipe is none, and an option of the other part is refused", async () => {
  const [, { model, train }] = recipes[0]!;
  await expect(RQVAE.create({ ...model, train } as object as Recipe)).rejects.toThrow('unknown option "train"');
  await expect(RQVAE.create({ model, train, epochs: 2 } as object as Recipe)).rejects.toThrow(
    "it is an option of training",
  );
  using own = await RQVAE.create(model);
  await expect(own.train(items, { model, train, latentDim: 2 } as object)).rejects.toThrow(
    "it is an option of the model",
  );
});

describe("progress", () => {
  const fractions = async (run: (onProgress: (event: { progress: number }) => void) => Promise<unknown>) => {
    const told: number[] = [];
    await run(({ progress }) => told.push(progress));
    return told;
  };

  it("rises from 0 to 1 over initialisation and training together", async () => {
    const many = catalogue(30_000, 32);
    using model = await RQVAE.create({ inputDim: 32, codebookSize: 128 });
    const phases = new Set<string>();
    const told = await fractions((onProgress) =>
      model.train(many, {
        epochs: 4,
        onProgress: (event) => {
          phases.add(event.phase);
          onProgress(event);
        },
      }),
    );
    expect(told.length).toBeGreaterThan(3);
    expect(phases).toEqual(new Set(["initialize", "train"]));
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told[0]).toBeGreaterThanOrEqual(0);
    expect(told[0]).toBeLessThan(0.2);
    expect(told.at(-1)).toBe(1);
  }, 120_000);

  it("ends at 1 where training ends early", async () => {
    using model = await RQVAE.create({ inputDim: 8, codebookSize: 8 });
    const told = await fractions((onProgress) =>
      model.train(items, {
        epochs: 400,
        learningRate: 1e-30,
        select: "loss",
        patience: 1,
        evaluateEvery: 1,
        onProgress,
      }),
    );
    expect(model.history?.stoppedEarly).toBe(true);
    expect(told.at(-1)).toBe(1);
  });
});
