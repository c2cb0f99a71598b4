import { checkArray } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid, UnknownPrefixError } from "../base/errors.ts";
import { requireThat, show } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { isFloats } from "../items/items.ts";

/** Which token of a language model stands for which code. */
export interface IdVocabulary {
  /** The token of a code: levels and codes count from 0, and each code of a level has a different token. */
  tokenOf(level: number, code: number): number;
  /** The token that ends a sequence. */
  readonly eos: number;
}

/** What is needed of an index. */
export type DecodingIndex = Pick<
  SemanticIdIndex,
  "root" | "step" | "prefix" | "allowedNext" | "isLeaf" | "codebookSizes"
>;

/**
 * Masks the logits of the next token, in place, so that only IDs of the index can be generated. For onnxruntime, or your own decoder.
 *
 * A state stands for the tokens so far; it is a number, cheap to keep for each beam. It starts as `start`, continues with `next`, and ends
 * as `ended` when the end of the sequence was chosen. From then on only that token is allowed, as finished rows of a batch need. States are
 * valid until the index changes.
 */
export class LogitsMask {
  /** The state after the end of the sequence. */
  readonly ended = -1;
  readonly #index: DecodingIndex;
  readonly #eos: number;
  /** The token of each code and the code of each token, by level. */
  readonly #tokens: readonly Float64Array[];
  readonly #codes: readonly ReadonlyMap<number, number>[];
  readonly #largest: number;
  #kept = new Float32Array(0);

  /** @throws InvalidInputError if a token is not a whole number, or stands for two things that may follow at the same position. */
  constructor(index: DecodingIndex, vocabulary: IdVocabulary) {
    worksBehindProxy(this, LogitsMask);
    if (typeof vocabulary?.tokenOf !== "function") {
      throw invalid()`${{ argument: "vocabulary" }} must be { tokenOf(level, code), eos }, received ${show(vocabulary)}`;
    }
    const isIndex = typeof index?.step === "function" && Array.isArray(index.codebookSizes);
    requireThat(isIndex, "index", "a SemanticIdIndex", index);
    const { eos } = vocabulary;
    checkToken(eos, "eos");
    this.#index = index;
    this.#eos = eos;
    this.#tokens = index.codebookSizes.map((size, level) =>
      Float64Array.from({ length: size }, (_, code) => {
        const token = vocabulary.tokenOf(level, code);
        checkToken(token, `the token of level ${level}, code ${code},`);
        return token;
      }),
    );
    this.#codes = this.#tokens.map((tokens, level) => {
      const codes = new Map<number, number>();
      for (const [code, token] of tokens.entries()) {
        if (token === eos || codes.has(token)) {
          const other = token === eos ? "the end of the sequence" : `code ${codes.get(token)}`;
          throw invalid(
            "CODE_OUT_OF_RANGE",
          )`${{ argument: "vocabulary" }}: at ${{ level }}, token ${token} stands for code ${code} and for ${other}: they could not be told apart`;
        }
        codes.set(token, code);
      }
      return codes;
    });
    this.#largest = this.#tokens.reduce((most, tokens) => tokens.reduce((a, b) => Math.max(a, b), most), eos);
  }

  /** The state before the first token of an ID. */
  get start(): number {
    return this.#index.root;
  }

  /**
   * The state after one more token.
   * @throws UnknownPrefixError if it may not follow.
   */
  next(state: number, token: number | bigint): number {
    requireThat(typeof token === "number" || typeof token === "bigint", "token", "an integer", token);
    const chosen = Number(token);
    if (state === this.ended) return state; // what follows the end, such as padding, has no meaning
    if (chosen === this.#eos && this.#index.isLeaf(state)) return this.ended;
    const prefix = this.#index.prefix(state);
    const code = this.#codes[prefix.length]?.get(chosen);
    if (code === undefined) {
      throw new UnknownPrefixError(
        `token ${chosen} may not follow [${prefix.join(", ")}]: it is ${chosen === this.#eos ? "the end, but the ID is not complete" : `not a token of level ${prefix.length}`}. Mask the logits before choosing a token`,
      );
    }
    return this.#index.step(state, code);
  }

  /**
   * Sets every logit to -Infinity, except those of the tokens that may follow. At least one always may.
   * @param logits of one next token, one per token of the model
   * @throws InvalidInputError if there are fewer logits than tokens, or if the index is empty; nothing is then changed.
   */
  apply(logits: Float32Array, state: number): void {
    checkArray(logits, "logits");
    requireThat(isFloats(logits), "logits", "a Float32Array", logits);
    if (logits.length <= this.#largest) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "logits" }} has ${counted(logits.length, "entry")}, but the vocabulary has the token ${this.#largest}${{ hint: "pass the logits of one next token, from the model that the vocabulary is for" }}`;
    }
    if (state === this.ended || this.#index.isLeaf(state)) {
      const own = logits[this.#eos]!;
      logits.fill(Number.NEGATIVE_INFINITY);
      logits[this.#eos] = own;
      return;
    }
    const codes = this.#index.allowedNext(state);
    if (codes.length === 0) throw invalid("EMPTY")`the index is empty: there is no ID to decode`;
    const tokens = this.#tokens[this.#index.prefix(state).length]!;
    if (this.#kept.length < codes.length) this.#kept = new Float32Array(codes.length);
    for (let i = 0; i < codes.length; i++) this.#kept[i] = logits[tokens[codes[i]!]!]!;
    logits.fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < codes.length; i++) logits[tokens[codes[i]!]!] = this.#kept[i]!;
  }
}

function checkToken(token: unknown, what: string): void {
  if (!Number.isSafeInteger(token) || (token as number) < 0) {
    throw invalid()`${{ argument: "vocabulary" }}: ${what} must be a whole number from 0, received ${show(token)}`;
  }
}
