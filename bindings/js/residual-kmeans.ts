import { InvalidInputError } from "./errors.ts";
import { checkOptionNames, show } from "./option-reader.ts";
import { impliedDim, RQVAE } from "./rqvae.ts";
import type { EmbeddingSource, Items, JobOptions } from "./types.ts";
import { call, option, worded } from "./wording.ts";

/** What `residualKMeans` is told. */
export interface ResidualKMeansOptions extends JobOptions {
  /** Length of an ID. Default: 3. */
  levels?: number;
  /** Codes per level: one number, or one a level. Default: 256. */
  codebookSize?: number | readonly number[];
  /** Quantise in the first `latentDim` principal directions instead of in all dimensions. Default: `inputDim`. */
  latentDim?: number;
  /** Width of the beam search that gives IDs. Default: 1 (greedy). */
  beam?: number;
  /** Dimension of the items, needed with a flat array. */
  inputDim?: number;
  seed?: number;
}

/**
 * Residual k-means without a neural network: k-means on the items, then on what it leaves over, level by level (residual quantisation,
 * Chen et al. 2010), in all dimensions or in the first principal directions, with greedy or beam search encoding. The honest baseline of
 * any RQ-VAE, with the same freedoms, and a good quantiser in its own right: the result is an `RQVAE` without hidden layers, with the
 * same methods and the same file.
 * @throws InvalidInputError for a value out of range or an unknown option.
 */
export async function residualKMeans(
  items: Items | EmbeddingSource,
  options: ResidualKMeansOptions = {},
): Promise<RQVAE> {
  checkOptionNames(options, "residualKMeans", [
    "levels",
    "codebookSize",
    "latentDim",
    "beam",
    "inputDim",
    "seed",
    "onProgress",
    "signal",
  ]);
  const { levels, codebookSize, beam, seed, onProgress, signal } = options;
  const inputDim = options.inputDim ?? impliedDim(items, "residualKMeans");
  const latentDim = options.latentDim ?? inputDim;
  if (latentDim > inputDim) {
    throw new InvalidInputError(
      worded`${call("residualKMeans")}${option("latentDim")} must be at most the items' dimension ${inputDim}, received ${show(latentDim)}`,
    );
  }
  (await import("./embedding-source.ts")).countRows(items, inputDim); // complains before anything is made
  const model = await RQVAE.create({
    inputDim,
    latentDim,
    hiddenDims: [],
    linearSkip: latentDim === inputDim ? "identity" : "pca",
    ...(levels === undefined ? {} : { nQuantizationLayers: levels }),
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(beam === undefined ? {} : { encodeBeam: beam }),
    ...(seed === undefined ? {} : { seed }),
  });
  try {
    await model.kmeansInitCodebooks(items, {
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}
