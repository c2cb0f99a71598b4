/** The library's options on the command line: those with a name of their own there, and all of them by `--set`. */

import { InvalidInputError, RQVAEError } from "../errors.ts";
import { MODEL_OPTION_NAMES } from "../model-config.ts";
import { checkOptionNames } from "../option-reader.ts";
import { TRAIN_OPTION_NAMES } from "../train-config.ts";
import type { ModelOptions, TrainOptions } from "../types.ts";
import { type Given, number, oneOf, UsageError, wholeNumber, wholeNumbers } from "./command.ts";
import { FileError } from "./files.ts";

/** What was given for the model and for its training, and nothing else. */
export interface GivenOptions {
  model: Partial<ModelOptions>;
  train: TrainOptions;
}

type Name = keyof ModelOptions | keyof TrainOptions;

/** Options of the library that have an option of the command line, and how that is read. */
const own: Partial<Record<Name, { option: string; read: (given: Given, option: string) => unknown }>> = {
  nQuantizationLayers: { option: "levels", read: wholeNumber },
  codebookSize: { option: "codes", read: readCodes },
  latentDim: { option: "latent", read: wholeNumber },
  hiddenDims: { option: "hidden", read: wholeNumbers },
  encodeBeam: { option: "beam", read: wholeNumber },
  commitmentWeight: { option: "commitment", read: number },
  inputNoise: { option: "noise", read: number },
  seed: { option: "seed", read: wholeNumber },
  compat: { option: "compat", read: (given, option) => oneOf(given, option, ["none", "hopwise"]) },
  epochs: { option: "epochs", read: wholeNumber },
  batchSize: { option: "batch", read: wholeNumber },
  optimizer: {
    option: "optimizer",
    read: (given, option) => oneOf(given, option, ["adam", "adamw", "adagrad", "sgd"]),
  },
  learningRate: { option: "lr", read: number },
  schedule: { option: "schedule", read: (given, option) => oneOf(given, option, ["constant", "cosine", "linear"]) },
  warmup: { option: "warmup", read: number },
  weightDecay: { option: "weight-decay", read: number },
  gradientClip: { option: "clip", read: number },
  validationShare: { option: "validation", read: number },
  select: { option: "select", read: (given, option) => oneOf(given, option, ["last", "loss", "collision"]) },
  patience: { option: "patience", read: wholeNumber },
  deadCodeRestart: { option: "restart-dead-codes", read: ({ values }, option) => values[option] },
};

/** Options of the library that are no values, or that the command sees to. */
const NOT_SET: readonly string[] = ["inputDim", "onProgress", "signal", "checkpoint", "resume"];
const SETTABLE = [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES].filter((name) => !NOT_SET.includes(name));

/**
 * The options of the library that were given, each by its own option or by `--set name=value`.
 * @throws UsageError for a value that cannot be read, an unknown name, or an option given in both ways.
 */
export function readOptions(given: Given): GivenOptions {
  const values = { ...given.values };
  const options: Record<string, unknown> = {};
  for (const assignment of given.lists.set ?? []) {
    const { name, value } = readAssignment(assignment);
    const twin = own[name as Name]?.option;
    if (twin !== undefined && given.values[twin] !== undefined) {
      throw new UsageError(`--${twin} and --set ${name} are the same option: leave one of them out`);
    }
    // Where both read text, the way of the option of its own is also that of --set.
    if (twin !== undefined && name !== "deadCodeRestart") values[twin] = value;
    else options[name] = readValue(value);
  }
  for (const [name, { option, read }] of Object.entries(own)) {
    const value = read({ ...given, values }, option);
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
    throw error instanceof InvalidInputError ? new UsageError(error.message) : error;
  }
  return { name, value };
}

const isOwn = (option: string) => Object.values(own).some((known) => known.option === option);

/** true, a number, numbers separated by commas, or a word: the library checks it. */
function readValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!numbers.every(Number.isFinite)) return text;
  return numbers.length === 1 ? numbers[0] : numbers;
}

/**
 * A message of the library in the words of the command line: `learningRate` is `--lr`, `gradientClip: 1` is `--clip 1`, and what has no
 * option of its own is `--set name=value`. Names that are also words are left alone unless a value follows.
 */
export function inOptionNames(message: string): string {
  const known = /\b([a-zA-Z]+)(?::? "(\w+)"|: (true|\d[\d.]*))?/g;
  return message.replaceAll(known, (whole, name: string, word?: string, other?: string) => {
    const value = word ?? other;
    if (!SETTABLE.includes(name) || (value === undefined && /^[a-z]+$/.test(name))) return whole;
    return optionOf(name, value);
  });
}

function optionOf(name: string, value: string | undefined): string {
  const option = own[name as Name]?.option;
  if (name === "deadCodeRestart" && (value === undefined || value === "true")) return `--${option}`;
  if (option === undefined || name === "deadCodeRestart")
    return `--set ${name}${value === undefined ? "" : `=${value}`}`;
  return `--${option}${value === undefined ? "" : ` ${value}`}`;
}

/**
 * The library's complaint about an option as one about the command line; what it says about the checkpoint as one about its file;
 * undefined for other errors.
 */
export function inCommandLine(error: unknown, checkpoint?: string): UsageError | FileError | undefined {
  if (!(error instanceof RQVAEError)) return undefined;
  const { where, complaint } =
    /^(?<where>[\w.]+): (?<complaint>.*)$/s.exec(error.message)?.groups ?? ({} as Record<string, string | undefined>);
  if (complaint === undefined) return undefined;
  if (where === "resume" && checkpoint !== undefined) return new FileError(`${checkpoint}: ${aboutResume(complaint)}`);
  if (
    !(error instanceof InvalidInputError) ||
    !/^(RQVAE\.create|train|residualKMeans|presets\.\w+)$/.test(where ?? "")
  ) {
    return undefined;
  }
  // "deadCodeRestart must be ..." is about a value, which only --set can give.
  if (complaint.startsWith("deadCodeRestart must")) return new UsageError(`--set ${complaint}`);
  const worded = inOptionNames(complaint);
  const [name = ""] = /^\w+/.exec(worded) ?? [];
  return new UsageError(SETTABLE.includes(name) ? optionOf(name, undefined) + worded.slice(name.length) : worded);
}

function aboutResume(complaint: string): string {
  const { name, rest } =
    /^the checkpoint was made with (?:the model's|training's) (?<name>\w+)(?<rest> .*)$/s.exec(complaint)?.groups ?? {};
  if (name !== undefined) return `the checkpoint was made with ${optionOf(name, undefined)}${rest}`;
  // What follows is about calls of the library.
  return complaint.replace(/, not a checkpoint: .*$/s, ", not a checkpoint: name the file that --checkpoint wrote");
}

/** An object without its undefined entries. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}
