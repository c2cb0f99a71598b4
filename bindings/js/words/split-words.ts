/** The words of a title. */

/** Letters and digits, joined where the word may be one of its own: "sci-fi", "don't", "u.s". */
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['.-][\p{L}\p{N}\p{M}]+)*/gu;
const JOINT = /['.-]/;

/** Letters of Latin scripts that no decomposition takes apart. */
const PLAIN: Readonly<Record<string, string>> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l", ı: "i" };

/** "Café" -> "cafe": lower case without accents, as the words of the table are. */
function plain(text: string): string {
  const bare = text.normalize("NFKD").replace(/\p{M}+/gu, "");
  return bare.toLowerCase().replace(/[ßæœøđłı]/g, (letter) => PLAIN[letter]!);
}

/**
 * The words of a text, in lower case and without accents.
 * @param isKnown Whether a word is in the table: where it is not, "star-crossed", "o'clock" and "LightBulb" are taken apart.
 * @param seen What was taken apart before: most words of a catalogue occur often.
 */
export function splitWords(
  text: string,
  isKnown: (word: string) => boolean,
  seen = new Map<string, string[]>(),
): string[] {
  const words: string[] = [];
  for (const [raw] of text.normalize("NFKC").replace(/[’‘]/g, "'").matchAll(WORD)) {
    let found = seen.get(raw);
    if (!found) {
      found = takeApart(raw, isKnown);
      seen.set(raw, found);
    }
    words.push(...found);
  }
  return words;
}

function takeApart(raw: string, isKnown: (word: string) => boolean): string[] {
  const word = plain(raw);
  if (word === "") return [];
  if (isKnown(word)) return [word];
  return raw.split(JOINT).flatMap((part) => {
    const lower = plain(part);
    if (isKnown(lower)) return [lower];
    // What an apostrophe cuts off is none: "don't", "Ocean's".
    return lower.length > 1 || part === raw ? humps(part, isKnown) : [];
  });
}

/** "LightBulb" -> light, bulb, if the table has one of them. */
function humps(word: string, isKnown: (word: string) => boolean): string[] {
  const parts = word
    .split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/u)
    .map(plain)
    .filter((part) => part !== "");
  return parts.length > 1 && parts.some(isKnown) ? parts : [plain(word)].filter((each) => each !== "");
}
