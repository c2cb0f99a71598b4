/** The library's messages in the words of the command line, made from their parts. */

import { RQVAEError } from "../base/errors.ts";
import { type OptionValue, toText, type Wording, type WordingPart } from "../base/wording.ts";
import { explainName, nearestName, optionNamed } from "../options/other-names.ts";
import { shellWord } from "./text.ts";

/** Options of the library that have an option of the command line. */
export const FLAGS: Readonly<Record<string, string>> = {
  nQuantizationLayers: "levels",
  codebookSize: "codes",
  latentDim: "latent",
  hiddenDims: "hidden",
  encodeBeam: "beam",
  commitmentWeight: "commitment",
  inputNoise: "noise",
  seed: "seed",
  compat: "compat",
  epochs: "epochs",
  batchSize: "batch",
  optimizer: "optimizer",
  learningRate: "lr",
  schedule: "schedule",
  warmup: "warmup",
  weightDecay: "weight-decay",
  gradientClip: "clip",
  validationShare: "validation",
  select: "select",
  patience: "patience",
  deadCodeRestart: "restart-dead-codes",
  // Of other calls than create and train.
  n: "capacity",
  levels: "levels",
  beam: "beam",
  tensor: "tensor",
  column: "column",
  listColumn: "column",
  embedding: "embedding",
  skipInvalid: "skip-invalid",
  labels: "labels",
  itemIds: "item-ids",
  itemId: "id-column",
  checkpoint: "checkpoint",
  resume: "resume",
};

/** Options of the library by `--set name=value`. Filled by options.ts, which knows them. */
const settable = new Set<string>();
export const allowSetting = (names: Iterable<string>): void => {
  for (const name of names) settable.add(name);
};

/** What people type for options that are about files. */
const TYPED: Readonly<Record<string, string>> = {
  out: "output",
  outfile: "output",
  "output-file": "output",
  title: "labels",
  titles: "labels",
  names: "labels",
  "title-file": "labels",
  "labels-file": "labels",
  "embedding-column": "column",
  key: "tensor",
  array: "tensor",
  overwrite: "force",
  silent: "quiet",
};

/** An option as it is typed, with its value: `--lr`, `--select loss`, `--set inputScaling=perDimension`. */
export function flagOf(name: string, value?: OptionValue): string | undefined {
  const flag = FLAGS[name];
  // The switch takes no value; one can only be given by --set.
  if (name === "deadCodeRestart" && value !== undefined && value !== true) return `--set ${name}=${value}`;
  if (flag !== undefined)
    return `--${flag}${value === undefined || value === true ? "" : ` ${shellWord(String(value))}`}`;
  return settable.has(name) ? `--set ${name}${value === undefined ? "" : `=${value}`}` : undefined;
}

function say(part: Exclude<WordingPart, string>): string | undefined {
  if ("call" in part) return "";
  if ("epoch" in part) return `epoch ${part.epoch + 1}`;
  if ("cli" in part) return part.cli;
  if (!("option" in part)) return undefined;
  // --set takes names, and complains about them.
  if (part.form === "quoted" && FLAGS[part.option] === undefined) return JSON.stringify(part.option);
  return flagOf(part.option, part.value);
}

/**
 * A message in the words of the command line.
 * @param items The file that the library calls items.
 */
export const inCliWords = (wording: Wording, items?: string): string =>
  toText(wording, (part) => ("argument" in part && part.argument === "items" ? items : say(part)));

/** What an error says, in the words of the command line where it is one of the library's. */
export function messageOf(error: unknown): string {
  if (error instanceof RQVAEError) return inCliWords(error.wording);
  return error instanceof Error ? error.message : String(error);
}

/**
 * What to do about an option that a command does not know.
 * @param known The command's options.
 */
export function adviseFlag(name: string, known: readonly string[]): string {
  const own = (flag: string | undefined) => (flag !== undefined && known.includes(flag) ? flag : undefined);
  const option = optionNamed(name);
  const flag =
    own(name.replaceAll("_", "-").toLowerCase()) ??
    own(option && FLAGS[option]) ??
    own(TYPED[name.replaceAll("_", "-")]);
  if (flag !== undefined) return `: it is called --${flag} here`;
  if (known.includes("set")) {
    if (option !== undefined && settable.has(option)) return `: write --set ${option}=VALUE`;
    const advice = explainName(name, [...settable]);
    if (advice !== undefined) return inCliWords(advice);
  }
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : `; did you mean --${nearest}?`;
}
