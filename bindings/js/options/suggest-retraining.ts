import type { ModelConfig, TrainOptions } from "../types.ts";
import { steadyTraining } from "./suggest-config.ts";

/**
 * Options of a training of n items that starts from the model of an earlier version of the catalogue (`RQVAE.fit` with `from`). As
 * `suggestConfig` has them, but
 *
 * - a quarter of the epochs, at least 5: the model knows most items, and longer it would only learn them by heart. The rate is half of that, or
 *   a quarter below eight items per dimension, or from 128 codes a level on, whose cells are so small that items leave them early.
 * - half of the noise: the encoder must find the IDs that are held again.
 * - four times the separation, since only new items are pulled apart.
 * - no validation items: the old model has seen nearly all of them, so that they could not tell what is worth it.
 *
 * If the new items are of a new kind, which the old codes were not made for, it has twice as many epochs, in which new items come twice, or
 * four times below eight items per dimension. The least used first codes become theirs, and at most a quarter as many known items
 * lose their ID by that as there are new ones. The noise would let held IDs go in that time, so that it only stays where there are so few
 * items. Without it, small cells bear the higher rate. Measured by `npm run bench:churn`.
 *
 * @param newKind How many items are of a new kind.
 * @param stability Without any, no item is new.
 */
export function suggestRetraining(
  n: number,
  { inputDim, codebookSize, compat }: ModelConfig,
  newKind = 0,
  stability = STABILITY,
): TrainOptions {
  if (compat === "hopwise") return { stability };
  const { validationShare: _, validationUntil: __, ...train } = steadyTraining({ n, inputDim, codebookSize });
  const few = n < 8 * inputDim;
  const isFine = Math.max(...codebookSize) >= FINE;
  const epochs = Math.max(5, Math.round(train.epochs / 4));
  return {
    ...train,
    epochs: newKind > 0 ? 2 * epochs : epochs,
    learningRate: train.learningRate / (few || (isFine && newKind === 0) ? 4 : 2),
    residualNoise: newKind > 0 && !few ? 0 : train.residualNoise / 2,
    separationWeight: 4 * train.separationWeight,
    evaluateEvery: 1,
    stability,
    ...(newKind > 0 &&
      stability > 0 && { newItemRepeats: few ? 4 : 2, freedShare: Math.ceil((250 * newKind) / n) / 1000 }),
  };
}

const STABILITY = 0.75;
/** Codes a level. */
const FINE = 128;
