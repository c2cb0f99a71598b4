/**
 * Messages in parts. What readers call differently (an option, a call, the number of an epoch) stays data until somebody reads it: the
 * library's own words here, the command line's and the page's made from the same parts. Nobody has to search a sentence for names.
 */

/** One part of a message. */
export type WordingPart =
  | string
  /** An option by the library's name, with the value that it has or should have. */
  | { option: string; value?: string | number | boolean; form?: "statement" | "quoted" }
  /** The call that complains, at the beginning: "train: ". */
  | { call: string }
  /** The number of an epoch, from 0. */
  | { epoch: number }
  /** What to do, for callers of the library and on the command line. */
  | { api: string; cli: string };

/** A message in parts: together they are whole sentences. */
export type Wording = readonly WordingPart[];

/** Parts of a message out of a template: `worded\`${call("train")}${option("patience")} needs ...\`` */
export function worded(strings: TemplateStringsArray, ...values: (WordingPart | Wording | number)[]): Wording {
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

export const option = (name: string, value?: string | number | boolean): WordingPart =>
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

/** The message in the library's own words; `say` gives the words of others for a part, or undefined. */
export function toText(
  wording: Wording,
  say: (part: Exclude<WordingPart, string>) => string | undefined = () => undefined,
) {
  return wording.map((part) => (typeof part === "string" ? part : (say(part) ?? own(part)))).join("");
}

function own(part: Exclude<WordingPart, string>): string {
  if ("call" in part) return `${part.call}: `;
  if ("api" in part) return part.api;
  if ("epoch" in part) return `epoch ${part.epoch}`;
  if (part.form === "quoted") return JSON.stringify(part.option);
  const colon = part.form === "statement" ? "" : ":";
  return part.value === undefined ? part.option : `${part.option}${colon} ${JSON.stringify(part.value)}`;
}
