import { adviseCapacity, type ModelOptions, SemanticIds, type Spectrum, suggestConfig, type TrainOptions } from "rqvae";
import { idChips } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { fieldOf, type OptionField, optionFields, textOf } from "../base/option-list.ts";
import { PageError } from "../base/page-error.ts";
import { plural } from "../base/words.ts";
import type { Settings } from "../lab/types.ts";
import { followsItems, type Measured, measuredWith, whyWidth } from "./measured-width.ts";

type Control = HTMLInputElement | HTMLSelectElement;

const form = hook("options", HTMLFormElement);
const expert = hook("expert", HTMLDivElement);
const capacity = hook("capacity", HTMLParagraphElement);
const idShape = hook("id-shape", HTMLParagraphElement);
const submit = hook("train-button", HTMLButtonElement);
const hint = hook("train-hint", HTMLParagraphElement);
const viewSwitch = hook("view-switch", HTMLFieldSetElement);

const controls = new Map<string, Control>();

/** Fields that the visitor has filled in; suggestions do not overwrite them. */
const touched = new Set<string>();
let shape: { n: number; inputDim: number } | undefined;
/** What was measured of these data. */
let measured: Measured | undefined;
const listeners: (() => void)[] = [];
const SUITED = "These settings suit your data. Change what you like; an empty field uses the suggestion.";
/** What is said where there is advice to change them. */
const ADVISED = "Change what you like; an empty field uses the suggestion.";
/** Whether there is. */
let isAdvised = false;

function makeControl({ field, kind, choices, hint: text, label }: OptionField): HTMLElement {
  const hintId = `hint-${field}`;
  let control: Control;
  if (kind === "choice" || kind === "flag") {
    control = make("select");
    control.append(...["", ...(choices ?? ["yes", "no"])].map((choice) => new Option(choice, choice)));
  } else {
    control = make("input");
    control.inputMode = kind === "integer" || kind === "number" ? "decimal" : "text";
    control.autocomplete = "off";
  }
  control.name = field;
  control.dataset.testid = `option-${field}`;
  control.setAttribute("aria-describedby", hintId);
  control.addEventListener("input", () => {
    touched.add(field);
    control.removeAttribute("aria-invalid");
    changed();
  });
  controls.set(field, control);
  const note = make("span", "hint", text);
  note.id = hintId;
  return make("label", "field", make("span", "field-name", label), control, note);
}

for (const field of optionFields) {
  const simple = document.querySelector<HTMLElement>(`[data-fields="${field.group}"]`);
  let host = simple ?? expert.querySelector<HTMLElement>(`[data-fields="${field.group}"]`);
  if (!host) {
    host = make("div", "fields");
    host.dataset.fields = field.group;
    expert.append(make("section", "option-group", make("h3", "", field.group), host));
  }
  host.append(makeControl(field));
}

function changed(): void {
  showWidth();
  showAdvice();
  for (const listener of listeners) listener();
}

function badNumber({ field, label }: OptionField, text: string): PageError {
  return Object.assign(new PageError(`“${label}” must be a number, but it says “${text}”.`), { field });
}

function parseValue(option: OptionField, text: string): unknown {
  const toNumber = (part: string) => {
    const number = Number(part);
    if (Number.isNaN(number)) throw badNumber(option, text);
    return number;
  };
  if (option.kind === "integer" || option.kind === "number") return toNumber(text);
  if (option.kind === "flag") return text === "yes";
  if (option.kind === "choice") return text;
  const numbers = text
    .split(/[\s,;]+/)
    .filter((part) => part !== "")
    .map(toNumber);
  return option.kind === "integers" || numbers.length > 1 ? numbers : numbers[0];
}

/** What was typed, by the options' names. */
export interface Typed {
  model: Partial<ModelOptions>;
  train: TrainOptions;
}

/** A blank field means the suggestion. The library checks the ranges. */
export function readTyped(): Typed {
  const typed: { model: Record<string, unknown>; train: Record<string, unknown> } = { model: {}, train: {} };
  for (const option of optionFields) {
    const text = controls.get(option.field)!.value.trim();
    if (!touched.has(option.field) || text === "") continue;
    typed[option.of][option.name] = parseValue(option, text);
  }
  return typed;
}

/** The library's suggestion for the current data, the sizes that were typed, and what was measured for them. */
function suggestion(typed: Partial<ModelOptions>): Settings {
  if (!shape) throw new PageError("Choose a sample or drop a file first.");
  const { codebookSize, nQuantizationLayers, compat } = typed;
  const known = {
    ...shape,
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(compat === undefined ? {} : { compat }),
  };
  const { model, train } = suggestConfig(known);
  if (!followsItems(typed) || measured?.of !== measuredWith({ ...model, ...typed })) return { model, train };
  const { spectrum } = measured;
  const suited = suggestConfig({ ...known, spectrum });
  return { model: suited.model, train: suited.train, spectrum };
}

/** The settings as typed. The library checks the ranges; its messages are shown. */
export function readSettings(typed = readTyped()): Settings {
  const base = suggestion(typed.model);
  if (typed.model.codebookSimVq) delete base.model.codebookRefine; // its codes are products, which cannot be refined
  return { ...base, model: { ...base.model, ...typed.model }, train: { ...base.train, ...typed.train } };
}

/** Whether the settings depend on a measurement that is still to come. */
export const asksForSpectrum = ({ model }: Typed, { spectrum }: Settings): boolean =>
  spectrum === undefined && followsItems(model);

/** Stores what was measured for a model with these options. */
export function takeSpectrum(options: ModelOptions, spectrum: Spectrum): void {
  measured = { of: measuredWith(options), spectrum };
  showWidth();
}

/** The suggested width and its reason, if they are known for the form's values. */
function showWidth(): void {
  if (!shape) return;
  let base: Settings;
  try {
    base = suggestion(readTyped().model);
  } catch {
    return; // errors are shown when they matter
  }
  const latent = fieldOf("latentDim")!;
  const control = controls.get(latent.field) as HTMLInputElement;
  control.placeholder = suggestedText(base, latent);
  if (!touched.has(latent.field)) control.value = control.placeholder;
  showHint(base.spectrum);
}

function showHint(spectrum: Spectrum | undefined): void {
  hint.textContent = whyWidth(spectrum) || (isAdvised ? ADVISED : SUITED);
}

/** The number of levels of a model with these settings. */
export function levelsOf({ model }: Settings): number {
  const { codebookSize, nQuantizationLayers } = model;
  return nQuantizationLayers ?? (typeof codebookSize === "object" ? codebookSize.length : 3);
}

/** The levels' codebook sizes in the form, or undefined if they make no sense yet. */
function readSizes(): number[] | undefined {
  try {
    const settings = readSettings();
    const { codebookSize = 256 } = settings.model;
    const levels = levelsOf(settings);
    const sizes =
      typeof codebookSize === "object"
        ? [...codebookSize]
        : Array<number>(Number.isInteger(levels) && levels > 0 ? Math.min(levels, 64) : 0).fill(codebookSize);
    return sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0) ? sizes : undefined;
  } catch {
    return undefined;
  }
}

let advice = 0;

function showAdvice(): void {
  const turn = ++advice;
  const sizes = readSizes();
  if (!sizes || !shape) {
    delete capacity.dataset.verdict;
    capacity.textContent = shape
      ? "Levels and codes must be whole numbers of at least 1."
      : "Choose data first. How many codes you need depends on the number of items.";
    idShape.replaceChildren();
    return;
  }
  const shown = sizes.slice(0, 6);
  const example = shown.map((size, level) => Math.floor(size * [0.53, 0.16, 0.78, 0.34, 0.9, 0.62][level]!));
  idShape.replaceChildren(
    ...idChips(SemanticIds.from([example], { codebookSizes: shown }), 0).childNodes,
    ...(sizes.length > shown.length ? ["…"] : []),
  );
  const { n } = shape;
  adviseCapacity(n, { codebookSize: sizes }).then(
    ({ ids, verdict, realistic, suggestion: better }) => {
      if (turn !== advice) return;
      const possible = ids < 1e15 ? plural(ids, "possible ID") : "More than a quadrillion possible IDs";
      const sharing = Math.round(realistic.itemsSharing);
      capacity.dataset.verdict = verdict;
      capacity.textContent =
        verdict === "impossible"
          ? `${possible} for ${plural(n, "item")} ${ids === 1 ? "is" : "are"} too few: some items must share.`
          : `${possible} for ${plural(n, "item")}. ${
              verdict === "tight"
                ? `Catalogues of this size usually have about ${plural(sharing, "item")} that share an ID.`
                : "That is enough for nearly every item to have its own ID."
            }`;
      isAdvised = verdict !== "enough";
      if (isAdvised) capacity.append(" ", adviceButton(better, sizes.length));
      showWidth();
    },
    () => {
      if (turn === advice) capacity.textContent = "";
    },
  );
}

/** Applies the advice, so that nobody has to copy it into the fields. */
function adviceButton(better: Pick<ModelOptions, "codebookSize" | "nQuantizationLayers">, levels: number): HTMLElement {
  const { codebookSize, nQuantizationLayers } = better;
  const codes = Array.isArray(codebookSize) ? `${codebookSize.join(", ")} codes` : `${codebookSize} codes`;
  const button = make(
    "button",
    "button small",
    nQuantizationLayers === levels ? `Use ${codes}` : `Use ${nQuantizationLayers} levels of ${codes}`,
  );
  button.type = "button";
  button.dataset.testid = "take-advice";
  button.addEventListener("click", () => {
    fillIn({ codebookSize, nQuantizationLayers });
    controls.get(fieldOf("codebookSize")!.field)!.focus(); // the button goes with the advice
  });
  return button;
}

/** The value of a field before the visitor changes it. */
function suggestedText(base: Settings, option: OptionField): string {
  const value = (base[option.of] as Record<string, unknown>)[option.name];
  if (value === undefined) {
    if (option.field === "latent") return String(Math.min(64, base.model.inputDim));
    if (option.field === "levels") return String(levelsOf(base));
    return option.fallback;
  }
  return textOf(value);
}

/** Fills in good settings for n items of a dimension. */
export function suggest(n: number, inputDim: number): void {
  shape = { n, inputDim };
  measured = undefined;
  const base = suggestion({});
  for (const option of optionFields) {
    const control = controls.get(option.field)!;
    const text = suggestedText(base, option);
    const simple = document.querySelector(`[data-fields="${option.group}"]`)?.closest(".options-simple");
    if (control instanceof HTMLSelectElement) {
      // The first entry is the suggestion, so it is not listed again.
      control.options[0]!.text = text;
      for (const choice of control.options) choice.hidden = choice.value === text;
    } else control.placeholder = text;
    if (!touched.has(option.field)) control.value = simple ? text : "";
  }
  showWhetherReady();
  hint.textContent = ADVISED; // until the form's values make sense
  changed();
}

/** There is nothing to train on, and why. */
export function setNoData(why: string): void {
  shape = undefined;
  showWhetherReady();
  hint.textContent = why;
}

/** How many files are being looked at: pressed now, the button would train on the data before them. */
let held = 0;

/** No training begins before what this returns is called. */
export function holdTraining(): () => void {
  held++;
  showWhetherReady();
  let released = false;
  return () => {
    if (!released) held--;
    released = true;
    showWhetherReady();
  };
}

function showWhetherReady(): void {
  submit.disabled = held > 0 || shape === undefined;
}

/** Starts on a new data set and forgets what was typed for the last one. */
export function resetTouched(): void {
  for (const name of touched) controls.get(name)!.value = "";
  touched.clear();
}

/** What the visitor has filled in, by field name. */
export const typedFields = (): [name: string, text: string][] =>
  [...touched]
    .map((name): [string, string] => [name, controls.get(name)!.value.trim()])
    .filter(([, text]) => text !== "");

/** Fills in fields as if they had been typed. Ignores unknown names and choices. */
export function typeFields(fields: Iterable<[name: string, text: string]>): void {
  for (const [name, text] of fields) {
    const control = controls.get(name);
    if (!control) continue;
    control.value = text;
    if (control.value === text) touched.add(name);
  }
  const isExpert = [...touched].some((name) => expert.contains(controls.get(name)!));
  if (isExpert) setView("expert");
}

/** Fills in the settings of a run: values that differ from the suggestion count as typed. */
export function typeSettings(settings: Settings): void {
  const { model, spectrum } = settings;
  if (spectrum) measured = { of: measuredWith(model), spectrum };
  const base = suggestion({});
  // Its width was not typed either.
  if (spectrum?.latentDim !== undefined) base.model.latentDim = spectrum.latentDim;
  const different = optionFields
    .map((option): [name: string, text: string] => [option.field, suggestedText(settings, option)])
    .filter(([, text], i) => text !== suggestedText(base, optionFields[i]!));
  typeFields(different);
  changed();
}

/** Fills in options by the library's names, as if they had been typed. */
export function fillIn(options: Readonly<Record<string, unknown>>): void {
  typeFields(Object.entries(options).map(([name, value]) => [fieldOf(name)!.field, textOf(value)]));
  changed();
}

/** The same, and trains. */
export function trainWith(options: Readonly<Record<string, unknown>>): void {
  fillIn(options);
  form.requestSubmit();
}

export const isTyped = (option: string): boolean => touched.has(fieldOf(option)!.field);

/** Takes back what was typed since: suggestions, and these fields on top. */
export function restoreFields(fields: Iterable<[name: string, text: string]>): void {
  resetTouched();
  if (shape) suggest(shape.n, shape.inputDim);
  typeFields(fields);
  changed();
}

/** The items' shape; undefined before there are any. */
export const shapeOfItems = (): typeof shape => shape;

export function view(): "simple" | "expert" {
  return expert.hidden ? "simple" : "expert";
}

let atFirstSight: (() => void) | undefined;

/** Calls `act` when the expert view is first seen; at once if it is. */
export function onExpertView(act: () => void): void {
  atFirstSight = () => {
    atFirstSight = undefined;
    act();
  };
  if (view() === "expert") atFirstSight();
}

export function setView(next: "simple" | "expert"): void {
  expert.hidden = next === "simple";
  if (next === "expert") atFirstSight?.();
  for (const radio of viewSwitch.querySelectorAll("input")) radio.checked = radio.value === next;
}

viewSwitch.addEventListener("change", () => {
  setView(viewSwitch.querySelector<HTMLInputElement>("input:checked")!.value as "simple" | "expert");
  changed();
});

/** Labels the button with what it will do. */
export function setRunning(running: boolean, again: boolean): void {
  submit.textContent = running ? "Start over with these" : again ? "Train again" : "Train";
}

export function onTrain(start: () => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
}

export function onSettings(listener: () => void): void {
  listeners.push(listener);
}

showAdvice();
