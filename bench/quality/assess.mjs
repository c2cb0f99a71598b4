/** All measures of one method on one catalogue, and of all methods. */
import { assessIds } from "rqvae";
import {
  attributeOverlap,
  chanceOfSharing,
  countDistinctRows,
  explainedVariance,
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
 * @property {number} distinctAmongDistinct Distinct IDs / distinct vectors.
 * @property {number[]} neighbours Share of the 10 nearest neighbours that share the first code, the first two codes.
 * @property {number[]} chance The same for any pair of items.
 * @property {number} seconds Of fitting.
 * @property {number} cpuSeconds Of fitting, all threads together: what it takes on one thread, also on a busy machine.
 *
 * @typedef {IdMeasures & FitMeasures} Measured
 *
 * @typedef {object} Comparison Of the methods on one catalogue; one entry a seed in each list.
 * @property {Catalogue} catalogue
 * @property {number} seenRows
 * @property {number} distinctVectors
 * @property {Measured[]} default
 * @property {Measured[]} start
 * @property {Measured[]} recipe
 * @property {Measured[]} kmeansFull Greedy, in the space of the items.
 * @property {Measured[]} kmeansBeam In the space of the items, with the default's beam.
 * @property {Measured[]} kmeansOurs In the default's width, with the default's beam.
 * @property {Measured[]} hash
 * @property {string} settings Of the default, in short.
 */

/** Methods in the order of the table. */
export const METHODS = {
  default: "library's default",
  start: "  its own start",
  recipe: "field's recipe",
  kmeansFull: "k-means, greedy",
  kmeansBeam: "k-means, our beam",
  kmeansOurs: "k-means, our width",
  hash: "random hash",
};

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

/**
 * @param {Catalogue} catalogue
 * @param {readonly number[]} seeds
 * @param {(text: string) => void} [tell] progress
 * @returns {Promise<Comparison>}
 */
export async function compareMethods(catalogue, seeds, tell = () => {}) {
  const { items, levels, codes } = catalogue;
  tell("nearest neighbours");
  const queries = sampleRows(items.rows, queryCount(items), 1);
  const nearest = nearestNeighbours(items, queries);
  const distinctVectors = countDistinctRows(items);
  /** @type {Comparison} */
  const comparison = {
    ...{ catalogue, seenRows: 0, distinctVectors, settings: "" },
    ...{ default: [], start: [], recipe: [], kmeansFull: [], kmeansBeam: [], kmeansOurs: [], hash: [] },
  };

  for (const seed of seeds) {
    const rows = splitRows(items.rows, seed);
    const seen = pickRows(items, rows.seen);
    comparison.seenRows = seen.rows;
    const shape = { levels, codes, seed };

    /**
     * Makes a fitted model, measures it, and shows it to `last` before it is thrown away.
     * @param {keyof typeof METHODS} method
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
        distinctAmongDistinct: (ofIds.distinct * items.rows) / distinctVectors,
        neighbours: groups.map((each) => neighbourPreservation(each, queries, nearest)),
        chance: groups.map(chanceOfSharing),
        seconds,
        cpuSeconds: (user + system) / 1e6,
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
        await measure("start", () => ownStart(seen, model));
      },
    );
    await measure("recipe", () => fieldRecipe(seen, shape));
    await measure("kmeansFull", () => residualKMeans(seen, shape, { latentDim: items.dim, beam: 1 }));
    await measure("kmeansBeam", () => residualKMeans(seen, shape, { ...ours, latentDim: items.dim }));
    await measure("kmeansOurs", () => residualKMeans(seen, shape, ours));
    await measure("hash", () => randomHash(seen, shape));
  }
  return comparison;
}
