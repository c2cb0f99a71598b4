/** JSON of which nothing is lost: integers of any length keep their digits, and an object's keys their order. */

import { InvalidInputError } from "../errors.ts";
import { describeValue } from "./bytes.ts";

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}[\],:]/g;

/**
 * `JSON.parse`, except that an integer beyond 2^53, which a number cannot hold, becomes a string of its digits.
 * @throws SyntaxError as `JSON.parse` does.
 */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text.replace(token, (found) =>
      /^-?[1-9]\d{15,}$/.test(found) && !Number.isSafeInteger(Number(found)) ? `"${found}"` : found,
    ),
  );
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
  for (const { 0: found, index } of text.matchAll(token)) {
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
      throw new InvalidInputError(
        `entries ${earlier} and ${entries.length} are both ${describeValue(key)}: every item must be there once`,
      );
    }
    known.set(key, entries.length);
    entries.push([key, parseJson(text.slice(start, index))]);
    key = undefined;
  }
  return entries;
}
