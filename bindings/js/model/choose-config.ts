/** What `RQVAE.fit` derives from items and options: a recipe for a catalogue of their size, overridden by the given options. Internal. */

import { checkOptionNames, MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import { countRows, isSource } from "../items/embedding-source.ts";
import { impliedDim } from "../items/implied-dim.ts";
import {
  checkCombinations,
  MODEL_OPTION_NAMES,
  nativeModelConfig,
  resolveModelConfig,
} from "../options/model-config.ts";
import { type CatalogueShape, suggestConfig } from "../options/suggest-config.ts";
import {
  checkCheckpointOptions,
  isRecipe,
  nativeTrainConfig,
  resolveTrainConfig,
  TRAIN_OPTION_NAMES,
} from "../options/train-config.ts";
import { tellLateError } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, FitOptions, Items, ModelConfig, ModelOptions, Recipe, TrainOptions } from "../types.ts";
import { type Measurable, measure } from "./measure-spectrum.ts";
import type { Models, Trainable } from "./trainable.ts";

/** See `RQVAE.fit`. */
export async function fitModel<Model extends Trainable>(
  models: Models<Model>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<Model> {
  const { model, train } = await beginFit(models, items, options);
  const { history } = model; // of a model that is trained further
  try {
    await model.train(items, train);
  } catch (error) {
    if (model.history === undefined || model.history === history) {
      model.dispose();
      throw error;
    }
    tellLateError("fit", error);
  }
  return model;
}

/** The model to train, and how: a new one, or with `from` one to train further. */
export async function beginFit<Model extends Trainable>(
  models: Models<Model>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<{ model: Model; train: TrainOptions; reasons?: readonly string[] }> {
  requireFitOptions(options);
  if (options.from !== undefined) return (await import("./retrain.ts")).beginRetraining(models, items, options);
  const { model, ...chosen } = await chooseRecipe((of) => models.create(of), items, options);
  return { ...chosen, model: await models.create(model) };
}

/** An option belongs to the model if the model has one of that name; the rest is the training's. */
function requireFitOptions(options: FitOptions): void {
  checkOptionNames(options, "RQVAE.fit", [
    ...MODEL_OPTION_NAMES,
    ...TRAIN_OPTION_NAMES,
    ...(["model", "train", "reasons"] as const).filter((part) => isRecipe(options) || options[part] === undefined),
    "from",
  ]);
  checkCheckpointOptions(new OptionReader(options, "RQVAE.fit"));
}

/** What is chosen before anybody looks at the items. */
interface FirstChoice {
  chosen: Recipe;
  model: ModelConfig;
  /** What it goes by, where a look at the items may change it. */
  shape: CatalogueShape | undefined;
}

/**
 * Chooses a configuration, and checks that training would fit into memory before making a model. Errors come before time is spent on
 * measuring the items.
 * @throws InvalidInputError for unreadable items or a bad option; OutOfMemoryError.
 */
export async function chooseRecipe(
  create: (options: ModelOptions) => Promise<Measurable>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<Recipe> {
  const { chosen, model, shape } = await chooseFirst(items, options);
  if (!shape || options.latentDim !== undefined) return chosen;
  // A checkpoint has the width that its items were given.
  if (options.resume) {
    const { latentDimOf } = await import("../model-file/checkpoint.ts");
    return withOptions(chosen, { latentDim: await latentDimOf(options.resume) });
  }
  // The directions are those of a latent space that starts as PCA of the items as they are.
  if (model.linearSkip !== "pca" || model.inputScaling !== "commonScale" || model.compat !== "none") return chosen;
  const { inputDim, nQuantizationLayers, codebookSize, seed } = model;
  const { onProgress, signal } = options;
  const started = performance.now();
  const spectrum = await measure(create, items, {
    ...{ inputDim, nQuantizationLayers, codebookSize, seed },
    ...(signal && { signal }),
    ...(onProgress && {
      onProgress: () =>
        onProgress({
          phase: "measure",
          progress: 0,
          epoch: 0,
          epochs: chosen.train.epochs!,
          step: 0,
          totalSteps: 0,
          itemWarnings: [],
          newEpochs: [],
          elapsedMs: performance.now() - started,
        }),
    }),
  });
  const measured = suggested({ ...shape, spectrum }, options);
  await requireMemory(items, measured, options);
  return measured;
}

/** What `suggestConfig` says, with what was given on top. */
function suggested(shape: CatalogueShape, options: FitOptions): Recipe {
  const { model, ...rest } = suggestConfig(shape);
  const { codebookRefine: _, ...others } = model; // SimVQ's codes are products of its own, which are not refined
  return withOptions({ ...rest, model: options.codebookSimVq ? others : model }, options);
}

/** The part of `chooseRecipe` that takes no time, with all of its checks: for those who have many trainings ahead. */
export async function chooseFirst(items: Items | EmbeddingSource, options: FitOptions): Promise<FirstChoice> {
  requireFitOptions(options);
  if (isRecipe(options)) {
    const { model, train, reasons: _, ...onTop } = options;
    const chosen = withOptions({ model, train }, onTop);
    return { chosen, model: await requireMemory(items, chosen, options), shape: undefined };
  }
  const shape = shapeOf(items, options);
  const chosen = suggested(shape, options);
  return { chosen, model: await requireMemory(items, chosen, options), shape };
}

/** @throws OutOfMemoryError */
async function requireMemory(items: Items | EmbeddingSource, chosen: Recipe, options: FitOptions) {
  const model = resolveModelConfig(chosen.model);
  checkCombinations(model, "RQVAE.create");
  const rows = countRows(items, model.inputDim);
  // A resumed training uses the options of its checkpoint; `train` checks those.
  if (!options.resume && rows > 0) {
    const training = nativeTrainConfig(resolveTrainConfig(chosen.train, model));
    (await native()).requireTrainingMemory(nativeModelConfig(model), training, rows, isSource(items));
  }
  return model;
}

/** A recipe overridden by the given options. */
function withOptions({ model, train, ...why }: Recipe, options: object): Recipe {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const isModels = ([name]: [string, unknown]) => MODEL_OPTION_NAMES.includes(name);
  return {
    ...why,
    model: { ...model, ...Object.fromEntries(given.filter(isModels)) },
    train: { ...train, ...Object.fromEntries(given.filter((entry) => !isModels(entry))) },
  };
}

/** What is known about the catalogue without reading it. */
function shapeOf(items: Items | EmbeddingSource, options: FitOptions): CatalogueShape {
  const implied = (options.inputDim ?? undefined) === undefined ? impliedDim(items) : undefined;
  const inputDim = new OptionReader(options, "RQVAE.fit").integer("inputDim", implied, 1, MAX_SIZE);
  const { nQuantizationLayers, codebookSize, seed, compat } = options;
  return {
    n: countRows(items, inputDim),
    inputDim,
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(seed === undefined ? {} : { seed }),
    ...(compat === undefined ? {} : { compat }),
  };
}
