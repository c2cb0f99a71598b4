import { familyHue } from "../base/code-chips.ts";
import { ordinal } from "../base/words.ts";
import type { DataSet } from "../data/data-set.ts";
import { neutralOf, rgbOf } from "../map/scheme.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";

/** What the colours of the dots say: the code of a level, or a label of the data. */
export type ColorBy = { level: number } | { label: string };

export interface ColorChoice {
  name: string;
  by: ColorBy;
}

/** What a colour stands for. */
export interface LegendEntry {
  name: string;
  rgb: readonly [number, number, number];
  items: number;
}

/** Values of a label that get a colour of their own. */
const VALUES = 10;

export function colorChoices(data: DataSet, levels: number): ColorChoice[] {
  const codes = Array.from({ length: levels }, (_, level) => ({ name: `${ordinal(level)} code`, by: { level } }));
  const labels = Object.keys(data.labels?.labels ?? {}).map((label) => ({ name: label, by: { label } }));
  return [...codes, ...labels];
}

/** The colour of each point, and what the colours stand for where a list of a few says it. */
export function colorPoints(
  by: ColorBy,
  data: DataSet,
  { ids }: CatalogueIndex,
  items: Uint32Array,
  isDark: boolean,
): { colors: Uint8Array; legend: LegendEntry[] } {
  const colors = new Uint8Array(3 * items.length);
  const tone = isDark ? "dark-dot" : "light-dot";
  if ("level" in by) {
    const { codes, levels, codebookSizes } = ids;
    const { level } = by;
    // A hundred thousand items share a few thousand colours at most.
    const known = new Map<number, readonly [number, number, number]>();
    items.forEach((item, point) => {
      const at = item * levels;
      const code = codes[at + level]!;
      const key = level === 1 ? codes[at]! * codebookSizes[1]! + code : code;
      let rgb = known.get(key);
      if (!rgb) {
        // A first code is a family of colours; a second, a shade of its family; any further one differs from its siblings.
        rgb = rgbOf(familyHue(level === 1 ? [codes[at]!, code] : [code]), tone);
        known.set(key, rgb);
      }
      colors.set(rgb, 3 * point);
    });
    return { colors, legend: [] };
  }
  const values = data.labels?.labels?.[by.label] ?? [];
  const counts = new Map<string, number>();
  for (const item of items) {
    const value = String(values[item] ?? "");
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const ranked = [...counts].filter(([value]) => value !== "").sort((a, b) => b[1] - a[1]);
  const top = ranked.slice(0, VALUES);
  const shown = new Map(top.map(([value], i) => [value, rgbOf(Math.round((360 * i) / top.length + 265) % 360, tone)]));
  const neutral = neutralOf(isDark);
  items.forEach((item, point) => {
    colors.set(shown.get(String(values[item] ?? "")) ?? neutral, 3 * point);
  });
  const legend: LegendEntry[] = top.map(([name, count]) => ({ name, rgb: shown.get(name)!, items: count }));
  const others = items.length - top.reduce((sum, [, count]) => sum + count, 0);
  if (others > 0) legend.push({ name: "others", rgb: neutral, items: others });
  return { colors, legend };
}
