import { parseArgs } from "node:util";
import { nearestName } from "../option-reader.ts";

/** One option of a command, as it is parsed and as the help shows it. */
export interface Option {
  short?: string;
  /** What the value is called in the help; an option without it is a switch. */
  value?: string;
  help: string;
}

/** The options that were given: a string for those with a value, true for switches. */
export interface Given {
  values: Partial<Record<string, string | true>>;
  positionals: string[];
}

/** A subcommand of `rqvae`. */
export interface Command {
  name: string;
  summary: string;
  /** The positional arguments, as the usage line names them. */
  positionals: string[];
  options: Record<string, Option>;
  /** Paragraphs of the help after the options. */
  notes: string;
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
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { short, value }]) => [
      name,
      { type: value ? ("string" as const) : ("boolean" as const), ...(short ? { short } : {}) },
    ]),
  );
  // Not strict: the checks below say more than parseArgs does.
  const { tokens, positionals } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const values: Given["values"] = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
    if (!option) {
      throw new UsageError(`unknown option ${token.rawName}${suggest(token.name, Object.keys(command.options), "--")}`);
    }
    if (!option.value && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    if (option.value && (token.value === undefined || token.value === "")) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}`);
    }
    values[token.name] = option.value ? (token.value as string) : true;
  }
  if (values.help) return { values, positionals };
  const missing = command.positionals[positionals.length];
  if (missing) throw new UsageError(`${missing} is missing`);
  if (positionals.length > command.positionals.length) {
    throw new UsageError(`unexpected argument "${positionals[command.positionals.length]}"`);
  }
  return { values, positionals };
}

/** The help page of a command. */
export function helpOf(command: Command): string {
  const rows = Object.entries(command.options).map(([name, { short, value, help }]) => ({
    left: `${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return [
    `${command.summary}\n`,
    `Usage: rqvae ${command.name} ${command.positionals.join(" ")} [options]\n`,
    "Options:",
    ...rows.map(({ left, help }) => `  ${left.padEnd(width)}${help.replaceAll("\n", `\n${" ".repeat(width + 2)}`)}`),
    "",
    command.notes,
  ].join("\n");
}

/** `; did you mean --epochs?` for the nearest of the names, or nothing when none is near. */
export function suggest(name: string, names: string[], prefix = ""): string {
  const nearest = name.length < 3 ? undefined : nearestName(name, names);
  return nearest === undefined ? "" : `; did you mean ${prefix}${nearest}?`;
}

/** A whole number given to an option. @throws UsageError */
export function wholeNumber(given: Given, name: string): number | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} must be a whole number, but is "${text}"`);
  return Number(text);
}

/** A number given to an option. @throws UsageError */
export function number(given: Given, name: string): number | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  if (!Number.isFinite(Number(text))) throw new UsageError(`--${name} must be a number, but is "${text}"`);
  return Number(text);
}

/** Whole numbers separated by commas; "none" gives an empty list. @throws UsageError */
export function wholeNumbers(given: Given, name: string): number[] | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  if (text === "none") return [];
  if (!/^\d+(,\d+)*$/.test(text)) {
    throw new UsageError(`--${name} must be whole numbers separated by commas, such as 256,128, but is "${text}"`);
  }
  return text.split(",").map(Number);
}

/** One of a few words. @throws UsageError */
export function oneOf<T extends string>(given: Given, name: string, words: readonly T[]): T | undefined {
  const text = given.values[name];
  if (typeof text !== "string") return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word) return word;
  throw new UsageError(`--${name} must be one of ${words.join(", ")}, but is "${text}"${suggest(text, [...words])}`);
}

/** The text given to an option. */
export function text(given: Given, name: string): string | undefined {
  const value = given.values[name];
  return typeof value === "string" ? value : undefined;
}
