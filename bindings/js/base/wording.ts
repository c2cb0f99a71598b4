/**
 * Messages in parts. What different readers call by different names (an option, a call, the number of an epoch) and what programs want to
 * know (the argument, the row, what to do) stays data until somebody reads it. The library's own words are here; the command line and the
 * page make theirs from the same parts, and nobody has to parse a sentence.
 */

/** The value of an option, in a message. */
export type OptionValue = string | number | boolean | readonly string[];

/** One part of a message. */
export type WordingPart =
  | string
  /** An option by the library's name, with its actual or suggested value. */
  | { option: string; value?: OptionValue; form?: "statement" | "quoted" }
  /** An argument that is no option, by its name: "items". */
  | { argument: string }
  /** The call that failed, at the start: "train: ". */
  | { call: string }
  /** The file that was read, at the start: "items.csv: "; with `form`, in the middle of a sentence. */
  | { file: string; form?: "statement" }
  /** A 0-based place in what was given. */
  | { row: number }
  | { column: number }
  | { level: number }
  /** The 0-based number of an epoch. */
  | { epoch: number }
  /** What to do, at the end, with the mark before it (": "). */
  | { hint: string | Wording; after?: string }
  /** Words for callers of the library, and for the command line. */
  | { api: string; cli: string };

/** A message in parts, which together are whole sentences. */
export type Wording = readonly WordingPart[];

/** What can stand in a template of `worded`. */
export type Worded = WordingPart | Wording | number;

/** Makes the parts of a message from a template: `worded\`${call("train")}${option("patience")} needs ...\`` */
export function worded(strings: TemplateStringsArray, ...values: Worded[]): Wording {
  const parts: WordingPart[] = [];
  strings.forEach((text, i) => {
    if (text) parts.push(text);
    const value = values[i];
    if (value === undefined || value === "") return;
    if (Array.isArray(value)) parts.push(...(value as Wording));
    else parts.push(typeof value === "number" ? String(value) : (value as WordingPart));
  });
  return parts;
}

export const option = (name: string, value?: OptionValue): WordingPart =>
  value === undefined ? { option: name } : { option: name, value };
/** An option that has a value: `select "loss"`. `option` makes `select: "loss"`, as in code. */
export const valued = (name: string, value: string | number | boolean): WordingPart => ({
  option: name,
  value,
  form: "statement",
});
/** An option whose name is in quotes, except on the command line. */
export const quoted = (name: string): WordingPart => ({ option: name, form: "quoted" });
export const call = (name: string): WordingPart => ({ call: name });

/** Gives other words for a part; undefined keeps the library's own, "" leaves it out. */
export type Say = (part: Exclude<WordingPart, string>) => string | undefined;

/** The message in the library's own words, or in `say`'s. */
export function toText(wording: string | Wording, say: Say = () => undefined): string {
  if (typeof wording === "string") return wording;
  return wording.map((part) => (typeof part === "string" ? part : (say(part) ?? own(part, say)))).join("");
}

function own(part: Exclude<WordingPart, string>, say: Say): string {
  if ("hint" in part) return (part.after ?? ": ") + toText(part.hint, say);
  if ("call" in part) return `${part.call}: `;
  if ("file" in part) return part.form ? part.file : `${part.file}: `;
  if ("api" in part) return part.api;
  if ("argument" in part) return part.argument;
  if ("option" in part) {
    if (part.form === "quoted") return JSON.stringify(part.option);
    const colon = part.form === "statement" ? "" : ":";
    return part.value === undefined ? part.option : `${part.option}${colon} ${JSON.stringify(part.value)}`;
  }
  return Object.entries(part)[0]!.join(" "); // "row 3"
}
