// What semantic IDs are for: a recommender of the next item that knows items by their codes. What it learns about one item carries over to
// those whose IDs start with the same codes, and what it generates, code by code, is always the ID of an item. Compared with recommenders
// that use no IDs, and with the same one with the IDs shuffled.
//
//   node examples/recommender/recommend.mjs                 histories made up of the emoji that come with the repository
//   node examples/recommender/recommend.mjs --data FOLDER   Amazon Beauty: sequences.Beauty.txt and --vectors, iclrec-Beauty-64.f32.npy
//   --ids kmeans   IDs by residual k-means instead of an RQ-VAE      --seed N      of the IDs      --json FILE   the figures, for programs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RQVAE, residualKMeans, SemanticIdIndex, SemanticIds, suggestConfig } from "rqvae";
import { readItems, readLabels } from "rqvae/formats";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";
import { compare, itemBigrams, meansOf, readHistories, shuffle } from "./evaluation.mjs";

/** The share of what followed any item at all, an item with the same first code, with the same two, and the very item. */
const WEIGHTS = [0.1, 0.25, 0.35, 0.3];
/** The last item of a history counts twice as much as the one before it. */
const RECENCY = [2 / 3, 1 / 3];

/** Bigrams of ID prefixes: how often the codes of an item followed the first codes of the item before it. */
export class PrefixBigrams {
  /** For the state of a prefix of the earlier ID: how many items followed, and how many of them passed each state of the index. */
  #followers = new Map();
  #children = new Map();

  /** @param {SemanticIdIndex} index @param {Iterable<string[]>} histories items in time order */
  constructor(index, histories) {
    this.index = index;
    this.vocabulary = new Vocabulary(index);
    for (const history of histories) {
      let contexts = [index.root]; // nothing comes before the first item: it counts for popularity alone
      for (const path of this.#paths(history)) {
        for (const context of contexts) this.#count(context, path);
        contexts = path;
      }
    }
  }

  /**
   * The k items most likely to come next that are not in the history: a beam search for IDs, constrained to those of items.
   * @param {string[]} history @returns {string[]}
   */
  recommend(history, k = 10, beamWidth = 20) {
    const paths = this.#paths(history);
    const past = new Set(paths.map((path) => path.at(-1)));
    const contexts = this.#contexts(paths.slice(-RECENCY.length).reverse());
    let beam = [{ state: this.index.root, score: 1 }];
    for (let level = 1; level <= this.index.levels; level++) {
      const width = level < this.index.levels ? beamWidth : k;
      const best = [];
      for (const parent of beam) {
        if (best.length === width && parent.score <= best[width - 1].score) break; // its items are no likelier than itself
        const known = contexts.filter(({ passed }) => passed.has(parent.state));
        for (const { state, popularity } of this.#next(parent.state)) {
          let score = WEIGHTS[0] * popularity;
          for (const { passed, each } of known) score += each * (passed.get(state) ?? 0);
          if (past.has(state) || (best.length === width && score <= best[width - 1].score)) continue;
          best.splice(best.findLastIndex((other) => other.score >= score) + 1, 0, { state, score });
          if (best.length > width) best.pop();
        }
      }
      beam = best;
    }
    return beam.flatMap(({ state }) => this.index.items(state));
  }

  /** The items of a history as a recommender reads them, in tokens; each as states of the index: the root, after one code, after two... */
  #paths(history) {
    const { tokens } = encodeHistories([history], this.index, this.vocabulary);
    return this.vocabulary.decodeAll(tokens).map((codes) => {
      const path = [this.index.root];
      for (const code of codes) path.push(this.index.step(path.at(-1), code));
      return path;
    });
  }

  #count(context, path) {
    const followers = this.#followers.get(context) ?? { total: 0, passed: new Map() };
    followers.total++;
    for (const state of path) followers.passed.set(state, (followers.passed.get(state) ?? 0) + 1);
    this.#followers.set(context, followers);
  }

  /** What followed items with the same first codes as these, the latest first, and how much each occurrence counts. */
  #contexts(paths) {
    return paths.flatMap((path, age) =>
      path.flatMap((state, depth) => {
        const followers = depth > 0 && this.#followers.get(state);
        if (!followers) return [];
        return { passed: followers.passed, each: (RECENCY[age] * WEIGHTS[depth]) / followers.total };
      }),
    );
  }

  /** The states one code further that lead to items, with the share of all items in the histories that passed them. */
  #next(parent) {
    let next = this.#children.get(parent);
    if (!next) {
      const { total, passed } = this.#followers.get(this.index.root);
      next = Array.from(this.index.allowedNext(parent), (code) => {
        const state = this.index.step(parent, code);
        return { state, popularity: (passed.get(state) ?? 0) / total };
      });
      this.#children.set(parent, next);
    }
    return next;
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      vectors: { type: "string", default: "iclrec-Beauty-64.f32.npy" },
      ids: { type: "string", default: "rqvae" },
      seed: { type: "string", default: "0" },
      json: { type: "string" },
    },
  });
  if (!["rqvae", "kmeans"].includes(values.ids)) {
    console.error(`recommend.mjs: --ids must be rqvae or kmeans, not ${values.ids}`);
    process.exit(2);
  }
  const at = (path) => fileURLToPath(new URL(path, import.meta.url));
  const [vectorFile, historyFile, labelFile] = values.data
    ? [join(values.data, values.vectors), join(values.data, "sequences.Beauty.txt")]
    : [at("../data/emoji/emoji-glovesif100.f16.npy"), at("emoji-histories.txt"), at("../data/emoji/emoji.labels.json")];
  const titles = labelFile ? readLabels(readFileSync(labelFile, "utf8")).titles : [];
  const items = await readItems(vectorFile);
  const { names, histories } = readHistories(historyFile, items.rows);
  const known = histories.map((history) => history.slice(0, -1)); // the last item of each is what has to be recommended

  const seed = Number(values.seed);
  const { codebookSize } = suggestConfig({ n: items.rows, inputDim: items.dim }).model;
  const shape = { nQuantizationLayers: 3, codebookSize, seed };
  const model = await (values.ids === "kmeans" ? residualKMeans(items, shape) : RQVAE.fit(items, shape));
  const index = SemanticIdIndex.build(names, model.encode(items), { collisions: "reassign", model, items });
  const shuffled = SemanticIdIndex.build(names, shuffledIds(index, names));

  const recommenders = {
    popularity: itemBigrams(known, RECENCY, 0),
    "item bigrams": itemBigrams(known, RECENCY, 0.75), // this share or .5 or .9: the figures hardly move
    "shuffled IDs": new PrefixBigrams(shuffled, known),
    "semantic IDs": new PrefixBigrams(index, known),
  };
  console.log(`${names.length} items with IDs of ${index.codebookSizes.join(" x ")} codes, ${histories.length} users`);
  const { results, gains } = compare(histories, recommenders);
  if (values.json) writeFileSync(values.json, JSON.stringify({ means: meansOf(results), gains }));

  // Somebody whose next item is found by its codes, and is not among the ten of the item bigrams.
  const isFound = (user) => recommenders["semantic IDs"].recommend(known[user], 5).includes(histories[user].at(-1));
  const user = histories.findIndex((_, i) => results["item bigrams"].recall[i] === 0 && isFound(i));
  if (user < 0) return;
  const { vocabulary } = recommenders["semantic IDs"];
  const title = (item) => [vocabulary.format(index.get(item)), titles[names.indexOf(item)]].join(" ").trimEnd();
  console.log(`\nUser ${user + 1} had`);
  for (const item of known[user].slice(-3)) console.log(`  ${title(item)}`);
  console.log("and is recommended");
  for (const item of recommenders["semantic IDs"].recommend(known[user], 5)) {
    console.log(`  ${title(item)}${item === histories[user].at(-1) ? "  <- taken" : ""}`);
  }
}

/** The same IDs, each given to some other item: the same tree of codes, which now says nothing about the items. */
function shuffledIds(index, names) {
  const ids = names.map((name) => index.get(name));
  return SemanticIds.from(shuffle(ids, 2), { codebookSizes: index.codebookSizes });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
