import type { ModelConfig, TrainOptions } from "../types.ts";
import { suggestConfig } from "./suggest-config.ts";

/**
 * Options of the training of a catalogue of n items that starts from a model of an earlier version of it (`RQVAE.fit` with `from`): as
 * `suggestConfig` has them, but for fewer epochs at a lower rate. All items train, none are held out: there is nothing to choose between
 * the start and what training makes of it, since known items keep their IDs.
 *
 * Measured by `npm run bench:churn`.
 */
export function suggestRetraining(n: number, { inputDim, codebookSize, compat }: ModelConfig): TrainOptions {
  const { train } = suggestConfig({ n, inputDim, codebookSize, compat });
  const { validationShare: _, validationUntil: __, ...rest } = train;
  return { ...rest, epochs: 10, evaluateEvery: 1, learningRate: 1e-3, stability: 0.75 };
}
