/** What a sweep has found: each setting's figures over its seeds. */

import type { RunRecord } from "./record.ts";
import { type Axis, baselineOf, type Method, type Setting, settingKey, valueText } from "./settings.ts";

/** Over seeds. */
export interface Spread {
  mean: number;
  /** Sample standard deviation (n - 1); absent for one seed. */
  sd?: number;
}

/** What is compared, in the order of the table's columns; the names are those of `--sort`. */
export const COLUMNS = {
  "held-out": { of: "heldOutExplainedVariance", better: "higher" },
  gain: { of: "gainOverKMeans", better: "higher" },
  seen: { of: "seenExplainedVariance", better: "higher" },
  distinct: { of: "distinctIds", better: "higher" },
  collisions: { of: "collisions", better: "lower" },
  neighbours: { of: "firstCodeNeighbours", better: "higher" },
  seconds: { of: "seconds", better: "lower" },
} as const;
export type Column = keyof typeof COLUMNS;
export type Measure = (typeof COLUMNS)[Column]["of"];

/** Columns whose best value is marked: what a run has cost, and what it has learned by heart, are no merits. */
const MARKED: readonly Column[] = ["held-out", "gain", "distinct", "collisions", "neighbours"];

/** By what rows can be sorted; "setting" leaves them in the order of the options. */
export const SORTS = [...(Object.keys(COLUMNS) as Column[]), "setting"] as const;
export type Sort = (typeof SORTS)[number];

export interface Row extends Partial<Record<Measure, Spread>> {
  method: Method;
  setting: Setting;
  /** Finished runs that have figures. */
  seeds: number[];
  /** Seeds with which training diverged. */
  diverged: number[];
  /** By level. */
  perplexity?: Spread[];
  /** Measures in which no row is better. */
  best: Measure[];
}

export interface Summary {
  /** Options that differ between settings, and those that all have in common. */
  varied: string[];
  fixed: Setting;
  seeds: number[];
  /** How many runs each version of the package has made. */
  versions: Readonly<Record<string, number>>;
  rows: Row[];
}

/**
 * Groups finished runs by their settings.
 * @param records In the order of the runs.
 */
export function summarise(records: readonly RunRecord[], axes: readonly Axis[], sort: Sort): Summary {
  const groups = new Map<string, RunRecord[]>();
  for (const record of records) {
    const key = `${record.method} ${settingKey(record.setting)}`;
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  const baselines = new Map(
    records
      .filter(({ method }) => method === "residualKMeans")
      .map((record) => [`${settingKey(record.setting)} ${record.seed}`, record.heldOutExplainedVariance]),
  );
  const rows = [...groups.values()].map((group) => rowOf(group, baselines));
  markBest(rows);
  const versions: Record<string, number> = {};
  for (const { version } of records) versions[version] = (versions[version] ?? 0) + 1;
  return {
    varied: axes.filter(({ values }) => values.length > 1).map(({ option }) => option.name),
    fixed: Object.fromEntries(
      axes.filter(({ values }) => values.length === 1).map(({ option, values }) => [option.name, values[0]!]),
    ),
    seeds: [...new Set(records.map(({ seed }) => seed))],
    versions,
    rows: sorted(rows, sort),
  };
}

function rowOf(records: readonly RunRecord[], baselines: ReadonlyMap<string, number | undefined>): Row {
  const { method, setting } = records[0]!;
  const measured = records.filter(({ failed }) => failed === undefined);
  const row: Row = {
    method,
    setting,
    seeds: measured.map(({ seed }) => seed),
    diverged: records.filter(({ failed }) => failed !== undefined).map(({ seed }) => seed),
    best: [],
  };
  const gain = (record: RunRecord): number | undefined => {
    const theirs = baselines.get(`${settingKey(baselineOf(record.config))} ${record.seed}`);
    return method === "residualKMeans" || theirs === undefined ? undefined : record.heldOutExplainedVariance! - theirs;
  };
  for (const { of } of Object.values(COLUMNS)) {
    const spread = spreadOf(measured.map((record) => (of === "gainOverKMeans" ? gain(record) : record[of])));
    if (spread) row[of] = spread;
  }
  const levels = Math.max(0, ...measured.map(({ perplexity }) => perplexity?.length ?? 0));
  if (levels > 0) {
    row.perplexity = Array.from(
      { length: levels },
      (_, level) => spreadOf(measured.map(({ perplexity }) => perplexity?.[level]))!,
    );
  }
  return row;
}

/** Undefined when there is nothing to go by. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  if (known.length === 1) return { mean };
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (known.length - 1)) };
}

function markBest(rows: readonly Row[]): void {
  for (const name of MARKED) {
    const { of, better } = COLUMNS[name];
    const known = rows.filter((row) => row[of] !== undefined);
    if (known.length < 2) continue;
    const means = known.map((row) => row[of]!.mean);
    const best = better === "higher" ? Math.max(...means) : Math.min(...means);
    for (const row of known) if (row[of]!.mean === best) row.best.push(of);
  }
}

/** The best first, what has no figure last, and the baselines below all. */
function sorted(rows: readonly Row[], sort: Sort): Row[] {
  const order = (a: Row, b: Row): number => {
    if (sort === "setting") return 0;
    const { of, better } = COLUMNS[sort];
    const [x, y] = [a[of]?.mean, b[of]?.mean];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return better === "higher" ? y - x : x - y;
  };
  const of = (method: Method) => rows.filter((row) => row.method === method).sort(order);
  return [...of("rqvae"), ...of("residualKMeans")];
}

/** Options that k-means has too. */
const OF_KMEANS = ["codebookSize", "nQuantizationLayers", "encodeBeam"];

/**
 * What a row has for an option that varies; nothing where the method does not have the option. A baseline is described as the settings are
 * that it is the baseline of, where those agree.
 * @param records Those that the row's summary was made of.
 */
export function settingCell(row: Row, name: string, records: readonly RunRecord[]): string {
  if (row.method === "rqvae") return valueText(row.setting[name]!);
  if (!OF_KMEANS.includes(name)) return "";
  const key = settingKey(row.setting);
  const theirs = records
    .filter(({ method, config }) => method === "rqvae" && settingKey(baselineOf(config)) === key)
    .map(({ setting }) => valueText(setting[name]!));
  if (new Set(theirs).size === 1) return theirs[0]!;
  const codes = row.setting.codebookSize as readonly number[];
  return valueText(name === "nQuantizationLayers" ? codes.length : row.setting[name]!);
}
