import { checkArray } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid, UnknownPrefixError } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { isFloats } from "../items/items.ts";
import { CodeTokens, type IdVocabulary } from "./code-tokens.ts";

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
  readonly #tokens: CodeTokens;
  #kept = new Float32Array(0);

  /** @throws InvalidInputError if a token is not a whole number, or stands for two things that may follow at the same position. */
  constructor(index: DecodingIndex, vocabulary: IdVocabulary) {
    worksBehindProxy(this, LogitsMask);
    const isIndex = typeof index?.step === "function" && Array.isArray(index.codebookSizes);
    requireThat(isIndex, "index", "a SemanticIdIndex or a filter of one", index);
    this.#index = index;
    this.#tokens = new CodeTokens(index.codebookSizes, vocabulary);
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
    if (chosen === this.#tokens.eos && this.#index.isLeaf(state)) return this.ended;
    const prefix = this.#index.prefix(state);
    const code = this.#tokens.codeOf(prefix.length, chosen);
    if (code === undefined) {
      throw new UnknownPrefixError(
        `token ${chosen} may not follow [${prefix.join(", ")}]: it is ${chosen === this.#tokens.eos ? "the end, but the ID is not complete" : `not a token of level ${prefix.length}`}. Mask the logits before choosing a token`,
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
    if (logits.length <= this.#tokens.largest) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "logits" }} has ${counted(logits.length, "entry")}, but the vocabulary has the token ${this.#tokens.largest}${{ hint: "pass the logits of one next token, from the model that the vocabulary is for" }}`;
    }
    if (state === this.ended || this.#index.isLeaf(state)) {
      const own = logits[this.#tokens.eos]!;
      logits.fill(Number.NEGATIVE_INFINITY);
      logits[this.#tokens.eos] = own;
      return;
    }
    const codes = this.#index.allowedNext(state);
    if (codes.length === 0) throw invalid("EMPTY")`the index is empty: there is no ID to decode`;
    const tokens = this.#tokens.of[this.#index.prefix(state).length]!;
    if (this.#kept.length < codes.length) this.#kept = new Float32Array(codes.length);
    for (let i = 0; i < codes.length; i++) this.#kept[i] = logits[tokens[codes[i]!]!]!;
    logits.fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < codes.length; i++) logits[tokens[codes[i]!]!] = this.#kept[i]!;
  }
}
