import { checkArray, requireAttached } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { requireThat, show } from "../base/option-reader.ts";
import { counted, thereAre } from "../base/words.ts";

/** Codes as stored: 16-bit if every codebook fits, else 32-bit. */
export type CodeArray = Uint16Array | Uint32Array;

/** "a" ... "z", then "aa", "ab", ...: the letter of a level in a token. */
export function levelLetter(level: number): string {
  let name = "";
  for (let n = level; n >= 0; n = Math.floor(n / 26) - 1) name = String.fromCharCode(97 + (n % 26)) + name;
  return name;
}

/** The most codes in an ID: more than anybody uses, but few enough for work level by level. */
export const MAX_LEVELS = 512;

function requireLevels(levels: number): void {
  if (levels >= 1 && levels <= MAX_LEVELS) return;
  throw invalid()`${{ argument: "codebookSizes" }} has ${counted(levels, "entry")}; an ID has 1 to ${MAX_LEVELS} codes`;
}

/** A registered symbol, so that separately bundled entries of the package share it. */
const INFERRED = Symbol.for("rqvae.inferredSizes");

/**
 * Marks codebook sizes as the smallest that hold the codes of a file; the model's may be larger. A copy of the array is not marked.
 * @returns the array itself, frozen.
 */
export function markInferred(sizes: number[]): readonly number[] {
  Object.defineProperty(sizes, INFERRED, { value: true });
  return Object.freeze(sizes);
}

/** Twice the bytes of an array of 4 GB. */
const MOST_CODES = 2 ** 31;

/** By index, since the iterator of a frozen array makes garbage at every call. @throws InvalidInputError */
function checkSizes(codebookSizes: readonly number[]): void {
  requireThat(
    Array.isArray(codebookSizes) && codebookSizes.length > 0,
    "codebookSizes",
    "an array with the number of codes per level",
    codebookSizes,
  );
  for (let level = 0; level < codebookSizes.length; level++) {
    const size = codebookSizes[level]!;
    if (Number.isInteger(size) && size > 0 && size <= 2 ** 32) continue;
    throw invalid()`${{ argument: "codebookSizes" }}[${level}] is ${show(size)}; the number of codes must be a whole number from 1 to 2^32`;
  }
  requireLevels(codebookSizes.length);
}

/** @throws InvalidInputError for anything but SemanticIds, of any entry of the package. */
export function requireIds(ids: unknown, name = "ids"): asserts ids is SemanticIds {
  const { codes, codebookSizes, at } = (ids ?? {}) as Partial<SemanticIds>;
  const isSo = ArrayBuffer.isView(codes) && Array.isArray(codebookSizes) && typeof at === "function";
  requireThat(isSo, name, "SemanticIds, from encode or SemanticIds.from", ids);
}

/** Whether codebook sizes were marked. */
export const areInferred = (sizes: readonly number[]): boolean => INFERRED in sizes;

/** A frozen copy of codebook sizes, marked if they are or `isMarked` says so. */
export function copySizes(sizes: readonly number[], isMarked = areInferred(sizes)): readonly number[] {
  return isMarked ? markInferred([...sizes]) : Object.freeze([...sizes]);
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
  /** Codes per ID, at most 512. */
  readonly levels: number;
  /** Number of codes per level; for IDs from a file without that, the fewest that hold their codes, see `hasInferredSizes`. */
  readonly codebookSizes: readonly number[];
  /** The model that made the IDs (16 hexadecimal digits); IDs of different models must not be mixed. */
  declare readonly fingerprint?: string;
  /** n x levels, after `encode(items, { margins: true })`: squared distance to the runner-up minus that to the chosen code;
   * Infinity if a level has one code. */
  declare readonly margins?: Float32Array;

  private constructor(
    codes: CodeArray,
    codebookSizes: readonly number[],
    fingerprint?: string,
    margins?: Float32Array,
  ) {
    this.codes = codes;
    this.length = codes.length / codebookSizes.length;
    this.levels = codebookSizes.length;
    this.codebookSizes = Object.isFrozen(codebookSizes) ? codebookSizes : copySizes(codebookSizes);
    if (fingerprint !== undefined) this.fingerprint = fingerprint;
    if (margins !== undefined) this.margins = margins;
  }

  /** IDs from codes that need no check; they are kept, not copied. @internal */
  static trusted(
    codes: CodeArray,
    codebookSizes: readonly number[],
    fingerprint?: string,
    margins?: Float32Array,
  ): SemanticIds {
    return new SemanticIds(codes, codebookSizes, fingerprint, margins);
  }

  /**
   * IDs from rows of codes, or from a flat array with a number of levels. Every code is checked against its level's codebook size.
   * `hasInferredSizes` says that the sizes are only the smallest that hold the codes.
   * @throws InvalidInputError that names row and level of the first code that is not an integer in range.
   */
  static from(
    rows: readonly (readonly number[])[] | { codes: ArrayLike<number>; levels: number },
    options: { codebookSizes: readonly number[]; fingerprint?: string | undefined; hasInferredSizes?: boolean },
  ): SemanticIds {
    const codebookSizes = options?.codebookSizes;
    checkSizes(codebookSizes);
    const levels = codebookSizes.length;
    const table = Array.isArray(rows) ? (rows as readonly (readonly number[])[]) : undefined;
    const flat = table ? undefined : (rows as { codes?: ArrayLike<number>; levels: number } | null)?.codes;
    checkArray(flat, "codes");
    if (!table && typeof flat?.length !== "number") {
      throw invalid()`${{ argument: "rows" }} must be an array of rows of codes, or { codes, levels } with a flat array of codes`;
    }
    if (flat && (rows as { levels: number }).levels !== levels) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "levels" }} is ${show((rows as { levels: number }).levels)}, but codebookSizes has ${counted(levels, "entry")}`;
    }
    if (flat && flat.length % levels !== 0) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "codes" }} has ${counted(flat.length, "entry")}, which is not a multiple of the ${counted(levels, "level")}`;
    }
    const n = table ? table.length : flat!.length / levels;
    const codes = SemanticIds.allocate(n, codebookSizes);
    for (let i = 0; i < n; i++) {
      const row = table ? table[i] : undefined;
      if (typeof row === "object") checkArray(row, `row ${i}`);
      if (table && row?.length !== levels) {
        throw invalid(
          "ROW_LENGTH",
        )`${{ row: i }} ${Array.isArray(row) || ArrayBuffer.isView(row) ? `has ${counted(row.length, "code")}` : "is not an array"}, but codebookSizes has ${counted(levels, "entry")}`;
      }
      for (let l = 0; l < levels; l++) {
        const code = (row ? row[l] : flat![i * levels + l]) as number;
        if (!Number.isInteger(code) || code < 0 || code >= codebookSizes[l]!) {
          throw invalid(
            "CODE_OUT_OF_RANGE",
          )`${{ row: i }}, ${{ level: l }}: code ${show(code)} is not a whole number from 0 to ${codebookSizes[l]! - 1}`;
        }
        codes[i * levels + l] = code;
      }
    }
    const sizes = options.hasInferredSizes === true ? copySizes(codebookSizes, true) : codebookSizes;
    return new SemanticIds(codes, sizes, options.fingerprint);
  }

  /** An array for n IDs, with the narrowest type that holds every code. @internal */
  static allocate(n: number, codebookSizes: readonly number[]): CodeArray {
    checkSizes(codebookSizes);
    const length = Number.isSafeInteger(n) ? n * codebookSizes.length : -1;
    requireThat(length >= 0 && length <= MOST_CODES, "n", "a number of IDs that fit into an array", n);
    // By index, since the iterator of a frozen array makes garbage at every call.
    for (let l = 0; l < codebookSizes.length; l++) if (codebookSizes[l]! > 65536) return new Uint32Array(length);
    return new Uint16Array(length);
  }

  /**
   * Whether `codebookSizes` were inferred from the codes of a file that does not give them. The model's codebooks may be larger, and a
   * `Vocabulary` would number tokens differently, so it refuses these sizes.
   */
  get hasInferredSizes(): boolean {
    return areInferred(this.codebookSizes);
  }

  /** The codes of item i. @throws InvalidInputError if i is out of range. */
  at(i: number): number[] {
    if (!Number.isInteger(i) || i < 0 || i >= this.length) {
      throw invalid("UNKNOWN_ITEM")`item ${show(i)} is out of range: ${thereAre(this.length, "ID")}, numbered from 0`;
    }
    requireAttached(this.codes, "codes");
    return Array.from(this.codes.subarray(i * this.levels, (i + 1) * this.levels));
  }

  /** The ID of item i as tokens of a language model's vocabulary: "<a_17><b_203><c_9>". */
  toTokens(i: number): string {
    return this.at(i)
      .map((code, level) => `<${levelLetter(level)}_${code}>`)
      .join("");
  }

  /** The codes of each item, in order. */
  *[Symbol.iterator](): Iterator<number[]> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  /** What `JSON.stringify` writes. `SemanticIds.from` accepts its `codes` as rows, and the other fields as options. */
  toJSON(): { codes: number[][]; codebookSizes: readonly number[]; fingerprint?: string; hasInferredSizes?: true } {
    return {
      codes: [...this],
      codebookSizes: this.codebookSizes,
      ...(this.fingerprint === undefined ? {} : { fingerprint: this.fingerprint }),
      ...(this.hasInferredSizes ? { hasInferredSizes: true as const } : {}),
    };
  }
}

/**
 * Row numbers in the lexicographic order of their IDs, with equal IDs in row order: a stable radix sort, exact for any number of levels and
 * codes.
 */
export function sortedRows(ids: SemanticIds): Uint32Array {
  const { codes, length, levels, codebookSizes } = ids;
  let order = new Uint32Array(length);
  let next = new Uint32Array(length);
  for (let row = 0; row < length; row++) order[row] = row;
  for (let level = levels - 1; level >= 0; level--) {
    const passes = codebookSizes[level]! > 2 ** 16 ? 2 : 1;
    for (let shift = 0; shift < 16 * passes; shift += 16) {
      const starts = new Uint32Array(2 ** 16 + 1);
      for (let k = level; k < codes.length; k += levels) starts[((codes[k]! >>> shift) & 0xffff) + 1]!++;
      for (let digit = 0; digit < 2 ** 16; digit++) starts[digit + 1]! += starts[digit]!;
      for (let i = 0; i < length; i++) {
        const row = order[i]!;
        next[starts[(codes[row * levels + level]! >>> shift) & 0xffff]!++] = row;
      }
      [order, next] = [next, order];
    }
  }
  return order;
}

/** What `getSemanticIds` returns, for n items, L levels and latent dimension d. */
export interface SemanticIdsOutput {
  semIds: SemanticIds;
  /** n x L x d: the chosen codes' vectors. */
  embeddings: Float32Array;
  /** n x L x d: the residual before each level. */
  residuals: Float32Array;
  /** n: sum over the levels of codebook and weighted commitment loss. */
  quantizeLoss: Float32Array;
}
