/** Weights of fields, chosen by what they say of the last choice of each user, which is held out for it. */

import { CountingModel } from "../evaluate/counting-model.ts";
import { evaluateChoices } from "../evaluate/evaluate.ts";
import { leaveOut } from "../evaluate/leave-out.ts";
import { type Figure, meanOfFigure, pairedDifference } from "../evaluate/measures.ts";
import { leaveOneOut } from "../evaluate/splits.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { fuseRows, measureField, widthOf } from "../items/fields.ts";
import { residualKMeans } from "../model/residual-kmeans.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import type { JobOptions } from "../types.ts";
import { type BehaviourSettings, behaviourField, withGuess } from "./behaviour-field.ts";
import type { Part } from "./part.ts";

/** What is tried for each field but the first. */
const GRID = [1, 0.25, 0.5, 2, 4];

/** Weights that were tried, and what the IDs that they give are worth: Recall@10 of the last choice of each user. */
export interface Trial {
  weights: Record<string, number>;
  recall: number;
}

/**
 * Weighs one field after the other, the first having weight 1. A weight other than 1 is taken only if it is better with 95% confidence,
 * paired over the users.
 */
export async function chooseWeights(
  content: readonly Part[],
  histories: Histories,
  rows: number,
  settings: BehaviourSettings,
  { signal, onProgress }: JobOptions,
): Promise<{ weights: Record<string, number>; trials: Trial[] }> {
  const split = await leaveOneOut(histories, signal);
  const behaviour = await behaviourField(await leaveOut(histories, "last"), rows, settings, signal ? { signal } : {});
  const parts = [...content, behaviour.part(1)];
  const trials: Trial[] = [];
  const measure = async (weights: Record<string, number>): Promise<Figure> => {
    const weighed = parts.map((part) => ({ ...part, weight: weights[part.name]! }));
    const fields = withGuess(
      weighed.map((part) => measureField(part.name, part.open, part.rows, part.weight)),
      weighed,
      rows,
    );
    const dim = widthOf({ fields });
    const data = fuseRows({ fields }, weighed, rows);
    const { codebookSize, nQuantizationLayers } = suggestConfig({ n: rows, inputDim: dim }).model;
    const sizes = { ...(codebookSize && { codebookSize }), ...(nQuantizationLayers && { nQuantizationLayers }) };
    using model = await residualKMeans({ data, rows, dim }, { ...sizes, encodeBeam: 1, ...(signal && { signal }) });
    const ids = model.encode({ data, rows, dim });
    const figure = await evaluateChoices(await CountingModel.count(ids, split, signal), split, signal);
    trials.push({ weights, recall: meanOfFigure(figure) });
    onProgress?.({ phase: "initialize", progress: trials.length / (1 + (parts.length - 1) * (GRID.length - 1)) });
    return figure;
  };
  let weights: Record<string, number> = Object.fromEntries(parts.map(({ name }) => [name, 1]));
  let best = await measure(weights);
  for (const { name } of parts.slice(1)) {
    const base = { weights, figure: best };
    for (const weight of GRID.slice(1)) {
      const tried = { ...base.weights, [name]: weight };
      const figure = await measure(tried);
      const { mean, margin } = pairedDifference(figure, base.figure);
      if (mean > margin && meanOfFigure(figure) > meanOfFigure(best)) [weights, best] = [tried, figure];
    }
  }
  return { weights, trials };
}
