/** The model of an index, which made its IDs. */

import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted, thereAre } from "../base/words.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { openItems } from "../items/items.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import type { Items } from "../types.ts";

/** What an index needs of a model; one in a worker works with `buildAsync` and `addAsync`. */
export type IdModel = Pick<AsyncIdModel, "config" | "fingerprint" | "getSemanticIds" | "codebooks">;

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

/**
 * Checks that there is one vector per ID.
 * @throws InvalidInputError with both counts.
 */
export function checkItemRows(model: IdModel, items: Items, ids: SemanticIds, where: string): void {
  const { rows } = openItems(items, model.config.inputDim);
  if (rows !== ids.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${call(where)}${{ argument: "items" }} has ${counted(rows, "row")}, but ${thereAre(ids.length, "ID")}${{ hint: "give one row per ID" }}`;
  }
}

/** For a model in a worker, or code that a bundler put into a part loaded after the model. */
export const answersLater = (where: string): Error =>
  invalid()`${call(where)}the answers come later: the model is in a worker, or was made before this index was imported${{ hint: "build or change the index with buildAsync or addAsync" }}`;

/** Compares fingerprints, if both are known. */
export function requireSame(given: string | undefined, own: string | undefined, what: string): void {
  if (given === undefined || own === undefined || given === own) return;
  throw invalid(
    "OTHER_MODEL",
  )`${what} ${given}, but the IDs of the index are of model ${own}: codes of different models mean different things`;
}
