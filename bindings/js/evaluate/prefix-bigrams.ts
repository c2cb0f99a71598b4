/** The model of an evaluation as a recommender. */

import { requireList } from "../base/attached.ts";
import { checkSignal, OptionReader, requireThat, wholeNumber } from "../base/option-reader.ts";
import type { Histories } from "../formats/histories/histories.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { requireHistories, requireIds } from "../report/check.ts";
import { CountingModel } from "./counting-model.ts";

/**
 * Recommends the items whose IDs came after those of the last two items of a history. It counts what came after the item itself (weight
 * .30), after items that share its first codes (.60 together: .25 and .35 with three codes), and at all (.10). The last item counts twice as
 * much as the one before it. IDs are ranked exactly, all of them.
 */
export class PrefixBigrams {
  readonly #model: CountingModel;
  readonly #items: number;
  /** Rows of each group. */
  readonly #rows = new Map<number, number[]>();

  private constructor(model: CountingModel, items: number) {
    this.#model = model;
    this.#items = items;
    for (let row = 0; row < items; row++) {
      const group = model.groupOf(row);
      const rows = this.#rows.get(group);
      if (rows) rows.push(row);
      else this.#rows.set(group, [row]);
    }
  }

  /**
   * Counts histories.
   * @param ids Of the catalogue that the histories were read for, row by row.
   * @throws InvalidInputError if they do not belong together.
   */
  static async count(
    ids: SemanticIds,
    histories: Histories,
    options: { signal?: AbortSignal } = {},
  ): Promise<PrefixBigrams> {
    const where = "PrefixBigrams.count";
    requireIds(ids, where);
    const read = new OptionReader(options, where);
    const signal = checkSignal(read);
    read.refuseUnknown();
    requireHistories(histories, ids.length, where);
    const { items, offsets } = histories;
    const model = await CountingModel.count(ids, { items, offsets, ends: offsets.subarray(1) }, signal);
    return new PrefixBigrams(model, ids.length);
  }

  /**
   * The rows of the `k` IDs most likely to come next, the best first; of an ID that several items share, all that are not in the history.
   * @param history Rows, the latest last.
   */
  recommend(history: ArrayLike<number>, k = 10): number[] {
    requireList(history, "history", "an array of rows");
    for (let i = 0; i < history.length; i++) {
      const row = history[i]!;
      const isRow = Number.isInteger(row) && row >= 0 && row < this.#items;
      requireThat(isRow, "history", `rows from 0 to ${this.#items - 1}`, row);
    }
    requireThat(Number.isInteger(k) && k > 0, "k", wholeNumber(1, Number.MAX_SAFE_INTEGER), k);
    const past = Uint32Array.from(history);
    return this.#model.best(past, k).flatMap((group) => this.#rows.get(group)!.filter((row) => !past.includes(row)));
  }
}
