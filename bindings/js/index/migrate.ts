/** The next generation of a published index: IDs under a new model, kept where they are still good. */

import { asAnswersCome } from "../base/asking.ts";
import { invalid } from "../base/errors.ts";
import { checkOptionNames, OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { ItemId } from "../ids/item-id.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { type SortedIds, sortIds } from "../ids/sorted-ids.ts";
import { openItems } from "../items/items.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import { nextTurn } from "../runtime/jobs.ts";
import type { Items } from "../types.ts";
import { type Batch, checkBatch } from "./batch.ts";
import { driftLimit } from "./drift.ts";
import { type IndexChange, type IndexContents, publishedSizes } from "./index-contents.ts";
import type { IdModel } from "./index-model.ts";
import { ItemTable } from "./item-table.ts";
import { forEachVector } from "./item-vectors.ts";
import { publish } from "./publish.ts";
import { PublishedRows, pickIds } from "./published-rows.ts";
import { sampleRows } from "./with-model.ts";

/** A model that an index can migrate to: an `RQVAE`, or one in a worker. */
export type NextModel = IdModel & Pick<AsyncIdModel, "encodeAsync">;

/** How to make the next generation of an index. */
export interface MigrateOptions {
  /**
   * How much worse than the best ID a published one may be for its item to keep it: by 0.1 its error may be 10 % larger. 0 keeps only IDs
   * that are as good as the new model's own; Infinity keeps all. Default: 0.1.
   */
  keep?: number;
  /**
   * What to do with items of the index that are not among the given ones: "keep" their ID, which nobody compares with the new model, or
   * "remove" them. Default: an error.
   */
  missing?: "keep" | "remove";
}

/** What became of the items. */
export interface MigrationCounts {
  /** Items of both generations that have the same ID in both. */
  unchanged: number;
  /** Those of the unchanged items that the new model itself would give another raw ID. */
  kept: number;
  /** Items that have a new ID. */
  moved: number;
  /** Items that are new. */
  added: number;
  /** Items that were removed because no vector was given. */
  removed: number;
}

/** Rows between two turns of the event loop. */
const STEP = 1024;

/**
 * @param contents Of the old index, as copies.
 * @param make Makes an index of contents.
 */
export async function migrate<Index>(
  contents: IndexContents,
  make: (contents: IndexContents) => Index,
  model: NextModel,
  itemIds: ArrayLike<ItemId>,
  items: Items,
  options: MigrateOptions = {},
): Promise<MigrationCounts & { index: Index }> {
  const where = "migrate";
  const isModel = typeof model?.getSemanticIds === "function" && typeof model.encodeAsync === "function";
  requireThat(isModel, "model", "an RQVAE, or one in a worker", model, where);
  checkOptionNames(options, where, ["keep", "missing"]);
  const read = new OptionReader(options, where);
  const isEndless = options.keep === Number.POSITIVE_INFINITY;
  const keep = isEndless ? options.keep! : read.number("keep", 0.1, 0);
  const missing = read.choice("missing", ["error", "keep", "remove"], "error");
  const { collisions, capacity } = contents;
  const { codebookSize: sizes, encodeBeam, firstCodeWeight } = model.config;
  const old = contents.codebookSizes;
  if (sizes.length !== old.length || sizes.some((size, level) => size < old[level]!)) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}the model has the codebook sizes [${sizes.join(", ")}], and the index has [${old.join(", ")}]: its IDs can be kept only by a model with as many levels and at least as many codes${{ hint: "build a new index for this one" }}`;
  }
  openItems(items, model.config.inputDim); // a model may take other forms too, but vectors are read here
  const ids = await model.encodeAsync(items);
  const batch = checkBatch(itemIds, ids, sizes, where);
  ItemTable.of(batch.itemIds, where);

  // The old rows, in the new sizes. Raw IDs are from now on what the new model says, whether the item moves or not.
  const rules = { collisions, capacity, codebookSizes: sizes };
  const publishedTo = publishedSizes(rules);
  const [levels, rawLevels] = [publishedTo.length, sizes.length];
  const n = contents.itemIds.length;
  const codes = SemanticIds.allocate(n, publishedTo);
  codes.set(contents.codes);
  const raw = SemanticIds.allocate(n, sizes);
  const rawOf = (row: number) => raw.subarray(row * rawLevels, (row + 1) * rawLevels);
  for (let row = 0; row < n; row++) {
    rawOf(row).set(
      contents.raw?.subarray(row * rawLevels, (row + 1) * rawLevels) ??
        codes.subarray(row * levels, row * levels + rawLevels),
    );
  }
  const rows = new PublishedRows({ ...contents, codes, raw }, levels);
  const rowOf = batch.itemIds.map((itemId) => rows.row(itemId));
  const isSeen = new Set(rowOf);
  const unseen = Array.from(rows.live.order).filter((row) => !isSeen.has(row));
  if (unseen.length > 0 && missing === "error") {
    throw invalid(
      "UNKNOWN_ITEM",
    )`${call(where)}${{ argument: "itemIds" }} lacks ${counted(unseen.length, "item")} of the index, such as ${show(rows.itemAt(unseen[0]!))}${{ hint: 'give their vectors too, or say missing: "keep" or "remove"' }}`;
  }

  const books: readonly Float32Array[] = await model.codebooks({ space: "latent" });
  const weight = encodeBeam > 1 ? firstCodeWeight : 0;
  const errorOf = (latent: Float32Array, id: CodeArray) => idError(latent, id, books, weight);
  const stays = new Uint8Array(rowOf.length);
  const errors = new Float64Array(rowOf.length);
  const leftOvers = new Float64Array(rowOf.length);
  const forEach = async (of: Uint32Array, use: (i: number, latent: Float32Array, leftOver: number) => void) => {
    for (let first = 0; first < of.length; first += STEP) {
      const step = of.subarray(first, first + STEP);
      await asAnswersCome(
        forEachVector(model, items, ids, step, (place, latent, leftOver) => use(step[place]!, latent, leftOver)),
      );
      await nextTurn();
    }
  };
  const idAt = (of: CodeArray, place: number, stride: number) =>
    of.subarray(place * stride, place * stride + rawLevels);
  await forEach(Uint32Array.from(rowOf.keys()), (i, latent, leftOver) => {
    leftOvers[i] = leftOver;
    const row = rowOf[i]!;
    if (row < 0) return;
    const limit = (1 + keep) * errorOf(latent, idAt(ids.codes, i, rawLevels));
    const published = errorOf(latent, idAt(codes, row, levels));
    // An item that was reassigned is judged by the ID that it could not have, too: to move would not give it a better one.
    const nearest = collisions === "reassign" ? Math.min(published, errorOf(latent, rawOf(row))) : published;
    stays[i] = nearest <= limit || isEndless ? 1 : 0;
    errors[i] = published;
  });
  rowOf.forEach((row, i) => {
    if (row >= 0) rawOf(row).set(idAt(ids.codes, i, rawLevels));
  });

  let fresh = [...rowOf.keys()].filter((i) => stays[i] === 0);
  const newcomersOf = (places: readonly number[]): Batch => ({
    itemIds: places.map((i) => batch.itemIds[i]!),
    ids: SemanticIds.trusted(pickIds(ids.codes, rawLevels, places), sizes),
  });
  let newcomers = newcomersOf(fresh);
  let published: SortedIds = await asAnswersCome(
    publish(rules, newcomers, { ids, rows: fresh }, rows.held, model, items, where),
  );
  if (collisions === "reassign") {
    // Where the free IDs are no better than the one that the item has, it keeps that.
    const place = new Map(fresh.map((i, at) => [i, at]));
    const { codes: given } = published;
    await forEach(Uint32Array.from(fresh.filter((i) => rowOf[i]! >= 0)), (i, latent) => {
      if (errorOf(latent, idAt(given, place.get(i)!, levels)) >= errors[i]!) stays[i] = 1;
    });
    const left = fresh.filter((i) => stays[i] === 0);
    const chosen = pickIds(
      given,
      levels,
      left.map((i) => place.get(i)!),
    );
    fresh = left;
    newcomers = newcomersOf(fresh);
    published = sortIds(chosen, publishedTo, newcomers.itemIds);
  }

  const journal: IndexChange[] = [...contents.journal];
  const idsOf = (of: readonly number[]) => rows.idsOf(of, publishedTo);
  const moved = fresh.filter((i) => rowOf[i]! >= 0);
  const added = fresh.filter((i) => rowOf[i]! < 0);
  const before = idsOf(moved.map((i) => rowOf[i]!));
  const removed = missing === "remove" ? unseen : [];
  const removal: IndexChange = {
    ...{ kind: "remove", items: removed.length },
    ...{ itemIds: removed.map((row) => rows.itemAt(row)), before: idsOf(removed) },
  };
  const away = [...moved.map((i) => rowOf[i]!), ...removed];
  if (collisions === "share") rows.free(away);
  else rows.retire(away);
  const placed = new Map(rows.place(newcomers, published).map((row, k) => [fresh[k]!, row]));
  const change = (kind: "migrate" | "add", of: readonly number[]): IndexChange => ({
    ...{ kind, items: of.length, itemIds: of.map((i) => batch.itemIds[i]!) },
    ...(kind === "migrate" ? { before } : {}),
    after: idsOf(of.map((i) => placed.get(i)!)),
  });
  journal.push(change("migrate", moved));
  if (removed.length > 0) journal.push(removal);
  if (added.length > 0) journal.push(change("add", added));
  const sample = sampleRows(batch.itemIds);
  const index = make({
    ...{ ...rules, fingerprint: ids.fingerprint, compact: false, ...rows.contents(true) },
    ...(sample.length > 0 ? { driftLimit: driftLimit(Float64Array.from(sample, (i) => leftOvers[i]!)) } : {}),
    ...{ drift: [0, 0], journal: journal.map((entry) => Object.freeze(entry)) },
    earlier: [
      ...(contents.earlier ?? []),
      { codebookSizes: old, ...(contents.fingerprint === undefined ? {} : { fingerprint: contents.fingerprint }) },
    ],
  });
  const known = rowOf.filter((row) => row >= 0).length;
  const isOther = (i: number) => {
    const own = rows.idAt(rowOf[i]!);
    return idAt(ids.codes, i, rawLevels).some((code, level) => code !== own[level]);
  };
  return {
    index,
    unchanged: known - moved.length + unseen.length - removed.length,
    kept: [...rowOf.keys()].filter((i) => stays[i] === 1 && isOther(i)).length,
    ...{ moved: moved.length, added: added.length, removed: removed.length },
  };
}

/** What the search of IDs minimises, ||z - sum of q||^2 + w ||z - q_1||^2, in double (src/quantizer/beam_search.h). */
function idError(latent: Float32Array, id: CodeArray, books: readonly Float32Array[], weight: number): number {
  const d = latent.length;
  let [sum, first] = [0, 0];
  for (let j = 0; j < d; j++) {
    let left = latent[j]!;
    for (let level = 0; level < id.length; level++) {
      left -= books[level]![id[level]! * d + j]!;
      if (level === 0) first += left * left;
    }
    sum += left * left;
  }
  return sum + weight * first;
}
