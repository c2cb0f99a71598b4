/**
 * Catalogues with what people chose, and at least eight sets of IDs of each. What is not at hand (DATA of bench/quality) is left out. IDs
 * that take long to make are kept in build/behaviour.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SemanticIdIndex, SemanticIds } from "rqvae";
import { readHistories } from "rqvae/formats";
import { randomIds, shuffledIds } from "../../dist/evaluate/controls.js";
import { halfValues } from "../../dist/items/half.js";
import { DATA, readMatrix } from "../quality/datasets.mjs";
import { hash } from "../quality/hash.mjs";
import { fieldRecipe, libraryDefault, residualKMeans } from "../quality/methods.mjs";
import { idsOfIndex, UNIGENREC, unigenrec } from "../quality/published.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const KEPT = join(ROOT, "build/behaviour");

/**
 * @typedef {import("../quality/measures.mjs").Matrix} Matrix
 * @typedef {object} Catalogue
 * @property {string} name
 * @property {import("rqvae/formats").Histories} histories
 * @property {Matrix} [content] Vectors of the items, if there are any.
 * @property {Record<string, SemanticIds>} sets
 */

/** Sets of IDs by name, made or read when they are asked for. @typedef {Record<string, () => SemanticIds | Promise<SemanticIds>>} Makers */

const index = (/** @type {string} */ path, levels) => () =>
  idsOfIndex(JSON.parse(readFileSync(join(DATA, path), "utf8")), new Array(levels).fill(256));

/** IDs that a method gives to all items. */
async function fitted(name, items, codes, train) {
  const file = join(KEPT, `${name}.json`);
  if (existsSync(file)) {
    const { codes: rows, codebookSizes } = JSON.parse(readFileSync(file, "utf8"));
    return SemanticIds.from(rows, { codebookSizes });
  }
  const model = await train(items, { codes, seed: 0 });
  const ids = model.encode(items);
  model.dispose();
  mkdirSync(KEPT, { recursive: true });
  writeFileSync(file, JSON.stringify(ids));
  return ids;
}

/**
 * What is made of vectors: k-means with the usual codes and a quarter of them, and, if they are trained, the default and the field's recipe.
 * @returns {Makers}
 */
function madeFrom(set, vectors, items, codes, areTrained, hasFewer = true) {
  const name = (/** @type {string} */ method) => `${method} ${vectors}`.trim();
  const kmeans = (shape) => () =>
    fitted(`${set}-${vectors}-kmeans-${shape.join("x")}`, items, shape, (seen, of) =>
      residualKMeans(seen, of, { latentDim: seen.dim, beam: 1 }),
    );
  const few = codes.map((size) => size / 4);
  return {
    [name("k-means")]: kmeans(codes),
    ...(hasFewer && { [name("k-means, fewer codes")]: kmeans(few) }),
    ...(areTrained && {
      [name("fit")]: () => fitted(`${set}-${vectors}-fit`, items, codes, libraryDefault),
      [name("field's recipe")]: () => fitted(`${set}-${vectors}-field`, items, codes, fieldRecipe),
    }),
  };
}

/**
 * The IDs as they are published: one code more, which tells items of one ID apart. All sets have it, so that none has more codes for it.
 * @param {SemanticIds} ids
 */
export function withSuffix(ids) {
  const rows = Array.from({ length: ids.length }, (_, row) => row);
  const sizes = new Map();
  for (const codes of ids) sizes.set(codes.join(), (sizes.get(codes.join()) ?? 0) + 1);
  const index = SemanticIdIndex.build(rows, ids, { collisions: "suffix", capacity: Math.max(...sizes.values()) });
  return SemanticIds.from(
    rows.map((row) => [...(index.get(row) ?? [])]),
    { codebookSizes: index.codebookSizes },
  );
}

/** The same IDs, a share of which is shuffled among its items. @param {SemanticIds} ids @param {number} share */
export function partlyShuffled(ids, share, seed = 0) {
  const picked = Array.from({ length: ids.length }, (_, row) => row).filter(
    (row) => hash(seed, row) % 1000 < 1000 * share,
  );
  const part = SemanticIds.from(
    picked.map((row) => ids.at(row)),
    { codebookSizes: ids.codebookSizes },
  );
  const shuffled = shuffledIds(part, seed);
  const rows = [...ids];
  picked.forEach((row, i) => {
    rows[row] = shuffled.at(i);
  });
  return SemanticIds.from(rows, { codebookSizes: ids.codebookSizes });
}

/** What says less and less: half of the IDs shuffled, all of them, and random ones. @returns {Makers} */
const controls = (name, make) => ({
  [`${name}, half shuffled`]: async () => partlyShuffled(await make(), 0.5),
  [`${name}, shuffled`]: async () => shuffledIds(await make(), 0),
  "random IDs": async () => randomIds(await make(), 0),
});

/** Vectors of what is said about items: of each attribute a random sign in 64 dimensions, summed. Its keys count items from 1. */
function ofAttributes(path, rows, dim = 64) {
  const data = new Float32Array(rows * dim);
  for (const [item, attributes] of Object.entries(JSON.parse(readFileSync(path, "utf8")))) {
    for (const attribute of attributes) {
      for (let j = 0; j < dim; j++) data[(Number(item) - 1) * dim + j] += (hash(5, attribute, j) % 2) * 2 - 1;
    }
  }
  return { data, rows, dim };
}

/** @param {Matrix} items half floats as their bits, or floats */
function asFloats({ data, rows, dim }) {
  const values = halfValues();
  return { data: Float32Array.from(data, (value) => (data instanceof Uint16Array ? values[value] : value)), rows, dim };
}

async function beauty(areTrained) {
  const folder = join(DATA, "test_only/beauty");
  if (!existsSync(folder)) return undefined;
  const vectors = (name) => readMatrix(join(folder, `${name}.f32.npy`));
  const codes = [256, 256, 256];
  const letter = index("test_only/beauty/LETTER.Beauty.index.json", 4);
  return {
    histories: await readHistories(join(folder, "sequences.Beauty.txt"), { rows: 12101, firstRow: 1 }),
    content: ofAttributes(join(folder, "Beauty_item2attributes.json"), 12101),
    codes,
    makers: {
      ...madeFrom("beauty", "ICLRec", vectors("iclrec-Beauty-64"), codes, areTrained),
      ...madeFrom("beauty", "S3Rec", vectors("s3rec-Beauty-64"), codes, areTrained),
      ...madeFrom("beauty", "SASRec", vectors("sasrec-Beauty-32"), codes, false, false),
      LETTER: letter,
      IBA: index("test_only/beauty/IBA.Beauty.index.json", 4),
      ...Object.fromEntries(UNIGENREC.map((name) => [`UniGenRec ${name}`, () => unigenrec(name, "reordered").ids])),
      ...controls("LETTER", letter),
    },
  };
}

/** A line per user: the last of those that the file has, since windows of one user overlap. */
function miniOneRec(set, file, items) {
  const base = join(DATA, "test_only/minionerec");
  return async (areTrained) => {
    if (!existsSync(base)) return undefined;
    const lines = new Map();
    for (const part of ["valid", "test"]) {
      const [, ...rows] = readFileSync(join(base, `${set}.${part}.csv`), "utf8")
        .trim()
        .split("\n");
      for (const row of rows) {
        const [, history, item] = /"\[([\d, ]+)\]",(\d+),/.exec(row) ?? [];
        if (item !== undefined) lines.set(row.split(",", 1)[0], [...history.split(", "), item]);
      }
    }
    const text = Array.from(lines, ([user, list]) => `${user},${list.join(" ")}`);
    const histories = await readHistories(new TextEncoder().encode(["user,items", ...text].join("\n")), {
      rows: items,
    });
    const vectors = readMatrix(join(base, `${file}-glovesif100.f32.npy`));
    const published = index(`test_only/minionerec/${file}.index.json`, 3);
    return {
      histories,
      content: vectors,
      codes: [64, 64, 64],
      makers: {
        ...madeFrom(set, "GloVe", vectors, [64, 64, 64], areTrained),
        ...madeFrom(`${set}-256`, "GloVe, 256 codes", vectors, [256, 256, 256], false, false),
        MiniOneRec: published,
        "MiniOneRec, a quarter shuffled": () => partlyShuffled(published(), 0.25),
        ...controls("MiniOneRec", published),
      },
    };
  };
}

async function emoji(areTrained) {
  const items = readMatrix(join(ROOT, "examples/data/emoji/emoji-glovesif100.f16.npy"));
  const histories = await readHistories(join(ROOT, "examples/recommender/emoji-histories.txt"), {
    rows: items.rows,
    firstRow: 1,
  });
  const makers = {
    ...madeFrom("emoji", "64 codes", items, [64, 64, 64], areTrained),
    ...madeFrom("emoji-32", "32 codes", items, [32, 32, 32], false),
  };
  const kmeans = makers["k-means 64 codes"];
  const quarter = { "k-means, a quarter shuffled": async () => partlyShuffled(await kmeans(), 0.25) };
  return {
    histories,
    content: asFloats(items),
    codes: [64, 64, 64],
    makers: { ...makers, ...quarter, ...controls("k-means", kmeans) },
  };
}

/** Items in a tree of 12 x 8 x 16, users who stay in a branch or move to a near one, and IDs of which more and more are shuffled. */
async function planted() {
  const [tops, middles, leaves, users] = [12, 8, 16, 3000];
  const rows = Array.from({ length: tops * middles * leaves }, (_, i) => [
    Math.floor(i / (middles * leaves)),
    Math.floor(i / leaves) % middles,
    i % leaves,
  ]);
  const truth = SemanticIds.from(rows, { codebookSizes: [tops, middles, leaves] });
  const lines = Array.from({ length: users }, (_, user) => {
    const draw = (/** @type {number} */ i, n) => hash(7, user, i) % n;
    let [top, middle] = [draw(0, tops), draw(1, middles)];
    const list = Array.from({ length: 4 + draw(2, 6) }, (_, i) => {
      if (draw(10 + 4 * i, 10) === 0) top = draw(11 + 4 * i, tops);
      if (draw(10 + 4 * i, 10) < 4) middle = draw(12 + 4 * i, middles);
      return (top * middles + middle) * leaves + draw(13 + 4 * i, leaves);
    });
    return [`u${user}`, ...new Set(list)].join(" ");
  });
  const itemIds = rows.map((_, i) => String(i));
  const histories = await readHistories(new TextEncoder().encode(lines.join("\n")), { itemIds });
  const shares = [0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1];
  const partly = shares.map((share) => [`${100 * share}% shuffled`, () => partlyShuffled(truth, share)]);
  // Content knows the branch, and little of what is below it.
  const content = new Float32Array(rows.length * 16);
  rows.forEach(([top, middle], row) => {
    for (let j = 0; j < 16; j++) {
      const noise = (/** @type {number} */ key, n) => (hash(key, n, j) % 2000) / 1000 - 1;
      content[16 * row + j] = noise(1, top) + noise(2, top * middles + middle) / 4 + noise(3, row);
    }
  });
  return {
    histories,
    content: { data: content, rows: rows.length, dim: 16 },
    codes: [16, 16, 16],
    makers: { ...Object.fromEntries(partly), "random IDs": () => randomIds(truth, 0) },
  };
}

/** @type {Record<string, (areTrained: boolean) => Promise<{ histories: any, content?: Matrix, makers: Makers } | undefined>>} */
const SETS = {
  planted,
  emoji,
  industrial: miniOneRec("Industrial", "Industrial_and_Scientific", 3686),
  office: miniOneRec("Office", "Office_Products", 3459),
  beauty,
};
export const SET_NAMES = Object.keys(SETS);

/** What fusion needs of a catalogue: its content, its histories and the codes per level. @param {string} name */
export const loadContent = (name) => SETS[name](false);

/**
 * @param {string} name
 * @param {boolean} areTrained Whether IDs that have to be trained belong to it.
 * @param {(set: string) => boolean} [isAsked] Which sets of IDs are made.
 * @returns {Promise<Catalogue | undefined>} undefined when the data is not at hand
 */
export async function loadCatalogue(name, areTrained, isAsked = () => true) {
  const found = await SETS[name](areTrained);
  if (!found) return undefined;
  /** @type {Record<string, SemanticIds>} */
  const sets = {};
  for (const [set, make] of Object.entries(found.makers)) if (isAsked(set)) sets[set] = await make();
  return { name, histories: found.histories, ...(found.content && { content: found.content }), sets };
}
