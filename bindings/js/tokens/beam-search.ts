/** From a language model's logits to items: beam search over the IDs of an index. */

import { Best } from "../base/best.ts";
import { invalid } from "../base/errors.ts";
import { exp, ln } from "../base/logarithm.ts";
import { checkSignal, OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { compareItemIds, type ItemId } from "../ids/item-id.ts";
import { type IdFilter, liveCountsOf } from "../index/id-filter.ts";
import type { LiveCounts } from "../index/live-counts.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { CodeTokens, type IdVocabulary } from "./code-tokens.ts";
import { viewOf, type Wanted } from "./view.ts";

/** What a step gets besides the prefixes. */
export interface BeamStepContext<State = unknown> {
  /**
   * For each prefix, the row of the previous call that it continues: gather a cache of keys and values by it. At the first call it is [0],
   * the row of the prompt.
   */
  readonly order: readonly number[];
  /** What the previous call returned as `state`; at the first call the option `state`. */
  readonly state: State | undefined;
  /** The search's signal, to stop the model too. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Logits of the next token, or log-probabilities, rows x width, row-major, one row per prefix. The width is that of the model's vocabulary, or
 * the number of codes of the level that follows: then they are those of the codes only, in the order of codes.
 */
export type BeamLogits = Float32Array | Float64Array;

/**
 * Asks a model what comes next.
 * @param prefixes the tokens of each prefix after the prompt, all of the same length: one empty prefix at the first call
 */
export type BeamStep<State = unknown> = (
  prefixes: readonly (readonly number[])[],
  context: BeamStepContext<State>,
) => StepAnswer<State> | PromiseLike<StepAnswer<State>>;
type StepAnswer<State> = BeamLogits | { readonly logits: BeamLogits; readonly state?: State };

/** How to search. */
export interface BeamSearchOptions<State = unknown> {
  /** Asks the model. It is called once for each code of an ID, but not where nothing is left to choose. */
  step: BeamStep<State>;
  /** The items, or a filter of them. */
  index: SemanticIdIndex | IdFilter;
  vocabulary: IdVocabulary;
  /** The most items to find. Default: 10. */
  topK?: number;
  /** The most prefixes to continue after each step. Default: `topK`, but at least 20. */
  width?: number;
  /** Which items may be found, as `SemanticIdIndex.filter` takes them. Make a filter beforehand for several searches. Default: all. */
  filter?: Wanted;
  /**
   * What the probabilities of a step add up to 1 over. Default: "valid".
   *
   * "valid": over what may follow, everything else being impossible, so that the probabilities of all allowed IDs add up to 1. It is what
   * sampling by masked logits gives.
   *
   * "vocabulary": over all tokens of the model. An item then has the probability which the model gives to its tokens, whatever the index
   * and the filter are, and a filter does not change the order of the items that it allows.
   *
   * "given": the values are log-probabilities and are added as they are.
   */
  probabilities?: "valid" | "vocabulary" | "given";
  /** Items are ranked by log-probability / length^lengthPenalty, the length in codes. Default: 0. */
  lengthPenalty?: number;
  /**
   * Of an index with suffixes: whether the model "always" writes one, or only where it is "needed", as a model does that learnt IDs without
   * the suffix 0 of items that have their other codes alone. Default: "always".
   */
  suffix?: "always" | "needed";
  /** The `state` of the first step. */
  state?: State;
  /** Aborts with `signal.reason`, without waiting for the step. */
  signal?: AbortSignal;
}

/** An item that a search found. */
export interface FoundItem {
  itemId: ItemId;
  /** Its published ID. */
  codes: number[];
  /** The sum over its codes; items that share an ID share it too. */
  logProbability: number;
  /** What items are ranked by: the same, unless there is a length penalty. */
  score: number;
}

/** A search after a step. */
export interface BeamSearchProgress {
  /** Codes that the prefixes have, and that a whole ID has. */
  depth: number;
  levels: number;
  /** The prefixes that are continued, the most probable first; none at the end. */
  prefixes: readonly { codes: readonly number[]; logProbability: number }[];
  /** The items found so far, the best first: all at the end. */
  items: readonly FoundItem[];
}

/** A prefix that is continued. */
interface Beam {
  readonly state: number;
  readonly codes: readonly number[];
  readonly tokens: readonly number[];
  readonly logProbability: number;
  /** The row that it continues. */
  readonly from: number;
}

/**
 * Searches the items that a model finds most probable. The model may be anything that gives logits: `step` is called with the prefixes
 * to be continued. Only IDs of the index are entered, and only branches in which the filter allows an item.
 *
 * After each step it continues the `width` most probable prefixes, of equal ones those that come first in the order of IDs. With a width
 * that no step exceeds, that is the ranking of all items. Items with an infinite negative logit on their way are impossible and not found;
 * with probabilities "valid", the logit of a code that nothing else can stand for is not looked at.
 *
 * @returns at most `topK` items, the most probable first, equal ones by item ID; all items that share an ID are found with it. None, without a
 * call of `step`, if no item is allowed.
 * @throws InvalidInputError for options and logits of another form, for NaN, and if the index changes in the meantime (`INDEX_CHANGED`).
 */
export async function beamSearch<State = unknown>(options: BeamSearchOptions<State>): Promise<FoundItem[]> {
  let found: readonly FoundItem[] = [];
  for await (const { items } of search(options, "beamSearch")) found = items;
  return [...found];
}

/** Like `beamSearch`, step by step: what there is after each one. The last one has all items. Leaving the loop ends the search. */
export function beamSearchSteps<State = unknown>(
  options: BeamSearchOptions<State>,
): AsyncGenerator<BeamSearchProgress, void, undefined> {
  return search(options, "beamSearchSteps");
}

async function* search<State>(
  options: BeamSearchOptions<State>,
  where: string,
): AsyncGenerator<BeamSearchProgress, void, undefined> {
  const read = new OptionReader(options, where);
  const { step, index, vocabulary, filter, state: firstState } = options;
  for (const name of ["step", "index", "vocabulary", "filter", "state"]) read.get(name);
  const topK = read.integer("topK", 10, 1, 2 ** 24);
  const width = read.integer("width", Math.max(topK, 20), 1, 2 ** 24);
  const probabilities = read.choice("probabilities", ["valid", "vocabulary", "given"], "valid");
  const lengthPenalty = read.number("lengthPenalty", 0, -8, 8);
  const suffix = read.choice("suffix", ["always", "needed"], "always");
  const signal = checkSignal(read);
  read.refuseUnknown();
  requireThat(typeof step === "function", "step", "a function of prefixes", step, where);
  const view = await viewOf(index, filter);
  const tokens = new CodeTokens(index.codebookSizes, vocabulary);
  if (suffix === "needed" && index.collisions !== "suffix") {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${{ argument: "suffix" }} "needed" is for an index with suffixes, but this one has collisions: "${index.collisions}"`;
  }
  signal?.throwIfAborted();

  const { levels } = index;
  const found = new Best<FoundItem>(topK, (a, b) => b.score - a.score || compareItemIds(a.itemId, b.itemId));
  const counts = liveCountsOf(view);
  const { changes } = counts;
  const requireUnchanged = () => {
    // Throws if the index has changed.
    if (liveCountsOf(view).changes === changes) return;
    throw invalid(
      "INDEX_CHANGED",
    )`${call(where)}${{ argument: "filter" }} has changed during the search${{ hint: "search again, or change a filter of its own, such as filter.union(filter)", after: ": " }}`;
  };
  const finish = ({ state, codes, logProbability }: Beam) => {
    // A suffix that is not needed has no length.
    const score = logProbability / power(codes.length, lengthPenalty);
    if (found.last && score < found.last.score) return;
    const all = Array.from({ length: levels }, (_, level) => codes[level] ?? 0);
    for (const row of counts.trie.rows(state)) {
      if (counts.allows(row)) found.add({ itemId: counts.rows.itemAt(row), codes: all, logProbability, score });
    }
  };
  const isWhole = ({ state, codes }: Beam) =>
    codes.length === levels || (suffix === "needed" && codes.length === levels - 1 && isAlone(counts, state));

  let state = firstState;
  /** Logits in a row of the whole vocabulary, as the first such answer had them. */
  let size: number | undefined;
  let beams: readonly Beam[] = [{ state: counts.trie.root, codes: [], tokens: [], logProbability: 0, from: 0 }];
  if (!counts.has(counts.trie.root)) beams = [];
  for (let depth = 0; beams.length > 0; depth++) {
    let logits: Logits | undefined;
    if (probabilities !== "valid" || !beams.every((beam) => isCertain(counts, beam.state, levels - depth))) {
      const context = { order: beams.map(({ from }) => from), state, signal };
      const prefixes = beams.map((beam) => [...beam.tokens]); // the model's to change
      const answer = await orAborted(Promise.resolve(step(prefixes, context)), signal);
      logits = new Logits(answer, beams.length, depth, tokens, probabilities, where);
      if (!isLogits(answer)) state = answer.state;
      if (size !== undefined && logits.size !== undefined && logits.size !== size) {
        throw invalid(
          "COUNTS_DIFFER",
        )`${call(where)}${{ argument: "step" }} returned ${size} logits for each prefix before, and now ${logits.size} for each of ${beams.length}${{ hint: "return those of the last position only" }}`;
      }
      size ??= logits.size;
      requireUnchanged();
    }
    const alive = new Best<Beam>(width, (a, b) => b.logProbability - a.logProbability || a.state - b.state);
    beams.forEach((beam, row) => {
      const codes = counts.next(beam.state);
      const increments = logits?.logProbabilities(row, codes);
      for (let i = 0; i < codes.length; i++) {
        const logProbability = beam.logProbability + (increments?.[i] ?? 0);
        if (logProbability === Number.NEGATIVE_INFINITY) continue;
        const code = codes[i]!;
        const token = tokens.of[depth]![code]!;
        const longer: Beam = {
          state: counts.trie.step(beam.state, code),
          codes: [...beam.codes, code],
          tokens: [...beam.tokens, token],
          logProbability,
          from: row,
        };
        if (isWhole(longer)) finish(longer);
        else alive.add(longer);
      }
    });
    beams = alive.ranked();
    const prefixes = beams.map(({ codes, logProbability }) => ({ codes: [...codes], logProbability }));
    yield {
      depth: depth + 1,
      levels,
      prefixes,
      items: found.ranked().map((item) => ({ ...item, codes: [...item.codes] })),
    };
    signal?.throwIfAborted();
    if (beams.length > 0) requireUnchanged(); // else the search is over: whoever counts what was found as seen may do so
  }
}

/** Whether only one ID of the index starts so, and its suffix is 0. */
function isAlone({ trie }: LiveCounts, state: number): boolean {
  const codes = trie.next(state);
  return codes.length === 1 && codes[0] === 0;
}

/** Whether only one ID may follow. */
function isCertain(counts: LiveCounts, state: number, codesLeft: number): boolean {
  for (let i = 0, at = state; i < codesLeft; i++) {
    const codes = counts.next(at);
    if (codes.length !== 1) return false;
    at = counts.trie.step(at, codes[0]!);
  }
  return true;
}

/** base ** exponent, the same in every engine. */
const power = (base: number, exponent: number) =>
  Number.isInteger(exponent)
    ? base ** exponent
    : exponent > 0
      ? exp(exponent * ln(base))
      : 1 / exp(-exponent * ln(base));

/** Settles as the promise does, or rejects as soon as the signal aborts. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

const isLogits = (value: unknown): value is BeamLogits =>
  /Float(32|64)Array/.test(Object.prototype.toString.call(value));

/** What a step answered, checked. */
class Logits {
  readonly #values: BeamLogits;
  readonly #width: number;
  /** The place of each code in a row. */
  readonly #place: ArrayLike<number> | undefined;
  readonly #probabilities: "valid" | "vocabulary" | "given";

  /** Of a row, if it has all tokens of the model. */
  readonly size: number | undefined;

  /** @throws InvalidInputError for anything but one row for each prefix. */
  constructor(
    answer: StepAnswer<unknown>,
    rows: number,
    depth: number,
    tokens: CodeTokens,
    probabilities: "valid" | "vocabulary" | "given",
    where: string,
  ) {
    const codes = tokens.of[depth]!;
    const values: unknown = isLogits(answer) ? answer : answer?.logits;
    const isSo = isLogits(values);
    const width = isSo ? values.length / rows : 0;
    const isOfCodes = width === codes.length && probabilities !== "vocabulary";
    if (!isSo || !Number.isInteger(width) || !(isOfCodes || width > tokens.largest)) {
      const orCodes = probabilities === "vocabulary" ? "" : `, or ${codes.length} (the codes of level ${depth})`;
      throw invalid(
        "COUNTS_DIFFER",
      )`${call(where)}${{ argument: "step" }} must return the logits of the next token as one Float32Array of ${rows} x the model's vocabulary, which has more than ${tokens.largest} tokens${orCodes}, received ${show(values ?? answer)}${isSo ? ` of ${values.length}` : ""}`;
    }
    this.#values = values;
    this.#width = width;
    this.#place = isOfCodes ? undefined : codes;
    this.size = isOfCodes ? undefined : width;
    this.#probabilities = probabilities;
  }

  /** Of codes that may follow the prefix of a row. */
  logProbabilities(row: number, codes: ArrayLike<number>): Float64Array {
    const [at, end] = [row * this.#width, (row + 1) * this.#width];
    const own = Float64Array.from(codes, (code) => this.#values[at + (this.#place?.[code] ?? code)]!);
    if (this.#probabilities === "valid") return own.length === 1 ? own.fill(0) : own.map(logSoftmax(own, row));
    if (this.#probabilities === "vocabulary") return own.map(logSoftmax(this.#values.subarray(at, end), row));
    const wrong = own.find((value) => !(value <= LARGEST));
    if (wrong !== undefined) {
      throw invalid()`${{ argument: "step" }}, ${{ row }}: ${show(wrong)} is not a log-probability, which is at most 0${{ hint: 'logits need probabilities: "valid" or "vocabulary"', after: ": " }}`;
    }
    return own;
  }
}

/** What roundings leave of a log-probability of 0. */
const LARGEST = 1e-3;

/** Of one of these values: x - max - ln sum exp(x - max), summed in their order. @throws InvalidInputError for NaN and infinity */
function logSoftmax(values: ArrayLike<number>, row: number): (value: number) => number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value < Number.POSITIVE_INFINITY))
      throw invalid()`${{ argument: "step" }}, ${{ row }}: a logit is ${show(value)}`;
    if (value > most) most = value;
  }
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += exponential(values[i]! - most);
  const log = ln(sum);
  return (value) => (value === Number.NEGATIVE_INFINITY ? value : value - most - log);
}

/** `exp` of what is not positive: nothing of what is far below. */
const exponential = (x: number) => (x > -745 ? exp(x) : 0);
