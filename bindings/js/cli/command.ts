import { parseArgs } from "node:util";
import { nearestName } from "../options/other-names.ts";
import { adviseFlag, noteTyped } from "./words.ts";

/** One option of a command, as it is parsed and as the help shows it. */
export interface Option {
  short?: string;
  /** What the value is called in the help; an option without it is a switch. */
  value?: string;
  /** Of a switch: `--name=word` is allowed beside `--name`. */
  takesWord?: boolean;
  /** Another name of it, which the help leaves out. */
  also?: string;
  /** May be given several times; otherwise the last one counts. */
  repeats?: true;
  /** The words that its value can be, for completion. */
  choices?: readonly string[];
  help: string;
}

/** The options that were given. */
export interface Given {
  /** A string for those with a value, true for switches. */
  values: Partial<Record<string, string | true>>;
  /** The values of those that may be given several times, in order. */
  lists: Partial<Record<string, string[]>>;
  positionals: string[];
  /** Each option as it was typed: "--learning-rate" or "-o". */
  typed: Partial<Record<string, string>>;
  /** All of it as it was typed. */
  args: readonly string[];
}

/** A subcommand of `rqvae`. */
export interface Command {
  name: string;
  summary: string;
  /** The positional arguments, as the usage line names them; one that ends in "..." may be repeated. */
  positionals: string[];
  /** What the positional arguments can be, where they are no files. */
  words?: readonly string[];
  /** An option with which the command takes no positional arguments. */
  standsAlone?: string;
  /** By the headings that the help has them under. */
  options: Record<string, Record<string, Option>>;
  /** Paragraphs of the help after the options. */
  notes: string;
  /** What to do about an option that it does not have, where it knows better than `adviseFlag`. */
  advise?(name: string): string | undefined;
  /** Resolves to the exit code. */
  run(given: Given): Promise<number>;
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

/**
 * Parses a command's arguments.
 * @throws UsageError naming the argument, with the nearest option when one is unknown.
 */
export function parseCommandLine(command: Command, args: string[]): Given {
  const shown: Record<string, Option> = Object.assign({}, ...Object.values(command.options));
  const names = new Map(Object.entries(shown).map(([name, { also }]) => [also ?? name, name]));
  const known: Record<string, Option> = { ...shown };
  for (const [also, name] of names) known[also] = shown[name]!;
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { short, value }]) => [
      name,
      { type: value ? ("string" as const) : ("boolean" as const), ...(short ? { short } : {}) },
    ]),
  );
  // Some programs take long names after one hyphen. Here -lr would be -l with the value r.
  const single = args.find((arg) => /^-[a-z][\w-]+/i.test(arg) && Object.hasOwn(known, arg.slice(1).split("=")[0]!));
  if (single !== undefined) throw new UsageError(`${single} needs two hyphens: -${single}`);
  // Not strict: the checks below say more than parseArgs does.
  const { tokens, positionals } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const values: Given["values"] = {};
  const lists: Given["lists"] = {};
  const typed: Given["typed"] = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (!option) {
      const advice = command.advise?.(token.name) ?? adviseFlag(token.name, Object.keys(known));
      throw new UsageError(`unknown option ${token.rawName}${advice}`);
    }
    if (!option.value && !option.takesWord && token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value`);
    if (option.value && (token.value === undefined || token.value === "")) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}`);
    }
    const name = names.get(token.name) ?? token.name;
    const before = typed[name];
    if (before !== undefined && before !== token.rawName && !option.repeats) {
      throw new UsageError(`${before} and ${token.rawName} are the same option: give one of them`);
    }
    typed[name] = token.rawName;
    noteTyped(name, token.rawName);
    if (option.repeats) lists[name] = [...(lists[name] ?? []), token.value as string];
    else values[name] = option.value || token.value ? (token.value as string) : true;
  }
  const given = { values, lists, positionals, typed, args };
  if (values.help) return given;
  const isAlone = command.standsAlone !== undefined && values[command.standsAlone] !== undefined;
  const expected = isAlone ? [] : command.positionals;
  const missing = expected[positionals.length];
  if (missing) throw new UsageError(`${missing} is missing`);
  if (positionals.length > expected.length && !expected.at(-1)?.endsWith("...")) {
    throw new UsageError(`unexpected argument "${positionals[expected.length]}"`);
  }
  return given;
}

/** Columns that the names of options have in a help page. */
const LEFT = 26;

/** How a command is called. */
export const usageOf = ({ name, positionals }: Command): string =>
  ["rqvae", name, ...positionals, "[options]"].join(" ");

/** The help page of a command. */
export function helpOf(command: Command): string {
  const leftOf = (name: string, { short, value }: Option) =>
    `  ${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`;
  const names = Object.values(command.options).flatMap((options) => Object.entries(options));
  // What is longer has a line of its own.
  const width = Math.max(...names.map(([name, option]) => leftOf(name, option).length).filter((w) => w <= LEFT)) + 2;
  const indent = `\n${" ".repeat(width)}`;
  const groups = Object.entries(command.options).map(([heading, options]) => {
    const rows = Object.entries(options).map(([name, option]) => {
      const left = leftOf(name, option);
      return `${left.length > LEFT ? left + indent : left.padEnd(width)}${option.help.replaceAll("\n", indent)}\n`;
    });
    return `${heading}:\n${rows.join("")}`;
  });
  return [`${command.summary}\n`, `Usage: ${usageOf(command)}\n`, ...groups, command.notes].join("\n");
}

/** `; did you mean report?` for the nearest of the words, or nothing when none is near. */
export function suggest(word: string, words: string[]): string {
  const nearest = nearestName(word, words);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}

/** An option as it was typed, or else by its long name: for messages about it. */
export const typedName = (given: Given, name: string): string => given.typed[name] ?? `--${name}`;

/** NaN for what is no number. */
const parseNumber = (text: string) => (text.trim() === "" ? Number.NaN : Number(text));

/** A whole number given to an option, `least` or more. @throws UsageError */
export function wholeNumber(given: Given, name: string, least = 1): number | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  const value = parseNumber(text);
  if (!Number.isInteger(value))
    throw new UsageError(`${typedName(given, name)} must be a whole number, but is "${text}"`);
  if (value < least) throw new UsageError(`${typedName(given, name)} must be at least ${least}, but is ${text}`);
  return value;
}

/** A number given to an option. @throws UsageError */
export function number(given: Given, name: string): number | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  const value = parseNumber(text);
  if (Number.isNaN(value)) throw new UsageError(`${typedName(given, name)} must be a number, but is "${text}"`);
  if (!Number.isFinite(value))
    throw new UsageError(`${typedName(given, name)} must be a finite number, but is ${text}`);
  return value;
}

/** Whole numbers from 1 separated by commas; "none" gives an empty list. @throws UsageError */
export function wholeNumbers(given: Given, name: string): number[] | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  if (text === "none") return [];
  const values = text.split(",").map(parseNumber);
  if (!values.every(Number.isInteger)) {
    throw new UsageError(
      `${typedName(given, name)} must be whole numbers separated by commas, such as 256,128, but is "${text}"`,
    );
  }
  const small = values.find((value) => value < 1);
  if (small !== undefined) {
    throw new UsageError(
      `${typedName(given, name)} must be at least 1${values.length > 1 ? " everywhere" : ""}, but is "${text}"`,
    );
  }
  return values;
}

/** One of a few words. @throws UsageError */
export function oneOf<T extends string>(given: Given, name: string, words: readonly T[]): T | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word) return word;
  throw new UsageError(
    `${typedName(given, name)} must be one of ${words.join(", ")}, but is "${text}"${suggest(text, [...words])}`,
  );
}

/** The text given to an option. */
export function text(given: Given, name: string): string | undefined {
  const value = given.values[name];
  return typeof value === "string" ? value : undefined;
}
