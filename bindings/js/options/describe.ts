/** The tables of options and their words together, as plain data. */

import { MODEL, type Row, type Table, TRAIN, type Value } from "./table.ts";
import { WORDS, type Words } from "./words.ts";

/** One option, described. */
export interface OptionDescription extends Words {
  /** Its name in `RQVAE.create`, `train` and `RQVAE.fit`. */
  readonly name: string;
  /** Whether it is an option of the model or of its training. */
  readonly of: "model" | "train";
  /** "integers" is a list; "...PerLevel" one number for all levels, or one for each. */
  readonly kind: Row["kind"];
  /** Its default, unless other options change that, see `usually`. */
  readonly default: Value;
  /** Of a "choice". */
  readonly choices?: readonly string[];
  /** Another value that means true, for a "flag". */
  readonly also?: string;
  /** Least and largest number. */
  readonly min?: number;
  readonly max?: number;
  /** Whether `min` itself is not allowed. */
  readonly isOpen?: true;
  /** Most entries of a list. */
  readonly most?: number;
}

/** The rows of the tables that have words, in the words' order. */
export function describeOptions(
  model: Table,
  train: Table,
  words: Readonly<Record<string, Words>>,
): readonly OptionDescription[] {
  return Object.entries(words).map(([name, said]) => {
    const of = name in model ? "model" : "train";
    const { instead: _, excludes: __, ...row } = { model, train }[of][name]!;
    return { name, of, ...row, default: row.default!, ...said };
  });
}

/** All options that are values, except `inputDim`, which the items give. */
export const OPTIONS: readonly OptionDescription[] = describeOptions(MODEL, TRAIN, WORDS);
