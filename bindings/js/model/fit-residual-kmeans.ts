import { invalid } from "../base/errors.ts";
import { MAX_SIZE, OptionReader, show } from "../base/option-reader.ts";
import { call, option } from "../base/wording.ts";
import { countRows } from "../items/embedding-source.ts";
import { impliedDim } from "../items/implied-dim.ts";
import { useHints } from "../options/hints.ts";
import { tellLateError } from "../runtime/jobs.ts";
import type { EmbeddingSource, Items, ResidualKMeansOptions } from "../types.ts";
import { RQVAE } from "./rqvae.ts";

/** The options; their type makes sure that they are complete. */
const NAMES = Object.keys({
  nQuantizationLayers: 1,
  codebookSize: 1,
  latentDim: 1,
  encodeBeam: 1,
  refine: 1,
  inputDim: 1,
  seed: 1,
  onProgress: 1,
  signal: 1,
} satisfies Record<keyof ResidualKMeansOptions, 1>);

/** See `residualKMeans`. */
export async function fitResidualKMeans(
  items: Items | EmbeddingSource,
  options: ResidualKMeansOptions,
): Promise<RQVAE> {
  useHints();
  const read = new OptionReader(options, "residualKMeans");
  for (const name of NAMES) read.get(name);
  read.refuseUnknown();
  const { onProgress, signal, refine: _, ...sizes } = options;
  const implied = options.inputDim === undefined ? impliedDim(items, "residualKMeans") : undefined;
  const inputDim = read.integer("inputDim", implied, 1, MAX_SIZE);
  const latentDim = read.integer("latentDim", inputDim, 1, MAX_SIZE);
  if (latentDim > inputDim) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${call("residualKMeans")}${option("latentDim")} must be at most the items' dimension ${inputDim}, received ${show(latentDim)}`;
  }
  const codebookRefine = read.boolean("refine", true);
  countRows(items, inputDim); // throws before anything is made
  const model = await RQVAE.create({
    ...sizes,
    inputDim,
    latentDim,
    hiddenDims: [],
    codebookRefine,
    linearSkip: latentDim === inputDim ? "identity" : "pca",
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
