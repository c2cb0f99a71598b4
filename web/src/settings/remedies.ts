import { adviseCapacity } from "rqvae";
import { plural } from "../base/words.ts";
import { isTyped, readSettings, trainWith } from "./options-form.ts";

/** The most codes of a level that a button asks for. */
const MOST_CODES = 4096;

/** A change of the settings that a report asks for, and what its button says. */
export interface Change {
  label: string;
  options: Record<string, unknown>;
}

const shape = (sizes: readonly number[]) => ({
  nQuantizationLayers: sizes.length,
  codebookSize: sizes.every((size) => size === sizes[0]) ? sizes[0]! : [...sizes],
});

export function addLevel(sizes: readonly number[]): Change {
  return { label: "Add a level", options: shape([...sizes, sizes.at(-1)!]) };
}

/** As many codes as the library advises for the items, or else twice as many as there are. */
export async function moreCodes(items: number, sizes: readonly number[]): Promise<Change | undefined> {
  const { verdict, suggestion } = await adviseCapacity(items, { codebookSize: sizes });
  const { nQuantizationLayers: levels, codebookSize } = suggestion;
  const advised = Array.isArray(codebookSize) ? codebookSize : Array<number>(levels).fill(codebookSize);
  const isMore = verdict !== "enough" && levels === sizes.length && advised.some((size, level) => size > sizes[level]!);
  const next = isMore ? advised : sizes.map((size) => Math.min(MOST_CODES, 2 * size));
  if (next.join() === sizes.join()) return undefined;
  const { codebookSize: codes } = shape(next);
  const said = typeof codes === "number" ? plural(codes, "code") : `${codes.join(", ")} codes`;
  return { label: `Use ${said}`, options: shape(next) };
}

/** Half as many codes at a level, or as many as are used. */
export function fewerCodes(sizes: readonly number[], level: number, worth: number): Change | undefined {
  const size = Math.max(2, Math.min(Math.floor(sizes[level]! / 2), 2 * Math.ceil(worth)));
  if (size >= sizes[level]!) return undefined;
  const next = sizes.map((each, at) => (at === level ? size : each));
  return { label: `Use ${plural(size, "code")} there`, options: shape(next) };
}

export function restartCodes(): Change | undefined {
  return readSettings().train.deadCodeRestart
    ? undefined
    : { label: "Restart unused codes", options: { deadCodeRestart: true } };
}

export function trainLonger(): Change {
  const epochs = 2 * (readSettings().train.epochs ?? 100);
  return { label: `Train ${plural(epochs, "epoch")}`, options: { epochs } };
}

export function scaleColumns(): Change | undefined {
  return isTyped("inputScaling")
    ? undefined
    : { label: "Scale each column by itself", options: { inputScaling: "perDimension" } };
}

/** Fills in the form and trains again. */
export const apply = ({ options }: Change): void => trainWith(options);
