/** The tokens of a language model for semantic IDs. */

import { requireList } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { type InvalidInputError, invalid } from "../base/errors.ts";
import { checkOptionNames, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import { areInferred, requireIds, type SemanticIds } from "../ids/semantic-ids.ts";
import { TokenTemplate } from "../ids/token-template.ts";

/** The tokens that stand for no code, in the order of their integers. */
export type SpecialName = "pad" | "begin" | "end" | "separator" | "unknown";

const DEFAULT_SPECIALS: Record<SpecialName, string> = {
  pad: "<sid_pad>",
  begin: "<sid_begin>",
  end: "<sid_end>",
  separator: "<sid_separator>",
  unknown: "<sid_unknown>",
};
const SPECIAL_NAMES = Object.keys(DEFAULT_SPECIALS) as SpecialName[];

/** Options of a vocabulary. */
export interface VocabularyOptions {
  /**
   * How to write a code: text with `{code}` and either `{letter}` ("a" for the first level) or `{level}` (0 for it), such as
   * "[{level}:{code}]". Default: "<{letter}_{code}>".
   */
  template?: string;
  /** The integer of the first token: the size of the language model's vocabulary. Default: 0. */
  baseOffset?: number;
  /**
   * Other texts for the tokens that stand for no code; or, with `id`, a token that the language model already has, below `baseOffset`, such
   * as `{ end: { token: "</s>", id: 2 } }`. Default: "<sid_pad>", "<sid_begin>", "<sid_end>", "<sid_separator>", "<sid_unknown>".
   */
  special?: Partial<Record<SpecialName, string | { token: string; id: number }>>;
}

/** A token to add to a language model, as Hugging Face's tokenizer.json lists it under `added_tokens`. */
export interface AddedToken {
  id: number;
  content: string;
  single_word: false;
  lstrip: false;
  rstrip: false;
  normalized: false;
  /** Whether it stands for no code and is left out of decoded text. */
  special: boolean;
}

/**
 * The tokens of semantic IDs, and their integers in a language model or recommender. Starting at `baseOffset` are the special tokens (pad,
 * begin, end, separator, unknown; without those that the model already has), then the codes of the first level, those of the second, and so
 * on. No two levels share an integer, whatever their sizes. With `baseOffset` 0 the padding is 0. Immutable.
 */
export class Vocabulary {
  /** Codes per ID. */
  readonly levels: number;
  /** Number of codes of each level. */
  readonly codebookSizes: readonly number[];
  readonly template: string;
  readonly baseOffset: number;
  /** Integer of code 0 of each level. */
  readonly offsets: readonly number[];
  /** Number of tokens added to the model's; their integers are `baseOffset` to `baseOffset + size - 1`. */
  readonly size: number;
  readonly pad: number;
  readonly begin: number;
  /** The token that ends a sequence; the same as `eos`. */
  readonly end: number;
  readonly separator: number;
  readonly unknown: number;
  /** End of sequence, as constrained decoding calls it. */
  readonly eos: number;
  readonly #template: TokenTemplate;
  readonly #specials: readonly { name: SpecialName; token: string; id: number; added: boolean }[];

  /**
   * @param source The number of codes per level, or what has it: IDs, published IDs with their suffix, or a model's configuration.
   * @throws InvalidInputError for invalid sizes or sizes that were inferred from the codes of a file (`hasInferredSizes`: tokens would have
   *   other integers than with the model's own sizes). For a template whose tokens could be mistaken for each other, special tokens that are
   *   equal or look like a code, or integers beyond 2^31 - 1.
   */
  constructor(
    source: readonly number[] | Pick<SemanticIds, "codebookSizes"> | { readonly codebookSizes: readonly number[] },
    options: VocabularyOptions = {},
  ) {
    worksBehindProxy(this, Vocabulary);
    checkOptionNames(options, "Vocabulary", ["template", "baseOffset", "special"]);
    const sizes = Array.isArray(source)
      ? source
      : (source as { codebookSizes?: readonly number[] } | null)?.codebookSizes;
    if (!Array.isArray(sizes) || sizes.length === 0) {
      throw invalid()`${call("Vocabulary")}expected the number of codes per level, or IDs that have it, received ${show(source)}`;
    }
    if (areInferred(sizes)) {
      throw invalid()`${call("Vocabulary")}codebookSizes is needed: the file of the IDs does not say how many codes each level has, and [${sizes.join(", ")}] are only the smallest sizes that hold its codes, which would shift the tokens' integers${{ hint: "Read it with { codebookSizes: model.config.codebookSize }, followed by the capacity of the suffix if there is one", after: ". " }}`;
    }
    for (const [level, size] of sizes.entries()) {
      if (!Number.isInteger(size) || size < 1) {
        throw invalid()`${call("Vocabulary")}${{ argument: "codebookSizes" }}[${level}] must be a whole number of at least 1, received ${show(size)}`;
      }
    }
    const { baseOffset = 0 } = options;
    if (!Number.isInteger(baseOffset) || baseOffset < 0) {
      throw invalid()`${call("Vocabulary")}${{ argument: "baseOffset" }} must be a whole number of at least 0, received ${show(baseOffset)}`;
    }
    this.levels = sizes.length;
    this.codebookSizes = Object.freeze([...sizes]);
    this.baseOffset = baseOffset;
    this.#template = new TokenTemplate(options.template, this.levels);
    this.template = this.#template.text;
    this.#specials = this.#readSpecials(options.special ?? {});

    let next = baseOffset + this.#specials.filter(({ added }) => added).length;
    const offsets: number[] = [];
    for (const size of sizes) {
      offsets.push(next);
      next += size;
    }
    if (next > 2 ** 31) {
      throw invalid()`${call("Vocabulary")}${counted(next - baseOffset, "token")} from ${baseOffset} on exceed 2^31 - 1, the largest integer of a token${{ hint: "use fewer codes" }}`;
    }
    this.offsets = Object.freeze(offsets);
    this.size = next - baseOffset;
    const idOf = (name: SpecialName) => this.#specials.find((special) => special.name === name)!.id;
    this.pad = idOf("pad");
    this.begin = idOf("begin");
    this.end = idOf("end");
    this.eos = this.end;
    this.separator = idOf("separator");
    this.unknown = idOf("unknown");
  }

  #readSpecials(given: NonNullable<VocabularyOptions["special"]>) {
    checkOptionNames(given, "Vocabulary: special", SPECIAL_NAMES);
    let next = this.baseOffset;
    const specials = SPECIAL_NAMES.map((name) => {
      const value = given[name] ?? DEFAULT_SPECIALS[name];
      const { token, id } = typeof value === "string" ? { token: value, id: undefined } : value;
      const fail = (why: string): never => {
        throw invalid()`${call("Vocabulary")}special.${name} ${why}`;
      };
      if (typeof token !== "string" || token === "" || /\s/.test(token)) {
        fail(`must be a token without white space, received ${show(token)}`);
      }
      if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < this.baseOffset)) {
        fail(
          `has the integer ${show(id)}; a token that the model already has must be below baseOffset, ${this.baseOffset}`,
        );
      }
      if (this.#template.find(token, 0)) fail(`is ${show(token)}, which looks like a code: choose another`);
      return { name, token, id: id ?? next++, added: id === undefined };
    });
    specials.forEach(({ name, token, id }, i) => {
      const twin = specials.slice(0, i).find((earlier) => earlier.token === token || earlier.id === id);
      // One token of the model may both end and pad a sequence, but then it must be the same.
      if (twin && !(twin.token === token && twin.id === id)) {
        throw invalid()`${call("Vocabulary")}special.${twin.name} and special.${name} are the same token, ${show(token)}`;
      }
    });
    return specials;
  }

  /** The integer of a code. @throws InvalidInputError if there is no such level or code. */
  tokenOf(level: number, code: number): number {
    this.#check(level, code);
    return this.offsets[level]! + code;
  }

  /** Level and code of an integer; undefined for special tokens and integers of other tokens. */
  codeOf(token: number): { level: number; code: number } | undefined {
    if (!Number.isInteger(token)) return undefined;
    let level = this.levels - 1;
    while (level >= 0 && token < this.offsets[level]!) level--;
    if (level < 0 || token >= this.baseOffset + this.size) return undefined;
    return { level, code: token - this.offsets[level]! };
  }

  /** The text of an integer. @throws InvalidInputError for an integer that is not in this vocabulary. */
  textOf(token: number): string {
    const found = this.codeOf(token);
    if (found) return this.#template.token(found.level, found.code);
    const special = this.#specials.find(({ id }) => id === token);
    if (special) return special.token;
    throw this.#foreign(token);
  }

  /** The integers of an ID, or of its first codes. @throws InvalidInputError that names the code that is out of range. */
  encode(codes: ArrayLike<number>): number[] {
    requireList(codes, "codes", "an array of codes");
    if (codes.length > this.levels) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "codes" }} has ${counted(codes.length, "entry")}, but an ID has ${this.levels}`;
    }
    return Array.from(codes, (code, level) => this.tokenOf(level, code));
  }

  /** The integers of all IDs, n x levels, row-major. @throws InvalidInputError for IDs with other codebook sizes. */
  encodeIds(ids: SemanticIds): Int32Array {
    requireIds(ids);
    const { codes, levels } = ids;
    if (levels !== this.levels || ids.codebookSizes.some((size, level) => size > this.codebookSizes[level]!)) {
      throw invalid(
        "OTHER_CODEBOOKS",
      )`${{ argument: "ids" }} have codebooks of ${ids.codebookSizes.join(" x ")}, but the vocabulary has ${this.codebookSizes.join(" x ")}`;
    }
    const tokens = new Int32Array(codes.length);
    for (let k = 0; k < tokens.length; k++) tokens[k] = this.offsets[k % levels]! + codes[k]!;
    return tokens;
  }

  /**
   * The codes of one ID, or of its first levels. Begin and pad tokens are skipped, and what follows the end token is ignored.
   * @throws InvalidInputError that names the position of an integer that does not belong there.
   */
  decode(tokens: ArrayLike<number>): number[] {
    requireList(tokens, "tokens", "an array of integers");
    const codes: number[] = [];
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (this.#endsAt(token, codes.length === 0)) break;
      if (token === this.begin || token === this.pad) continue;
      const found = this.codeOf(token);
      if (found?.level !== codes.length) throw this.#misplaced(tokens, i, codes.length);
      codes.push(found.code);
    }
    return codes;
  }

  /**
   * The codes of the IDs in a sequence, such as an encoded history. Special tokens are skipped, and what follows the end token is ignored.
   * @throws InvalidInputError that names the position of an integer that does not belong there, or of an ID that is cut short.
   */
  decodeAll(tokens: ArrayLike<number>): number[][] {
    requireList(tokens, "tokens", "an array of integers");
    const all: number[][] = [];
    let codes: number[] = [];
    let i = 0;
    for (; i < tokens.length; i++) {
      if (this.#endsAt(tokens[i]!, all.length === 0 && codes.length === 0)) break;
      const found = this.codeOf(tokens[i]!);
      if (!found && codes.length === 0 && this.#specials.some(({ id }) => id === tokens[i])) continue;
      if (found?.level !== codes.length) throw this.#misplaced(tokens, i, codes.length);
      codes.push(found.code);
      if (codes.length < this.levels) continue;
      all.push(codes);
      codes = [];
    }
    if (codes.length > 0) {
      throw invalid(
        "TOKEN_UNEXPECTED",
      )`${{ argument: "tokens" }}: the ID that ends before position ${i} has ${codes.length} of ${counted(this.levels, "code")}`;
    }
    return all;
  }

  /** The text of an ID, or of its first codes: "<a_17><b_203><c_9>". */
  format(codes: ArrayLike<number>): string {
    return this.encode(codes)
      .map((token) => this.textOf(token))
      .join("");
  }

  /**
   * The codes of one ID, or of its first levels, written as tokens; white space between them does not matter. Begin and pad tokens are
   * skipped, and what follows the end token is ignored.
   * @throws InvalidInputError that names the position of anything else.
   */
  parse(text: string): number[] {
    if (typeof text !== "string") throw invalid()`${{ argument: "text" }} must be a string, received ${show(text)}`;
    const codes: number[] = [];
    for (let at = 0; at < text.length; ) {
      if (/\s/.test(text[at]!)) {
        at++;
        continue;
      }
      const match = this.#template.matchAt(text, at);
      const special = match ? undefined : this.#specialAt(text, at);
      if (special && this.#endsAt(special.id, codes.length === 0)) break;
      if (special && (special.id === this.begin || special.id === this.pad)) {
        at += special.token.length;
        continue;
      }
      const wanted = codes.length;
      if (match?.level !== wanted || match.code >= this.codebookSizes[wanted]!) {
        throw invalid(
          "TOKEN_UNEXPECTED",
        )`${{ argument: "text" }}: character ${at} starts ${show(text.slice(at, match?.end ?? at + 20))}; ${this.#expected(wanted)}`;
      }
      codes.push(match.code);
      at = match.end;
    }
    return codes;
  }

  /** The codes of every whole ID in a text, such as a language model's answer; everything else is skipped. */
  parseAll(text: string): number[][] {
    if (typeof text !== "string") throw invalid()`${{ argument: "text" }} must be a string, received ${show(text)}`;
    const all: number[][] = [];
    let codes: number[] = [];
    let end = 0;
    for (let match = this.#template.find(text, 0); match; match = this.#template.find(text, match.end)) {
      const { level, code } = match;
      const follows = level === codes.length && (level === 0 || text.slice(end, match.start).trim() === "");
      if (!follows) codes = [];
      if (level === codes.length && code < this.codebookSizes[level]!) codes.push(code);
      else codes = [];
      end = match.end;
      if (codes.length < this.levels) continue;
      all.push(codes);
      codes = [];
    }
    return all;
  }

  /** The tokens to add to a language model, in the order of their integers. */
  addedTokens(): AddedToken[] {
    const entry = (id: number, content: string, special: boolean): AddedToken => {
      return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
    };
    const added = this.#specials.filter((special) => special.added).map(({ id, token }) => entry(id, token, true));
    this.codebookSizes.forEach((size, level) => {
      for (let code = 0; code < size; code++) {
        added.push(entry(this.offsets[level]! + code, this.#template.token(level, code), false));
      }
    });
    return added;
  }

  /** The data from which `Vocabulary.fromJSON` makes the same vocabulary. */
  toJSON(): { codebookSizes: readonly number[] } & Required<VocabularyOptions> {
    const special = this.#specials.map(({ name, token, id, added }) => [name, added ? token : { token, id }]);
    const { codebookSizes, template, baseOffset } = this;
    return { codebookSizes, template, baseOffset, special: Object.fromEntries(special) };
  }

  /** @throws InvalidInputError */
  static fromJSON(json: { codebookSizes: readonly number[] } & VocabularyOptions): Vocabulary {
    checkOptionNames(json, "Vocabulary.fromJSON", ["codebookSizes", "template", "baseOffset", "special"]);
    const { codebookSizes, ...options } = json;
    return new Vocabulary(codebookSizes, options);
  }

  /** Models that pad with their end token start with it if they pad on the left. */
  #endsAt(token: number, nothingYet: boolean): boolean {
    return token === this.end && !(nothingYet && token === this.pad);
  }

  /** The longest special token at this position of a text. */
  #specialAt(text: string, at: number) {
    const found = this.#specials.filter(({ token }) => text.startsWith(token, at));
    return found.sort((a, b) => b.token.length - a.token.length)[0];
  }

  #check(level: number, code: number): void {
    if (!Number.isInteger(level) || level < 0 || level >= this.levels) {
      throw invalid(
        "CODE_OUT_OF_RANGE",
      )`level ${show(level)} does not exist: there ${this.levels === 1 ? "is one, level 0" : `are ${this.levels}, numbered from 0`}`;
    }
    if (!Number.isInteger(code) || code < 0 || code >= this.codebookSizes[level]!) {
      throw invalid(
        "CODE_OUT_OF_RANGE",
      )`${{ level }}: code ${show(code)} is not a whole number from 0 to ${this.codebookSizes[level]! - 1}`;
    }
  }

  #expected(level: number): string {
    if (level >= this.levels) return `the ID of ${counted(this.levels, "code")} is complete before it`;
    const last = this.codebookSizes[level]! - 1;
    return `expected a code of level ${level}, ${this.#template.token(level, 0)} to ${this.#template.token(level, last)}`;
  }

  #misplaced(tokens: ArrayLike<number>, place: number, level: number): InvalidInputError {
    const token = tokens[place]!;
    const known = this.codeOf(token) ?? this.#specials.find(({ id }) => id === token);
    if (!known) return this.#foreign(token);
    return invalid(
      "TOKEN_UNEXPECTED",
    )`${{ argument: "tokens" }}[${place}] is ${token}, ${this.textOf(token)}; ${this.#expected(level)}`;
  }

  #foreign(token: number): InvalidInputError {
    const last = this.baseOffset + this.size - 1;
    return invalid(
      "TOKEN_UNEXPECTED",
    )`token ${show(token)} is not in this vocabulary, which has ${this.baseOffset} to ${last}`;
  }
}
