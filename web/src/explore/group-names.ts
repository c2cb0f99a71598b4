import { splitGlyph } from "../base/glyph.ts";
import { inSlices } from "../base/slices.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import { tellingWords, wordsOf } from "../data/telling-words.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";

/** What the titles of a group say about it. */
export interface GroupName {
  /** The words that are far more frequent in its titles than in its neighbours', the most telling first. */
  words: string[];
  /** The most frequent value of the first label, and the share of the group that has it. */
  label?: { value: string; share: number };
}

/** The most items of a group that are read; a name needs no more. */
const MAX_READ = 2000;

/** Names groups after their titles, by the words that tell each of them from all of them together. */
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
        for (const found of wordsOf(splitGlyph(titleOf(data, item)).words)) {
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
      const best = tellingWords(words, read, everywhere, total).slice(0, 3);
      let top: [string, number] = ["", 0];
      for (const entry of values) if (entry[1] > top[1]) top = entry;
      names.push({
        words: best,
        ...(top[1] > 0 ? { label: { value: top[0], share: top[1] / read } } : {}),
      });
    },
    signal,
    1,
  );
  return names;
}
