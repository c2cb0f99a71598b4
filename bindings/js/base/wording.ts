/**
 * Messages in parts. What readers call differently (an option, a call, the number of an epoch), and what programs ask for (the argument, the
 * row, what to do), stays data until somebody reads it: the library's own words here, the command line's and the page's made from the same
 * parts. Nobody has to search a sentence.
 */

/** A value that an option is said to have. */
export type OptionValue = string | number | boolean | readonly string[];

/** One part of a message. */
export type WordingPart =
  | string
  /** An option by the library's name, with the value that it has or should have. */
  | { option: string; value?: OptionValue; form?: "statement" | "quoted" }
  /** An argument that is no option, by its name: "items". */
  | { argument: string }
  /** The call that complains, at the beginning: "train: ". */
  | { call: string }
  /** The file that was read, at the beginning: "items.csv: "; in the middle of a sentence with `form`. */
  | { file: string; form?: "statement" }
  /** A place in what was given, from 0. */
  | { row: number }
  | { column: number }
  | { level: number }
  /** The number of an epoch, from 0. */
  | { epoch: number }
  /** What to do, at the end, with the mark that stands before it (": "). */
  | { hint: string | Wording; after?: string }
  /** What to do, for callers of the library and on the command line. */
  | { api: string; cli: string };

/** A message in parts: together they are whole sentences. */
export type Wording = readonly WordingPart[];

/** What can stand in a template of `worded`. */
export type Worded = WordingPart | Wording | number;

/** Parts of a message out of a template: `worded\`${call("train")}${option("patience")} needs ...\`` */
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
/** An option that has a value: `select "loss"`, where `option` makes `select: "loss"`, as it is written. */
export const valued = (name: string, value: string | number | boolean): WordingPart => ({
  option: name,
  value,
  form: "statement",
});
/** An option whose name is in quotes, where the command line needs none. */
export const quoted = (name: string): WordingPart => ({ option: name, form: "quoted" });
export const call = (name: string): WordingPart => ({ call: name });

/** The words of others for a part; undefined for the library's own, "" to leave it out. */
export type Say = (part: Exclude<WordingPart, string>) => string | undefined;

/** The message in the library's own words, or in those of `say`. */
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
