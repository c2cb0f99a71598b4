import { splitGlyph } from "../base/glyph.ts";
import { inSlices } from "../base/slices.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";

/** What the titles of a group say about it. */
export interface GroupName {
  /** The words that are far more frequent in its titles than in its neighbours', the most telling first. */
  words: string[];
  /** The most frequent value of the first label, and the share of the group that has it. */
  label?: { value: string; share: number };
}

const word = /\p{L}{3,}/gu;
const stopWords = new Set(["and", "for", "from", "its", "the", "with"]);
/** The most items of a group that are read; a name needs no more. */
const MAX_READ = 2000;

/**
 * Names groups after their titles: a word scores its count in the group times the logarithm of how much more frequent it is there
 * than in all the groups together.
 */
export async function nameGroups(
  data: Pick<DataSet, "labels">,
  index: CatalogueIndex,
  groups: readonly CodeGroup[],
  signal: AbortSignal,
): Promise<GroupName[]> {
  if (!data.labels) return groups.map(() => ({ words: [] }));
  const labels = Object.values(data.labels.labels ?? {})[0];
  const everywhere = new Map<string, number>();
  const counted = groups.map(() => ({ words: new Map<string, number>(), values: new Map<string, number>(), read: 0 }));
  const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  let total = 0;
  await inSlices(
    groups.length,
    (g) => {
      const { start, end } = groups[g]!;
      const own = counted[g]!;
      const step = Math.max(1, Math.ceil((end - start) / MAX_READ));
      for (let i = start; i < end; i += step) {
        const item = index.order[i]!;
        for (const found of new Set(splitGlyph(titleOf(data, item)).words.toLowerCase().match(word))) {
          if (stopWords.has(found)) continue;
          add(everywhere, found);
          add(own.words, found);
        }
        if (labels) add(own.values, String(labels[item]));
        own.read++;
        total++;
      }
    },
    signal,
    1,
  );

  const names: GroupName[] = [];
  await inSlices(
    groups.length,
    (g) => {
      const { words, values, read } = counted[g]!;
      const scored: [string, number][] = [];
      for (const [found, count] of words) {
        const lift = count / read / (everywhere.get(found)! / total);
        if (count >= 2 && lift > 1) scored.push([found, count * Math.log(lift)]);
      }
      const best = scored.sort((a, b) => b[1] - a[1]).slice(0, 3);
      let top: [string, number] = ["", 0];
      for (const entry of values) if (entry[1] > top[1]) top = entry;
      names.push({
        words: best.map(([found]) => found),
        ...(top[1] > 0 ? { label: { value: top[0], share: top[1] / read } } : {}),
      });
    },
    signal,
    1,
  );
  return names;
}
