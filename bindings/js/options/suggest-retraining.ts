import type { ModelConfig, TrainOptions } from "../types.ts";
import { suggestConfig } from "./suggest-config.ts";

/** From this on, new items are of a new kind. Those of the kinds that a model knows have up to 1.3 times the error of what it was trained on. */
const NEW_KIND = 1.35;

/**
 * Options of a training of n items that starts from the model of an earlier version of the catalogue (`RQVAE.fit` with `from`). As
 * `suggestConfig` has them, but
 *
 * - a quarter of the epochs, at least 5: the model knows most items, and longer it would only learn them by heart. The rate is half of that, or
 *   a quarter below eight items per dimension, or from 128 codes a level on, whose cells are so small that items leave them early. Twice as
 *   many epochs at twice the rate if the new items are of a new kind.
 * - half of the noise, and none for a new kind: the encoder must find the IDs that are held again.
 * - four times the separation, since only new items are pulled apart.
 * - no validation items: the old model has seen nearly all of them, so that they could not tell what is worth it.
 *
 * @param novelty The old model's mean reconstruction error of new items, divided by that of known ones. Measured by `npm run bench:churn`.
 */
export function suggestRetraining(
  n: number,
  { inputDim, codebookSize, compat }: ModelConfig,
  novelty = 1,
): TrainOptions {
  const { validationShare: _, validationUntil: __, ...train } = suggestConfig({ n, inputDim, codebookSize }).train;
  if (compat === "hopwise") return { stability: STABILITY };
  const effort = novelty > NEW_KIND ? 2 : 1;
  return {
    ...train,
    epochs: effort * Math.max(5, Math.round(train.epochs! / 4)),
    learningRate: (train.learningRate! * effort) / (n < 8 * inputDim || Math.max(...codebookSize) >= FINE ? 4 : 2),
    residualNoise: effort > 1 ? 0 : train.residualNoise! / 2,
    separationWeight: 4 * train.separationWeight!,
    evaluateEvery: 1,
    stability: STABILITY,
  };
}

const STABILITY = 0.75;
/** Codes a level. */
const FINE = 128;
