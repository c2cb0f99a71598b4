/** What a sweep is asked for on the command line: `--set name=value,value` and `--seeds`, read and checked before anything runs. */

import { RQVAEError } from "../base/errors.ts";
import { toText, type Wording } from "../base/wording.ts";
import { counted, inNumber, thousands } from "../base/words.ts";
import { OPTIONS, type OptionDescription } from "../options/describe.ts";
import { explainName } from "../options/other-names.ts";
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

/** @throws Problems about each assignment that cannot be read */
export function readAxes(assignments: readonly string[]): Axis[] {
  const axes: Axis[] = [];
  const problems: string[] = [];
  for (const assignment of assignments) {
    try {
      const axis = readAxis(assignment);
      if (axes.some(({ option }) => option === axis.option)) {
        throw new UsageError(`--set ${axis.option.name} is given twice: write all its values in one --set`);
      }
      axes.push(axis);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(...(error instanceof Problems ? error.problems : [error.message]));
    }
  }
  if (problems.length > 0) throw new Problems(problems);
  return axes;
}

function readAxis(assignment: string): Axis {
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
  if (problems.length > 0) throw new Problems(problems);
  return { option, values };
}

/** By the library's name, the command line's, or both spellings of it. */
const findOption = (name: string): OptionDescription | undefined =>
  OPTIONS.find((each) => each.name === name || each.flag === name || kebab(each.name) === name);

/** For those who give an option as to `rqvae train`. */
export const adviseSetting = (name: string): string | undefined =>
  findOption(name) && `: in a sweep all options are settings: --set ${name}=...`;

/** @throws UsageError */
function optionOf(name: string): OptionDescription {
  const option = findOption(name);
  if (option?.name === "seed") throw new UsageError("--set seed: the seeds of the runs are given by --seeds");
  if (option) return option;
  if (name === "inputDim") throw new UsageError("--set inputDim: the dimension is that of the items");
  const names = OPTIONS.map((each) => each.name);
  const advice: Wording | undefined = explainName(name, names);
  const said = advice ? toText(advice) : suggest(name, names);
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
 * @throws Problems that names every setting which cannot be trained, and why.
 */
export async function planOf(
  axes: readonly Axis[],
  seeds: number,
  recipe: RecipeName,
  items: ItemMatrix | EmbeddingSource,
): Promise<Plan> {
  const count = countSettings(axes);
  if (count * seeds > MOST_RUNS) {
    throw new UsageError(
      `${thousands(count)} ${inNumber(count, "setting")} x ${seeds} ${inNumber(seeds, "seed")} are ${thousands(count * seeds)} runs; a sweep has at most ${thousands(MOST_RUNS)}`,
    );
  }
  const settings = settingsOf(axes);
  const baselines = new Map<string, Setting>();
  const refused = new Map<string, Setting[]>();
  for (const setting of settings) {
    try {
      const baseline = baselineOf(await checkSetting(recipe, items, setting));
      baselines.set(settingKey(baseline), baseline);
    } catch (error) {
      if (!(error instanceof RQVAEError)) throw error;
      const why = toText(error.wording, (part) => ("call" in part ? "" : undefined));
      refused.set(why, [...(refused.get(why) ?? []), setting]);
    }
  }
  if (refused.size > 0) {
    throw new Problems(
      [...refused].map(([why, [first, ...others]]) => {
        const more = others.length > 0 ? ` and ${thousands(others.length)} ${inNumber(others.length, "other")}` : "";
        return `${settingText(first!) || "the base"}${more}: ${why}`;
      }),
    );
  }
  return { settings, baselines: [...baselines.values()] };
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
