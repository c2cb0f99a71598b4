import { invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import type { Wording } from "../base/wording.ts";
import { levelLetter } from "./semantic-ids.ts";

/** "<a_17>", as `SemanticIds.toTokens`, successors of TIGER and LC-Rec write a code. */
export const DEFAULT_TEMPLATE = "<{letter}_{code}>";

/** A code's token found in a text. */
export interface TokenMatch {
  level: number;
  code: number;
  /** Where the token starts, and where the text continues. */
  start: number;
  end: number;
}

/** The inverse of `levelLetter`: "a" -> 0, "z" -> 25, "aa" -> 26. */
export function letterLevel(letters: string): number {
  let n = 0;
  for (const letter of letters) n = 26 * n + letter.charCodeAt(0) - 96;
  return n - 1;
}

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
const isDigit = (text: string | undefined) => text !== undefined && /^\d/.test(text);

/**
 * How to write the code of a level as a token: text with `{code}` and, unless there is only one level, either `{letter}` ("a", ..., "z",
 * "aa", ...) or `{level}` (0, 1, ...). Tokens are distinct, and a sequence of them without gaps can be read in only one way.
 */
export class TokenTemplate {
  readonly text: string;
  readonly #before: string;
  readonly #between: string;
  readonly #after: string;
  readonly #mark: "{letter}" | "{level}" | undefined;
  readonly #codeFirst: boolean;
  readonly #here: RegExp;
  readonly #anywhere: RegExp;

  /**
   * @param levels Number of levels.
   * @throws InvalidInputError for a template whose tokens could be mistaken for each other.
   */
  constructor(text: string = DEFAULT_TEMPLATE, levels = Number.POSITIVE_INFINITY) {
    const fail = (why: string): never => {
      throw invalid()`template ${show(text)} ${why}, as in ${show(DEFAULT_TEMPLATE)} or "[{level}:{code}]"`;
    };
    if (typeof text !== "string") fail("must be a string with {code} and {letter} or {level}");
    const parts = text.split(/(\{\w*\})/);
    const names = parts.filter((_, i) => i % 2 === 1);
    for (const name of names) {
      if (!["{code}", "{letter}", "{level}"].includes(name))
        fail(`has ${name}; it may have {code}, {letter} and {level}`);
    }
    const marks = names.filter((name) => name !== "{code}");
    if (names.length - marks.length !== 1) fail("must have {code} once");
    if (marks.length > 1 || (marks.length === 0 && levels > 1)) {
      fail("must have either {letter} or {level}, once, so that the levels' tokens are distinct");
    }
    if (/\s/.test(text)) fail("must not have white space, which separates tokens");
    const [before, , between, , after] = parts.length === 5 ? parts : [parts[0], "", "", "", parts[2]];
    this.text = text;
    this.#before = before as string;
    this.#between = between as string;
    this.#after = after as string;
    this.#mark = marks[0] as "{letter}" | "{level}" | undefined;
    this.#codeFirst = names[0] === "{code}";
    if (this.#mark === "{level}" && levels > 10 && !/\D/.test(this.#between)) {
      fail(`writes level 1, code 11 and level 11, code 1 identically: put a character between {level} and {code}`);
    }
    const last = this.#after === "" ? names.at(-1) : undefined;
    const digitsMeet =
      last !== undefined && last !== "{letter}" && (this.#before === "" ? names[0] !== "{letter}" : isDigit(before));
    const lettersMeet = last === "{letter}" && /^[a-z]/.test(this.#before);
    if (digitsMeet || lettersMeet) {
      fail("is ambiguous where one token follows another: end it with a character that is not a digit or letter");
    }
    const group = { "{code}": "(0|[1-9]\\d*)", "{level}": "(0|[1-9]\\d*)", "{letter}": "([a-z]+)" };
    const pattern = parts.map((part, i) => (i % 2 ? group[part as keyof typeof group] : literal(part))).join("");
    this.#here = new RegExp(pattern, "y");
    this.#anywhere = new RegExp(pattern, "g");
  }

  /** The token of a code. */
  token(level: number, code: number): string {
    if (this.#mark === undefined) return `${this.#before}${code}${this.#after}`;
    const mark = this.#mark === "{letter}" ? levelLetter(level) : level;
    const [first, second] = this.#codeFirst ? [code, mark] : [mark, code];
    return `${this.#before}${first}${this.#between}${second}${this.#after}`;
  }

  /** The token that starts at this position of a text. */
  matchAt(text: string, at: number): TokenMatch | undefined {
    return this.#match(this.#here, text, at);
  }

  /** The first token from this position on. */
  find(text: string, from: number): TokenMatch | undefined {
    return this.#match(this.#anywhere, text, from);
  }

  #match(pattern: RegExp, text: string, from: number): TokenMatch | undefined {
    pattern.lastIndex = from;
    const found = pattern.exec(text);
    if (!found) return undefined;
    const [code, mark] = this.#codeFirst ? [found[1], found[2]] : [found[2], found[1]];
    const level = mark === undefined ? 0 : this.#mark === "{letter}" ? letterLevel(mark) : Number(mark);
    return { level, code: Number(code), start: found.index, end: pattern.lastIndex };
  }

  /** The codes of one ID that is written as a list of tokens, one per level. @throws InvalidInputError that names the token */
  readTokens(tokens: readonly unknown[], where: string | Wording): number[] {
    return tokens.map((token, level) => {
      const match = typeof token === "string" ? this.matchAt(token, 0) : undefined;
      if (match && match.level === level && match.end === (token as string).length) return match.code;
      throw invalid(
        "TOKEN_UNEXPECTED",
      )`${where}: ${show(token)} is not a token of ${{ level }}, such as ${this.token(level, 0)}`;
    });
  }
}
