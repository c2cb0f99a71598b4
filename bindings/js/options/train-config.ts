/** Options of training and of optimisers in, complete and checked configurations out. */

import { requireAttached } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";

export { useHints } from "./hints.ts";
export { checkCombinations } from "./model-combinations.ts";
export { nativeModelConfig, resolveModelConfig } from "./model-config.ts"; // whoever loads a model makes none

import { checkJobOptions, MAX_SIZE, OptionReader, show } from "../base/option-reader.ts";
import { call, option, valued, worded } from "../base/wording.ts";
import type { ModelConfig, OptimizerOptions, TrainConfig, TrainOptions } from "../types.ts";

/** Values of the enumerations, in the order of the C++ enumerations. */
const OPTIMIZERS = ["adam", "adamw", "adagrad", "sgd"] as const;
const SCHEDULES = ["constant", "cosine", "linear"] as const;
const SELECTIONS = ["last", "loss", "collision"] as const;

function readOptimizer(read: OptionReader, kind: (typeof OPTIMIZERS)[number]) {
  return {
    learningRate: read.number("learningRate", 1e-3, 0, Number.MAX_VALUE, true),
    encoderLearningRateScale: read.number("encoderLearningRateScale", 1, 0),
    decoderLearningRateScale: read.number("decoderLearningRateScale", 1, 0),
    codebookLearningRateScale: read.number("codebookLearningRateScale", 1, 0),
    gradientClip: read.number("gradientClip", 0, 0),
    weightDecay: read.number("weightDecay", 0, 0),
    beta1: read.number("beta1", 0.9, 0, 1 - 1e-9),
    beta2: read.number("beta2", 0.999, 0, 1 - 1e-9),
    epsilon: read.number("epsilon", kind === "adagrad" ? 1e-10 : 1e-8, 0, Number.MAX_VALUE, true),
    momentum: read.number("momentum", 0, 0, 1),
  };
}

/** Checks `OptimizerOptions` and gives what the binding reads. @throws InvalidInputError */
export function nativeOptimizerConfig(options: OptimizerOptions): object {
  const read = new OptionReader(options, "createOptimizer");
  const kind = read.choice("kind", OPTIMIZERS, "adam");
  const config = { kind: OPTIMIZERS.indexOf(kind), ...readOptimizer(read, kind) };
  read.refuseUnknown();
  return config;
}

/**
 * Fills in the defaults of `TrainOptions` and checks everything, callbacks included, for a model.
 * @throws InvalidInputError
 */
export function resolveTrainConfig(options: TrainOptions, model: ModelConfig, where = "train"): TrainConfig {
  const read = new OptionReader(options, where);
  const epochs = read.integer("epochs", 100, 1, 2 ** 30);
  const optimizer = read.choice("optimizer", OPTIMIZERS, "adam");
  const validationShare = read.number("validationShare", 0, 0, 0.5);
  const restart = readRestart(read, model, where);
  const config: TrainConfig = {
    epochs,
    batchSize: read.integer("batchSize", 1024, 1, MAX_SIZE),
    optimizer,
    ...readOptimizer(read, optimizer),
    schedule: read.choice("schedule", SCHEDULES, "constant"),
    warmup: read.number("warmup", 0, 0, 1),
    evaluateEvery: read.integer("evaluateEvery", Math.max(1, Math.floor(epochs / 50)), 1, 2 ** 30),
    validationShare,
    select: read.choice("select", SELECTIONS, validationShare > 0 ? "loss" : "last"),
    patience: read.integer("patience", 0, 0, 2 ** 30),
    deadCodeRestart: restart,
    residualNoise: read.number("residualNoise", 0, 0),
    separationWeight: read.number("separationWeight", 0, 0),
    separationMargin: read.number("separationMargin", 0.05, 0),
  };
  checkColumnNames(read, model.inputDim);
  checkJobOptions(read);
  checkCheckpointOptions(read);
  read.refuseUnknown();
  if (config.patience > 0 && config.select === "last") {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${option("patience")} stops when nothing better comes, but ${valued("select", "last")} has no measure of better${{ hint: worded`set ${option("validationShare")}, or ${valued("select", "loss")} or ${{ api: '"collision"', cli: "--select collision" }}` }}`;
  }
  return config;
}

function readRestart(read: OptionReader, model: ModelConfig, where: string): boolean {
  const value = read.get("deadCodeRestart") ?? false;
  if (value !== true && value !== false && value !== "withSinkhorn") {
    read.fail("deadCodeRestart", 'true, false or "withSinkhorn"');
  }
  if (value && model.codebookSimVq) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${option("deadCodeRestart")} cannot set a code of a SimVQ codebook, which only its projection moves${{ hint: "leave one of them out" }}`;
  }
  if (value === true && model.sinkhornEpsilon.some((epsilon) => epsilon > 0)) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${option("deadCodeRestart")} and ${option("sinkhornEpsilon")} both fill unused codes and work against each other${{ hint: worded`leave one of them out, or write ${option("deadCodeRestart", "withSinkhorn")} if you mean it` }}`;
  }
  return value !== false;
}

/** Checks `columnNames`, one for each of `dim` dimensions. */
export function checkColumnNames(read: OptionReader, dim: number): void {
  const names = read.get("columnNames");
  if (names === undefined) return;
  if (!Array.isArray(names) || names.length !== dim || !names.every((name) => typeof name === "string")) {
    read.fail("columnNames", `an array of ${dim} texts, one for each dimension of the items`);
  }
}

/** Checks `checkpoint` and `resume`. @throws InvalidInputError */
export function checkCheckpointOptions(read: OptionReader): void {
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

/** A configuration as the binding reads it: enumerations as numbers, the optimiser's in an object of its own. */
export function nativeTrainConfig(config: TrainConfig): object {
  return {
    ...config,
    schedule: SCHEDULES.indexOf(config.schedule),
    select: SELECTIONS.indexOf(config.select),
    optimizer: { ...config, kind: OPTIMIZERS.indexOf(config.optimizer) },
  };
}

/** The names of all options of training, for telling them from a model's; complete by its type. */
export const TRAIN_OPTION_NAMES: readonly string[] = Object.keys({
  epochs: 1,
  batchSize: 1,
  schedule: 1,
  warmup: 1,
  evaluateEvery: 1,
  validationShare: 1,
  select: 1,
  patience: 1,
  deadCodeRestart: 1,
  residualNoise: 1,
  separationWeight: 1,
  separationMargin: 1,
  optimizer: 1,
  learningRate: 1,
  encoderLearningRateScale: 1,
  decoderLearningRateScale: 1,
  codebookLearningRateScale: 1,
  gradientClip: 1,
  weightDecay: 1,
  beta1: 1,
  beta2: 1,
  epsilon: 1,
  momentum: 1,
  columnNames: 1,
  onProgress: 1,
  signal: 1,
  checkpoint: 1,
  resume: 1,
} satisfies Record<keyof TrainOptions, 1>);
