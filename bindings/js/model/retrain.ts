/** What `RQVAE.fit` does with `from`: it trains a model further, with options for that, and leaves the given one as it is. Internal. */

import { invalid } from "../base/errors.ts";
import { isSame } from "../base/file-values.ts";
import { show } from "../base/option-reader.ts";
import { call, option, worded } from "../base/wording.ts";
import { countRows, isSource } from "../items/embedding-source.ts";
import { readItemRows, readSourceRows } from "../items/item-rows.ts";
import { sampleRows } from "../items/sample.ts";
import { readFrom } from "../model-file/source.ts";
import { MODEL_OPTION_NAMES, resolveModelConfig } from "../options/model-config.ts";
import { suggestRetraining } from "../options/suggest-retraining.ts";
import { isRecipe, TRAIN_OPTION_NAMES } from "../options/train-config.ts";
import type { EmbeddingSource, FitOptions, Items, ModelConfig, ModelOptions, TrainOptions } from "../types.ts";
import type { Models, Trainable } from "./trainable.ts";

/** What only a model of these sizes and functions can have: the old weights, statistics and codes mean nothing in another one. */
const KEPT: readonly (keyof ModelConfig)[] = [
  "inputDim",
  "codebookSize",
  "nQuantizationLayers",
  "latentDim",
  "hiddenDims",
  "activation",
  "layerNorm",
  "linearSkip",
  "inputScaling",
  "codebookUpdate",
  "codebookSimVq",
  "encodeBeam",
  "firstCodeWeight",
  "compat",
];

/**
 * The options that change nothing of what the old model computes.
 * @throws InvalidInputError for those that do.
 */
function changedConfig(model: ModelConfig, given: Partial<ModelOptions>): Partial<ModelOptions> {
  const asked = Object.fromEntries(Object.entries(given).filter(([name]) => MODEL_OPTION_NAMES.includes(name)));
  const config = resolveModelConfig({ ...model, ...asked }, "RQVAE.fit");
  for (const name of KEPT) {
    if (isSame(config[name], model[name])) continue;
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call("RQVAE.fit")}${option(name)} is ${show(config[name])}, but that of the model in ${option("from")} is ${show(model[name])}: its weights and codes would mean nothing${{ hint: worded`leave ${option(name)} out, or train a new model without ${option("from")}` }}`;
  }
  return Object.fromEntries(
    Object.entries(asked).filter(
      ([name]) => !isSame(config[name as keyof ModelConfig], model[name as keyof ModelConfig]),
    ),
  );
}

/**
 * Loads the model to train further, and chooses how.
 * @throws InvalidInputError for an option that does not fit it; whatever `RQVAE.load` throws.
 */
export async function beginRetraining<Model extends Trainable>(
  models: Models<Model>,
  items: Items | EmbeddingSource,
  options: FitOptions,
): Promise<{ model: Model; train: TrainOptions }> {
  const { from, model: part, train, reasons: _, ...onTop } = options;
  const given: object = { ...(isRecipe(options) && { ...part, ...train }), ...defined(onTop) };
  const { bytes, config: beside } = await readFrom(from);
  let model = await models.load(bytes, beside && { config: beside });
  try {
    const changed = changedConfig(model.config, given);
    if (Object.keys(changed).length > 0) {
      const changing = await models.load(bytes, { config: { ...beside, ...changed } });
      model.dispose();
      model = changing;
    }
    const ofTraining = Object.entries(given).filter(([name]) => TRAIN_OPTION_NAMES.includes(name));
    const rows = countRows(items, model.config.inputDim);
    const chosen = suggestRetraining(rows, model.config, await noveltyOf(model, items, rows, options));
    return { model, train: { ...chosen, ...Object.fromEntries(ofTraining) } };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Items of either kind that are looked at, at most. */
const LOOKED_AT = 2048;

/** See `suggestRetraining`; 1 where nobody says which items are new. */
async function noveltyOf(
  model: Trainable,
  items: Items | EmbeddingSource,
  rows: number,
  { itemIds, published }: TrainOptions,
): Promise<number> {
  // What else is wrong with them, `train` says.
  if (!Array.isArray(itemIds) || itemIds.length !== rows || !Array.isArray(published?.itemIds)) return 1;
  const known = new Set(published.itemIds);
  const { inputDim } = model.config;
  const open = isSource(items) ? readSourceRows : readItemRows;
  const all = open(items as Items & EmbeddingSource, rows, "RQVAE.fit", inputDim);
  const error = async (isKnown: boolean) => {
    const found = Uint32Array.from(itemIds.keys()).filter((row) => known.has(itemIds[row]!) === isKnown);
    if (found.length === 0) return Number.NaN;
    const chosen = sampleRows(found.length, LOOKED_AT).map((i) => found[i]!);
    return model.forward(await all.take(chosen)).reconstructionLoss;
  };
  const novelty = (await error(false)) / (await error(true));
  return Number.isFinite(novelty) ? novelty : 1;
}

const defined = (options: object) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
