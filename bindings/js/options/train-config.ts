/** Turns options of training and of optimisers into complete and checked configurations. */

import { requireAttached } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";

export { useHints } from "./hints.ts";
export { checkCombinations, nativeModelConfig, resolveModelConfig } from "./model-config.ts"; // not loaded by clients that only load models

import { checkJobOptions, OptionReader, show } from "../base/option-reader.ts";
import { call, option, worded } from "../base/wording.ts";
import type {
  CreateOptions,
  ModelConfig,
  ModelOptions,
  OptimizerOptions,
  Recipe,
  TrainConfig,
  TrainOptions,
} from "../types.ts";
import { checkExclusions, nativeConfig, resolve } from "./resolve.ts";
import { type Table, TRAIN } from "./table.ts";

const OPTIMIZER: Table = Object.fromEntries(Object.entries(TRAIN).filter(([, row]) => "isOptimizers" in row));

/** Checks `OptimizerOptions` and returns what the binding reads. @throws InvalidInputError */
export function nativeOptimizerConfig(options: OptimizerOptions): object {
  const read = new OptionReader(options, "createOptimizer");
  const config = resolve(read, "createOptimizer", OPTIMIZER);
  read.refuseUnknown();
  return nativeConfig(OPTIMIZER, config);
}

/** @throws InvalidInputError for options of new items where none is new */
function checkForNew(
  { newItemRepeats, freedShare, stability }: TrainConfig,
  { published, resume }: TrainOptions,
  where: string,
) {
  const asked = newItemRepeats > 1 ? "newItemRepeats" : freedShare > 0 ? "freedShare" : undefined;
  if (!asked || resume || (published && stability > 0)) return; // a checkpoint knows its published IDs
  const why = published ? worded`${option("stability")} is 0` : worded`there is no ${option("published")}`;
  throw invalid(
    "OPTIONS_CONFLICT",
  )`${call(where)}${option(asked)} is for new items where known ones hold their IDs, but ${why}${{ hint: worded`give ${option("published")}, with the model of these IDs as ${option("from")} and a ${option("stability")} above 0, or leave ${option(asked)} out` }}`;
}

/**
 * Fills in the defaults of `TrainOptions` and checks everything, callbacks included, for a model.
 * @throws InvalidInputError
 */
export function resolveTrainConfig(options: TrainOptions, model: ModelConfig, where = "train"): TrainConfig {
  const read = new OptionReader(options, where);
  const config = resolve(read, where, TRAIN);
  checkColumnNames(read, model.inputDim);
  for (const name of ["itemIds", "published"]) read.get(name); // checked when there are items
  checkJobOptions(read);
  checkCheckpointOptions(read);
  read.refuseUnknown();
  checkExclusions(TRAIN, where, config, options, model);
  checkForNew(config as unknown as TrainConfig, options, where);
  return config as unknown as TrainConfig;
}

/** Checks `columnNames`, one per dimension. */
export function checkColumnNames(read: OptionReader, dim: number): void {
  const names = read.get("columnNames");
  if (names === undefined) return;
  if (!Array.isArray(names) || names.length !== dim || !names.every((name) => typeof name === "string")) {
    read.fail("columnNames", `an array of ${dim} strings, one per dimension of the items`);
  }
}

/** Checks `checkpoint`, `snapshots` and `resume`. @throws InvalidInputError */
export function checkCheckpointOptions(read: OptionReader): void {
  const snapshots = read.get("snapshots") as { epochs?: unknown; write?: unknown } | undefined;
  if (snapshots !== undefined) {
    const { epochs, write } = snapshots ?? {};
    const isSo = Number.isSafeInteger(epochs) && (epochs as number) > 0 && typeof write === "function";
    if (!isSo)
      read.fail("snapshots", "{ epochs, write(bytes, epoch) } with a whole number of at least 1 and a function");
    if (read.get("resume") !== undefined) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${call("train")}${option("snapshots")} and ${option("resume")} do not go together: a checkpoint does not keep the models of earlier epochs`;
    }
  }
  const checkpoint = read.get("checkpoint");
  if (checkpoint !== undefined) {
    const { everyMs, write } = (checkpoint ?? {}) as { everyMs?: unknown; write?: unknown };
    if (typeof write !== "function") read.fail("checkpoint", "{ write(bytes), everyMs? } with a function write");
    if (everyMs !== undefined && !(typeof everyMs === "number" && everyMs >= 0)) {
      throw invalid(
        "OPTION_OUT_OF_RANGE",
      )`${call("train")}${option("checkpoint")}.everyMs must be a number of at least 0, received ${show(everyMs)}`;
    }
  }
  const resume = read.get("resume");
  if (resume !== undefined && !/^(Uint8Array|ArrayBuffer)$/.test(Object.prototype.toString.call(resume).slice(8, -1))) {
    read.fail("resume", "the bytes of a checkpoint (Uint8Array)");
  }
  if (resume !== undefined) requireAttached(resume as Uint8Array, "resume");
}

/** The options that a call uses: its own part of a recipe, overridden by the options next to the two parts. */
export function partOf(part: "model", options: CreateOptions): ModelOptions;
export function partOf(part: "train", options: TrainOptions & Partial<Recipe>): TrainOptions;
export function partOf(part: "model" | "train", options: object): object {
  if (!isRecipe(options)) return options;
  const { model, train, reasons: _, ...onTop } = options;
  const given = Object.entries(onTop).filter(([, value]) => value !== undefined);
  return { ...{ model, train }[part], ...Object.fromEntries(given) };
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;
export const isRecipe = (options: Partial<Recipe> | null): options is Recipe =>
  isObject(options?.model) && isObject(options?.train);

/** A configuration as the binding reads it. */
export const nativeTrainConfig = (config: TrainConfig): object => nativeConfig(TRAIN, config);

/** The options of training that are not values and do not affect its result; its type makes sure that it is complete. */
export const CALLBACK_NAMES: readonly string[] = Object.keys({
  columnNames: 1,
  itemIds: 1,
  published: 1,
  onProgress: 1,
  signal: 1,
  checkpoint: 1,
  snapshots: 1,
  resume: 1,
} satisfies Record<Exclude<keyof TrainOptions, keyof typeof TRAIN>, 1>);

/** The names of all options of training, for telling them from a model's. */
export const TRAIN_OPTION_NAMES: readonly string[] = [...Object.keys(TRAIN), ...CALLBACK_NAMES];
