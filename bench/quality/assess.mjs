/** All measures of one method on one catalogue, and of all methods. */
import { assessIds } from "rqvae";
import { faissQuantizer } from "./faiss.mjs";
import {
  attributeOverlap,
  chanceOfSharing,
  distinctShare,
  explainedVariance,
  firstOfEachVector,
  nearestNeighbours,
  neighbourPreservation,
  normalizedMutualInformation,
  prefixGroups,
} from "./measures.mjs";
import { fieldRecipe, libraryDefault, ownStart, randomHash, residualKMeans } from "./methods.mjs";
import { pickRows, sampleRows, splitRows } from "./split.mjs";

/**
 * @typedef {import("./datasets.mjs").Catalogue} Catalogue
 * @typedef {import("rqvae").SemanticIds} SemanticIds
 *
 * @typedef {object} IdMeasures Of the IDs of a whole catalogue.
 * @property {number} distinct Distinct IDs / items.
 * @property {number[]} usage Per level: codes in use / codes.
 * @property {number[]} perplexity Per level.
 * @property {number[]} entropy Per level: entropy / ln(codes).
 * @property {number | null} nmi Of the first code with the known category.
 * @property {(number | null)[]} overlap Of attributes, in pairs that share the first code, the first two codes.
 *
 * @typedef {object} FitMeasures
 * @property {number} evSeen Explained variance of the items that the method was fitted to.
 * @property {number} evUnseen And of those it was not.
 * @property {number} distinctAmongDistinct Distinct IDs of the distinct vectors / distinct vectors.
 * @property {number[]} neighbours Share of the 10 nearest neighbours that share the first code, the first two codes.
 * @property {number[]} chance The same for any pair of items.
 * @property {number[]} neighboursToGreedy `neighbours` less that of greedy k-means, where that was measured.
 * @property {number} seconds Of fitting.
 * @property {number} cpuSeconds Of fitting, all threads together: what it takes on one thread, also on a busy machine.
 *
 * @typedef {IdMeasures & FitMeasures} Measured
 *
 * @typedef {object} Context Of a comparison.
 * @property {Catalogue} catalogue
 * @property {number} seenRows
 * @property {number} distinctVectors
 * @property {string} settings Of the default, in short.
 * @property {string[]} notes What is missing and why.
 *
 * @typedef {keyof typeof METHODS} Method
 * @typedef {Context & Record<Method, Measured[]>} Comparison One entry a seed of every method; none of those that were not measured.
 */

/** Methods in the order of the table. */
export const METHODS = {
  default: "library's default",
  /** Initialised and not trained. */
  start: "  its own start",
  recipe: "field's recipe",
  /** In the space of the items. */
  kmeansFull: "k-means, greedy",
  /** In the space of the items, with the default's beam. */
  kmeansBeam: "k-means, our beam",
  /** In the default's width, with the default's beam. */
  kmeansOurs: "k-means, our width",
  faissBeam8: "faiss RQ, beam 8",
  faissBeam32: "faiss RQ, beam 32",
  faissRefined: "faiss RQ, 8, refined",
  faissLocalSearch: "faiss LSQ",
  faissProduct: "faiss OPQ + PQ",
  hash: "random hash",
};

/** @type {Partial<Record<Method, import("./faiss.mjs").Quantizer>>} */
const FAISS = {
  faissBeam8: { method: "residual", beam: 8 },
  faissBeam32: { method: "residual", beam: 32 },
  faissRefined: { method: "residual", beam: 8, refine: true },
  faissLocalSearch: { method: "localSearch" },
  faissProduct: { method: "product" },
};

export const METHOD_NAMES = /** @type {Method[]} */ (Object.keys(METHODS));
export const FAISS_METHODS = /** @type {Method[]} */ (Object.keys(FAISS));

/**
 * @param {SemanticIds} ids
 * @param {Pick<Catalogue, "category" | "attributes">} known
 * @returns {Promise<IdMeasures>}
 */
export async function assessWithLabels(ids, { category, attributes }) {
  const { uniqueShare, perLevel } = await assessIds(ids);
  const groups = [1, 2].map((depth) => prefixGroups(ids, depth));
  return {
    distinct: uniqueShare,
    usage: perLevel.map((level) => level.usage),
    perplexity: perLevel.map((level) => level.perplexity),
    entropy: perLevel.map((level) => level.normalizedEntropy),
    nmi: category ? normalizedMutualInformation(groups[0], category.values) : null,
    overlap: groups.map((each) => (attributes ? attributeOverlap(each, attributes) : null)),
  };
}

/** As many query rows as are quick, at most 2,000: about 2 x 10^10 multiplications. */
function queryCount({ rows, dim }) {
  return Math.min(2000, Math.max(100, Math.floor(2e10 / (rows * dim))));
}

/** @type {WeakMap<import("./measures.mjs").Matrix, ReturnType<typeof surveyOf>>} */
const surveys = new WeakMap();

/** What does not depend on IDs: distinct vectors, and nearest neighbours of some rows. */
function surveyOf(items) {
  const queries = sampleRows(items.rows, queryCount(items), 1);
  return { queries, nearest: nearestNeighbours(items, queries), firstRows: firstOfEachVector(items) };
}

/**
 * @param {Catalogue} catalogue
 * @param {readonly number[]} seeds
 * @param {object} [options]
 * @param {readonly Method[]} [options.methods] The default is always measured.
 * @param {string} [options.python] One that has faiss; without it faiss's methods are not measured.
 * @param {(text: string) => void} [options.tell] progress
 * @returns {Promise<Comparison>}
 */
export async function compareMethods(catalogue, seeds, { methods = METHOD_NAMES, python, tell = () => {} } = {}) {
  const { items, codes } = catalogue;
  let survey = surveys.get(items);
  if (survey === undefined) {
    tell("nearest neighbours");
    survey = surveyOf(items);
    surveys.set(items, survey);
  }
  const { queries, nearest, firstRows } = survey;
  const lists = /** @type {Record<Method, Measured[]>} */ (Object.fromEntries(METHOD_NAMES.map((name) => [name, []])));
  /** @type {Comparison} */
  const comparison = { catalogue, seenRows: 0, distinctVectors: firstRows.length, settings: "", notes: [], ...lists };
  /** Methods that this catalogue or this machine is too much for. @type {Set<Method>} */
  const leftOut = new Set();
  const wants = (/** @type {Method} */ method) => methods.includes(method) && !leftOut.has(method);

  for (const seed of seeds) {
    const rows = splitRows(items.rows, seed);
    const seen = pickRows(items, rows.seen);
    comparison.seenRows = seen.rows;
    const shape = { codes, seed };

    /**
     * Makes a fitted model, measures it, and shows it to `last` before it is thrown away.
     * @param {Method} method
     * @param {() => any} make
     */
    const measure = async (method, make, last = async (_model) => {}) => {
      tell(`seed ${seed}: ${METHODS[method].trim()}`);
      const started = performance.now();
      const cpuBefore = process.cpuUsage();
      const model = await make();
      const seconds = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpuBefore);
      const ids = model.encode(items);
      const decoded = { data: model.decode(ids), rows: items.rows, dim: items.dim };
      const explained = (part) => explainedVariance(pickRows(items, part), pickRows(decoded, part).data);
      const groups = [1, 2].map((depth) => prefixGroups(ids, depth));
      const ofIds = await assessWithLabels(ids, catalogue);
      comparison[method].push({
        ...ofIds,
        evSeen: explained(rows.seen),
        evUnseen: explained(rows.unseen),
        distinctAmongDistinct: distinctShare(ids, firstRows),
        neighbours: groups.map((each) => neighbourPreservation(each, queries, nearest)),
        chance: groups.map(chanceOfSharing),
        neighboursToGreedy: [], // known when greedy k-means is
        ...(model.cost ?? { seconds, cpuSeconds: (user + system) / 1e6 }),
      });
      await last(model);
      model.dispose();
    };

    let ours = { latentDim: items.dim, beam: 1 };
    await measure(
      "default",
      () => libraryDefault(seen, shape),
      async (model) => {
        const { latentDim, hiddenDims, encodeBeam = 1 } = model.config;
        ours = { latentDim, beam: encodeBeam };
        comparison.settings = `latent ${latentDim}, hidden ${hiddenDims.join("-")}, beam ${encodeBeam}`;
        if (wants("start")) await measure("start", () => ownStart(seen, model));
      },
    );
    const full = { latentDim: items.dim };
    if (wants("recipe")) await measure("recipe", () => fieldRecipe(seen, shape));
    if (wants("kmeansFull")) await measure("kmeansFull", () => residualKMeans(seen, shape, { ...full, beam: 1 }));
    if (wants("kmeansBeam")) await measure("kmeansBeam", () => residualKMeans(seen, shape, { ...ours, ...full }));
    if (wants("kmeansOurs")) await measure("kmeansOurs", () => residualKMeans(seen, shape, ours));
    for (const method of python === undefined ? [] : FAISS_METHODS) {
      if (!wants(method)) continue;
      try {
        await measure(method, () => faissQuantizer(/** @type {string} */ (python), seen, shape, FAISS[method], items));
      } catch (error) {
        leftOut.add(method);
        comparison[method] = []; // an entry a seed, or none
        comparison.notes.push(`${METHODS[method]}: left out, ${/** @type {Error} */ (error).message}`);
      }
    }
    if (wants("hash")) await measure("hash", () => randomHash(seen, shape));
  }
  for (const method of METHOD_NAMES) {
    comparison.kmeansFull.forEach(({ neighbours }, i) => {
      const measured = comparison[method][i];
      if (measured) measured.neighboursToGreedy = measured.neighbours.map((value, depth) => value - neighbours[depth]);
    });
  }
  return comparison;
}
