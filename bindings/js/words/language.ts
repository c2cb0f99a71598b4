/** Which language titles are in, by their little words; good enough to say that a table of English words will not know many of them. */

/** Little words that are none in English, or hardly any. */
const LITTLE: readonly [name: string, words: readonly string[]][] = [
  [
    "German",
    ["der", "das", "und", "ein", "eine", "von", "mit", "im", "zum", "zur", "fur", "auf", "dem", "des", "nicht", "ist"],
  ],
  ["French", ["le", "les", "des", "et", "du", "une", "dans", "pour", "avec", "aux", "est", "sur", "qui"]],
  ["Spanish", ["el", "los", "las", "y", "del", "una", "con", "por", "para", "que"]],
  ["Italian", ["il", "lo", "gli", "e", "di", "della", "del", "che", "una", "con", "per", "nel"]],
  ["Portuguese", ["o", "os", "e", "do", "da", "dos", "das", "uma", "com", "para", "em", "no", "na"]],
  ["Dutch", ["het", "een", "en", "van", "voor", "met", "op", "uit", "niet", "naar"]],
];
const ENGLISH = new Set([
  "the",
  "of",
  "and",
  "a",
  "in",
  "to",
  "for",
  "with",
  "on",
  "is",
  "from",
  "at",
  "by",
  "an",
  "it",
]);
/** Little words per word from which on a language counts as found, if it has more of them than English. */
const SURE = 0.08;

/** Counts words; `language` says what they are in, if that is not English. */
export class LanguageGuess {
  #words = 0;
  #english = 0;
  #others = 0;
  readonly #found = new Map<string, number>();

  add(word: string): void {
    this.#words++;
    if (/[^\p{Script=Latin}\p{N}'.-]/u.test(word)) this.#others++;
    if (ENGLISH.has(word)) this.#english++;
    for (const [name, words] of LITTLE)
      if (words.includes(word)) this.#found.set(name, (this.#found.get(name) ?? 0) + 1);
  }

  /** "German", "another script" and so on; undefined if it may be English. */
  get language(): string | undefined {
    if (2 * this.#others > this.#words) return "another script";
    const [best] = [...this.#found].sort((a, b) => b[1] - a[1]);
    if (!best || best[1] < SURE * this.#words || best[1] <= 2 * this.#english) return undefined;
    return best[0];
  }
}
