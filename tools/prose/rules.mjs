// Our own rules of prose, for markdownlint and for the messages of programs. Each says what it found and what to write instead.
import { blocksOf, CODE, lineAt, sentencesOf, wordsIn } from "./text.mjs";
import { americanSpellings, PHRASES } from "./words.mjs";

/** The longest sentence, in words; a code span is one. */
export const LONGEST_SENTENCE = 40;

/**
 * A rule looks at one block of prose at a time.
 * @typedef {import("./text.mjs").Block} Block
 * @typedef {object} ProseRule
 * @property {string} name
 * @property {string} description
 * @property {boolean} [alsoMessages] whether it is a rule for the messages of programs too
 * @property {(block: Block, report: (offset: number, detail: string) => void) => void} check reports where in the block's text
 */

/** @param {string} text */
const quote = (text) => `"${text.replace(/\s+/g, " ").replaceAll(CODE, "`...`")}"`;
/** @param {string} text */
const quoteBeginning = (text) => quote(text.length > 60 ? `${text.slice(0, 57)}...` : text);

/** @type {ProseRule} */
const phrases = {
  name: "banned-phrase",
  description: "Phrases that read as translated",
  alsoMessages: true,
  check({ text }, report) {
    for (const { pattern, instead } of PHRASES) {
      for (const { 0: found, index } of text.matchAll(pattern))
        report(index, `${quote(found)}: write ${typeof instead === "string" ? instead : instead(found)}`);
    }
  },
};

const VERB = new RegExp(
  "\\b(?:am|are|can|cannot|could|did|does|do|had|has|have|is|may|might|must|shall|should|was|were|will|would|becomes|begins|belongs|" +
    "comes|costs|counts|decides|depends|ends|follows|fails|gets|gives|goes|holds|keeps|leaves|lies|makes|means|needs|rejects|remains|" +
    "says|serves|shows|stands|stays|takes|tells|throws|waits|works)\\b",
  "g",
);

/**
 * Whether a clause with "what" is the subject of a sentence: "What goes wrong is reported." A question is not, nor is a description without a
 * verb of its own, "What the footer says."
 * @param {string} sentence
 */
function isInverted(sentence) {
  if (!/\.["')]*$/.test(sentence)) return false;
  if (/^Who\s/.test(sentence)) return true;
  if (!/^What(?:ever)?\s/.test(sentence)) return false;
  const [clause = ""] = sentence
    .replace(/\s\([^)]*\)|,\s(?:such|like)\s[^,]*,/g, "")
    .slice(4)
    .split(/[,:;]|\b(?:what|that|which|who|where|when|if|because|since|until)\b/);
  return (clause.match(VERB)?.length ?? 0) > 1;
}

/** @type {ProseRule} */
const inversion = {
  name: "inverted-sentence",
  description: "Statements whose subject is a clause with what or who",
  check(block, report) {
    if (block.kind === "heading" || block.kind === "alt") return;
    for (const { text, offset } of sentencesOf(block)) {
      if (isInverted(text))
        report(
          offset,
          `${quoteBeginning(text)}: begin with the thing itself ("The report shows what IDs are good for")`,
        );
    }
  },
};

/** Before a number of four digits and more that counts nothing: parts of a longer one, names, standards. */
const NO_COUNT = /(?:\b(?:RFC|ISO|IEC|ECMA|port|EPYC|Xeon|Core|GPU|RTX|year)[ -]?|[#.,:/\w-])$/i;

/** @type {ProseRule} */
const numbers = {
  name: "number-style",
  description: "Numbers as 93.1% and 1,914",
  alsoMessages: true,
  check({ text }, report) {
    for (const { 0: found, index } of text.matchAll(/[\d\uFFFC]\s+%/g))
      report(index, `${quote(found)}: no space before the per cent sign ("93.1%")`);
    for (const { 0: found, index } of text.matchAll(/\d{4,}/g)) {
      const after = text.slice(index + found.length);
      if (NO_COUNT.test(text.slice(0, index)) || /^(?:[\w:/]|[.-]\d)/.test(after)) continue;
      if (/^(?:19\d\d|20[0-3]\d)$/.test(found)) continue; // a year
      report(index, `"${found}": commas between thousands ("${Number(found).toLocaleString("en-GB")}")`);
    }
    for (const { 0: found, index } of text.matchAll(/\b\d{1,3}(?:[\u00A0\u202F\u2009]\d{3})+\b/g))
      report(index, `${quote(found)}: commas between thousands, not spaces`);
  },
};

/** @type {ProseRule} */
const length = {
  name: "sentence-length",
  description: `Sentences of at most ${LONGEST_SENTENCE} words`,
  check(block, report) {
    for (const { text, offset } of sentencesOf(block)) {
      const words = wordsIn(text);
      if (words > LONGEST_SENTENCE)
        report(offset, `${words} words where ${LONGEST_SENTENCE} are the most: split ${quoteBeginning(text)}`);
    }
  },
};

/** @type {ProseRule} */
const spelling = {
  name: "british-spelling",
  description: "British spelling",
  alsoMessages: true,
  check({ text }, report) {
    for (const { index, found, instead } of americanSpellings(text)) report(index, `"${found}": write "${instead}"`);
  },
};

/** @type {ProseRule} */
const repetition = {
  name: "repeated-word",
  description: "A word twice in a row",
  alsoMessages: true,
  check({ text }, report) {
    for (const { 0: found, 1: word, index } of text.matchAll(/(?<![\p{L}\p{N}'’-])(\p{L}+)\s+\1(?![\p{L}\p{N}'’-])/giu))
      if (!/^(?:that|had)$/i.test(String(word))) report(index, `${quote(found)}: a word too many`);
  },
};

/** @type {ProseRule} */
const headings = {
  name: "heading-case",
  description: "Headings in sentence case",
  check({ kind, text }, report) {
    if (kind !== "heading") return;
    // A few names may follow each other; PyTorch is one wherever it stands.
    const [, ...words] = text.split(/\s+/).filter((word) => /^\p{L}\p{Ll}{3,}$/u.test(word));
    if (words.length >= 3 && words.every((word) => /^\p{Lu}/u.test(word)))
      report(0, `${quote(text)}: capitals only for the first word and for names`);
  },
};

export const PROSE_RULES = [phrases, inversion, numbers, length, spelling, repetition, headings];

/** Them as markdownlint takes them. */
export const RULES = PROSE_RULES.map(({ name, description, check }) => ({
  names: [name],
  description,
  tags: ["prose"],
  parser: "markdownit",
  /** @param {any} params @param {(error: { lineNumber: number, detail: string }) => void} onError */
  function: (params, onError) => {
    for (const block of blocksOf(params.parsers.markdownit.tokens))
      check(block, (offset, detail) => onError({ lineNumber: lineAt(block, offset), detail }));
  },
}));

/**
 * What is wrong with a message of a program.
 * @param {Block} message
 * @returns {{ rule: string, message: string }[]}
 */
export function readMessage(message) {
  /** @type {{ rule: string, message: string }[]} */
  const found = [];
  for (const { name, alsoMessages, check } of PROSE_RULES)
    if (alsoMessages) check(message, (_, detail) => found.push({ rule: name, message: detail }));
  return found;
}

/** Our rules alone: for docstrings, which are no pages. */
export const PROSE = { default: false, prose: true };

/** And those of markdownlint that are about reading, not about the layout of the source. */
export const PAGES = {
  ...PROSE,
  MD001: true, // headings go down one level at a time
  MD011: true, // (text)[address]
  MD024: { siblings_only: true }, // two headings of one name
  MD025: true, // one title
  MD026: { punctuation: ".,;:!" }, // at a heading's end
  MD034: true, // an address without a text
  MD041: true, // the title comes first
  MD042: true, // a link to nothing
  MD045: true, // a picture without a description
  MD051: true, // an anchor that the page does not have
  MD056: true, // a row with more or fewer cells than its table
  MD059: true, // "here" as a link's text
};
