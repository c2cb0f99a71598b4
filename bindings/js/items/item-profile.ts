/**
 * What the items are like before any model sees them: exact copies, and a dimension that drowns the others. Found by + - * / alone, and
 * told in the same words by training, report and page.
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
  /** Of the variance summed over all dimensions, from 0 to 1. */
  share: number;
}

/** What was seen of the items. */
export interface ItemProfile {
  /** Items that were looked at: all, or a sample of a large catalogue. */
  rows: number;
  /** Different vectors among them. */
  distinct: number;
  /** Items whose vector another of them has too. */
  itemsWithTwin: number;
  /** 1 / sum p^2 over the shares p of the different vectors: as many, all equally frequent, would collide as often. */
  evenVectors: number;
  dominant?: DominantColumn;
}

/** Fewer rows say nothing about variances. */
const FEWEST_ROWS = 8;
/** Share of copies from which they are worth a warning. */
const MANY_TWINS = 0.05;

/**
 * Whether a share of all variance makes a dimension dominant: more than half of it, and more than twice what would be its even part. Of
 * two dimensions one always has half; three are uneven by chance.
 */
export const isDominant = (share: number, dim: number): boolean => share > Math.max(0.5, 2 / dim);

/** Takes rows in as they come. */
export class ItemProfiler {
  readonly #dim: number;
  readonly #classes: VectorClasses;
  /** Sums are around the first row: a large offset would take their digits. */
  readonly #origin: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;

  /** @param most Rows that will be added at most. */
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

  /** Adds rows in order. @param vectors Whole rows, one behind the other. */
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

  /** What was seen of the rows added so far. */
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

/** "column 0 carries 93.1% of all variance" */
export const dominance = ({ column, share }: DominantColumn, names?: readonly string[]): string =>
  `${nameColumn(column, names)} carries ${percent(share)} of all variance`;

/** What a dominant dimension means, and what to do. */
export const aboutDominant = (dominant: DominantColumn, names?: readonly string[]): Wording =>
  worded`${dominance(dominant, names)}: the IDs tell items apart by it and by little else. Leave it out if it is an ID or a property such as a price; otherwise train with ${option("inputScaling", "perDimension")}`;

/** What it means that all vectors are the same. */
export function aboutConstant(items: number): Wording {
  return [
    `all ${thousands(items)} items have the same vector, so every model gives them one and the same ID: check how the embeddings were made`,
  ];
}

/** What exact copies mean. */
export function aboutTwins({ rows, distinct, itemsWithTwin }: ItemProfile, items: number): Wording {
  const among = rows < items ? `of ${counted(rows, "item")} looked at, ` : "";
  return [
    `${among}${counted(itemsWithTwin, "item")} have a vector that another item has too (${counted(distinct, "different vector")} in all): no model tells exact copies apart. Leave copies out, or give them a suffix`,
  ];
}

/** The warnings that the items give cause for, whatever the training does. */
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
    // Scaled dimension by dimension, none is larger than the others for the model.
    ...(dominant && inputScaling !== "perDimension"
      ? [warning("dominatedByColumn", aboutDominant(dominant, names), dominant.column)]
      : []),
    ...(profile.itemsWithTwin > MANY_TWINS * profile.rows ? [warning("duplicates", aboutTwins(profile, items))] : []),
  ];
}

/** Whether all items are the same. */
export const isConstant = ({ rows, distinct }: Pick<ItemProfile, "rows" | "distinct">): boolean =>
  rows > 1 && distinct === 1;

/** Different vectors among all items, estimated where only a sample of them was looked at. */
export const distinctVectors = ({ rows, distinct }: ItemProfile, items: number): number =>
  rows < items ? Math.max(distinct, Math.round((distinct / rows) * items)) : distinct;
