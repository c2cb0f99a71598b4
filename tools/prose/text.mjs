// What of a Markdown page is prose: its paragraphs, headings, list items, cells and pictures' descriptions, without code and addresses.

/** Stands for a code span or a formula in the text. */
export const CODE = "\uFFFC";

/** The path of a file, which links have as their text. */
const PATH = /[\w.-]+(?:\/[\w.-]+)+/g;

/**
 * A piece of prose. Line ends of the source stay in `text`.
 * @typedef {object} Block
 * @property {"heading" | "cell" | "paragraph" | "alt"} kind
 * @property {string} text
 * @property {number} line of its beginning, from 1
 */

/**
 * @param {any[]} tokens of markdown-it
 * @returns {Block[]}
 */
export function blocksOf(tokens) {
  /** @type {Block[]} */
  const blocks = [];
  let line = 1;
  tokens.forEach((token, i) => {
    if (token.map) line = token.map[0] + 1;
    if (token.type !== "inline") return;
    const opened = tokens[i - 1]?.type ?? "";
    const kind = opened === "heading_open" ? "heading" : /^t[hd]_open$/.test(opened) ? "cell" : "paragraph";
    let text = "";
    for (const child of token.children ?? []) {
      if (child.type === "text") text += child.content.replace(PATH, CODE);
      else if (child.type === "code_inline") text += CODE;
      else if (child.type === "softbreak" || child.type === "hardbreak") text += "\n";
      else if (child.type === "image") {
        blocks.push({ kind: "alt", text: child.content, line: line + count(text, "\n") });
        text += CODE;
      }
    }
    blocks.push({ kind, text, line });
  });
  return blocks;
}

/** @param {string} text @param {string} character */
const count = (text, character) => text.split(character).length - 1;

/** @param {Block} block @param {number} offset in its text */
export const lineAt = (block, offset) => block.line + count(block.text.slice(0, offset), "\n");

const ABBREVIATION = /(?:\b(?:e\.g|i\.e|cf|vs|etc|fig|no|approx|dr)|\b[A-Z])\.$/i;

/**
 * The sentences of a block, each with its place.
 * @param {Block} block
 * @returns {{ text: string, offset: number }[]}
 */
export function sentencesOf({ text }) {
  const sentences = [];
  let begin = 0;
  for (const { 0: end, index } of text.matchAll(/[.!?]+["'”’)\]]*(?=\s+["'“‘([]*[\p{Lu}\d\uFFFC])/gu)) {
    const stop = index + end.length;
    if (ABBREVIATION.test(text.slice(begin, index + 1))) continue;
    sentences.push({ text: text.slice(begin, stop), offset: begin });
    begin = stop;
  }
  sentences.push({ text: text.slice(begin), offset: begin });
  return sentences
    .map(({ text, offset }) => ({ text: text.trim(), offset: offset + text.length - text.trimStart().length }))
    .filter(({ text }) => text !== "");
}

/** @param {string} sentence */
export const wordsIn = (sentence) => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}\uFFFC]/u.test(word)).length;
