/** The library's options on the command line: each by its own name in kebab-case, some by a short one too, all by `--set`. */

import { InvalidInputError, RQVAEError } from "../base/errors.ts";
import { OPTIONS, type OptionDescription } from "../options/describe.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import type { ModelOptions, TrainOptions } from "../types.ts";
import { type Given, number, type Option, oneOf, typedName, UsageError, wholeNumber, wholeNumbers } from "./command.ts";
import { FileError } from "./files.ts";
import { wordWrap } from "./text.ts";
import { adviseFlag, flagName, kebab, messageOf, noteTyped } from "./words.ts";

/** What was given for the model and for its training, and nothing else. */
export interface GivenOptions {
  model: Partial<ModelOptions>;
  train: TrainOptions;
}

/** What a value is called in the help. */
const VALUES: Partial<Record<OptionDescription["kind"], string>> = {
  integer: "N",
  integers: "N,N",
  integerPerLevel: "N",
  number: "X",
  numberPerLevel: "X",
  choice: "NAME",
};
/** Columns of the help's right side. */
const HELP_WIDTH = 52;

/** Catalogues of different sizes: an option that is the same for all of them has that as its default. */
const SHAPES = [
  { n: 15, inputDim: 64 },
  { n: 1000, inputDim: 16 },
  { n: 1000, inputDim: 512 },
  { n: 30_000, inputDim: 384 },
  { n: 200_000, inputDim: 64 },
];

/**
 * What an option is when it is left out, in parentheses; "" where the help says it, and for switches that are off. Its spaces hold it
 * together on one line.
 */
function defaultText({ name, of, kind, default: value, help }: OptionDescription): string {
  if (help.includes("default")) return "";
  const chosen = SHAPES.map((shape) => (suggestConfig(shape)[of] as Record<string, unknown>)[name]);
  if (name === "latentDim" || chosen.some((each) => each !== undefined && !isSame(each, chosen[0]))) {
    return " (default:\u00a0chosen)";
  }
  if (name === "select") return " (default:\u00a0loss; last without items held out)";
  const fixed = chosen[0] ?? value;
  if (kind === "flag") return fixed === true ? " (default:\u00a0on)" : "";
  return ` (default:\u00a0${Array.isArray(fixed) ? fixed.join(",") : fixed})`;
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** The options as the parser and the help have them. */
export function cliOptions(options: readonly OptionDescription[]): Record<string, Option> {
  return Object.fromEntries(
    options.map((option) => {
      const { name, kind, help, choices = [] } = option;
      const value = VALUES[kind];
      const flag = flagName(option);
      const text = choices.every((choice) => help.includes(choice)) ? help : `${help}: ${either(choices)}`;
      const long = kebab(name);
      return [
        flag,
        {
          ...(value === undefined ? { takesWord: true } : { value }),
          ...(flag !== long && { also: long }),
          ...wordsOf(option),
          help: wordWrap(text + defaultText({ ...option, help: text }), HELP_WIDTH, "")
            .join("\n")
            .replaceAll("\u00a0", " "),
        },
      ];
    }),
  );
}

/** What can be said for it, where that is one of a few words. */
function wordsOf({ kind, choices, also }: OptionDescription): Pick<Option, "choices"> {
  if (kind === "flag") return { choices: ["true", "false", ...(also === undefined ? [] : [also])] };
  return choices ? { choices } : {};
}

const either = (words: readonly string[]) => `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** Some of the options, by the library's names; their help says what they are when they are left out, or what is said here. */
export function someOptions(names: Readonly<Record<string, string>>): Record<string, Option> {
  return cliOptions(
    Object.entries(names).map(([name, help]) => ({ ...OPTIONS.find((option) => option.name === name)!, help })),
  );
}

/** The sections of the help of commands that train: the options that most people need, and the others. */
export function trainingSections(options = OPTIONS): Record<string, Record<string, Option>> {
  const section = (part: OptionDescription["of"], isMain: boolean) =>
    cliOptions(options.filter((option) => option.of === part && (option.isMain ?? false) === isMain));
  return {
    Model: section("model", true),
    Training: {
      ...section("train", true),
      set: { value: "NAME=VALUE", repeats: true, help: "any option by the library's name" },
    },
    "More of the model": section("model", false),
    "More of the training": section("train", false),
  };
}

/**
 * The options of the library that were given, each by its own option or by `--set name=value`.
 * @throws UsageError for a value that cannot be read, an unknown name, or an option given in both ways.
 */
export function readOptions(given: Given, options = OPTIONS): GivenOptions {
  const values = { ...given.values };
  const typed = { ...given.typed };
  for (const assignment of given.lists.set ?? []) {
    const { option, value } = readAssignment(assignment, options);
    const flag = flagName(option);
    if (typed[flag]?.startsWith("--set ")) {
      throw new UsageError(`--set ${option.name} is given twice: give it once`);
    }
    if (given.values[flag] !== undefined) {
      throw new UsageError(`${typedName(given, flag)} and --set ${option.name} are the same option: give one of them`);
    }
    values[flag] = value;
    typed[flag] = `--set ${option.name}`;
    noteTyped(flag, `--set ${option.name}`);
  }
  const read: Record<OptionDescription["of"], Record<string, unknown>> = { model: {}, train: {} };
  for (const option of options) {
    const value = readValue({ ...given, values, typed }, option);
    if (value !== undefined) read[option.of][option.name] = value;
  }
  return read;
}

function readValue(given: Given, option: OptionDescription): unknown {
  const flag = flagName(option);
  switch (option.kind) {
    case "integer":
      return wholeNumber(given, flag, option.min);
    case "number":
      return number(given, flag);
    case "choice":
      return oneOf(given, flag, option.choices!);
    case "flag":
      return readFlag(given, flag, option.also);
    case "integers":
      return wholeNumbers(given, flag);
    case "integerPerLevel":
      return readCodes(given, flag);
    case "numberPerLevel":
      return oneOrEach(readNumbers(given, flag), given, flag);
  }
}

function readFlag(given: Given, flag: string, also?: string): unknown {
  const text = given.values[flag];
  if (text === undefined || text === true || text === also) return text;
  if (text === "true" || text === "false") return text === "true";
  throw new UsageError(
    `${typedName(given, flag)} must be true${also ? `, false or ${also}` : " or false"}, but is "${text}"`,
  );
}

/** Codes of the levels. */
export const readCodes = (given: Given, flag: string) => oneOrEach(wholeNumbers(given, flag), given, flag);

/** One number for all levels, or one for each. */
function oneOrEach(numbers: number[] | undefined, given: Given, flag: string): number | number[] | undefined {
  if (numbers?.length === 0) throw new UsageError(`${typedName(given, flag)} needs at least one number`);
  return numbers?.length === 1 ? numbers[0] : numbers;
}

/** Numbers separated by commas. */
function readNumbers(given: Given, flag: string): number[] | undefined {
  const text = given.values[flag];
  if (typeof text !== "string") return undefined;
  return text.split(",").map((part) => number({ ...given, values: { [flag]: part } }, flag)!);
}

function readAssignment(assignment: string, options: readonly OptionDescription[]) {
  const { name, value } = /^(?<name>\w+)=(?<value>.+)$/s.exec(assignment)?.groups ?? {};
  if (name === undefined || value === undefined) {
    throw new UsageError(`--set needs name=value, such as --set evaluateEvery=5, but is "${assignment}"`);
  }
  const option = options.find((each) => each.name === name);
  if (option !== undefined) return { option, value };
  if (name === "inputDim") throw new UsageError("--set inputDim: the items tell their dimension");
  if (name === "checkpoint" || name === "resume" || options.some((each) => each.flag === name)) {
    throw new UsageError(`--set ${name}: this is an option of its own, --${name}`);
  }
  throw new UsageError(`--set: unknown option "${name}"${adviseFlag(name, options.map(flagName))}`);
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
  return new UsageError(messageOf(error));
}

/** An object without its undefined entries. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}
