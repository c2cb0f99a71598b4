import { invalid } from "../base/errors.ts";
import { type LongCall, longCall } from "../base/long-call.ts";
import { OptionReader, requireThat } from "../base/option-reader.ts";
import { counted, percent, short, thousands } from "../base/words.ts";
import { sketchOf } from "../evaluate/history-sketch.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import {
  FIELD_NAMES,
  type Field,
  type FieldLayout,
  type FieldVectors,
  type FusedItems,
  fuseRows,
  isFieldName,
  measureField,
  openField,
  requireField,
  requireLayout,
  widthOf,
} from "../items/fields.ts";
import { type JoinSource, joinItems, requireUnique } from "../items/join.ts";
import { requireHistories } from "../report/check.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, ItemMatrix, JobOptions, JobProgress } from "../types.ts";
import { BEHAVIOUR, behaviourField, withGuess } from "./behaviour-field.ts";
import { chooseWeights, type Trial } from "./choose-weights.ts";
import type { Part } from "./part.ts";

/** One set of vectors of a catalogue. */
export interface NamedField {
  /** By which the field is known from then on. */
  name: string;
  /** A row that is null, all NaN or all zeros is missing. */
  vectors: FieldVectors | EmbeddingSource;
  /** How much it counts: the mean squared length of its part of the fused vectors. Default: 1. */
  weight?: number;
  /** The item ID of each row, by which it is joined with the others. Default: row i is item i. */
  itemIds?: readonly string[];
}

/** What `fuse` takes besides the fields. All optional. */
export interface FuseOptions extends JobOptions {
  /** The catalogue: its items in their order. Default: those of the first field. */
  itemIds?: readonly string[];
  /**
   * What users chose, as `readHistories` gives it for the same rows: it makes one more field, "behaviour". Give training histories only
   * (`leaveOut`) if you want to evaluate the IDs by the same users.
   */
  histories?: Histories;
  /** Numbers of the behaviour field. Default: 64. */
  dim?: number;
  /** How many choices apart two items count as chosen together, at most; d choices apart they count 1 / d. Default: 5. */
  window?: number;
  /** Exponent of the items' counts in the mutual information. Default: 0.75. */
  smoothing?: number;
  /** Default: 0. */
  seed?: number;
  /** By name of the field, over its own weight; or "auto": chosen by what the last choices in the histories say. */
  weights?: "auto" | Readonly<Record<string, number>>;
  /** Fuses as before: the fields of a model (`model.fields`) or of an earlier `fuse` (`fused.fields`). */
  like?: FieldLayout;
}

/** What became of a field. */
export interface FieldReport {
  name: string;
  dim: number;
  weight: number;
  /** Items of the catalogue without a vector. */
  missing: number;
  /** Missing vectors that were guessed from the other fields. */
  guessed: number;
  /** Rows of the field that are not in the catalogue. */
  extra: number;
}

/** Fused vectors, which `RQVAE.fit` and others take as items. */
export interface Fused extends FusedItems {
  /** Of the rows, if there are any. */
  itemIds?: readonly string[];
  report: FieldReport[];
  /** With `weights: "auto"`, what was tried. */
  trials?: Trial[];
  /** What became of the fields, a line each. */
  text: string;
}

const WHERE = "fuse";

/**
 * Makes one vector of several. Each field's vector gets unit length, its mean over the catalogue is subtracted, and what is left is scaled
 * so that its mean squared length is the field's weight; these parts stand next to each other. A missing vector becomes zeros, the mean,
 * which says nothing. With `histories`, a field of behaviour is added: positive pointwise mutual information of items that users chose
 * together, reduced to `dim` numbers; items that nobody chose get what the other fields let expect (ridge regression).
 *
 * The result remembers how it was made (`fields`); a model that is fitted to it does too, and then encodes `{ title, image }`.
 * @throws InvalidInputError for fields that cannot be joined, and for an item without any vector
 */
export function fuse(fields: readonly NamedField[], options: FuseOptions = {}): LongCall<JobProgress, Fused> {
  return longCall(WHERE, options, (watch) => fuseAll(fields, { ...options, ...watch }));
}

async function fuseAll(given: readonly NamedField[], options: FuseOptions): Promise<Fused> {
  const read = new OptionReader(options, WHERE);
  const catalogue = read.get("itemIds") as readonly string[] | undefined;
  const histories = read.get("histories") as Histories | undefined;
  const like = read.get("like") as FieldLayout | undefined;
  const settings = {
    dim: read.integer("dim", 64, 1, 1024),
    window: read.integer("window", 5, 1, 1000),
    smoothing: read.number("smoothing", 0.75, 0, 1),
    seed: read.integer("seed", 0, 0, 2 ** 32 - 1),
  };
  const weights = read.get("weights");
  for (const name of ["signal", "onProgress"]) read.get(name);
  read.refuseUnknown();
  for (const name of ["dim", "window", "smoothing"] as const) {
    if (options[name] === undefined || histories !== undefined) continue;
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${{ option: name }} is of the field ${BEHAVIOUR}${{ hint: "give histories, of which it is made, or leave it out" }}`;
  }
  requireThat(Array.isArray(given) && given.length > 0, "fields", "a list of { name, vectors }", given, WHERE);
  checkWeights(weights, given, histories);
  if (like !== undefined) {
    requireLayout(like, "like");
    if (histories !== undefined || weights !== undefined) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${{ argument: "like" }} fuses as before, with the weights of then, and behaviour of other histories would mean something else${{ hint: "leave out histories and weights, or make a new model" }}`;
    }
  }
  const parts = await joinAll(given, catalogue, options);
  const itemIds = catalogue ?? given[0]!.itemIds;
  const n = parts[0]!.rows.length;
  if (histories !== undefined) {
    requireHistories(histories, n, WHERE, "item");
    if (parts.some(({ name }) => name === BEHAVIOUR)) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${{ argument: "histories" }} make the field ${BEHAVIOUR}, but one of that name is given${{ hint: "give one of them, or call the field otherwise" }}`;
    }
  }
  const nameOf = (row: number) => (itemIds ? `item ${JSON.stringify(itemIds[row])}` : `row ${row}`);
  if (like) {
    for (const { name, open } of parts) requireField(like, name, open.dim);
    return finish(like, inOrder(like, parts), n, nameOf, itemIds);
  }
  if (!histories) {
    const fields = parts.map((part) => measureField(part.name, part.open, part.rows, part.weight));
    return finish({ fields }, parts, n, nameOf, itemIds);
  }
  const behaviour = await behaviourField(histories, n, settings, options);
  let trials: Trial[] | undefined;
  let all: readonly Part[] = [...parts, behaviour.part(weightOf(BEHAVIOUR, undefined, weights))];
  if (weights === "auto") {
    const chosen = await chooseWeights(parts, histories, n, settings, options);
    trials = chosen.trials;
    all = all.map((part) => ({ ...part, weight: chosen.weights[part.name]! }));
  }
  const measured = all.map((part) => measureField(part.name, part.open, part.rows, part.weight));
  const layout: FieldLayout = { fields: withGuess(measured, all, n), madeFrom: sketchOf(histories, itemIds) };
  return { ...finish(layout, all, n, nameOf, itemIds), ...(trials && { trials }) };
}

function checkWeights(weights: unknown, fields: readonly NamedField[], histories: unknown): void {
  if (weights === undefined) return;
  if (weights === "auto") {
    if (histories !== undefined) return;
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${{ argument: "weights" }} are chosen by histories${{ hint: "give histories, or weights by hand" }}`;
  }
  const isTable = typeof weights === "object" && weights !== null && !Array.isArray(weights);
  requireThat(isTable, "weights", '"auto", or a number for each field: { title: 1, image: 0.5 }', weights, WHERE);
  const known = [...fields.map((field) => field?.name), ...(histories === undefined ? [] : [BEHAVIOUR])];
  for (const name of Object.keys(weights as object)) {
    if (known.includes(name)) continue;
    throw invalid(
      "UNKNOWN_OPTION",
    )`${{ argument: "weights" }}: there is no field ${JSON.stringify(name)}; the fields are ${known.join(", ")}`;
  }
}

function weightOf(name: string, own: unknown, weights: unknown): number {
  const isNamed = typeof weights === "object" && Object.hasOwn(weights as object, name);
  const weight = (isNamed ? (weights as Record<string, unknown>)[name] : undefined) ?? own ?? 1;
  const isSo = typeof weight === "number" && weight > 0 && weight <= 1e6;
  requireThat(
    isSo,
    `${name}.weight`,
    "a number above 0, to 1,000,000 (leave out a field that should not count)",
    weight,
    WHERE,
  );
  return weight;
}

async function joinAll(
  given: readonly NamedField[],
  catalogue: readonly string[] | undefined,
  { weights, like, signal }: FuseOptions,
): Promise<Part[]> {
  if (catalogue !== undefined) {
    const isSo = Array.isArray(catalogue) && catalogue.every((itemId) => typeof itemId === "string");
    requireThat(isSo, "itemIds", "an array of strings", catalogue, WHERE);
    requireUnique(catalogue, "itemIds");
  }
  const parts: Part[] = [];
  let left: JoinSource | undefined = catalogue && { name: "the catalogue", rows: catalogue.length, itemIds: catalogue };
  for (const [i, field] of given.entries()) {
    const { name, vectors, itemIds, weight } = (field ?? {}) as NamedField;
    requireThat(isFieldName(name), `fields[${i}].name`, FIELD_NAMES, name, WHERE);
    if (given.findIndex((each) => each?.name === name) < i) {
      throw invalid()`${{ argument: "fields" }}: two are called ${name}${{ hint: "every field needs a name of its own" }}`;
    }
    const areIds = itemIds === undefined || (Array.isArray(itemIds) && itemIds.every((id) => typeof id === "string"));
    requireThat(areIds, `${name}.itemIds`, "an array of strings", itemIds, WHERE);
    if (like && weight !== undefined) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${{ argument: `${name}.weight` }}: ${{ argument: "like" }} fuses with the weights of then${{ hint: "leave it out" }}`;
    }
    const matrix = isSource(vectors) ? await readWhole(vectors, `${name}.vectors`, signal) : vectors;
    const open = openField(matrix, `${name}.vectors`, like?.fields.find((known) => known.name === name)?.dim);
    const source = { name, rows: open.rows, itemIds };
    const join = joinItems(left ?? source, source, "vector");
    // A first field that is the catalogue is joined with itself, and a join by item ID is told by the counts.
    const isTold = left !== undefined && join.by === "place";
    left ??= source;
    parts.push({
      ...{ name, open, rows: join.rows, weight: weightOf(name, weight, weights) },
      ...{ extra: join.extra.length, text: isTold ? join.text : "" },
    });
  }
  return parts;
}

/** The vectors of a source. Their values are checked with the others', since rows of NaN are missing. */
async function readWhole(source: EmbeddingSource, name: string, signal: AbortSignal | undefined): Promise<ItemMatrix> {
  const { rows, dim } = source;
  const reader = new SourceReader(source, dim, { name, stop: new Stop(signal) });
  const data = new Float32Array(rows * dim);
  for (let first = 0; first < rows; first += reader.pieceRows) {
    data.set(await reader.read(first, Math.min(reader.pieceRows, rows - first)), first * dim);
  }
  return { data, rows, dim };
}

/** The parts in the order of a layout; those that nobody gave are missing everywhere. */
const inOrder = ({ fields }: FieldLayout, parts: readonly Part[]) =>
  fields.map(({ name }) => parts.find((part) => part.name === name));

function finish(
  layout: FieldLayout,
  parts: readonly (Part | undefined)[],
  n: number,
  nameOf: (row: number) => string,
  itemIds: readonly string[] | undefined,
): Fused {
  const data = fuseRows(layout, parts, n, nameOf);
  const report = layout.fields.map((field, f) => reportOf(field, parts[f], n));
  return {
    ...{ data, rows: n, dim: widthOf(layout), fields: layout },
    ...(itemIds && { itemIds }),
    report,
    text: report.map((each, f) => describe(each, n, layout.fields[f]!, parts[f]?.text)).join("\n"),
  };
}

function reportOf({ name, dim, weight, guess }: Field, part: Part | undefined, n: number): FieldReport {
  let missing = n;
  if (part) for (const row of part.rows) if (row >= 0 && part.open.unit(row)) missing--;
  return { name, dim, weight, missing, guessed: guess ? missing : 0, extra: part?.extra ?? 0 };
}

function describe(
  { name, dim, weight, missing, guessed, extra }: FieldReport,
  n: number,
  { scale }: Field,
  joined = "",
): string {
  const without =
    missing === 0
      ? ""
      : missing === n
        ? "; no item has it"
        : `; ${thousands(missing)} of ${counted(n, "item")} (${percent(missing / n)}) have none`;
  const instead =
    missing === 0 ? "" : guessed > 0 ? ", so it is guessed from the other fields" : ", so the mean stands for it";
  const same = scale === 0 ? "; all its vectors are the same, so that it says nothing" : "";
  const left = extra === 0 ? "" : `; ${counted(extra, "row")} of other items ${extra === 1 ? "is" : "are"} left out`;
  return `${name}: ${counted(dim, "number")}, weight ${short(weight)}${without}${instead}${same}${left}.${joined === "" ? "" : ` ${joined}`}`;
}
