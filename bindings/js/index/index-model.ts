/** The model of an index: the one that made its IDs. */

import { InvalidInputError } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import type { IdModel } from "./item-vectors.ts";

export function requireModel(model: IdModel | undefined, where: string): IdModel {
  if (model) return model;
  throw new InvalidInputError(`${where}: items serve only beside their model: build or load the index with { model }`);
}

export function requireModelOf(
  model: IdModel,
  fingerprint: string | undefined,
  sizes: readonly number[],
  where: string,
): void {
  if (typeof model.getSemanticIds !== "function" || typeof model.fingerprint !== "string") {
    throw new InvalidInputError(`${where}: model must be an RQVAE, or one in a worker, received ${show(model)}`);
  }
  requireSame(model.fingerprint, fingerprint, `${where}: the given model is`);
  if (String(model.config.codebookSizes) !== String(sizes)) {
    throw new InvalidInputError(
      `${where}: the model has the codebook sizes [${model.config.codebookSizes.join(", ")}], the IDs have [${sizes.join(", ")}]`,
    );
  }
}

/** Of a model in a worker. */
export const answersLater = (where: string): InvalidInputError =>
  new InvalidInputError(
    `${where}: the model is in a worker, and answers later: build or change the index with buildAsync or addAsync`,
  );

/** Fingerprints, where both are known. */
export function requireSame(given: string | undefined, own: string | undefined, what: string): void {
  if (given === undefined || own === undefined || given === own) return;
  throw new InvalidInputError(
    `${what} ${given}, but the IDs of the index are of model ${own}: codes of different models mean different things`,
  );
}
