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
import type { EmbeddingSource, FitOptions, Items, ModelOptions, Recipe, TrainHistory, TrainOptions } from "../types.ts";
import { type Measurable, measure } from "./measure-spectrum.ts";

/** What `fit` needs of the model that it makes. */
interface Trainable extends Measurable {
  readonly history: TrainHistory | undefined;
  train(items: Items | EmbeddingSource, options: TrainOptions): Promise<TrainHistory>;
}

/** See `RQVAE.fit`. */
export async function fitModel<Model extends Trainable>(
  create: (options: ModelOptions) => Promise<Model>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<Model> {
  const chosen = await chooseRecipe(create, items, options);
  const model = await create(chosen.model);
  try {
    await model.train(items, chosen.train);
  } catch (error) {
    if (model.history === undefined) {
      model.dispose();
      throw error;
    }
    tellLateError("fit", error);
  }
  return model;
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
  // An option belongs to the model if the model has an option of that name; the others belong to training.
  checkOptionNames(options, "RQVAE.fit", [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES, "model", "train", "reasons"]);
  checkCheckpointOptions(new OptionReader(options, "RQVAE.fit"));
  if (isRecipe(options)) {
    const { model, train, reasons: _, ...onTop } = options;
    const chosen = withOptions({ model, train }, onTop);
    await requireMemory(items, chosen, options);
    return chosen;
  }
  const shape = shapeOf(items, options);
  const chosen = withOptions(suggestConfig(shape), options);
  const model = await requireMemory(items, chosen, options);
  // Only a latent space that starts as the PCA of the unscaled items has these directions.
  const isMeasured = model.linearSkip === "pca" && model.inputScaling === "commonScale" && model.compat === "none";
  if (options.latentDim !== undefined || !isMeasured) return chosen;
  const { inputDim, nQuantizationLayers, codebookSize, seed } = model;
  const spectrum = await measure(create, items, {
    ...{ inputDim, nQuantizationLayers, codebookSize, seed },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return withOptions(suggestConfig({ ...shape, spectrum }), options);
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
  const { codebookRefine, ...others } = model;
  return {
    ...why,
    // SimVQ's codes are products, which cannot be refined.
    model: {
      ...("codebookSimVq" in options && options.codebookSimVq ? others : model),
      ...Object.fromEntries(given.filter(isModels)),
    },
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
