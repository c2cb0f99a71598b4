/** JSON of which nothing is lost: integers of any length keep their digits, and an object's keys their order. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";

/**
 * Where the text goes on after the string that begins at `start`; the text's end when it is not closed. No pattern: those remember every
 * character that they went over, and there are strings of any length.
 */
export function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text[before] === "\\") before--;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return text.length;
}

/** Strings, numbers, brackets, commas and colons of JSON, in their order. */
function* tokensOf(text: string): Generator<{ token: string; start: number; end: number }> {
  const next = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|["{}[\],:]/g;
  for (let found = next.exec(text); found; found = next.exec(text)) {
    const start = found.index;
    if (found[0] === '"') next.lastIndex = endOfString(text, start);
    yield { token: text.slice(start, next.lastIndex), start, end: next.lastIndex };
  }
}

/**
 * `JSON.parse`, except that an integer beyond 2^53, which a number cannot hold, becomes a string of its digits.
 * @throws SyntaxError as `JSON.parse` does.
 */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let written = "";
  let done = 0;
  for (const { token, start, end } of tokensOf(text)) {
    if (token.length < 16 || !/^-?[1-9]\d{15,}$/.test(token) || Number.isSafeInteger(Number(token))) continue;
    written += `${text.slice(done, start)}"${token}"`;
    done = end;
  }
  return JSON.parse(written + text.slice(done));
}

/**
 * The entries of a JSON object in the order of the text, where `JSON.parse` puts keys that are numbers first and keeps the last of two
 * equal ones.
 * @param text Valid JSON that is an object.
 * @throws InvalidInputError when a key stands there twice.
 */
export function jsonEntries(text: string): [key: string, value: unknown][] {
  const entries: [string, unknown][] = [];
  const known = new Map<string, number>();
  let depth = 0;
  let key: string | undefined;
  let start = 0;
  for (const { token: found, start: index } of tokensOf(text)) {
    if (found === "{" || found === "[") depth++;
    else if (found === "}" || found === "]") depth--;
    else if (depth === 1 && key === undefined && found.startsWith('"')) {
      key = JSON.parse(found) as string;
      continue;
    } else if (depth === 1 && key !== undefined && found === ":") {
      start = index + 1;
      continue;
    }
    const isEnd = (depth === 1 && found === ",") || depth === 0;
    if (!isEnd || key === undefined) continue;
    const earlier = known.get(key);
    if (earlier !== undefined) {
      throw invalid(
        "ITEM_TWICE",
      )`entries ${earlier} and ${entries.length} are both ${describeValue(key)}${{ hint: "every item must be there once" }}`;
    }
    known.set(key, entries.length);
    entries.push([key, parseJson(text.slice(start, index))]);
    key = undefined;
  }
  return entries;
}
