// The words that our prose does without. README, guides, docstrings and messages are written in plain British English; each row here stood
// in them once, or slips in easily.

/**
 * @typedef {object} Phrase
 * @property {RegExp} pattern
 * @property {string | ((found: string) => string)} instead what to write
 */

/** What a rate is given per: "6 bytes an item". Times are left out, "twice a second" is how people speak. */
const UNIT =
  "(?:batch|byte|call|candidate|centre|class|client|cluster|code|codebook|column|core|dimension|direction|entry|epoch|file|host|ID|item|" +
  "job|key|layer|level|line|machine|message|model|name|option|page|parameter|process|prefix|range|request|row|run|seed|set|shard|slice|step|" +
  "table|thread|token|training|user|value|vector|word|worker)";

/** What may stand before "a level" without being counted by it. */
const NO_NOUN =
  "(?:after|and|are|as|at|before|but|by|for|from|gets?|gives?|had|has|have|if|in|into|is|like|of|on|once|or|per|such|than|that|then|to|" +
  "under|until|was|were|when|where|which|with|within|without)";

/** @type {Phrase[]} */
export const PHRASES = [
  // "resume", said as if by a walker. What goes on a page, on top or on to a list is something else.
  {
    pattern: /\b(?:go|goes|gone|went)\s+on\b(?!\s+(?:top|to\s+(?:an?|the)|an?|the|each|every|your|its|npm)\b)/gi,
    instead: '"resume" or "continue"',
  },
  { pattern: /\bgoing\s+on\s+(?:after|from|with|where)\b/gi, instead: '"resuming" or "continuing"' },
  { pattern: /\balike\b/gi, instead: '"similar", "the same", or "both"' },
  { pattern: /\ba\s+like\b/gi, instead: '"a similar"' },
  { pattern: /\b(?:be|is|are|was|were)\s+had\b/gi, instead: '"available", "get" or "have"' },
  {
    pattern: /\b(?:is|are|was|were|be|been|being)\s+told\b(?!\s+(?:apart|by)\b)/gi,
    instead: 'who reports it, actively: "the command reports ...", or what is passed: "pass the file\'s name"',
  },
  {
    pattern: /\b(?:is|are|was|were)\s+said\b/gi,
    instead: 'who says it, actively: "the message says ...", "a warning names ..."',
  },
  {
    pattern: new RegExp(
      `(?<!\\b(?:allow|assign|gave|give|hand|offer|send|show|spare)s?\\s+)` +
        `\\b(?:an?|one|two|three|several|few|many|\\d[\\d,.]*)\\s+(?!${NO_NOUN}\\b)[a-zA-Z-]+\\s+an?\\s+${UNIT}\\b(?!['’-])`,
      "gi",
    ),
    instead: (found) => `"${found.replace(/\s+an?\s+(\w+)$/, " per $1")}"`,
  },
  { pattern: /\bof\s+before\b/gi, instead: '"earlier", or the version' },
  { pattern: /\bone['’]s\s+own\b/gi, instead: '"your own"' },
  { pattern: /\b(?:has|have|had)\s+not\b(?=\s*(?:[.,;:)]|$))/gi, instead: '"does not have", "do not"' },
  { pattern: /\bin\s+the\s+place\s+of\b/gi, instead: '"instead of" or "in place of"' },
  { pattern: /\bbeside\b/gi, instead: '"next to", "compared with", "as well as"' },
  { pattern: /\banew\b/gi, instead: '"again"' },
  { pattern: /\b(?:in\s+order\s+to|so\s+as\s+to)\b/gi, instead: '"to"' },
  { pattern: /\b(?:utili[sz]|leverag)(?:e|es|ed|ing)\b/gi, instead: '"use"' },
  { pattern: /\b(?:simply|obviously|of course|please note|note that)\b/gi, instead: "the sentence without it" },
];

/** American words and ours; the endings -ize and -yze are a rule below. */
const AMERICAN = {
  analog: "analogue",
  behavior: "behaviour",
  canceled: "cancelled",
  canceling: "cancelling",
  catalog: "catalogue",
  center: "centre",
  centered: "centred",
  centering: "centring",
  color: "colour",
  colored: "coloured",
  colorful: "colourful",
  coloring: "colouring",
  defense: "defence",
  favor: "favour",
  favorite: "favourite",
  flavor: "flavour",
  flavored: "flavoured",
  fulfill: "fulfil",
  gray: "grey",
  honor: "honour",
  honored: "honoured",
  labeled: "labelled",
  labeling: "labelling",
  license: "licence",
  modeled: "modelled",
  modeling: "modelling",
  neighbor: "neighbour",
  neighborhood: "neighbourhood",
  neighboring: "neighbouring",
  signaled: "signalled",
  signaling: "signalling",
  totaled: "totalled",
};

const AMERICAN_WORD = new RegExp(`\\b(?:${Object.keys(AMERICAN).join("|")})s?\\b`, "gi");
const IZE = /\b[a-z]*[a-z]{2}(?:iz|yz)(?:e|es|ed|ing|er|ers|ation|ations|able)\b/gi;
/** Words with a z in every English, and those that are names of things: a tokenizer of transformers, the compiler's sanitizers. */
const Z_STAYS =
  /^(?:re|over|under|out|cap|down|up)?siz(?:e|es|ed|ing|able)$|^(?:pri|sei|mai)z(?:e|es|ed|ing)$|^(?:tokeniz|sanitiz)ers?$/i;

/**
 * American spellings in a text. Names stay as they are: those with a capital in a sentence ("MIT License") or within ("codebookSize"), and
 * values in quotation marks ("center").
 * @param {string} text
 * @returns {{ index: number, found: string, instead: string }[]}
 */
export function americanSpellings(text) {
  const result = [];
  for (const { 0: found, index } of text.matchAll(AMERICAN_WORD)) {
    const plural = !(found.toLowerCase() in AMERICAN);
    const ours = AMERICAN[/** @type {keyof typeof AMERICAN} */ ((plural ? found.slice(0, -1) : found).toLowerCase())];
    result.push({ index, found, instead: plural ? `${ours}s` : ours });
  }
  for (const { 0: found, index } of text.matchAll(IZE)) {
    if (Z_STAYS.test(found)) continue;
    result.push({ index, found, instead: found.toLowerCase().replace(/([iy])z(?=[a-z]+$)/, "$1s") });
  }
  return result.filter(({ index, found }) => !isName(text, index, found));
}

/** @param {string} text @param {number} index @param {string} word */
function isName(text, index, word) {
  const before = text.slice(0, index);
  const after = text[index + word.length];
  if (/\p{Ll}\p{Lu}/u.test(word) || (before.endsWith('"') && after === '"')) return true;
  return /^[A-Z]/.test(word) && !/(?:^|[.!?:]["')]?\s+)["'(]?$/.test(before);
}
