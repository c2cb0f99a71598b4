/** What a sweep is asked for on the command line: `--set name=value,value` and `--seeds`, read and checked before anything runs. */

import { RQVAEError } from "../base/errors.ts";
import { toText, type Wording } from "../base/wording.ts";
import { counted, inNumber, thousands } from "../base/words.ts";
import { OPTIONS, type OptionDescription } from "../options/describe.ts";
import { explainName, optionNamed } from "../options/other-names.ts";
import type { Value } from "../options/table.ts";
import { checkSetting, type RecipeName } from "../sweep/base.ts";
import {
  type Axis,
  baselineOf,
  countSettings,
  type Setting,
  settingKey,
  settingsOf,
  settingText,
  valueText,
} from "../sweep/settings.ts";
import type { EmbeddingSource, ItemMatrix } from "../types.ts";
import { suggest, UsageError } from "./command.ts";
import { FileError } from "./files.ts";
import { kebab } from "./words.ts";

/** More than anybody has the time for: a slip of the keyboard. */
const MOST_RUNS = 10_000;

/** What is wrong with several things at once, told together. */
export class Problems extends UsageError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`${counted(problems.length, "mistake")} in the settings, listed above: nothing was run`);
    this.problems = problems;
  }
}

/** What `--set` says. */
export interface Assigned {
  axes: Axis[];
  /** What cannot be read; the rest can be checked all the same. */
  problems: string[];
  /** Whether there is a value for each option that was to have one. */
  isWhole: boolean;
}

export function readAxes(assignments: readonly string[]): Assigned {
  const axes: Axis[] = [];
  const problems: string[] = [];
  for (const assignment of assignments) {
    try {
      const { problems: unread, ...axis } = readAxis(assignment);
      problems.push(...unread);
      if (axes.some(({ option }) => option === axis.option)) {
        throw new UsageError(`--set ${axis.option.name} is given twice: write all its values in one --set`);
      }
      axes.push(axis);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  const isWhole = axes.length === assignments.length && axes.every(({ values }) => values.length > 0);
  return { axes, problems, isWhole };
}

/** @throws UsageError */
function readAxis(assignment: string): Axis & { problems: string[] } {
  const { name, list } = /^(?<name>[\w-]+)=(?<list>.+)$/s.exec(assignment)?.groups ?? {};
  if (name === undefined || list === undefined) {
    throw new UsageError(
      `--set needs name=value,value, such as --set codebookSize=64,256, but is ${JSON.stringify(assignment)}`,
    );
  }
  const option = optionOf(name);
  const values: Value[] = [];
  const problems: string[] = [];
  for (const text of list.split(",")) {
    const { value, problem } = readValue(option, text.trim());
    if (value === undefined) problems.push(`--set ${option.name}: ${problem}`);
    else if (values.some((other) => valueText(other) === valueText(value))) {
      problems.push(`--set ${option.name}: ${valueText(value)} is given twice`);
    } else values.push(value);
  }
  return { option, values, problems };
}

/** By the library's name, the command line's, or both spellings of it. */
const findOption = (name: string): OptionDescription | undefined =>
  OPTIONS.find((each) => each.name === name || each.flag === name || kebab(each.name) === name);

/** For those who give an option as to `rqvae train`. */
export const adviseSetting = (name: string): string | undefined =>
  findOption(name) && `: in a sweep all options are settings: --set ${name}=...`;

/** Options of the library that are no settings, and what there is instead. */
const NO_SETTINGS: Readonly<Record<string, string>> = {
  inputDim: "the dimension is that of the items",
  resume: "to resume a sweep, run its command again",
  signal: "to stop a sweep, press Ctrl-C",
  onProgress: "a sweep reports its progress by itself",
};

/** @throws UsageError */
function optionOf(name: string): OptionDescription {
  const option = findOption(name);
  if (option?.name === "seed") throw new UsageError("--set seed: the seeds of the runs are given by --seeds");
  if (option) return option;
  const names = OPTIONS.map((each) => each.name);
  const instead = /^(num[_-]?)?(threads|workers)$/i.test(name)
    ? "give --threads, which holds for all runs"
    : NO_SETTINGS[optionNamed(name, names) ?? ""];
  if (instead) throw new UsageError(`--set ${name}: ${instead}`);
  const advice: Wording | undefined = explainName(name, names);
  const said = advice ? toText(advice, (part) => ("cli" in part ? part.cli : undefined)) : suggest(name, names);
  throw new UsageError(`--set ${name}: there is no such option${said}`);
}

const parseNumber = (text: string) => (text === "" ? Number.NaN : Number(text));

/** A value of an option; its range is checked with the setting that it is part of. */
function readValue(option: OptionDescription, text: string): { value?: Value; problem?: string } {
  if (text === "") return { problem: "a value is missing between two commas, or at the end" };
  const refuse = (rule: string) => ({ problem: `${JSON.stringify(text)} is not ${rule}` });
  switch (option.kind) {
    case "choice":
      return option.choices!.includes(text)
        ? { value: text }
        : refuse(`one of ${option.choices!.join(", ")}${suggest(text, [...option.choices!])}`);
    case "flag":
      if (text === "true" || text === "false") return { value: text === "true" };
      return text === option.also
        ? { value: text }
        : refuse(option.also ? `true, false or ${option.also}` : "true or false");
    case "integer":
    case "number": {
      const value = parseNumber(text);
      const isSo = option.kind === "integer" ? Number.isInteger(value) : Number.isFinite(value);
      return isSo ? { value } : refuse(option.kind === "integer" ? "a whole number" : "a number");
    }
    default: {
      if (option.kind === "integers" && text === "none") return { value: [] };
      const numbers = text.split("/").map(parseNumber);
      const isWhole = option.kind !== "numberPerLevel";
      if (!numbers.every((value) => (isWhole ? Number.isInteger(value) : Number.isFinite(value)))) {
        const what = isWhole ? "a whole number" : "a number";
        return refuse(`${what} or a list with slashes, such as ${isWhole ? "64/256/1024" : "0/0/0.003"}`);
      }
      return { value: option.kind !== "integers" && numbers.length === 1 ? numbers[0]! : numbers };
    }
  }
}

/** `3` for seeds 0, 1, 2; `5,8` for these two; `10:13` for 10, 11, 12. @throws UsageError */
export function readSeeds(text: string | undefined): number[] {
  if (text === undefined) return [0];
  const refuse = (why: string): never => {
    throw new UsageError(
      `--seeds must be how many (3), a list (5,8) or a range without its end (10:13), but is "${text}"${why}`,
    );
  };
  const number = (part: string): number => {
    const value = /^\d+$/.test(part.trim()) ? Number(part) : Number.NaN;
    return Number.isSafeInteger(value) ? value : refuse("");
  };
  const range = (from: number, to: number) => {
    if (to - from < 1) refuse(": there must be at least one");
    if (to - from > MOST_RUNS) refuse(`: that is more than ${thousands(MOST_RUNS)}`);
    return Array.from({ length: to - from }, (_, i) => from + i);
  };
  if (text.includes(":")) {
    const [from, to, ...rest] = text.split(":");
    return rest.length > 0 ? refuse("") : range(number(from!), number(to!));
  }
  if (!text.includes(",")) return range(0, number(text));
  const seeds = text.split(",").map(number);
  if (new Set(seeds).size < seeds.length) refuse(": a seed is given twice");
  return seeds;
}

/** What will be fitted. */
export interface Plan {
  settings: Setting[];
  baselines: Setting[];
}

/**
 * All settings, each checked with the items, and their baselines.
 * @throws Problems that names every value which cannot be read or is out of range, and every setting which cannot be trained, and why.
 */
export async function planOf(
  assigned: Assigned,
  seeds: number,
  recipe: RecipeName,
  items: ItemMatrix | EmbeddingSource,
): Promise<Plan> {
  const count = countSettings(assigned.axes);
  if (count * seeds > MOST_RUNS) {
    throw new UsageError(
      `${thousands(count)} ${inNumber(count, "setting")} x ${seeds} ${inNumber(seeds, "seed")} are ${thousands(count * seeds)} runs; a sweep has at most ${thousands(MOST_RUNS)}`,
    );
  }
  const { axes, outside } = await inRange(assigned.axes, recipe, items);
  const problems = [...assigned.problems, ...outside];
  // Without any value of an option, what goes with it cannot be told.
  const settings = assigned.isWhole ? settingsOf(axes) : [];
  const baselines = new Map<string, Setting>();
  const refused = new Map<string, Setting[]>();
  const trainings = new Map<string, Setting>();
  const twins = new Set<string>();
  for (const setting of settings) {
    try {
      const config = await checkSetting(recipe, items, setting);
      const baseline = baselineOf(config.model);
      baselines.set(settingKey(baseline), baseline);
      const key = JSON.stringify(config);
      const twin = trainings.get(key);
      if (twin) twins.add(twinText(setting, twin));
      else trainings.set(key, setting);
    } catch (error) {
      const why = reasonOf(error);
      refused.set(why, [...(refused.get(why) ?? []), setting]);
    }
  }
  for (const [why, [first, ...others]] of refused) {
    const more = others.length > 0 ? ` and ${thousands(others.length)} ${inNumber(others.length, "other")}` : "";
    problems.push(`${settingText(first!) || "the base"}${more}: ${why}`);
  }
  problems.push(...twins);
  if (problems.length > 0) throw new Problems(problems);
  return { settings, baselines: [...baselines.values()] };
}

/** The values that are in range, whatever other options are, and what is wrong with the others. */
async function inRange(
  axes: readonly Axis[],
  recipe: RecipeName,
  items: ItemMatrix | EmbeddingSource,
): Promise<{ axes: Axis[]; outside: string[] }> {
  const outside: string[] = [];
  const problemOf = async ({ name, kind }: OptionDescription, value: Value): Promise<string | undefined> => {
    // Such a list has the right length where there are as many levels.
    const levels = kind === "numberPerLevel" && typeof value === "object" ? { nQuantizationLayers: value.length } : {};
    try {
      await checkSetting(recipe, items, { ...levels, [name]: value });
    } catch (error) {
      const why = reasonOf(error);
      if ((error as RQVAEError).code === "OPTION_OUT_OF_RANGE") return why;
    }
    return undefined;
  };
  const good: Axis[] = [];
  for (const { option, values } of axes) {
    const kept: Value[] = [];
    for (const value of values) {
      const why = await problemOf(option, value);
      if (why === undefined) kept.push(value);
      else outside.push(`${settingText({ [option.name]: value })}: ${why}`);
    }
    good.push({ option, values: kept });
  }
  return { axes: good, outside };
}

/** Why a setting is refused. @throws any other error */
function reasonOf(error: unknown): string {
  if (!(error instanceof RQVAEError)) throw error;
  return toText(error.wording, (part) => ("call" in part ? "" : undefined));
}

/** Says that two settings, which are written in different ways, are one: by what differs. */
function twinText(setting: Setting, twin: Setting): string {
  const names = Object.keys(setting).filter((name) => valueText(setting[name]!) !== valueText(twin[name]!));
  const [one, other] = [setting, twin].map((each) =>
    settingText(Object.fromEntries(names.map((name) => [name, each[name]!]))),
  );
  return `${one} is the same setting as ${other}: leave out one of them`;
}

/** An option by its name alone, as of a share. @throws UsageError */
export const requireShare = (value: number, flag: string): number => {
  if (value > 0 && value <= 0.5) return value;
  throw new UsageError(`--${flag} must be above 0 and at most 0.5, but is ${value}`);
};

/** @throws FileError when a part has too few rows to be worth anything. */
export function requireParts(path: string, seen: number, heldOut: number, share: number): void {
  if (seen >= 2 && heldOut >= 2) return;
  throw new FileError(
    `${path}: --held-out ${share} of its different vectors leaves ${thousands(heldOut)} held out and ${thousands(seen)} to train on; at least 2 of each are needed`,
  );
}
