/** What assessing and explaining require of their arguments. */

import { requireAttached } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { Histories } from "../formats/histories/histories.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { checkLabels } from "../items/labels.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import type { ItemLabels } from "../types.ts";

/** Titles and labels, or labels alone. */
export type LabelOption = Partial<ItemLabels> | readonly (string | number)[];

/** Labels alone, or with titles; every list has one entry per item. @throws InvalidInputError */
export function readLabelOption(
  labels: LabelOption | undefined,
  n: number,
  where: string,
): Partial<ItemLabels> | undefined {
  if (labels === undefined) return undefined;
  if (labels === null || typeof labels !== "object") {
    throw invalid()`${call(where)}${{ argument: "labels" }} must be { titles, labels } or an array with one label per item, received ${show(labels)}`;
  }
  const read: Partial<ItemLabels> = Array.isArray(labels)
    ? { labels: { label: labels as (string | number)[] } }
    : (labels as Partial<ItemLabels>);
  checkLabels({ titles: read.titles ?? new Array<string>(n).fill(""), ...(read.labels && { labels: read.labels }) }, n);
  return read;
}

/** There must be IDs. @throws InvalidInputError */
export function requireIds(ids: SemanticIds, where: string): void {
  if (!ids?.codes || !ids.codebookSizes) {
    const given = ids as unknown;
    const advice =
      typeof (given as { then?: unknown } | null | undefined)?.then === "function"
        ? "a promise: await it first"
        : Array.isArray(given)
          ? `${show(given)}: make them with SemanticIds.from(rows, { codebookSizes })`
          : show(given);
    throw invalid()`${call(where)}${{ argument: "ids" }} must be SemanticIds, received ${advice}`;
  }
  requireAttached(ids.codes, `${where}: ids.codes`);
  if (ids.length === 0)
    throw invalid("EMPTY")`${call(where)}${{ argument: "ids" }} is empty: there is nothing to report on`;
}

/** Histories must be of the same items. @throws InvalidInputError */
export function requireHistories(histories: Histories, n: number, where = "assessIds", what = "ID"): void {
  const { items, offsets, userIds, times, catalogueItems, unknown, text } = (histories ?? {}) as Partial<Histories>;
  const isTable =
    items instanceof Uint32Array &&
    offsets instanceof Uint32Array &&
    offsets[0] === 0 &&
    offsets.at(-1) === items.length &&
    Array.isArray(userIds) &&
    typeof text === "string" &&
    (times === undefined || (times instanceof Float64Array && times.length === items.length));
  if (!isTable || ![catalogueItems, unknown?.choices, unknown?.items].every(Number.isSafeInteger)) {
    throw invalid()`${call(where)}${{ argument: "histories" }} must be what readHistories gives, received ${show(histories)}`;
  }
  if (catalogueItems !== n) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${call(where)}${{ argument: "histories" }} were read for a catalogue of ${counted(catalogueItems!, "item")}, but there are ${counted(n, what)}`;
  }
  const beyond = items.findIndex((row) => row >= n);
  requireThat(beyond < 0, `histories.items[${beyond}]`, `a row below ${n}`, items[beyond], where);
  const back = offsets.findIndex((at, user) => user > 0 && at < offsets[user - 1]!);
  requireThat(back < 0, `histories.offsets[${back}]`, "at least the one before it", offsets[back], where);
  const isNamed = userIds!.length === offsets.length - 1 && userIds!.every((userId) => typeof userId === "string");
  requireThat(isNamed, "histories.userIds", `${counted(offsets.length - 1, "string")}, one per user`, userIds, where);
}

/** There must be a model. @throws InvalidInputError */
export function requireModel(model: AsyncIdModel, where: string): void {
  const asked: (keyof AsyncIdModel)[] = ["encodeAsync", "latents", "decode", "codebooks", "save"];
  const given = (model ?? {}) as Partial<AsyncIdModel>;
  if (typeof given.fingerprint !== "string" || asked.some((name) => typeof given[name] !== "function")) {
    throw invalid()`${call(where)}${{ argument: "model" }} must be an RQVAE, an RQVAEWorker or another object with their methods, received ${show(model)}`;
  }
}

/** The IDs must be the model's own. @throws InvalidInputError */
export function requireOwnIds(ids: SemanticIds, model: AsyncIdModel, where: string): void {
  requireModel(model, where);
  const { codebookSize: codebookSizes } = model.config;
  if (ids.fingerprint !== undefined && ids.fingerprint !== model.fingerprint) {
    throw invalid(
      "OTHER_MODEL",
    )`${call(where)}ids were made by model ${ids.fingerprint}, but model is ${model.fingerprint}: codes of different models mean different things`;
  }
  if (ids.codebookSizes.join() !== codebookSizes.join()) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}${{ argument: "ids" }} has codebook sizes [${ids.codebookSizes.join(", ")}], the model [${codebookSizes.join(", ")}]${{ hint: "give the IDs of model.encode, without a suffix" }}`;
  }
}
