import { makeError } from "../base/errors.ts";
import { checkJobOptions, checkSignal, OptionReader } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { requireHistories } from "../report/check.ts";
import { Arena } from "../runtime/arena.ts";
import { drive, Stop } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import { countFollowers, neighbours } from "./followers.ts";
import { positivePmi, type SparseMatrix } from "./ppmi.ts";

/** What `behaviourVectors` takes besides the histories. */
export interface BehaviourOptions {
  /** Items of the catalogue that the histories were read for. Default: as many as the histories say. */
  rows?: number;
  /** Length of a vector. Default: 64. */
  dim?: number;
  /** How many choices apart two items of one user count as chosen together, at most; d choices apart they count 1 / d. Default: 5. */
  window?: number;
  /** Power of the popularity that chance is measured by. Less than 1 makes rare items count less. Default: 0.75. */
  smoothing?: number;
  /** Seed of the start of the decomposition. Default: 0. */
  seed?: number;
  signal?: AbortSignal;
  /** Called at most ten times per second while the decomposition runs. */
  onProgress?: (event: BehaviourProgress) => void;
}

/** State of `behaviourVectors`. */
export interface BehaviourProgress {
  /** Counting what was chosen together, or decomposing it. */
  phase: "count" | "decompose";
  /** Entries of the matrix that is decomposed, once it is counted. */
  entries?: number;
}

/** Vectors of items by what people choose together. */
export interface BehaviourVectors {
  /** rows x dim. Not normalised: an item of which little is known has a short vector. */
  data: Float32Array;
  rows: number;
  dim: number;
  /**
   * Of each row, 1 if it has a vector. 0 if its vector is zero, since nothing was chosen together with it more than by chance, or only
   * items that are not in the leading dimensions either.
   */
  known: Uint8Array;
}

const WHERE = "behaviourVectors";
/** The widest that is of use: time grows with its square. */
const MAX_DIM = 1024;
const MAX_WINDOW = 1000;
/** Of all vectors: what 4 GB hold. */
const MOST_VALUES = 2 ** 30;

/**
 * Makes a vector of each item from what people chose: items that are chosen together with the same items get near vectors, whatever they
 * are. It counts what stands near each item in the histories, takes the positive pointwise mutual information of it, a symmetric sparse
 * matrix, and from that the truncated singular value decomposition, U |lambda|^(1/2) (Levy & Goldberg 2014; Levy, Goldberg & Dagan 2015).
 *
 * The same histories, options and seed give the same bytes everywhere. All choices are used: leave out those that IDs made of the vectors
 * shall be judged by.
 *
 * @param histories What users chose, as `readHistories` gives it.
 * @throws InvalidInputError; OutOfMemoryError
 */
export async function behaviourVectors(
  histories: Histories,
  options: BehaviourOptions = {},
): Promise<BehaviourVectors> {
  const read = new OptionReader(options, WHERE);
  checkJobOptions(read);
  const signal = checkSignal(read);
  const rows = read.integer("rows", histories?.catalogueItems, 1, 2 ** 31 - 1);
  const dim = read.integer("dim", 64, 1, MAX_DIM);
  const window = read.integer("window", 5, 1, MAX_WINDOW);
  const smoothing = read.number("smoothing", 0.75, 0, 1);
  const seed = read.integer("seed", 0, 0, Number.MAX_SAFE_INTEGER);
  read.refuseUnknown();
  requireHistories(histories, rows, WHERE, "row");
  if (rows * dim >= MOST_VALUES) {
    throw makeError(
      "OutOfMemoryError",
      `${WHERE}: vectors of ${counted(rows, "row")} x ${dim} values do not fit into the memory of WebAssembly (4 GB): make dim smaller`,
    );
  }
  const { onProgress } = options;
  const { items, offsets } = histories;
  onProgress?.({ phase: "count" });
  const itself = Int32Array.from({ length: rows }, (_, row) => row);
  const seen = { items, offsets, ends: offsets.subarray(1) };
  const together = await countFollowers(seen, neighbours(window), itself, rows, itself, rows, signal);
  const matrix = await positivePmi(together, smoothing, signal);
  const event: BehaviourProgress = { phase: "decompose", entries: matrix.values.length };
  const data = await embed(matrix, dim, seed, signal, onProgress && (() => onProgress(event)));
  return { data, rows, dim, known: clearNegligible(data, rows, dim) };
}

/** Vectors shorter than this share of the root mean square length are rounding: their items are not in the leading dimensions. */
const NEGLIGIBLE = 0.01;

/** Makes negligible vectors zero. Returns 1 for each row that is left. */
function clearNegligible(data: Float32Array, rows: number, dim: number): Uint8Array {
  const squares = new Float64Array(rows);
  for (let i = 0; i < data.length; i++) squares[Math.floor(i / dim)]! += data[i]! ** 2;
  const [sum, count] = squares.reduce(([all, n], each) => [all + each, n + Number(each > 0)], [0, 0]);
  return Uint8Array.from(squares, (square, row) => {
    const isKnown = square > (NEGLIGIBLE ** 2 * sum) / count;
    if (!isKnown) data.fill(0, row * dim, (row + 1) * dim);
    return Number(isKnown);
  });
}

/** The embedding of the rows of a symmetric matrix (src/fitting/sparse_eigen.h): rows x dim. */
async function embed(
  { starts, columns, values }: SparseMatrix,
  dim: number,
  seed: number,
  signal: AbortSignal | undefined,
  report: (() => void) | undefined,
): Promise<Float32Array> {
  const module = await native();
  const rows = starts.length - 1;
  const arena = new Arena(module);
  try {
    const [first, column, value] = [starts, columns, values].map((list) => {
      const address = arena.allocate(list.byteLength);
      module.HEAPU8.set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength), address);
      return address;
    }) as [number, number, number];
    const embedding = arena.floats(rows * dim);
    const job = module.createSparseEigenJob(first, column, value, embedding, rows, dim, seed);
    try {
      await drive({ advance: () => module.advance(job), report, stop: new Stop(signal, module.ended) });
      return module.HEAPF32.slice(embedding / 4, embedding / 4 + rows * dim);
    } finally {
      job.delete();
    }
  } finally {
    arena.release();
  }
}
