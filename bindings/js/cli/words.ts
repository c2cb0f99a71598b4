/** The library's messages in the words of the command line, made from their parts. */

import { RQVAEError } from "../base/errors.ts";
import { type OptionValue, toText, type Wording, type WordingPart } from "../base/wording.ts";
import { OPTIONS, type OptionDescription } from "../options/describe.ts";
import { explainName, nearestName, optionNamed } from "../options/other-names.ts";
import { shellWord } from "./text.ts";

/** `learningRate` as the command line writes it: `learning-rate`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The name by which an option is shown: its short one if it has any. */
export const flagName = ({ name, flag }: OptionDescription): string => flag ?? kebab(name);

/** What options of the library are called here. */
const FLAGS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(OPTIONS.map((described) => [described.name, flagName(described)])),
  // Of other calls than create and train.
  n: "capacity",
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
  from: "from",
  published: "published",
};
const SWITCHES = new Set(OPTIONS.filter(({ kind }) => kind === "flag").map(({ name }) => name));

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

/** Options of this run as they were typed, where that is not `--` and the name by which they are shown. */
const typed = new Map<string, string>();

/** Has messages call an option what the user called it: `--learning-rate`, or `--set learningRate`. */
export function noteTyped(flag: string, as: string): void {
  typed.set(flag, as);
}

/** An option as it is typed, with its value: `--lr`, `--select loss`, `--layer-norm=false`. */
export function flagOf(name: string, value?: OptionValue): string | undefined {
  const flag = FLAGS[name];
  if (flag === undefined) return undefined;
  const as = typed.get(flag) ?? `--${flag}`;
  if (value === undefined || (value === true && !as.startsWith("--set "))) return as;
  return `${as}${SWITCHES.has(name) || as.startsWith("--set ") ? "=" : " "}${shellWord(String(value))}`;
}

function say(part: Exclude<WordingPart, string>): string | undefined {
  if ("call" in part) return "";
  if ("epoch" in part) return `epoch ${part.epoch + 1}`;
  if ("cli" in part) return part.cli;
  if (!("option" in part)) return undefined;
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
    const advice = explainName(
      name,
      OPTIONS.map((described) => described.name),
    );
    if (advice !== undefined) return inCliWords(advice);
  }
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : `; did you mean --${nearest}?`;
}
