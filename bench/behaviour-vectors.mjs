// What vectors of behaviour beside those of content are worth to IDs, and how well content predicts them. IDs by residual k-means of both
// vectors, each of length 1, the squares of their weights together 1; published with a suffix; judged by `rqvae evaluate`'s models. The
// vectors are made of histories without the last fifth of each user's choices, at least one: nothing of what is to be found.
//
//   node bench/behaviour-vectors.mjs                     three catalogues, weights of behaviour from .25 to 1
//   --set office --seeds 3       one of office, industrial, beauty, emoji; seeds of k-means (default: 1)
//   --fit                        IDs by the library's default in place of k-means: minutes for each
//   --choices                    other choices of the vectors in place of other weights, each against the defaults
//   --cold                       only how well content predicts, next to ridge regression
import { behaviourVectors, coldMap } from "rqvae/behaviour";
import { evaluateIds } from "rqvae/evaluate";
import { sampleRows } from "../dist/items/sample.js";
import { readLists } from "./arguments.mjs";
import { loadCatalogue, withSuffix } from "./behaviour/catalogues.mjs";
import { libraryDefault, residualKMeans } from "./quality/methods.mjs";

/** @typedef {import("./quality/measures.mjs").Matrix} Matrix */

const SETS = ["office", "industrial", "beauty"];
const { values, lists, checkNames } = readLists("behaviour-vectors", ["set"], ["fit", "choices", "cold"]);
checkNames("set", lists.set, [...SETS, "emoji"]);
const seeds = Number(values.seeds ?? 1);

/** Histories without the last fifth of each user. */
function trainingPart({ times: _, ...histories }) {
  const [items, offsets] = [[], [0]];
  for (let user = 0; user < histories.users; user++) {
    const own = histories.items.subarray(histories.offsets[user], histories.offsets[user + 1]);
    items.push(...own.subarray(0, own.length - Math.max(1, Math.round(0.2 * own.length))));
    offsets.push(items.length);
  }
  return { ...histories, items: Uint32Array.from(items), offsets: Uint32Array.from(offsets) };
}

const row = ({ data, dim }, i) => data.subarray(i * dim, (i + 1) * dim);
const dot = (a, b) => a.reduce((sum, x, j) => sum + x * b[j], 0);

/** Each row of length `length`, or zero. @param {Matrix} matrix @returns {Matrix} */
function scaled(matrix, length = 1) {
  const data = matrix.data.slice();
  for (let i = 0; i < matrix.rows; i++) {
    const own = row({ data, dim: matrix.dim }, i);
    const norm = Math.sqrt(dot(own, own));
    if (norm > 0)
      data.set(
        own.map((x) => (length * x) / norm),
        i * matrix.dim,
      );
  }
  return { ...matrix, data };
}

/** @param {Matrix} content @param {Matrix} behaviour @param {number} weight */
function joined(content, behaviour, weight) {
  const parts = [scaled(content, Math.sqrt(1 - weight)), scaled(behaviour, Math.sqrt(weight))];
  const dim = content.dim + behaviour.dim;
  const data = new Float32Array(content.rows * dim);
  for (let i = 0; i < content.rows; i++) {
    data.set(row(parts[0], i), i * dim);
    data.set(row(parts[1], i), i * dim + content.dim);
  }
  return { data, rows: content.rows, dim };
}

/** Mean cosine of held-out rows with what a ridge regression on the others predicts. */
function ridge(content, behaviour, penalty) {
  const known = Array.from(behaviour.known.keys()).filter((i) => behaviour.known[i]);
  const isAsked = new Set(sampleRows(known.length, Math.floor(known.length / 10)));
  const told = known.filter((_, i) => !isAsked.has(i));
  const asked = known.filter((_, i) => isAsked.has(i));
  const mean = (of) =>
    told.reduce((sum, i) => row(of, i).map((x, j) => sum[j] + x / told.length), new Float64Array(of.dim));
  const [x0, y0] = [mean(content), mean(behaviour)];
  const centred = (of, from, i) => Float64Array.from(row(of, i), (x, j) => x - from[j]);
  const gram = Array.from({ length: content.dim }, () => new Float64Array(content.dim + behaviour.dim));
  for (const i of told) {
    const x = centred(content, x0, i);
    const all = [...x, ...centred(behaviour, y0, i)];
    for (const [p, a] of x.entries()) for (const [q, b] of all.entries()) gram[p][q] += a * b;
  }
  const trace = gram.reduce((sum, each, j) => sum + each[j], 0) / content.dim;
  for (const [j, each] of gram.entries()) each[j] += penalty * trace;
  // Gauss and Jordan: the right half becomes the coefficients.
  for (let p = 0; p < content.dim; p++) {
    const pivot = gram[p].map((x) => x / gram[p][p]);
    for (const [i, each] of gram.entries()) gram[i] = i === p ? pivot : each.map((x, q) => x - each[p] * pivot[q]);
  }
  const cosines = asked.map((i) => {
    const x = centred(content, x0, i);
    const y = y0.map((start, j) => start + x.reduce((sum, a, p) => sum + a * gram[p][content.dim + j], 0));
    const wanted = row(behaviour, i);
    return dot(y, wanted) / Math.sqrt(dot(y, y) * dot(wanted, wanted));
  });
  return cosines.reduce((sum, each) => sum + each, 0) / cosines.length;
}

for (const name of lists.set.length > 0 ? lists.set : SETS) {
  const catalogue = await loadCatalogue(name, false, () => false);
  if (!catalogue?.content) {
    console.log(`\n${name}: left out, since its files are not here`);
    continue;
  }
  const { histories } = catalogue;
  const content = scaled(catalogue.content);
  const part = trainingPart(histories);
  const vectors = async (options = {}) => {
    const made = await behaviourVectors(part, options);
    return { ...made, ...(await coldMap(content, made)) };
  };
  const behaviour = await vectors();
  const { cosine, baseline, explainedVariance } = behaviour.heldOut;
  const unknown = behaviour.known.reduce((sum, each) => sum + 1 - each, 0);
  console.log(
    `\n${name}: ${content.rows} items, ${unknown} of them without behaviour. Predicted from content: cosine ${cosine.toFixed(3)} (of the mean: ${baseline.toFixed(3)}), explained variance ${explainedVariance.toFixed(3)}`,
  );
  if (values.cold) {
    for (const penalty of [0.001, 0.01, 0.1, 1, 10]) {
      console.log(`by ridge regression, penalty ${penalty}: ${ridge(content, behaviour, penalty).toFixed(3)}`);
    }
    continue;
  }
  const codes = new Array(3).fill(name === "beauty" ? 256 : 64);
  const ids = async (/** @type {Matrix} */ items) => {
    const made = [];
    for (let seed = 0; seed < seeds; seed++) {
      const shape = { codes, seed };
      const latent = { latentDim: Math.min(64, items.dim), beam: 1 };
      const model = await (values.fit ? libraryDefault(items, shape) : residualKMeans(items, shape, latent));
      made.push(withSuffix(model.encode(items)));
      model.dispose();
    }
    return made;
  };
  /** @type {Record<string, any>} */
  const sets = {};
  if (values.choices) {
    const others = [
      { dim: 32 },
      { dim: 128 },
      { window: 2 },
      { window: 3 },
      { window: 10 },
      { smoothing: 0.5 },
      { smoothing: 1 },
    ];
    for (const options of others) {
      sets[JSON.stringify(options)] = await ids(joined(content, await vectors(options), 0.5));
    }
    sets["unknown are zero"] = await ids(joined(content, await behaviourVectors(part), 0.5));
  } else {
    for (const weight of [0.25, 0.5, 0.75]) sets[`behaviour ${weight}`] = await ids(joined(content, behaviour, weight));
    sets["behaviour alone"] = await ids(scaled(behaviour));
  }
  sets.content = await ids(content);
  // Sets are compared with those after them.
  if (values.choices) sets.defaults = await ids(joined(content, behaviour, 0.5));
  const start = values.choices ? "defaults" : "content";
  const { splits } = await evaluateIds(sets, { histories });
  for (const { name: split, models, comparisons } of splits) {
    console.log(`\nRecall@10, ${split}\n`);
    for (const { name: model, kind, measures } of models) {
      const gain = comparisons.find(({ of, over }) => of === model && over === start)?.measures["recall@10"];
      const words = gain ? `, over ${start} ${gain.mean.toFixed(4)} ± ${gain.margin.toFixed(4)}` : "";
      if (kind !== "control") console.log(`- ${model}: ${measures["recall@10"].toFixed(4)}${words}`);
    }
  }
}
