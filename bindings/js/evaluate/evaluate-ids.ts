import { invalid } from "../base/errors.ts";
import { checkSignal, OptionReader, requireThat } from "../base/option-reader.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { requireIds, type SemanticIds } from "../ids/semantic-ids.ts";
import { type FieldLayout, requireLayout } from "../items/fields.ts";
import { requireUnique } from "../items/join.ts";
import { requireHistories } from "../report/check.ts";
import { evaluate } from "./evaluate.ts";
import type { IdEvaluation } from "./evaluation.ts";
import type { NamedIds } from "./join-sets.ts";

/**
 * IDs of the rows of the catalogue, or of items that are joined with it by their own IDs (`itemIds`). With `fields` of the model that made
 * them, the evaluation says whether choices that are to be found were among those that the vectors were made of.
 */
export type IdSet = SemanticIds | { ids: SemanticIds; itemIds?: readonly string[]; fields?: FieldLayout | undefined };

/** What `evaluateIds` takes besides the IDs. */
export interface EvaluateOptions {
  /** What users chose, as `readHistories` gives it. */
  histories: Histories;
  /** The item IDs that the histories were read with, by which sets with item IDs of their own are joined. */
  itemIds?: readonly string[];
  /** Share of the choices that the split in time holds out. Default: 0.2. */
  heldOut?: number;
  signal?: AbortSignal;
}

const WHERE = "evaluateIds";

/**
 * Recommends items by sets of IDs, and says how often what users chose next is among the first 5, 10 and 20. The models only count: what came
 * after items whose IDs begin with the same codes ({@link PrefixBigrams}). For comparison: popularity, item bigrams and the item graph,
 * which know items by number, the same IDs shuffled among the items, and random IDs.
 *
 * Histories are divided twice: leave-one-out (the last choice of each user), and in time (all choices from one point in time on, or the last
 * ones of each user if the histories have no times). A recommended ID of several items counts as a hit by the item's share of them, and
 * equal scores by the expected value over their orders. Differences have 95% intervals, paired over the users, and over the seeds of a set
 * where there are several.
 *
 * @param sets By name: IDs of the catalogue that the histories were read for, row by row or joined by item ID; a list for several seeds.
 * Items that are not in all sets are left out. IDs alone are called "IDs".
 * @throws InvalidInputError if sets and histories do not belong together, or have no item in common.
 */
export async function evaluateIds(
  sets: SemanticIds | Readonly<Record<string, IdSet | readonly IdSet[]>>,
  options: EvaluateOptions,
): Promise<IdEvaluation> {
  const read = new OptionReader(options, WHERE);
  const signal = checkSignal(read);
  const histories = read.get("histories") as Histories;
  const itemIds = read.get("itemIds") as readonly string[] | undefined;
  const heldOut = read.number("heldOut", 0.2, 0, 0.5, true);
  read.refuseUnknown();
  const named = readSets(sets);
  requireHistories(histories, histories?.catalogueItems, WHERE);
  if (itemIds !== undefined) {
    const isSo = Array.isArray(itemIds) && itemIds.every((itemId) => typeof itemId === "string");
    requireThat(isSo, "itemIds", "an array of strings", itemIds, WHERE);
    requireUnique(itemIds, "itemIds");
    requireHistories(histories, itemIds.length, WHERE);
  }
  return evaluate(named, histories, itemIds, heldOut, signal);
}

function readSets(sets: unknown): NamedIds[] {
  if (isIds(sets)) return [{ name: "IDs", seeds: [seedOf(sets, "sets")] }];
  requireThat(typeof sets === "object" && sets !== null && !Array.isArray(sets), "sets", "IDs by name", sets, WHERE);
  const named = Object.entries(sets).map(([name, given]) => ({
    name,
    seeds: (Array.isArray(given) ? [...given] : [given]).map((each) => seedOf(each, `sets.${name}`)),
  }));
  if (named.length === 0) throw invalid("EMPTY")`${{ argument: "sets" }} is empty: there is nothing to evaluate`;
  for (const { name, seeds } of named) {
    requireThat(seeds.length > 0, `sets.${name}`, "IDs, or a list of them with an entry per seed", [], WHERE);
    const [first] = seeds;
    const isSame = seeds.every(({ ids }) => ids.levels === first!.ids.levels);
    requireThat(
      isSame,
      `sets.${name}`,
      "IDs of one length for all seeds",
      seeds.map(({ ids }) => ids.levels),
      WHERE,
    );
  }
  return named;
}

const isIds = (value: unknown): value is SemanticIds => ArrayBuffer.isView((value as SemanticIds | undefined)?.codes);

function seedOf(given: unknown, name: string): NamedIds["seeds"][number] {
  const { ids, itemIds, fields } = isIds(given)
    ? { ids: given, itemIds: undefined, fields: undefined }
    : ((given ?? {}) as Exclude<IdSet, SemanticIds>);
  requireIds(ids, name);
  requireThat(ids.length > 0, name, "IDs of at least one item", ids, WHERE);
  if (itemIds !== undefined) {
    const isSo = Array.isArray(itemIds) && itemIds.every((itemId) => typeof itemId === "string");
    requireThat(isSo, `${name}.itemIds`, "an array of strings", itemIds, WHERE);
  }
  if (fields !== undefined) requireLayout(fields, `${name}.fields`);
  return { ids, itemIds, madeFrom: fields?.madeFrom };
}
