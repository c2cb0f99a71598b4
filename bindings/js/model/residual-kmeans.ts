import { type LongCall, longCall } from "../base/long-call.ts";
import type { EmbeddingSource, Items, JobProgress, ResidualKMeansOptions } from "../types.ts";
import type { RQVAE } from "./rqvae.ts";

/**
 * Residual k-means without a neural network: k-means on the items, then on what it leaves over, level by level (residual quantisation, Chen
 * et al. 2010), in all dimensions or in the first principal directions, with greedy or beam search encoding. It is the honest baseline for
 * any RQ-VAE, with the same options, and a good quantiser in its own right. The result is an `RQVAE` without hidden layers, with the same
 * methods and file format.
 * @throws InvalidInputError for a value out of range or an unknown option.
 */
export function residualKMeans(
  items: Items | EmbeddingSource,
  options: ResidualKMeansOptions = {},
): LongCall<JobProgress, RQVAE> {
  return longCall("residualKMeans", options, async (watch) => {
    const { fitResidualKMeans } = await import("./fit-residual-kmeans.ts"); // few programs need it
    return fitResidualKMeans(items, { ...options, ...watch });
  });
}
