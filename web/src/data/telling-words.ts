const word = /\p{L}{3,}/gu;
const stopWords = new Set(["and", "for", "from", "its", "the", "with"]);

/** The different words of a title that may name a group. */
export const wordsOf = (title: string): string[] =>
  [...new Set(title.toLowerCase().match(word))].filter((found) => !stopWords.has(found));

/**
 * The words that tell a group from all groups together, the most telling first: a word scores its count in the group times the logarithm
 * of how much more frequent it is there.
 * @param own How many titles of the group have each word, of `read` titles.
 * @param everywhere The same of all groups, of `total` titles.
 */
export function tellingWords(
  own: ReadonlyMap<string, number>,
  read: number,
  everywhere: ReadonlyMap<string, number>,
  total: number,
): string[] {
  const scored: [string, number][] = [];
  for (const [found, count] of own) {
    const lift = count / read / (everywhere.get(found)! / total);
    if (count >= 2 && lift > 1) scored.push([found, count * Math.log(lift)]);
  }
  return scored.sort((a, b) => b[1] - a[1]).map(([found]) => found);
}
