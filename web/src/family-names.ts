import type { CatalogueIndex } from "./catalogue-index.ts";
import { type DataSet, titleOf } from "./data-set.ts";
import { inSlices } from "./slices.ts";

/** What a family's titles say about it. */
export interface FamilyName {
  /** The words that its titles have far more often than others, the most telling first. */
  words: string[];
  /** The most frequent value of the first label, and the share of the family that has it. */
  label?: { value: string; share: number };
}

const word = /\p{L}{3,}/gu;
const stopWords = new Set(["and", "for", "from", "its", "the", "with"]);

/**
 * Names the families after their titles: a word scores its count in the family times the logarithm of how much more frequent
 * it is there than in the whole catalogue.
 */
export async function nameFamilies(data: DataSet, index: CatalogueIndex, signal: AbortSignal): Promise<FamilyName[]> {
  if (!data.labels) return index.families.map(() => ({ words: [] }));
  const n = index.order.length;
  const everywhere = new Map<string, number>();
  const families = index.families.map(() => new Map<string, number>());
  const labels = Object.values(data.labels.labels ?? {})[0];
  const values = index.families.map(() => new Map<string, number>());
  const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

  const familyAt = new Uint32Array(n);
  for (const [family, { start, end }] of index.families.entries()) familyAt.fill(family, start, end);
  await inSlices(
    n,
    (i) => {
      const item = index.order[i]!;
      const family = familyAt[i]!;
      for (const found of new Set(titleOf(data, item).toLowerCase().match(word))) {
        if (stopWords.has(found)) continue;
        add(everywhere, found);
        add(families[family]!, found);
      }
      if (labels) add(values[family]!, String(labels[item]));
    },
    signal,
  );

  const names: FamilyName[] = [];
  await inSlices(
    families.length,
    (family) => {
      const { start, end } = index.families[family]!;
      const size = end - start;
      const scored: [string, number][] = [];
      for (const [found, count] of families[family]!) {
        const lift = count / size / (everywhere.get(found)! / n);
        if (count >= 2 && lift > 1) scored.push([found, count * Math.log(lift)]);
      }
      const words = scored
        .sort((a, b) => b[1] - a[1])
        .slice(0, 3)
        .map(([found]) => found);
      const top = [...values[family]!].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ["", 0] as [
        string,
        number,
      ]);
      names.push({ words, ...(top[1] > 0 ? { label: { value: top[0], share: top[1] / size } } : {}) });
    },
    signal,
  );
  return names;
}
