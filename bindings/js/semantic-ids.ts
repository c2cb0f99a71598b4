import { InvalidInputError } from "./errors.ts";

/** Codes as they are stored: 16-bit where every codebook fits, 32-bit otherwise. */
export type CodeArray = Uint16Array | Uint32Array;

/** "a" ... "z", then "aa", "ab", ...: the letter of a level in a token. */
export function levelLetter(level: number): string {
  let name = "";
  for (let n = level; n >= 0; n = Math.floor(n / 26) - 1) name = String.fromCharCode(97 + (n % 26)) + name;
  return name;
}

/**
 * The semantic IDs of n items: n rows of `levels` codes, row-major. Immutable by convention, plain data, synchronous: no
 * WebAssembly is needed to work with it.
 */
export class SemanticIds implements Iterable<number[]> {
  /** n x levels, row-major. */
  readonly codes: CodeArray;
  /** Number of items. */
  readonly length: number;
  /** Codes per ID. */
  readonly levels: number;
  /** Number of codes of each level. */
  readonly codebookSizes: readonly number[];
  /** The model that made the IDs (16 hexadecimal digits); IDs of different models must not be mixed. */
  readonly fingerprint?: string;

  /** Prefer `SemanticIds.from`. `codes.length` must be a multiple of `codebookSizes.length`. */
  constructor(codes: CodeArray, codebookSizes: readonly number[], fingerprint?: string) {
    const levels = codebookSizes.length;
    if (levels === 0) throw new InvalidInputError("codebookSizes is empty: an ID needs at least one level");
    if (codes.length % levels !== 0) {
      throw new InvalidInputError(`codes has ${codes.length} entries, which is not a multiple of the ${levels} levels`);
    }
    this.codes = codes;
    this.length = codes.length / levels;
    this.levels = levels;
    this.codebookSizes = Object.freeze([...codebookSizes]);
    if (fingerprint !== undefined) this.fingerprint = fingerprint;
  }

  /**
   * IDs from rows of codes, or from a flat array with a number of levels. Every code is checked against its level's codebook
   * size.
   * @throws InvalidInputError naming row and level of the first code that is not an integer in range.
   */
  static from(
    rows: readonly (readonly number[])[] | { codes: ArrayLike<number>; levels: number },
    options: { codebookSizes: readonly number[]; fingerprint?: string },
  ): SemanticIds {
    const { codebookSizes } = options;
    if (!Array.isArray(codebookSizes) || codebookSizes.length === 0) {
      throw new InvalidInputError("codebookSizes must be an array with the number of codes of each level");
    }
    codebookSizes.forEach((size, level) => {
      if (!Number.isInteger(size) || size < 1 || size > 2 ** 32 - 1) {
        throw new InvalidInputError(`codebookSizes[${level}] is ${size}; a codebook has a positive whole number of codes`);
      }
    });
    const levels = codebookSizes.length;
    const flat = "codes" in rows ? rows.codes : undefined;
    if ("codes" in rows && rows.levels !== levels) {
      throw new InvalidInputError(`levels is ${rows.levels}, but codebookSizes has ${levels} entries`);
    }
    if (flat && flat.length % levels !== 0) {
      throw new InvalidInputError(`codes has ${flat.length} entries, which is not a multiple of the ${levels} levels`);
    }
    const n = flat ? flat.length / levels : (rows as readonly (readonly number[])[]).length;
    const codes = SemanticIds.allocate(n, codebookSizes);
    for (let i = 0; i < n; i++) {
      const row = flat ? undefined : (rows as readonly (readonly number[])[])[i];
      if (row && row.length !== levels) {
        throw new InvalidInputError(`row ${i} has ${row.length} codes, but codebookSizes has ${levels} entries`);
      }
      for (let l = 0; l < levels; l++) {
        const code = (flat ? flat[i * levels + l] : row?.[l]) as number;
        if (!Number.isInteger(code) || code < 0 || code >= codebookSizes[l]!) {
          throw new InvalidInputError(
            `row ${i}, level ${l}: code ${code} is not a whole number from 0 to ${codebookSizes[l]! - 1}`,
          );
        }
        codes[i * levels + l] = code;
      }
    }
    return new SemanticIds(codes, codebookSizes, options.fingerprint);
  }

  /** An array for n IDs, of the narrowest type that holds every code. */
  static allocate(n: number, codebookSizes: readonly number[]): CodeArray {
    const length = n * codebookSizes.length;
    return codebookSizes.every((size) => size <= 65536) ? new Uint16Array(length) : new Uint32Array(length);
  }

  /** The codes of item i. @throws InvalidInputError when i is out of range. */
  at(i: number): number[] {
    if (!Number.isInteger(i) || i < 0 || i >= this.length) {
      throw new InvalidInputError(`item ${i} is out of range: there are ${this.length} IDs, numbered from 0`);
    }
    return Array.from(this.codes.subarray(i * this.levels, (i + 1) * this.levels));
  }

  /** The ID of item i as tokens of a language model's vocabulary: "<a_17><b_203><c_9>". */
  toTokens(i: number): string {
    return this.at(i)
      .map((code, level) => `<${levelLetter(level)}_${code}>`)
      .join("");
  }

  *[Symbol.iterator](): Iterator<number[]> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  toJSON(): { codes: number[][]; codebookSizes: readonly number[]; fingerprint?: string } {
    return {
      codes: [...this],
      codebookSizes: this.codebookSizes,
      ...(this.fingerprint === undefined ? {} : { fingerprint: this.fingerprint }),
    };
  }
}
