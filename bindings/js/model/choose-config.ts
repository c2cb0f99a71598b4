/** What `RQVAE.fit` makes of items and options: a recipe for a catalogue of their size, with what was given on top. Internal. */

import { checkOptionNames, MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import { countRows, isSource } from "../items/embedding-source.ts";
import { impliedDim } from "../items/implied-dim.ts";
import {
  checkCombinations,
  MODEL_OPTION_NAMES,
  nativeModelConfig,
  resolveModelConfig,
} from "../options/model-config.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import { isRecipe, nativeTrainConfig, resolveTrainConfig, TRAIN_OPTION_NAMES } from "../options/train-config.ts";
import { tellLateError } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, FitOptions, Items, ModelOptions, Recipe, TrainHistory, TrainOptions } from "../types.ts";

/** What `fit` asks of the model that it makes. */
interface Trainable {
  readonly history: TrainHistory | undefined;
  train(items: Items | EmbeddingSource, options: TrainOptions): Promise<TrainHistory>;
  dispose(): void;
}

/** See `RQVAE.fit`. */
export async function fitModel<Model extends Trainable>(
  create: (options: ModelOptions) => Promise<Model>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<Model> {
  const chosen = await prepareFit(items, options);
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
 * Chooses, and asks whether the training would fit into memory before a model is made for it.
 * @throws InvalidInputError for items that cannot be read, or a bad option; OutOfMemoryError.
 */
async function prepareFit(items: Items | EmbeddingSource, options: FitOptions): Promise<Recipe> {
  const chosen = chooseConfig(items, options);
  const model = resolveModelConfig(chosen.model);
  checkCombinations(model, "RQVAE.create");
  const rows = countRows(items, model.inputDim);
  // What is resumed is trained by the options of its checkpoint; `train` asks then.
  if (!options.resume && rows > 0) {
    const training = nativeTrainConfig(resolveTrainConfig(chosen.train, model));
    (await native()).requireTrainingMemory(nativeModelConfig(model), training, rows, isSource(items));
  }
  return chosen;
}

function chooseConfig(items: Items | EmbeddingSource, options: FitOptions): Recipe {
  // An option belongs to the model if the model has one of that name; the rest is the training's.
  checkOptionNames(options, "RQVAE.fit", [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES, "model", "train"]);
  const { model, train, ...onTop } = options;
  const recipe = isRecipe(options) ? options : suggest(items, options);
  const given = Object.entries(isRecipe(options) ? onTop : options).filter(([, value]) => value !== undefined);
  const isModels = ([name]: [string, unknown]) => MODEL_OPTION_NAMES.includes(name);
  return {
    model: { ...recipe.model, ...Object.fromEntries(given.filter(isModels)) },
    train: { ...recipe.train, ...Object.fromEntries(given.filter((entry) => !isModels(entry))) },
  };
}

/** What suits a catalogue of the items' size. */
function suggest(items: Items | EmbeddingSource, options: Partial<ModelOptions>): Recipe {
  const implied = (options.inputDim ?? undefined) === undefined ? impliedDim(items) : undefined;
  const inputDim = new OptionReader(options, "RQVAE.fit").integer("inputDim", implied, 1, MAX_SIZE);
  const { nQuantizationLayers, codebookSize, seed, compat } = options;
  return suggestConfig({
    n: countRows(items, inputDim),
    inputDim,
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(seed === undefined ? {} : { seed }),
    ...(compat === undefined ? {} : { compat }),
  });
}
