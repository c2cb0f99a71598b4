/** JSON without loss: integers of any length keep their digits, and an object's names are unique. */

import { describeValue } from "../../base/describe-value.ts";

/** Stands for NaN until the text is parsed; no text that people write contains it. */
const NAN = "\0NaN";

/** Integers that a double may not hold, and words that only Python writes; brackets; starts of strings. */
const MARKS = /(?<=^|[\s:,[])(-?[1-9]\d{15,}|NaN|-?Infinity)(?=\s*(?:[,\]}]|$))|["{}[\]]/g;
const COLON = /\s*:/y;

/**
 * Where the text continues after the string that starts at `start`; the text's end if it is not closed. Not a regular expression, since
 * those remember every character that they pass, and strings may have any length.
 */
export function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text[before] === "\\") before--;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return text.length;
}

/** Whether a value is an integer that `parseJson` kept as digits. */
export const isLongInteger = (value: unknown): value is string =>
  typeof value === "string" && /^-?[1-9]\d{15,}$/.test(value);

/**
 * `JSON.parse`, except that in lists and objects an integer beyond 2^53 becomes a string of its digits, and NaN, Infinity and -Infinity,
 * which Python writes, are numbers; and that no name may occur twice in an object, since the first value would be lost.
 * @throws SyntaxError as `JSON.parse` does; RangeError if the text is longer than a string can be.
 */
export function parseJson(text: string): unknown {
  return parsed(readable(text, false));
}

/**
 * The entries of a JSON object in the order of the text; `JSON.parse` would put numeric keys first.
 * @param text Valid JSON that is an object.
 */
export function jsonEntries(text: string): [key: string, value: unknown][] {
  return Object.entries(parsed(readable(text, true)) as object).map(([key, value]) => [key.slice(1), value]);
}

function parsed({ text, hasNaN }: { text: string; hasNaN: boolean }): unknown {
  return hasNaN ? JSON.parse(text, (_, value) => (value === NAN ? Number.NaN : value)) : JSON.parse(text);
}

/**
 * The text in a form that `JSON.parse` can read.
 * @param isOrdered Whether to put a letter before the outermost names, so that none is a number.
 */
function readable(text: string, isOrdered: boolean): { text: string; hasNaN: boolean } {
  let written = "";
  let done = 0;
  let hasNaN = false;
  /** For each open array and object, the names in it so far, and which entry has each. */
  const open: (Map<string, number> | undefined)[] = [];
  const replace = (start: number, end: number, by: string) => {
    written += text.slice(done, start) + by;
    done = end;
  };
  const marks = new RegExp(MARKS);
  for (let found = marks.exec(text); found; found = marks.exec(text)) {
    const { index } = found;
    const [token, number] = found;
    if (token === "[" || token === "{") open.push(undefined);
    if (token === "}" || token === "]") open.pop();
    else if (token === '"') {
      const end = endOfString(text, index);
      marks.lastIndex = end;
      COLON.lastIndex = end;
      if (!COLON.test(text)) continue;
      const quoted = text.slice(index, end);
      const name = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
      const names = open.at(-1) ?? new Map<string, number>();
      const earlier = names.get(name);
      if (earlier !== undefined) {
        throw new SyntaxError(`entries ${earlier} and ${names.size} of an object are both ${describeValue(name)}`);
      }
      if (open.length > 0) open[open.length - 1] = names.set(name, names.size);
      if (isOrdered && open.length === 1) replace(index, index + 1, '"_');
    } else if (number !== undefined) {
      const end = marks.lastIndex;
      hasNaN ||= number === "NaN";
      // A number beyond the range of doubles is read as infinity.
      if (number === "NaN") replace(index, end, JSON.stringify(NAN));
      else if (number.endsWith("y")) replace(index, end, number.replace("Infinity", "1e999"));
      else if (!Number.isSafeInteger(Number(number))) replace(index, end, `"${number}"`);
    }
  }
  if (open.length > 0) throw new SyntaxError("it ends too early and may be cut short");
  if (text.trim() === "") throw new SyntaxError("it is empty");
  return { text: written + text.slice(done), hasNaN };
}
