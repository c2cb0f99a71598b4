/** What `RQVAE.fit` does with `from`: it trains a model further, with options for that, and leaves the given one as it is. Internal. */

import { invalid } from "../base/errors.ts";
import { isSame } from "../base/file-values.ts";
import { show } from "../base/option-reader.ts";
import { call, option, worded } from "../base/wording.ts";
import { counted, percent } from "../base/words.ts";
import type { ItemId } from "../ids/item-id.ts";
import { countRows, isSource } from "../items/embedding-source.ts";
import { type Matrix, readItemRows, readSourceRows } from "../items/item-rows.ts";
import { inWhole } from "../items/items.ts";
import { sampleRows } from "../items/sample.ts";
import { readFrom } from "../model-file/source.ts";
import { MODEL_OPTION_NAMES, resolveModelConfig } from "../options/model-config.ts";
import { suggestRetraining } from "../options/suggest-retraining.ts";
import { isRecipe, TRAIN_OPTION_NAMES } from "../options/train-config.ts";
import { Stop } from "../runtime/jobs.ts";
import type {
  EmbeddingSource,
  FitOptions,
  ItemMatrix,
  Items,
  ModelConfig,
  ModelOptions,
  TrainOptions,
} from "../types.ts";
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
): Promise<{ model: Model; train: TrainOptions; reasons?: readonly string[] }> {
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
    if (options.resume) {
      await requireOrigin(options.resume, model.fingerprint);
      return { model, train: Object.fromEntries(ofTraining) }; // the checkpoint has what was chosen
    }
    const rows = countRows(items, model.config.inputDim);
    const newKind = await newKindOf(model, items, rows, options);
    const asked: TrainOptions = Object.fromEntries(ofTraining);
    const chosen = { ...suggestRetraining(rows, model.config, newKind, asked.stability), ...asked };
    return { model, train: chosen, ...(newKind > 0 && { reasons: [reasonOf(newKind, chosen, model.config)] }) };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** @throws InvalidInputError if the checkpoint's training started from another trained model */
async function requireOrigin(resume: Uint8Array, now: string): Promise<void> {
  const { originOf } = await import("../model-file/checkpoint.ts");
  const from = await originOf(resume);
  if (from === undefined || from === now) return;
  throw invalid(
    "CHECKPOINT_MISMATCH",
  )`${call("resume")}the checkpoint's training started from model ${from}, but ${option("from")} is now model ${now}${{ hint: worded`give the same model, or start again without ${option("resume")}` }}`;
}

/** Items of either kind that are looked at, at most. */
const LOOKED_AT = 2048;
/** From this on, new items are of a new kind. Those of the kinds that a model knows have up to 1.3 times the error of what it was trained on. */
const GREATER = 1.35;
/** So are those whose errors have a direction in common: their mean has this share of their size, and this multiple of what chance gives it. */
const COMMON = 0.02;
const BEYOND_CHANCE = 3;

/** How many items are of a kind that the old model was not made for: all new ones or none, and none where nobody says which items are new. */
async function newKindOf(
  model: Trainable,
  items: Items | EmbeddingSource,
  rows: number,
  { itemIds, published, signal }: TrainOptions,
): Promise<number> {
  // What else is wrong with them, `train` says.
  if (!isList(itemIds) || itemIds.length !== rows || !isList(published?.itemIds)) return 0;
  if (!model.initialized || model.part !== "full") return 0;
  const ids = new Set(Array.from(published.itemIds));
  const [known, added]: [number[], number[]] = [[], []];
  for (let row = 0; row < rows; row++) (ids.has(itemIds[row]!) ? known : added).push(row);
  if (known.length === 0 || added.length === 0) return 0;
  const dim = model.config.inputDim;
  const all = isSource(items)
    ? readSourceRows(items, rows, "RQVAE.fit", dim, new Stop(signal))
    : readItemRows(items, rows, "RQVAE.fit", dim);
  const errors = async (of: number[]) => {
    const chosen = sampleRows(of.length, LOOKED_AT).map((i) => of[i]!);
    const taken = await all.take(chosen);
    try {
      return errorsOf(model, taken);
    } catch (error) {
      throw inWhole(error, (row) => chosen[row]!);
    }
  };
  const [before, now] = [await errors(known), await errors(added)];
  const common = now.mean.reduce((sum, error, j) => sum + (error - before.mean[j]!) ** 2, 0) / now.square;
  const isNew = now.square > GREATER * before.square || (common > COMMON && common * now.rows > BEYOND_CHANCE);
  return isNew ? added.length : 0;
}

const isList = (value: unknown): value is ArrayLike<ItemId> => Array.isArray(value) || ArrayBuffer.isView(value);

/** The mean of x - decode(encode(x)) over the items, and of its squared length. */
function errorsOf(model: Trainable, items: Matrix) {
  const { data, rows, dim } = items;
  const restored = model.reconstruct(items as ItemMatrix);
  const mean = new Float64Array(dim);
  let square = 0;
  for (let at = 0; at < data.length; at++) {
    const error = data[at]! - restored[at]!;
    mean[at % dim]! += error / rows;
    square += (error * error) / rows;
  }
  return { rows, mean, square };
}

function reasonOf(count: number, options: TrainOptions, { codebookSimVq }: ModelConfig): string {
  const { newItemRepeats = 1, freedShare = 0 } = options;
  const does = [
    ...(newItemRepeats > 1 ? [`trained ${newItemRepeats} times an epoch`] : []),
    // SimVQ's codes cannot be set.
    ...(freedShare > 0 && !codebookSimVq
      ? [`with first codes that up to ${percent(freedShare)} of the known items had`]
      : []),
  ];
  return [`${counted(count, "new item")} of a new kind`, ...(does.length > 0 ? [does.join(", ")] : [])].join(": ");
}

const defined = (options: object) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
