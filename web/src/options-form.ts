import { type ModelOptions, suggestConfig, type TrainOptions } from "rqvae";
import { hook } from "./dom.ts";
import { PageError } from "./page-error.ts";
import { formatCount } from "./words.ts";

export interface Settings {
  model: ModelOptions;
  train: TrainOptions;
}

const form = hook("options", HTMLFormElement);
const names = ["levels", "codes", "epochs", "batch", "latent", "seed"] as const;
type FieldName = (typeof names)[number];

const field = Object.fromEntries(names.map((name) => [name, hook(`option-${name}`, HTMLInputElement)])) as Record<
  FieldName,
  HTMLInputElement
>;
const capacity = hook("capacity", HTMLParagraphElement);
const submit = hook("train-button", HTMLButtonElement);
const hint = hook("train-hint", HTMLParagraphElement);

/** Fields that the visitor has filled in: a suggestion does not overwrite them. */
const touched = new Set<FieldName>();
let suggested: Settings | undefined;
let shape = { n: 0, inputDim: 0 };

/** What was typed as a number. Blank means the suggestion; ranges are left to the library's own checks. */
function readNumber(name: FieldName): number | undefined {
  const text = field[name].value.trim();
  return text === "" ? undefined : toNumber(name, text);
}

function toNumber(name: FieldName, text: string): number {
  const number = Number(text);
  if (!Number.isNaN(number)) return number;
  const label = field[name].labels?.[0]?.querySelector(".field-name")?.textContent ?? name;
  throw Object.assign(new PageError(`“${label}” must be a whole number, but it says “${text}”.`), { field: name });
}

/** "32", or one size a level: "16, 32, 64". */
function readCodes(): number | number[] | undefined {
  const parts = field.codes.value.split(/[\s,;]+/).filter((part) => part !== "");
  const sizes = parts.map((part) => toNumber("codes", part));
  return sizes.length < 2 ? sizes[0] : sizes;
}

/** The levels' codebook sizes as the form has them, or undefined where they make no sense yet. */
function readSizes(): number[] | undefined {
  try {
    return sizesOf(readCodes() ?? suggested?.model.codebookSize, readNumber("levels"));
  } catch {
    return undefined;
  }
}

function sizesOf(codes: number | readonly number[] | undefined, typedLevels: number | undefined): number[] | undefined {
  const levels = typedLevels ?? suggested?.model.nQuantizationLayers ?? 3;
  const sizes =
    typeof codes === "object"
      ? [...codes]
      : Array<number>(Number.isInteger(levels) ? Math.min(levels, 99) : 0).fill(codes ?? 0);
  return sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0) ? sizes : undefined;
}

function showCapacity(): void {
  const sizes = readSizes();
  if (!sizes || shape.n === 0) {
    capacity.textContent = "";
    return;
  }
  const total = sizes.reduce((product, size) => product * size, 1);
  const same = sizes.every((size) => size === sizes[0]);
  const product =
    same && sizes.length > 4
      ? `${formatCount(sizes[0]!)} to the power of ${sizes.length}`
      : sizes.map(formatCount).join(" × ");
  const enough = total >= shape.n ? "" : " That is too few: some items will have to share.";
  capacity.textContent = `${product} = ${total < 1e15 ? formatCount(total) : "more than a quadrillion"} possible IDs for ${formatCount(shape.n)} items.${enough}`;
}

/** Starts on a new data set: what was typed for the last one is forgotten. */
export function resetTouched(): void {
  touched.clear();
}

/** Fills in good settings for n items of a dimension. */
export function suggest(n: number, inputDim: number): void {
  shape = { n, inputDim };
  suggested = suggestConfig({ n, inputDim });
  const { model, train } = suggested;
  const sizes = model.codebookSize ?? 256;
  const values: Record<FieldName, string> = {
    levels: String(model.nQuantizationLayers ?? (typeof sizes === "object" ? sizes.length : 3)),
    codes: typeof sizes === "object" ? sizes.join(", ") : String(sizes),
    epochs: String(train.epochs ?? 100),
    batch: String(train.batchSize ?? 1024),
    latent: String(model.latentDim ?? Math.min(64, inputDim)),
    seed: String(model.seed ?? 0),
  };
  for (const name of names) {
    field[name].placeholder = values[name];
    if (!touched.has(name)) field[name].value = values[name];
  }
  submit.disabled = false;
  hint.textContent = "These settings suit your data. Change what you like; an empty field means the suggestion.";
  showCapacity();
}

/** What the form says now. Ranges are checked by the library, whose messages are shown. */
export function readSettings(): Settings {
  if (!suggested) throw new PageError("Choose data first: take the emoji sample or drop a file.");
  const model: ModelOptions = { ...suggested.model };
  const train: TrainOptions = { ...suggested.train };
  const codes = readCodes();
  const levels = readNumber("levels");
  if (codes !== undefined) model.codebookSize = codes;
  // A list of sizes says how many levels there are, unless both were typed: then the library compares them.
  if (typeof codes === "object" && !touched.has("levels")) delete model.nQuantizationLayers;
  else if (levels !== undefined) model.nQuantizationLayers = levels;
  const latent = readNumber("latent");
  if (latent !== undefined) model.latentDim = latent;
  const seed = readNumber("seed");
  if (seed !== undefined) model.seed = seed;
  const epochs = readNumber("epochs");
  if (epochs !== undefined) train.epochs = epochs;
  const batch = readNumber("batch");
  if (batch !== undefined) train.batchSize = batch;
  return { model, train };
}

/** Says on the button what pressing it will do. */
export function setRunning(running: boolean, again: boolean): void {
  submit.textContent = running ? "Start over with these" : again ? "Train again" : "Train";
}

export function onTrain(start: () => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
}

for (const name of names) {
  field[name].addEventListener("input", () => {
    touched.add(name);
    field[name].removeAttribute("aria-invalid");
    showCapacity();
  });
}
