/**
 * The catalogues of the bench, each with the codes a level that it is measured at. They lie in `../shared/data` beside the
 * checkout, or where RQVAE_DATA points; a set that is not there is skipped. Emoji come with the repository.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLabels } from "rqvae/formats";
import { readNpy } from "../../dist/formats/arrays/npy.js";
import { parseShape, shapeName } from "./shapes.mjs";
import { pickRows, sampleRows } from "./split.mjs";
import { spectralCatalogue, syntheticCatalogue, syntheticPath } from "./synthetic.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const DATA = process.env.RQVAE_DATA ?? join(ROOT, "../shared/data");

/**
 * @typedef {object} Catalogue
 * @property {string} name With the shape, where that is not the set's own: "emoji 4x64".
 * @property {string} title
 * @property {import("./measures.mjs").Matrix} items
 * @property {readonly number[]} codes Of each level.
 * @property {boolean} [nothingToLearn] No method can be better than another by more than luck.
 * @property {{ name: string, values: (string | null)[] }} [category] What is known of each item; null where it is not.
 * @property {number[][]} [attributes] Per item.
 */

/**
 * @typedef {object} CatalogueSet
 * @property {string} title
 * @property {string} shape
 * @property {() => Partial<Catalogue> | undefined} load
 * @property {boolean} [onlyNamed] So large that it is measured only when it is named.
 */

/** @type {Record<string, CatalogueSet>} */
const SETS = {
  emoji: {
    title: "Emoji, GloVe of their names",
    shape: "3x32",
    load: () => labelled("ship_ok/emoji/emoji", "glovesif100.f16", "group", join(ROOT, "examples/data/emoji/emoji")),
  },
  fiori: {
    title: "SAP Fiori articles, MiniLM",
    shape: "3x32",
    load: () => labelled("ship_ok/sap-fiori/fiori", "minilm384.f32", "category"),
  },
  mdi: {
    title: "Material icons, GloVe of their names",
    shape: "3x64",
    load: () => labelled("ship_ok/mdi/mdi", "glovesif100.f16", "tag"),
  },
  wordnet: {
    title: "WordNet, 20,000 synsets, GloVe",
    shape: "3x256",
    load: () => sampled(wordnet(), 20_000),
  },
  glove: { title: "GloVe, 20,000 words", shape: "3x256", load: () => sampled(words(), 20_000) },
  s3rec: { title: "Amazon Beauty, vectors of S3Rec", shape: "3x256", load: () => beauty("s3rec") },
  iclrec: { title: "Amazon Beauty, vectors of ICLRec", shape: "3x256", load: () => beauty("iclrec") },
  industrial: { title: "Amazon Industrial, GloVe of the text", shape: "3x256", load: industrial },
  movies: { title: "Movies, MiniLM", shape: "3x64", load: movies },
  flat: {
    title: "Normal numbers, all directions alike",
    shape: "3x256",
    load: () => ({ items: spectralCatalogue(12_000, 64, 0), nothingToLearn: true }),
  },
  powerlaw: {
    title: "Normal numbers, variance of direction j as j^-.5",
    shape: "3x256",
    load: () => ({ items: spectralCatalogue(12_000, 256, 0.5) }),
  },
  synthetic: { title: "Synthetic catalogue, 50,000 x 768", shape: "3x256", load: () => tree(50_000) },
  wordnet117k: { title: "WordNet, all synsets, GloVe", shape: "3x256", load: wordnet, onlyNamed: true },
  tree94k: {
    title: "Synthetic catalogue, 94,000 x 128",
    shape: "3x256",
    load: () => tree(94_000, 128),
    onlyNamed: true,
  },
  tree400k: {
    title: "Synthetic catalogue, 400,000 x 128",
    shape: "3x256",
    load: () => tree(400_000, 128),
    onlyNamed: true,
  },
};

export const SET_NAMES = Object.keys(SETS);
/** All that a full run measures. */
export const FULL_SETS = SET_NAMES.filter((name) => !SETS[name].onlyNamed);
/** What is measured unless more is asked for. */
export const DEFAULT_SETS = ["emoji", "fiori", "s3rec", "iclrec", "industrial"];

/**
 * @param {string} name
 * @returns {Catalogue | undefined} undefined when the data is not at hand
 */
export function loadCatalogue(name) {
  const { title, shape, load } = SETS[name];
  const loaded = load();
  return loaded && /** @type {Catalogue} */ ({ name, title, codes: parseShape(shape), ...loaded });
}

/**
 * The same catalogue, measured at other codes.
 * @param {Catalogue} catalogue
 * @param {readonly number[]} codes
 * @returns {Catalogue}
 */
export function withShape(catalogue, codes) {
  const isOwn = shapeName(codes) === shapeName(catalogue.codes);
  return { ...catalogue, codes, name: isOwn ? catalogue.name : `${catalogue.name} ${shapeName(codes)}` };
}

/**
 * A matrix from an npy file, as float32.
 * @param {string} path
 * @returns {import("./measures.mjs").Matrix}
 */
export function readMatrix(path) {
  const { data, rows, dim } = readNpy(readFileSync(path));
  return {
    data: data instanceof Uint16Array ? Float32Array.from(data, halfToNumber) : Float32Array.from(data),
    rows,
    dim,
  };
}

/** @param {number} half bits of an IEEE half float */
function halfToNumber(half) {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return half & 0x8000 ? -size : size;
}

function labelled(path, kind, label, shipped) {
  const base = [shipped, join(DATA, path)].find((each) => each && existsSync(`${each}-${kind}.npy`));
  if (base === undefined) return undefined;
  const { labels } = readLabels(readFileSync(`${base}.labels.json`, "utf8"));
  return { items: readMatrix(`${base}-${kind}.npy`), category: { name: label, values: labels[label] } };
}

function sampled(catalogue, count) {
  if (catalogue === undefined) return undefined;
  const rows = sampleRows(catalogue.items.rows, count, 0);
  const items = pickRows(catalogue.items, rows);
  if (!catalogue.category) return { items };
  const { name, values } = catalogue.category;
  return { items, category: { name, values: Array.from(rows, (row) => values[row]) } };
}

function wordnet() {
  return labelled("ship_ok/wordnet/wordnet", "glovesif100.f16", "lexfile");
}

function words() {
  const path = join(DATA, "ship_ok/glove/glove100-top50k.f16.npy");
  return existsSync(path) ? { items: readMatrix(path) } : undefined;
}

function beauty(model) {
  const path = join(DATA, `test_only/beauty/${model}-Beauty-64.f32.npy`);
  return existsSync(path) ? { items: readMatrix(path), attributes: beautyAttributes() } : undefined;
}

/**
 * Attributes of the items of Amazon Beauty; row i is item i + 1.
 * @returns {number[][]}
 */
export function beautyAttributes() {
  const byItem = JSON.parse(readFileSync(join(DATA, "test_only/beauty/Beauty_item2attributes.json"), "utf8"));
  return Array.from({ length: Object.keys(byItem).length }, (_, row) => byItem[row + 1]);
}

function industrial() {
  const base = join(DATA, "test_only/minionerec/Industrial_and_Scientific");
  if (!existsSync(`${base}-glovesif100.f32.npy`)) return undefined;
  const items = readMatrix(`${base}-glovesif100.f32.npy`);
  const facts = JSON.parse(readFileSync(`${base}.item.json`, "utf8"));
  const values = Array.from({ length: items.rows }, (_, row) => facts[row].brand || null);
  return { items, category: { name: "brand", values } };
}

function movies() {
  const folder = join(DATA, "test_only/text-minilm");
  if (!existsSync(join(folder, "mood2movie-2112x384.npy"))) return undefined;
  const { labels } = readLabels(readFileSync(join(folder, "mood2movie.csv"), "utf8"), "mood2movie.csv");
  const values = labels.genre_ids.map((list) => String(JSON.parse(list)[0] ?? "") || null);
  return { items: readMatrix(join(folder, "mood2movie-2112x384.npy")), category: { name: "first genre", values } };
}

function tree(rows, dim) {
  const items = syntheticCatalogue(rows, 0, dim);
  const values = Array.from({ length: rows }, (_, row) => String(syntheticPath(0, row)[0]));
  return { items, category: { name: "branch", values } };
}
