/** Words that the table does not have, by words that it has. */

/** Letters of the shortest part of a word, and of a compound: with fewer, names fall apart by chance ("flumph", "flu mph"). */
const SHORTEST = 3;
const COMPOUND = 7;
/** Parts of compounds are among the most frequent words; rarer ones are found in any name. */
const FREQUENT = 20_000;

const ENDINGS: readonly [ending: string, others: readonly string[]][] = [
  ["ies", ["y"]],
  ["ing", ["", "e"]],
  ["ed", ["", "e"]],
  ["es", ["", "e"]],
  ["er", ["", "e"]],
  ["ly", [""]],
  ["s", [""]],
];

/**
 * The words that stand for one: itself, else its base form ("zombified" does not have one, "vampires" has), else the two parts of a
 * compound ("spiderman"); empty if there are none.
 * @param rankOf The place of a word in the table, undefined if it has none.
 */
export function knownParts(word: string, rankOf: (word: string) => number | undefined): string[] {
  if (rankOf(word) !== undefined) return [word];
  for (const [ending, others] of ENDINGS) {
    if (!word.endsWith(ending) || word.length - ending.length < SHORTEST) continue;
    for (const other of others) {
      const base = word.slice(0, word.length - ending.length) + other;
      if (rankOf(base) !== undefined) return [base];
    }
  }
  let best: string[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let at = word.length < COMPOUND ? word.length : SHORTEST; at <= word.length - SHORTEST; at++) {
    const [left, right] = [word.slice(0, at), word.slice(at)];
    const [a, b] = [rankOf(left), rankOf(right)];
    if (a === undefined || b === undefined || Math.max(a, b) >= FREQUENT || a + b >= least) continue;
    best = [left, right];
    least = a + b;
  }
  return best;
}
