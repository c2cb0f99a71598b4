/** What `RQVAE.fit` makes of items and options: a recipe for a catalogue of their size, with what was given on top. Internal. */

import { checkArray } from "./attached.ts";
import { countRows, isSource } from "./embedding-source.ts";
import { InvalidInputError } from "./errors.ts";
import { checkCombinations } from "./model-combinations.ts";
import { MODEL_OPTION_NAMES, nativeModelConfig, resolveModelConfig } from "./model-config.ts";
import { native } from "./native.ts";
import { checkOptionNames, hints, show } from "./option-reader.ts";
import type { Recipe } from "./presets.ts";
import { suggestConfig } from "./suggest-config.ts";
import { nativeTrainConfig, resolveTrainConfig, TRAIN_OPTION_NAMES } from "./train-config.ts";
import type { EmbeddingSource, Items, ModelOptions, TrainOptions } from "./types.ts";

/**
 * Chooses, and asks whether the training would fit into memory before a model is made for it.
 * @throws InvalidInputError for items that cannot be read, or a bad option; OutOfMemoryError.
 */
export async function prepareFit(
  items: Items | EmbeddingSource,
  options: Partial<ModelOptions> & TrainOptions,
): Promise<Recipe> {
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

function chooseConfig(items: Items | EmbeddingSource, options: Partial<ModelOptions> & TrainOptions): Recipe {
  // An option belongs to the model if the model has one of that name; the rest is the training's.
  checkOptionNames(options, "RQVAE.fit", [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES]);
  const inputDim = options.inputDim ?? impliedDim(items);
  const n = countRows(items, inputDim);
  const { nQuantizationLayers, codebookSize, seed, compat } = options;
  const { model, train } = suggestConfig({
    n,
    inputDim,
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(seed === undefined ? {} : { seed }),
    ...(compat === undefined ? {} : { compat }),
  });
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const isModels = ([name]: [string, unknown]) => MODEL_OPTION_NAMES.includes(name);
  return {
    model: { ...model, ...Object.fromEntries(given.filter(isModels)) },
    train: { ...train, ...Object.fromEntries(given.filter((entry) => !isModels(entry))) },
  };
}

const isNothing = (items: unknown) => items === undefined || items === null || typeof items !== "object";

/** The dimension that items tell of themselves; a flat array tells none. */
export function impliedDim(items: Items | EmbeddingSource, where = "RQVAE.fit"): number {
  checkArray(items, `${where}: items`);
  if (Array.isArray(items)) checkArray(items[0], `${where}: items: row 0`);
  const dim = Array.isArray(items) ? items[0]?.length : (items as { dim?: number })?.dim;
  if (typeof dim === "number" && Number.isInteger(dim) && dim > 0) return dim;
  if (Array.isArray(items) && items.length === 0) {
    throw new InvalidInputError(`${where}: items: there are no rows; at least one item is needed`);
  }
  const advice = hints.items?.(items, "items");
  throw new InvalidInputError(
    advice === undefined || items instanceof Float32Array || items instanceof Float64Array
      ? `${where}: items do not tell their dimension: pass { data, rows, dim }, an array of rows, or the option inputDim with a flat array${isNothing(items) ? `, received ${show(items)}` : ""}`
      : `${where}: items must be { data, rows, dim } or an array of rows, ${advice}`,
  );
}
