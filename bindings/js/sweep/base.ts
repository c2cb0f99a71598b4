/** What the runs of a sweep have in common beside the data: the recipe that their settings are put on top of. */

import { chooseFirst, chooseRecipe } from "../model/choose-config.ts";
import { RQVAE } from "../model/rqvae.ts";
import { type PresetName, presets } from "../options/presets.ts";
import { resolveTrainConfig } from "../options/train-config.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, FitOptions, ItemMatrix, ModelConfig, Recipe, TrainConfig } from "../types.ts";
import type { Setting } from "./settings.ts";

/** The recipe of a sweep: what `RQVAE.fit` chooses for the items, or one of the field. */
export type RecipeName = "fit" | PresetName;

export interface Base {
  recipe: RecipeName;
  /** 16 hexadecimal digits over the recipe as it is for these items without any setting, and over how this release computes. */
  fingerprint: string;
}

/** The options of a run as `RQVAE.fit` takes them. */
export function optionsOf(recipe: RecipeName, setting: Setting, inputDim: number): FitOptions {
  if (recipe === "fit") return setting as FitOptions;
  const { model, train } = presets[recipe]({ inputDim });
  const { codebookSize } = setting;
  // Sizes for each level tell how many there are.
  const levels = typeof codebookSize === "object" ? { nQuantizationLayers: codebookSize.length } : {};
  return { model, train, ...levels, ...(setting as FitOptions) };
}

export async function baseOf(recipe: RecipeName, items: ItemMatrix | EmbeddingSource): Promise<Base> {
  const { model, train } = await checkSetting(recipe, items, {});
  const module = await native();
  const text = JSON.stringify({ model, train, numerics: module.buildInfo().numerics });
  return { recipe, fingerprint: hashOf(module, new TextEncoder().encode(text)) };
}

/**
 * The configuration of a setting, all but what `RQVAE.fit` chooses by a look at the items.
 * @throws InvalidInputError for values that are out of range or exclude each other; OutOfMemoryError.
 */
export async function checkSetting(
  recipe: RecipeName,
  items: ItemMatrix | EmbeddingSource,
  setting: Setting,
): Promise<{ model: ModelConfig; train: TrainConfig }> {
  const { chosen, model } = await chooseFirst(items, optionsOf(recipe, setting, items.dim));
  return { model, train: resolveTrainConfig(chosen.train, model) };
}

/** The complete recipe of a run, as `RQVAE.fit` would choose it. */
export function recipeOf(
  recipe: RecipeName,
  items: ItemMatrix | EmbeddingSource,
  setting: Setting,
  seed: number,
  signal: AbortSignal,
): Promise<Recipe> {
  return chooseRecipe(RQVAE.create, items, { ...optionsOf(recipe, setting, items.dim), seed, signal });
}
