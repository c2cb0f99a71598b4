import { invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";

/** Which token of a language model stands for which code. */
export interface IdVocabulary {
  /** The token of a code: levels and codes count from 0, and each code of a level has a different token. */
  tokenOf(level: number, code: number): number;
  /** The token that ends a sequence. */
  readonly eos: number;
}

/** The tokens of all codes, checked. */
export class CodeTokens {
  readonly eos: number;
  /** The token of each code, by level. */
  readonly of: readonly Float64Array[];
  /** The largest token. */
  readonly largest: number;
  /** The code of each token, by level. */
  readonly #codes: readonly ReadonlyMap<number, number>[];

  /** @throws InvalidInputError if a token is not a whole number, or stands for two things that may follow at the same position. */
  constructor(codebookSizes: readonly number[], vocabulary: IdVocabulary) {
    if (typeof vocabulary?.tokenOf !== "function") {
      throw invalid()`${{ argument: "vocabulary" }} must be a Vocabulary, or have tokenOf(level, code) and eos as one has, received ${show(vocabulary)}`;
    }
    const { eos } = vocabulary;
    checkToken(eos, "eos");
    this.eos = eos;
    this.of = codebookSizes.map((size, level) =>
      Float64Array.from({ length: size }, (_, code) => {
        const token = vocabulary.tokenOf(level, code);
        checkToken(token, `the token of level ${level}, code ${code},`);
        return token;
      }),
    );
    this.#codes = this.of.map((tokens, level) => {
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
    this.largest = this.of.reduce((most, tokens) => tokens.reduce((a, b) => Math.max(a, b), most), eos);
  }

  /** The code of a token; undefined if it stands for none of this level. */
  codeOf(level: number, token: number): number | undefined {
    return this.#codes[level]?.get(token);
  }
}

function checkToken(token: unknown, what: string): void {
  if (!Number.isSafeInteger(token) || (token as number) < 0) {
    throw invalid()`${{ argument: "vocabulary" }}: ${what} must be a whole number from 0, received ${show(token)}`;
  }
}
