/** What a sweep trains: every combination of the values of some options, with several seeds. */

import type { OptionDescription } from "../options/describe.ts";
import type { Value } from "../options/table.ts";
import type { ModelConfig } from "../types.ts";

/** An option with the values that it takes in turn. */
export interface Axis {
  option: OptionDescription;
  values: readonly Value[];
}

/** Values of options, by the library's names. */
export type Setting = Readonly<Record<string, Value>>;

/** What a run fits: the model itself, or the baseline that it has to beat. */
export type Method = "rqvae" | "residualKMeans";

/** One model to be fitted and measured. */
export interface Run {
  method: Method;
  setting: Setting;
  seed: number;
}

/** Number of combinations; it may be far more than anybody wants to see listed. */
export const countSettings = (axes: readonly Axis[]): number =>
  axes.reduce((count, { values }) => count * values.length, 1);

/** All combinations, the last axis turning fastest. */
export function settingsOf(axes: readonly Axis[]): Setting[] {
  let settings: Setting[] = [{}];
  for (const { option, values } of axes) {
    settings = settings.flatMap((setting) => values.map((value) => ({ ...setting, [option.name]: value })));
  }
  return settings;
}

/**
 * The runs, seed by seed: whoever stops early has compared all settings by one seed. The baselines come first, since they take little
 * time and say what there is to beat.
 */
export const runsOf = (
  settings: readonly Setting[],
  baselines: readonly Setting[],
  seeds: readonly number[],
): readonly Run[] =>
  seeds.flatMap((seed) => [
    ...baselines.map((setting) => ({ method: "residualKMeans" as const, setting, seed })),
    ...settings.map((setting) => ({ method: "rqvae" as const, setting, seed })),
  ]);

/** The baseline of a model: k-means with the same codes and the same search. */
export const baselineOf = ({ codebookSize, encodeBeam }: ModelConfig): Setting => ({ codebookSize, encodeBeam });

/** The same text for the same setting, in whatever order its options were named. */
export const settingKey = (setting: Setting): string =>
  JSON.stringify(Object.entries(setting).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The same text for the same run. */
export const runKey = ({ method, setting, seed }: Run): string => `${method} ${settingKey(setting)} ${seed}`;

/** A value as it is written in a sweep: lists with slashes, since commas separate values. */
export const valueText = (value: Value): string =>
  typeof value === "object" ? value.join("/") || "none" : String(value);

/** `codebookSize=64/256 commitmentWeight=0.1` */
export const settingText = (setting: Setting): string =>
  Object.entries(setting)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(" ");

/** `codebookSize=64 seed=0`, or `residual k-means codebookSize=64 seed=0` */
export const runText = ({ method, setting, seed }: Run): string =>
  [...(method === "rqvae" ? [] : ["residual k-means"]), settingText(setting), `seed=${seed}`]
    .filter((part) => part !== "")
    .join(" ");
