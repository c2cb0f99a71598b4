import { invalid } from "../base/errors.ts";
import { checkOptionNames, MAX_SIZE, OptionReader, show } from "../base/option-reader.ts";
import { call, option } from "../base/wording.ts";
import { countRows } from "../items/embedding-source.ts";
import { impliedDim } from "../items/implied-dim.ts";
import { useHints } from "../options/hints.ts";
import { tellLateError } from "../runtime/jobs.ts";
import type { EmbeddingSource, Items, ResidualKMeansOptions } from "../types.ts";
import { RQVAE } from "./rqvae.ts";

/** See `residualKMeans`. */
export async function fitResidualKMeans(
  items: Items | EmbeddingSource,
  options: ResidualKMeansOptions,
): Promise<RQVAE> {
  useHints();
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
  const read = new OptionReader(options, "residualKMeans");
  const implied = options.inputDim === undefined ? impliedDim(items, "residualKMeans") : undefined;
  const inputDim = read.integer("inputDim", implied, 1, MAX_SIZE);
  const latentDim = read.integer("latentDim", inputDim, 1, MAX_SIZE);
  if (latentDim > inputDim) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${call("residualKMeans")}${option("latentDim")} must be at most the items' dimension ${inputDim}, received ${show(latentDim)}`;
  }
  countRows(items, inputDim); // complains before anything is made
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
    if (!model.initialized) {
      model.dispose();
      throw error;
    }
    tellLateError("residualKMeans", error);
  }
  return model;
}
