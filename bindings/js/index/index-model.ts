/** The model of an index, which made its IDs. */

import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { IdModel } from "./item-vectors.ts";

export function requireModel(model: IdModel | undefined, where: string): IdModel {
  if (model) return model;
  throw invalid(
    "MODEL_NEEDED",
  )`${call(where)}items need their model${{ hint: "build or load the index with { model }" }}`;
}

export function requireModelOf(
  model: IdModel,
  fingerprint: string | undefined,
  sizes: readonly number[],
  where: string,
): void {
  const isModel = typeof model.getSemanticIds === "function" && typeof model.fingerprint === "string";
  requireThat(isModel, "model", "an RQVAE, or one in a worker", model, where);
  requireSame(model.fingerprint, fingerprint, `${where}: the given model is`);
  if (String(model.config.codebookSize) !== String(sizes)) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}the model has the codebook sizes [${model.config.codebookSize.join(", ")}], but the IDs have [${sizes.join(", ")}]`;
  }
}

/** For a model in a worker. */
export const answersLater = (where: string): Error =>
  invalid()`${call(where)}the model is in a worker, whose answers come later${{ hint: "build or change the index with buildAsync or addAsync" }}`;

/** Compares fingerprints, if both are known. */
export function requireSame(given: string | undefined, own: string | undefined, what: string): void {
  if (given === undefined || own === undefined || given === own) return;
  throw invalid(
    "OTHER_MODEL",
  )`${what} ${given}, but the IDs of the index are of model ${own}: codes of different models mean different things`;
}
