/** The library's options on the command line: those with a name of their own there, and all of them by `--set`. */

import { InvalidInputError, RQVAEError } from "../base/errors.ts";
import { checkOptionNames } from "../base/option-reader.ts";
import type { Wording } from "../base/wording.ts";
import { MODEL_OPTION_NAMES } from "../options/model-config.ts";
import { TRAIN_OPTION_NAMES } from "../options/train-config.ts";
import type { ModelOptions, TrainOptions } from "../types.ts";
import { type Given, number, oneOf, UsageError, wholeNumber, wholeNumbers } from "./command.ts";
import { FileError } from "./files.ts";
import { allowSetting, FLAGS, inCliWords, messageOf } from "./words.ts";

/** What was given for the model and for its training, and nothing else. */
export interface GivenOptions {
  model: Partial<ModelOptions>;
  train: TrainOptions;
}

type Name = keyof ModelOptions | keyof TrainOptions;

type Read = (given: Given, option: string) => unknown;

/** How the options that have a name of their own on the command line (`FLAGS`) are read. */
const own: Partial<Record<Name, Read>> = {
  nQuantizationLayers: wholeNumber,
  codebookSize: readCodes,
  latentDim: wholeNumber,
  hiddenDims: wholeNumbers,
  encodeBeam: wholeNumber,
  commitmentWeight: number,
  inputNoise: number,
  seed: (given, option) => wholeNumber(given, option, 0),
  compat: (given, option) => oneOf(given, option, ["none", "hopwise"]),
  epochs: wholeNumber,
  batchSize: wholeNumber,
  optimizer: (given, option) => oneOf(given, option, ["adam", "adamw", "adagrad", "sgd"]),
  learningRate: number,
  schedule: (given, option) => oneOf(given, option, ["constant", "cosine", "linear"]),
  warmup: number,
  weightDecay: number,
  gradientClip: number,
  validationShare: number,
  select: (given, option) => oneOf(given, option, ["last", "loss", "collision"]),
  patience: (given, option) => wholeNumber(given, option, 0),
  deadCodeRestart: ({ values }, option) => values[option],
};

/** Options of the library that are no values, or that the command sees to. */
const NOT_SET: readonly string[] = ["inputDim", "columnNames", "onProgress", "signal", "checkpoint", "resume"];
const SETTABLE = [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES].filter((name) => !NOT_SET.includes(name));
allowSetting(SETTABLE);

/**
 * The options of the library that were given, each by its own option or by `--set name=value`.
 * @throws UsageError for a value that cannot be read, an unknown name, or an option given in both ways.
 */
export function readOptions(given: Given): GivenOptions {
  const values = { ...given.values };
  const options: Record<string, unknown> = {};
  for (const assignment of given.lists.set ?? []) {
    const { name, value } = readAssignment(assignment);
    const twin = own[name as Name] && FLAGS[name];
    if (twin !== undefined && given.values[twin] !== undefined) {
      throw new UsageError(`--${twin} and --set ${name} are the same option: leave one of them out`);
    }
    // Where both read text, the way of the option of its own is also that of --set.
    if (twin !== undefined && name !== "deadCodeRestart") values[twin] = value;
    else options[name] = readValue(value);
  }
  for (const [name, read] of Object.entries(own)) {
    const value = read({ ...given, values }, FLAGS[name]!);
    if (value !== undefined) options[name] = value;
  }
  const entries = Object.entries(options);
  return {
    model: Object.fromEntries(entries.filter(([name]) => MODEL_OPTION_NAMES.includes(name))),
    train: Object.fromEntries(entries.filter(([name]) => !MODEL_OPTION_NAMES.includes(name))),
  };
}

/** One number for all levels, or one for each. */
export function readCodes(given: Given, option: string): number | number[] | undefined {
  const codes = wholeNumbers(given, option);
  if (codes?.length === 0) throw new UsageError(`--${option} needs at least one number`);
  return codes?.length === 1 ? codes[0] : codes;
}

function readAssignment(assignment: string): { name: string; value: string } {
  const { name, value } = /^(?<name>\w+)=(?<value>.+)$/s.exec(assignment)?.groups ?? {};
  if (name === undefined || value === undefined) {
    throw new UsageError(`--set needs name=value, such as --set evaluateEvery=5, but is "${assignment}"`);
  }
  if (name === "inputDim") throw new UsageError("--set inputDim: the items tell their dimension");
  if (name === "checkpoint" || name === "resume" || (!SETTABLE.includes(name) && isOwn(name))) {
    throw new UsageError(`--set ${name}: this is an option of its own, --${name}`);
  }
  try {
    checkOptionNames({ [name]: value }, "--set", SETTABLE);
  } catch (error) {
    throw error instanceof InvalidInputError ? new UsageError(`--set: ${messageOf(error)}`) : error;
  }
  return { name, value };
}

const isOwn = (option: string) => Object.keys(own).some((name) => FLAGS[name] === option);

/** true, a number, numbers separated by commas, or a word: the library checks it. */
function readValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!numbers.every(Number.isFinite)) return text;
  return numbers.length === 1 ? numbers[0] : numbers;
}

/** The call that complains and the option that it complains about, where an error is about one. */
export function subjectOf(error: unknown): { call?: string; option?: string } {
  if (!(error instanceof RQVAEError)) return {};
  const [first, second] = error.wording ?? [];
  if (typeof first !== "object" || !("call" in first)) return {};
  return { call: first.call, ...(typeof second === "object" && "option" in second && { option: second.option }) };
}

/**
 * The library's complaint about an option as one about the command line; what it says about the checkpoint as one about its file;
 * undefined for other errors.
 */
export function inCommandLine(error: unknown, checkpoint?: string): UsageError | FileError | undefined {
  const { call, option } = subjectOf(error);
  if (call === "resume" && checkpoint !== undefined) return new FileError(`${checkpoint}: ${messageOf(error)}`);
  if (option === undefined || !(error instanceof InvalidInputError)) return undefined;
  const [, , rest] = error.wording as Wording;
  // A value that is refused can only come from --set: the switch has none.
  if (option === "deadCodeRestart" && typeof rest === "string" && rest.startsWith(" must be")) {
    return new UsageError(`--set deadCodeRestart${inCliWords(error.wording!.slice(2))}`);
  }
  return new UsageError(messageOf(error));
}

/** An object without its undefined entries. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}
