/** The model of an index: the one that made its IDs. */

import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { IdModel } from "./item-vectors.ts";

export function requireModel(model: IdModel | undefined, where: string): IdModel {
  if (model) return model;
  throw invalid(
    "MODEL_NEEDED",
  )`${call(where)}items serve only beside their model${{ hint: "build or load the index with { model }" }}`;
}

export function requireModelOf(
  model: IdModel,
  fingerprint: string | undefined,
  sizes: readonly number[],
  where: string,
): void {
  const isModel = typeof model.getSemanticIds === "function" && typeof model.fingerprint === "string";
  requireThat(isModel, "model", "an RQVAE (not a worker's)", model, where);
  requireSame(model.fingerprint, fingerprint, `${where}: the given model is`);
  if (String(model.config.codebookSize) !== String(sizes)) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}the model has the codebook sizes [${model.config.codebookSize.join(", ")}], the IDs have [${sizes.join(", ")}]`;
  }
}

/** Fingerprints, where both are known. */
export function requireSame(given: string | undefined, own: string | undefined, what: string): void {
  if (given === undefined || own === undefined || given === own) return;
  throw invalid(
    "OTHER_MODEL",
  )`${what} ${given}, but the IDs of the index are of model ${own}: codes of different models mean different things`;
}
