/**
 * What the items are like before training: exact copies, and a dimension that dominates the others. Computed with + - * / alone, and worded
 * identically in training, report and page.
 */

import { MAX_SIZE, requireThat } from "../base/option-reader.ts";
import { option, toText, type Wording, worded } from "../base/wording.ts";
import { counted, percent, thousands } from "../base/words.ts";
import type { TrainWarning } from "../types.ts";
import { VectorClasses } from "./vector-classes.ts";

/** A dimension that carries most of the variance. */
export interface DominantColumn {
  /** From 0. */
  column: number;
  /** Share of the variance summed over all dimensions, from 0 to 1. */
  share: number;
}

/** What was found about the items. */
export interface ItemProfile {
  /** Number of items inspected: all, or a sample of a large catalogue. */
  rows: number;
  /** Different vectors among them. */
  distinct: number;
  /** Items that have the same vector as another of them. */
  itemsWithTwin: number;
  /** 1 / sum p^2 over the shares p of the different vectors: this many equally frequent vectors would collide as often. */
  evenVectors: number;
  dominant?: DominantColumn;
}

/** Fewer rows say nothing about variances. */
const FEWEST_ROWS = 8;
/** Share of copies from which they are worth a warning. */
const MANY_TWINS = 0.05;

/**
 * Whether a share of the total variance makes a dimension dominant: more than half of it, and more than twice an even share. One of two
 * dimensions always has half; three are uneven by chance.
 */
export const isDominant = (share: number, dim: number): boolean => share > Math.max(0.5, 2 / dim);

/** Collects rows as they come. */
export class ItemProfiler {
  readonly #dim: number;
  readonly #classes: VectorClasses;
  /** Sums are relative to the first row, since a large offset would cost precision. */
  readonly #origin: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;

  /** @param most The most rows that will be added. */
  constructor(most: number, dim: number) {
    requireThat(
      Number.isInteger(dim) && dim > 0 && dim <= MAX_SIZE,
      "dim",
      `a whole number from 1 to ${MAX_SIZE}`,
      dim,
    );
    this.#dim = dim;
    this.#classes = new VectorClasses(most);
    this.#origin = new Float64Array(dim);
    this.#sums = new Float64Array(dim);
    this.#squares = new Float64Array(dim);
  }

  /** Which vectors are the same. */
  get classes(): VectorClasses {
    return this.#classes;
  }

  /** Adds rows in order. @param vectors Whole rows, one after another. */
  add(vectors: Float32Array): void {
    const dim = this.#dim;
    const before = this.#classes.rows;
    this.#classes.add(vectors, dim); // which checks them
    const [origin, sums, squares] = [this.#origin, this.#sums, this.#squares];
    if (before === 0) origin.set(vectors.subarray(0, dim));
    for (let at = 0; at < vectors.length; at += dim) {
      for (let j = 0; j < dim; j++) {
        const x = vectors[at + j]! - origin[j]!;
        sums[j]! += x;
        squares[j]! += x * x;
      }
    }
  }

  /** What was found about the rows added so far. */
  finish(): ItemProfile {
    const { rows, distinct, firstRows } = this.#classes;
    const members = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) members[firstRows[row]!]!++;
    let itemsWithTwin = 0;
    let pairs = 0;
    for (const size of members) {
      if (size > 1) itemsWithTwin += size;
      pairs += size * size;
    }
    const dominant = rows < FEWEST_ROWS ? undefined : this.#dominant(rows);
    return { rows, distinct, itemsWithTwin, evenVectors: (rows * rows) / pairs, ...(dominant && { dominant }) };
  }

  #dominant(rows: number): DominantColumn | undefined {
    let total = 0;
    let most = 0;
    let column = 0;
    for (let j = 0; j < this.#dim; j++) {
      const sum = this.#sums[j]!;
      const variance = Math.max(0, this.#squares[j]! - (sum * sum) / rows);
      total += variance;
      if (variance > most) {
        most = variance;
        column = j;
      }
    }
    const share = most / total;
    return isDominant(share, this.#dim) ? { column, share } : undefined;
  }
}

/** "column 3", or "column 3 ("price")" where its name is known. */
export function nameColumn(column: number, names?: readonly string[]): string {
  const name = names?.[column];
  return name === undefined ? `column ${column}` : `column ${column} (${JSON.stringify(name)})`;
}

/** "column 0 carries 93.1% of the variance" */
export const dominance = ({ column, share }: DominantColumn, names?: readonly string[]): string =>
  `${nameColumn(column, names)} carries ${percent(share)} of the variance`;

/** What a dominant dimension means, and what to do. */
export const aboutDominant = (dominant: DominantColumn, names?: readonly string[]): Wording =>
  worded`${dominance(dominant, names)}: the IDs depend on it and little else. Leave it out if it is an ID or a property such as a price; otherwise train with ${option("inputScaling", "perDimension")}`;

/** What it means that all vectors are the same. */
export function aboutConstant(items: number): Wording {
  return [
    `all ${thousands(items)} items have the same vector, so every model gives them the same ID: check how the embeddings were made`,
  ];
}

/** What exact copies mean. */
export function aboutTwins({ rows, distinct, itemsWithTwin }: ItemProfile, items: number): Wording {
  const among = rows < items ? `in a sample of ${counted(rows, "item")}, ` : "";
  return [
    `${among}${counted(itemsWithTwin, "item")} have the same vector as another item (${counted(distinct, "different vector")} in all): no model can tell exact copies apart. Leave copies out or give them a suffix`,
  ];
}

/** The warnings about the items, independent of the training. */
export function itemWarnings(
  profile: ItemProfile,
  items: number,
  inputScaling: string,
  names?: readonly string[],
): TrainWarning[] {
  const warning = (kind: TrainWarning["kind"], wording: Wording, column?: number): TrainWarning => ({
    kind,
    epoch: -1,
    ...(column !== undefined && { column }),
    message: toText(wording),
    wording,
  });
  if (isConstant(profile)) return [warning("constant", aboutConstant(items))];
  const { dominant } = profile;
  return [
    // If each dimension is scaled separately, none dominates for the model.
    ...(dominant && inputScaling !== "perDimension"
      ? [warning("dominatedByColumn", aboutDominant(dominant, names), dominant.column)]
      : []),
    ...(profile.itemsWithTwin > MANY_TWINS * profile.rows ? [warning("duplicates", aboutTwins(profile, items))] : []),
  ];
}

/** Whether all items are the same. */
export const isConstant = ({ rows, distinct }: Pick<ItemProfile, "rows" | "distinct">): boolean =>
  rows > 1 && distinct === 1;

/** Number of different vectors among all items, estimated if only a sample was inspected. */
export const distinctVectors = ({ rows, distinct }: ItemProfile, items: number): number =>
  rows < items ? Math.max(distinct, Math.round((distinct / rows) * items)) : distinct;
