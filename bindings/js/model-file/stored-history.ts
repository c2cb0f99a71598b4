/**
 * The history of a training in its model's file: a JSON text in ASCII, a column for each figure of the epochs, so that
 * `pandas.DataFrame(history["epochs"])` reads it. Numbers stand there with all their digits, and what follows from others does not. A
 * warning is a template and its numbers, since those of many epochs differ in these alone.
 *
 * The text has at most 2^18 characters: where all epochs would need more, every second of them is kept, or every fourth, and so on; always
 * kept are the first, the last, the selected and the best ones.
 */

import {
  type Complain,
  fields,
  finite,
  flag,
  is,
  list,
  oneOf,
  optional,
  readJson,
  type Shape,
  text,
  whole,
} from "../base/json-shape.ts";
import { toText } from "../base/wording.ts";
import type { EpochRecord, IdStatistics, LevelLosses, TrainHistory, TrainWarning, ValidationResult } from "../types.ts";

/** Characters that a history takes at most. */
const MOST_CHARACTERS = 2 ** 18;
/** Characters that its warnings take at most once their templates are filled in. */
const MOST_WARNINGS = 2 ** 23;

type Column = (number | null)[] | (readonly number[] | null)[] | string[];

/** Numbers that JSON has no way to write. */
const SPECIAL = ["NaN", "Infinity", "-Infinity", "-0"];
const isSpecial = (value: unknown) => SPECIAL.includes(value as string);

type StoredHistory = Omit<TrainHistory, "epochs" | "warnings" | "selectedBecause"> & {
  epochs: Record<string, Column>;
  /** Texts of warnings with # for their numbers. */
  templates: string[];
  warnings: string;
};

/** The history as text for a model's file. */
export function writeHistory(history: TrainHistory): string {
  const { epochs } = history;
  const numbers = new Set([0, epochs.length - 1, history.selectedEpoch]);
  for (const { epoch } of Object.values(history.best)) numbers.add(epoch);
  for (let step = 1; ; step *= 2) {
    const kept = epochs.filter(({ epoch }) => epoch % step === 0 || numbers.has(epoch));
    const { json, characters } = write(history, kept);
    const fits = json.length <= MOST_CHARACTERS && characters <= MOST_WARNINGS;
    if (fits || step > epochs.length) return json;
  }
}

function write(history: TrainHistory, kept: readonly EpochRecord[]): { json: string; characters: number } {
  const templates = new Templates();
  const { epochs, warnings, selectedBecause: _, epochsLeftOut: __, ...rest } = history;
  const stored: StoredHistory = {
    epochs: { ...columnsOf(kept), warnings: kept.map((record) => templates.write(record.warnings)) },
    warnings: templates.write(warnings),
    templates: templates.texts,
    ...inOrder(rest),
    ...(kept.length < epochs.length ? { epochsLeftOut: epochs.length - kept.length } : {}),
  };
  const json = JSON.stringify(stored, (_, value) => {
    if (Object.is(value, -0)) return "-0";
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
  const ascii = json.replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return { json: ascii, characters: templates.characters };
}

/** Its fields by name: the same history is the same text, by whatever way it came about. */
const inOrder = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) as T;

/** One number per epoch. */
const PER_EPOCH = ["loss", "reconstructionLoss", "quantizeLoss", "learningRate"] as const;
/** One number a level. `codebookLoss` and `commitmentLoss` are left out where they equal the error, as they do. */
const LEVEL_LOSSES = ["quantizationError", "residualEnergy", "codebookLoss", "commitmentLoss"] as const;
const PER_LEVEL = ["deadCodes", "restartedCodes"] as const;
/** Of the evaluations; null for one that is the previous record's. Shares follow from counts. */
const IDS = ["distinctIds", "itemsSharing", "largestGroup", "usedCodes", "perplexity"] as const;
/** With 0 items where there is no validation. */
const VALIDATION = {
  validationItems: "items",
  validationReconstructionLoss: "reconstructionLoss",
  validationQuantizeLoss: "quantizeLoss",
  explainedVariance: "explainedVariance",
} as const;

function columnsOf(records: readonly EpochRecord[]): Record<string, Column> {
  const columns: Record<string, Column> = { epoch: records.map(({ epoch }) => epoch) };
  for (const name of PER_EPOCH) columns[name] = records.map((record) => record[name]);
  for (const name of LEVEL_LOSSES) {
    const column = records.map(({ perLevel }) => perLevel.map((losses) => losses[name]));
    const isImplied = name.endsWith("Loss") && String(column) === String(columns.quantizationError);
    if (!isImplied) columns[name] = column;
  }
  for (const name of PER_LEVEL) columns[name] = records.map((record) => record[name]);
  columns.evaluated = records.map(({ evaluated }) => Number(evaluated));
  // Records between two evaluations share the objects of the first.
  const isNew = (name: "ids" | "validation") =>
    records.map((record, i) => i === 0 || record.evaluated || record[name] !== records[i - 1]![name]);
  const newIds = isNew("ids");
  for (const name of IDS) columns[name] = records.map(({ ids }, i) => (newIds[i] ? ids[name] : null)) as Column;
  if (records.every(({ validation }) => validation === undefined)) return columns;
  const newValidation = isNew("validation");
  for (const [name, field] of Object.entries(VALIDATION)) {
    columns[name] = records.map(({ validation }, i) => {
      if (!newValidation[i]) return null;
      return validation?.[field] ?? (field === "items" ? 0 : null);
    });
  }
  return columns;
}

/** Warnings with their numbers taken out. */
class Templates {
  readonly texts: string[] = [];
  characters = 0;
  readonly #places = new Map<string, number>();

  /** The warnings as places of templates, each with its numbers behind it. */
  write(warnings: readonly TrainWarning[]): string {
    const each = warnings.map(({ message: _, ...warning }) => {
      const whole = JSON.stringify(warning);
      this.characters += whole.length;
      const numbers: string[] = [];
      const template = whole.replaceAll(/\d+(?:[.,]\d+)*|#/g, (number) => {
        numbers.push(number);
        return "#";
      });
      const place = this.#places.get(template) ?? this.texts.push(template) - 1;
      this.#places.set(template, place);
      return [place, ...numbers].join(" ");
    });
    return each.join(";");
  }
}

/**
 * The history out of a model's file, frozen.
 * @param codebookSizes Of the model.
 * @throws what `complain` makes.
 */
export function readHistory(json: string, codebookSizes: readonly number[], complain: Complain): TrainHistory {
  const stored = readJson<StoredHistory>(json, historyShape(codebookSizes.length), complain);
  const { epochs: columns, templates, warnings, ...rest } = numbersOf(stored) as StoredHistory;
  const read = new FilledTemplates(templates, complain);
  return freezeDeep({
    ...rest,
    epochs: recordsOf(columns, rest.ids.items, codebookSizes, (text) => read.read(text), complain),
    warnings: read.read(warnings),
    selectedBecause: toText(rest.selectedWording),
  });
}

/** Numbers in place of their names. */
function numbersOf(value: unknown, key = ""): unknown {
  if (key === "templates" || key === "warnings" || key === "selectedWording") return value;
  if (isSpecial(value)) return Number(value);
  if (Array.isArray(value)) return value.map((entry) => numbersOf(entry));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, numbersOf(entry, name)]));
}

function recordsOf(
  columns: Record<string, Column>,
  items: number,
  codebookSizes: readonly number[],
  warningsOf: (text: string) => TrainWarning[],
  complain: Complain,
): EpochRecord[] {
  const records: EpochRecord[] = [];
  (columns.epoch as number[]).forEach((epoch, i) => {
    const at = <T = number>(name: string) => columns[name]![i] as T;
    const last = records.at(-1);
    if (at("distinctIds") === null && !last) throw complain("epochs.distinctIds begins without a value");
    const validation = columns.validationItems ? validationAt(at, last) : undefined;
    const record: EpochRecord = {
      epoch,
      ...(Object.fromEntries(PER_EPOCH.map((name) => [name, at(name)])) as Pick<EpochRecord, "loss">),
      perLevel: codebookSizes.map((_, level) => {
        const loss = (name: string) => (columns[name] ? at<number[]>(name)[level]! : undefined);
        const quantizationError = loss("quantizationError")!;
        return {
          quantizationError,
          codebookLoss: loss("codebookLoss") ?? quantizationError,
          commitmentLoss: loss("commitmentLoss") ?? quantizationError,
          residualEnergy: loss("residualEnergy")!,
        } satisfies LevelLosses;
      }),
      ids: at("distinctIds") === null ? last!.ids : idsAt(at, items, codebookSizes),
      evaluated: at("evaluated") === 1,
      ...(validation ? { validation } : {}),
      deadCodes: at("deadCodes"),
      restartedCodes: at("restartedCodes"),
      warnings: warningsOf(at("warnings")),
    } as EpochRecord;
    records.push(record);
  });
  return records;
}

/** The value of a column in a row. */
type At = <T = number>(name: string) => T;

function idsAt(at: At, items: number, codebookSizes: readonly number[]): IdStatistics {
  const distinctIds = at("distinctIds");
  const usedCodes = at<number[]>("usedCodes");
  return {
    items,
    distinctIds,
    uniqueShare: distinctIds / items,
    itemsSharing: at("itemsSharing"),
    largestGroup: at("largestGroup"),
    usedCodes,
    usage: usedCodes.map((used, level) => used / codebookSizes[level]!),
    perplexity: at("perplexity"),
  };
}

function validationAt(at: At, last: EpochRecord | undefined): ValidationResult | undefined {
  const items = at<number | null>("validationItems");
  if (items === null) return last?.validation;
  if (items === 0) return undefined;
  return Object.fromEntries(
    Object.entries(VALIDATION).map(([name, field]) => [field, at(name)]),
  ) as unknown as ValidationResult;
}

export function freezeDeep<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freezeDeep);
  return value;
}

/** Warnings out of templates and their numbers. */
class FilledTemplates {
  readonly #texts: readonly string[];
  readonly #complain: Complain;
  #characters = 0;

  constructor(texts: readonly string[], complain: Complain) {
    this.#texts = texts;
    this.#complain = complain;
  }

  read(warnings: string): TrainWarning[] {
    if (warnings === "") return [];
    return warnings.split(";").map((each) => {
      const [place, ...numbers] = each.split(" ");
      const template = this.#texts[Number(place)];
      if (template === undefined) throw this.#complain(`a warning has no template ${place!.slice(0, 20)}`);
      this.#characters += template.length + each.length;
      // No writer makes more of a text of 2^18 characters.
      if (this.#characters > 2 * MOST_WARNINGS) throw this.#complain("its warnings are too long");
      let next = 0;
      const json = template.replaceAll("#", () => numbers[next++] ?? "");
      const warning = readJson<Omit<TrainWarning, "message">>(json, WARNING, this.#complain);
      return { ...warning, message: toText(warning.wording) };
    });
  }
}

const number = is("a number", (value) => typeof value === "number" || isSpecial(value));
const orNull =
  (shape: Shape): Shape =>
  (value, complain, path) =>
    value === null || shape(value, complain, path);

/** Sentences in parts, as `toText` takes them. */
function wordingShape(depth = 0): Shape {
  const scalar = is("a value or a list of texts", (value) =>
    Array.isArray(value)
      ? value.every((entry) => typeof entry === "string")
      : ["string", "number", "boolean"].includes(typeof value),
  );
  const form = optional(oneOf(["statement", "quoted"]));
  const kinds: Record<string, Shape> = {
    option: fields({ option: text, value: optional(scalar), form }),
    argument: fields({ argument: text }),
    call: fields({ call: text }),
    file: fields({ file: text, form }),
    hint: (value, complain, path) => {
      const { hint } = value as { hint: unknown };
      if (typeof hint !== "string") wordingShape(depth + 1)(hint, complain, `${path}.hint`);
      fields({ after: optional(text) })(value, complain, path);
    },
    api: fields({ api: text, cli: text }),
    ...Object.fromEntries(["row", "column", "level", "epoch"].map((name) => [name, fields({ [name]: whole() })])),
  };
  const part: Shape = (value, complain, path) => {
    if (typeof value === "string") return;
    fields({})(value, complain, path);
    const kind = Object.keys(kinds).find((name) => Object.hasOwn(value as object, name));
    is("a part of a sentence", () => kind !== undefined && depth < 4)(value, complain, path);
    kinds[kind!]!(value, complain, path);
  };
  return list(part);
}

const WARNING = fields({
  kind: text,
  epoch: whole(-1),
  level: optional(whole()),
  column: optional(whole()),
  wording: wordingShape(),
});

function historyShape(levels: number): Shape {
  const perLevel = list(number, levels);
  const ids = fields({
    items: whole(1),
    distinctIds: whole(),
    uniqueShare: finite,
    itemsSharing: whole(),
    largestGroup: whole(),
    usedCodes: list(whole(), levels),
    usage: list(finite, levels),
    perplexity: list(finite, levels),
  });
  const figures = { items: whole(1), reconstructionLoss: number, quantizeLoss: number, explainedVariance: number };
  const evaluation = { ids, validation: optional(fields(figures)) };
  const best = optional(fields({ ...evaluation, epoch: whole(-1), loss: number }));
  const columns: Record<string, Shape> = {
    epoch: whole(),
    ...Object.fromEntries(PER_EPOCH.map((name) => [name, number])),
    ...Object.fromEntries([...LEVEL_LOSSES, ...PER_LEVEL].map((name) => [name, perLevel])),
    evaluated: oneOf([0, 1]),
    ...Object.fromEntries(IDS.map((name) => [name, orNull(/Codes|perplexity/.test(name) ? perLevel : whole())])),
    ...Object.fromEntries(
      Object.keys(VALIDATION).map((name) => [name, orNull(name === "validationItems" ? whole() : number)]),
    ),
    warnings: text,
  };
  const mayLack = /^(validation|explainedVariance|codebookLoss|commitmentLoss)/;
  return fields({
    epochs: (value, complain, path) => {
      fields({ epoch: list(whole()) })(value, complain, path);
      const { length } = (value as { epoch: unknown[] }).epoch;
      const hasValidation = Object.hasOwn(value as object, "validationItems");
      fields(
        Object.fromEntries(
          Object.entries(columns).map(([name, shape]) => {
            const column = list(shape, length);
            return [name, mayLack.test(name) && !(hasValidation && name in VALIDATION) ? optional(column) : column];
          }),
        ),
      )(value, complain, path);
    },
    templates: list(text),
    warnings: text,
    start: optional(fields(evaluation)),
    selectedEpoch: whole(-1),
    selectedWording: wordingShape(),
    best: fields({ loss: best, collision: best }),
    stoppedEarly: flag,
    ids,
    validation: optional(fields({ ...figures, epoch: whole(-1) })),
    afterValidation: optional(oneOf(["joined", "startKept"])),
    verdict: optional(oneOf(["better", "same", "moreDistinct", "moreExact", "worse"])),
    steps: whole(),
    epochsLeftOut: optional(whole(1)),
  });
}
