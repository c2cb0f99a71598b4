/** IDs that others have published, with what is known of them: the ruler is checked on them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SemanticIds } from "rqvae";
import { readNpy } from "../../dist/formats/arrays/npy.js";
import { beautyAttributes, DATA } from "./datasets.mjs";

/**
 * @typedef {object} PublishedIds
 * @property {string} name
 * @property {SemanticIds} ids The quantiser's levels only.
 * @property {number} collision 1 - distinct / n, as published (shared/data/README.md).
 * @property {number} tolerance Half of its last published digit.
 * @property {number} firstCodes First codes in use, as published.
 * @property {number[][]} [attributes]
 * @property {number[]} [overlap] Attribute overlap at one, two and three codes, as known from a sample of pairs.
 */

/**
 * The codes of tokens like "<a_12>", "<b_3>". Throws when a token is not of its level.
 * @param {readonly string[]} tokens
 * @returns {number[]}
 */
export function parseTokens(tokens) {
  return tokens.map((token, level) => {
    const match = /^<([a-z])_(\d+)>$/.exec(token);
    if (match?.[1] !== String.fromCharCode(97 + level)) throw new Error(`level ${level}: "${token}" is no token of it`);
    return Number(match[2]);
  });
}

/**
 * An index.json of LC-Rec's form: item number -> tokens. Tokens beyond the quantiser's levels only tell duplicates apart and are
 * dropped.
 * @param {Record<string, string[]>} index
 * @param {readonly number[]} codebookSizes
 */
export function idsOfIndex(index, codebookSizes) {
  const n = Object.keys(index).length;
  const rows = Array.from({ length: n }, (_, row) => parseTokens(index[row]).slice(0, codebookSizes.length));
  return SemanticIds.from(rows, { codebookSizes });
}

/**
 * A table of codes; columns beyond the quantiser's levels only tell duplicates apart and are dropped.
 * @param {{ data: ArrayLike<number>, rows: number, dim: number }} table
 * @param {readonly number[]} codebookSizes
 */
export function idsOfTable({ data, rows, dim }, codebookSizes) {
  const levels = codebookSizes.length;
  const codes = new Float64Array(rows * levels);
  for (let i = 0; i < rows; i++) for (let l = 0; l < levels; l++) codes[i * levels + l] = data[i * dim + l];
  return SemanticIds.from({ codes, levels }, { codebookSizes });
}

/** What UniGenRec published of its IDs of Amazon Beauty. */
export const UNIGENREC = ["rqkmeans", "rqvae", "rqvae_faiss"];

/**
 * IDs of UniGenRec for Amazon Beauty and the figures published with them.
 * @param {string} name one of UNIGENREC
 * @param {"original-order" | "reordered"} order
 */
export function unigenrec(name, order) {
  const base = join(DATA, `test_only/beauty/unigenrec.text.${name}`);
  const metrics = JSON.parse(readFileSync(`${base}.metrics.json`, "utf8"));
  const codebookSizes = metrics.layers.map((layer) => layer.codebook_size);
  return { ids: idsOfTable(readNpy(readFileSync(`${base}.${order}.i16.npy`)), codebookSizes), metrics };
}

/** @returns {PublishedIds[]} those that are at hand */
export function loadPublished() {
  const found = [];
  const index = (path, levels) =>
    idsOfIndex(JSON.parse(readFileSync(join(DATA, path), "utf8")), new Array(levels).fill(256));
  if (existsSync(join(DATA, "test_only/beauty"))) {
    const attributes = beautyAttributes();
    const letter = index("test_only/beauty/LETTER.Beauty.index.json", 4);
    const overlap = [0.27, 0.458, 0.732];
    found.push({
      name: "LETTER Beauty",
      ids: letter,
      collision: 0.00107,
      tolerance: 5e-6,
      firstCodes: 197,
      attributes,
      overlap,
    });
    const iba = index("test_only/beauty/IBA.Beauty.index.json", 4);
    found.push({ name: "IBA Beauty", ids: iba, collision: 0.0193, tolerance: 5e-5, firstCodes: 185, attributes });
    for (const name of UNIGENREC) {
      // The row order in which the attributes are known; the figures do not depend on it.
      const { ids, metrics } = unigenrec(name, "reordered");
      const [collision, firstCodes] = [metrics.sid.duplicate_rate, metrics.layers[0].used_tokens];
      found.push({ name: `UniGenRec Beauty ${name}`, ids, collision, tolerance: 1e-12, firstCodes, attributes });
    }
  }
  if (existsSync(join(DATA, "test_only/minionerec"))) {
    const ids = index("test_only/minionerec/Industrial_and_Scientific.index.json", 3);
    found.push({ name: "MiniOneRec Industrial", ids, collision: 0.00434, tolerance: 5e-6, firstCodes: 48 });
  }
  return found;
}
