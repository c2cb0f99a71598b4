import { endOf, worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid } from "../base/errors.ts";
import { OptionReader, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted, percent, short, thousands } from "../base/words.ts";
import { tokens } from "../ids/code-words.ts";
import { levelLetter, type SemanticIds } from "../ids/semantic-ids.ts";
import { isSource } from "../items/embedding-source.ts";
import { type ItemRows, type Matrix, readItemRows, readSourceRows } from "../items/item-rows.ts";
import { inWhole } from "../items/items.ts";
import { sampleRows } from "../items/sample.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import { nextTurn, Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, ItemLabels, Items } from "../types.ts";
import { type LabelOption, readLabelOption, requireIds, requireModel, requireOwnIds } from "./check.ts";
import { commonPrefix, countCodes } from "./groups.ts";

/** What `explainIds` takes besides model and items. */
export interface ExplainOptions {
  /** The items' IDs, if available: raw ones of this model. Default: the model encodes the items. */
  ids?: SemanticIds;
  /** Titles and labels of the items, one entry per item; or labels alone. */
  labels?: LabelOption;
  /** Number of items named for each code, those nearest to its centre. Default: 5. */
  nearest?: number;
  signal?: AbortSignal;
}

/** An item near a code's centre. */
export interface NearItem {
  item: number;
  /** ||r - c||, of what was left of the item before this level. */
  distance: number;
  title?: string;
}

/** How many items with a code have a label. */
export interface LabelCount {
  /** Name of the labels, such as "category". */
  name: string;
  value: string | number;
  items: number;
  /** Share of the items with the code that have a label of this name. */
  share: number;
}

/** One code of an item's ID. Distances are Euclidean, in the latent space. */
export interface LevelExplanation {
  /** From 0. */
  level: number;
  code: number;
  /** "<a_17>" */
  token: string;
  /** ||r||: what was left of the item before this level. */
  residualNorm: number;
  /** ||r - c||, to the code's centre: what is left after it. */
  distance: number;
  /** The nearest other code and its distance; absent where the level has one code. */
  runnerUp?: { code: number; distance: number };
  /**
   * Squared distance to the runner-up minus that to the code, as in `encode(items, { margins: true })`: near 0 it was a close call; below 0
   * a beam search took the farther code to help later levels. Infinity if the level has one code.
   */
  margin: number;
  /** Items with this code at this level, and items with all codes up to it. */
  itemsWithCode: number;
  itemsWithPrefix: number;
  /** The items with the code that are nearest to its centre (among 4,096 chosen by hash, if there are more). */
  nearest: NearItem[];
  /** The most frequent labels of the items with the code, three of each name. Empty without labels. */
  labels: LabelCount[];
}

/** Why an item has its ID. */
export interface Explanation {
  item: number;
  title?: string;
  codes: number[];
  /** "<a_17><b_203><c_9>" */
  id: string;
  levels: LevelExplanation[];
  /** What the ID leaves over of the item, which is the last level's distance. */
  leftOver: number;
  text: string;
  /** The same as `text`. */
  toString(): string;
}

/** Why two items share an ID. */
export interface Collision {
  items: [number, number];
  /**
   * - "different": they do not collide.
   * - "identical": their vectors are the same, number by number.
   * - "near": the vectors differ, but their latents lie closer together than the smallest cell of the last level is wide. The width of a
   *   cell is the distance from its code to the nearest other one in use. The codes are too coarse for these items even where they are
   *   finest.
   * - "capacity": they are farther apart than that. Codes could tell such items apart, but there are too few of them here.
   */
  reason: "different" | "identical" | "near" | "capacity";
  /** Leading codes that they have in common. */
  sharedCodes: number;
  /** Distance of their vectors, and of their latents. */
  distance: number;
  latentDistance: number;
  /** Width of the last level's smallest cell. Infinity when one code is in use. */
  smallestCell: number;
  /** Items that have the first one's ID. */
  itemsWithId: number;
  text: string;
  /** The same as `text`. */
  toString(): string;
}

/** The most items with a code that are searched for the nearest to its centre. */
const MOST_MEMBERS = 4096;
/** The most codes in use that are searched for the smallest cell: the most frequent ones. */
const MOST_CELLS = 2048;
const LABELS_PER_NAME = 3;

/**
 * Prepares to explain why items have their IDs. The explainer keeps using the model and the items. Of a source it reads only the vectors
 * that an answer needs, when the answer is requested.
 * @param model that gives the IDs, here or in a worker
 * @throws InvalidInputError if items, IDs or labels do not belong to the model or to one another.
 */
export async function explainIds(
  model: AsyncIdModel,
  items: Items | EmbeddingSource,
  options: ExplainOptions = {},
): Promise<Explainer> {
  const read = new OptionReader(options, "explainIds");
  for (const name of ["ids", "labels", "signal"]) read.get(name);
  const nearest = read.integer("nearest", 5, 0, MOST_MEMBERS);
  read.refuseUnknown();
  requireModel(model, "explainIds");
  const ids = options.ids ?? (await model.encodeAsync(items, options.signal ? { signal: options.signal } : {}));
  requireIds(ids, "explainIds");
  requireOwnIds(ids, model, "explainIds");
  const labels = readLabelOption(options.labels, ids.length, "explainIds");
  const { inputDim } = model.config;
  const rows = isSource(items)
    ? readSourceRows(items, ids.length, "explainIds", inputDim, new Stop(endOf(model)))
    : readItemRows(items, ids.length, "explainIds", inputDim);
  return new Explainer(model, await model.codebooks(), rows, ids, labels, nearest);
}

/** Explains why items have their IDs. Made by `explainIds`. */
export class Explainer {
  readonly #model: AsyncIdModel;
  readonly #codebooks: Float32Array[];
  readonly #items: ItemRows;
  readonly #ids: SemanticIds;
  readonly #labels: Partial<ItemLabels> | undefined;
  readonly #nearest: number;
  #cell: number | undefined;
  /** A source allows one read at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    model: AsyncIdModel,
    codebooks: Float32Array[],
    items: ItemRows,
    ids: SemanticIds,
    labels: Partial<ItemLabels> | undefined,
    nearest: number,
  ) {
    worksBehindProxy(this, Explainer);
    this.#model = model;
    this.#codebooks = codebooks;
    this.#items = items;
    this.#ids = ids;
    this.#labels = labels;
    this.#nearest = nearest;
  }

  /** Why item `i` has its ID. @throws InvalidInputError if there is no such item, or the items cannot be read. */
  async explain(i: number): Promise<Explanation> {
    const codes = this.#ids.at(i);
    const members: Members[] = [];
    for (const [level, code] of codes.entries()) {
      await nextTurn(); // each searches the whole catalogue
      members.push(this.#membersOf(codes, level, code));
    }
    const { latents } = await this.#read([i, ...members.flatMap(({ sampled }) => sampled)]);
    const residuals = this.#residuals(i, latents(i));
    const levels = codes.map((code, level) =>
      this.#explainLevel(level, code, residuals[level]!, members[level]!, latents),
    );
    const id = tokens(codes);
    const leftOver = levels.at(-1)!.distance;
    const title = this.#labels?.titles?.[i];
    const explanation = { item: i, ...(title === undefined ? {} : { title }), codes, id, levels, leftOver };
    const text = describeExplanation(explanation);
    return { ...explanation, text, toString: () => text };
  }

  /** Why two items have the same ID, or that they do not. @throws InvalidInputError as `explain`. */
  async whyCollide(a: number, b: number): Promise<Collision> {
    for (const item of [a, b]) this.#ids.at(item); // complains
    if (a === b) throw invalid()`${call("whyCollide")}${show(a)} is given twice: give two different items`;
    const { vectors, latents } = await this.#read([a, b]);
    const codes = this.#ids.at(a);
    const distance = distanceOf(vectors(a), vectors(b));
    const latentDistance = distanceOf(latents(a), latents(b));
    const sharedCodes = commonPrefix(this.#ids, a, b);
    const smallestCell = this.#smallestCell();
    const reason =
      sharedCodes < this.#ids.levels
        ? "different"
        : distance === 0
          ? "identical"
          : latentDistance < smallestCell && Number.isFinite(smallestCell)
            ? "near"
            : "capacity";
    const collision = {
      items: [a, b] as [number, number],
      reason,
      sharedCodes,
      distance,
      latentDistance,
      smallestCell,
      itemsWithId: this.#rowsWith(codes, codes.length).length,
    } as const;
    const text = describeCollision(collision, codes, (i) => this.#nameOf(i));
    return { ...collision, text, toString: () => text };
  }

  /** The vectors and the latents of some rows, each by its number. */
  #read(rows: readonly number[]): Promise<{ vectors: RowReader; latents: RowReader }> {
    const names = Uint32Array.from(new Set(rows)).sort();
    const reading = this.#last.then(async () => {
      const matrix = await this.#items.take(names);
      const latents = await this.#latentsOf(matrix, names);
      return { vectors: rowsOf(matrix.data, names), latents: rowsOf(latents, names) };
    });
    this.#last = reading.catch(() => {});
    return reading;
  }

  async #latentsOf(matrix: Matrix, names: Uint32Array): Promise<Float32Array> {
    try {
      return await this.#model.latents(matrix);
    } catch (error) {
      throw inWhole(error, (place) => names[place]!);
    }
  }

  /** The rows with a code, and those searched for the nearest to its centre. */
  #membersOf(codes: number[], level: number, code: number): Members {
    const rows = this.#rowsWith([code], level + 1, level);
    return {
      rows,
      itemsWithPrefix: this.#rowsWith(codes, level + 1).length,
      sampled: this.#nearest === 0 ? [] : Array.from(sampleRows(rows.length, MOST_MEMBERS), (k) => rows[k]!),
    };
  }

  #explainLevel(
    level: number,
    code: number,
    residual: Float64Array,
    { rows, itemsWithPrefix, sampled }: Members,
    latents: RowReader,
  ): LevelExplanation {
    const centre = this.#centre(level, code);
    const distance = distanceOf(residual, centre);
    let runnerUp: { code: number; distance: number } | undefined;
    for (let other = 0; other < this.#ids.codebookSizes[level]!; other++) {
      if (other === code) continue;
      const its = distanceOf(residual, this.#centre(level, other));
      if (runnerUp === undefined || its < runnerUp.distance) runnerUp = { code: other, distance: its };
    }
    const nearest = sampled
      .map((item) => ({ item, distance: distanceOf(this.#residuals(item, latents(item))[level]!, centre) }))
      .sort((a, b) => a.distance - b.distance || a.item - b.item)
      .slice(0, this.#nearest)
      .map((near) => ({ ...near, ...(this.#labels?.titles && { title: this.#labels.titles[near.item]! }) }));
    return {
      level,
      code,
      token: `<${levelLetter(level)}_${code}>`,
      residualNorm: distanceOf(residual, new Float64Array(residual.length)),
      distance,
      ...(runnerUp && { runnerUp }),
      margin: runnerUp ? runnerUp.distance * runnerUp.distance - distance * distance : Number.POSITIVE_INFINITY,
      itemsWithCode: rows.length,
      itemsWithPrefix,
      nearest,
      labels: this.#countLabels(rows),
    };
  }

  #centre(level: number, code: number): Float32Array {
    const dim = this.#model.config.latentDim;
    return this.#codebooks[level]!.subarray(code * dim, (code + 1) * dim);
  }

  /** What is left of a row before each level. */
  #residuals(row: number, latent: Float32Array): Float64Array[] {
    const { codes, levels } = this.#ids;
    const left = Float64Array.from(latent);
    return Array.from({ length: levels }, (_, level) => {
      const before = left.slice();
      const centre = this.#centre(level, codes[row * levels + level]!);
      for (let j = 0; j < left.length; j++) left[j]! -= centre[j]!;
      return before;
    });
  }

  /** Rows whose codes at the levels from `first` to before `end` are the given ones. */
  #rowsWith(wanted: readonly number[], end: number, first = 0): Uint32Array {
    const { codes, length, levels } = this.#ids;
    const rows: number[] = [];
    for (let row = 0; row < length; row++) {
      let level = first;
      while (level < end && codes[row * levels + level] === wanted[level - first]) level++;
      if (level === end) rows.push(row);
    }
    return Uint32Array.from(rows);
  }

  #countLabels(rows: Uint32Array): LabelCount[] {
    return Object.entries(this.#labels?.labels ?? {}).flatMap(([name, values]) => {
      const counts = new Map<string | number, number>();
      let labelled = 0;
      for (const row of rows) {
        const value = values[row]!;
        if (value === "") continue;
        labelled++;
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return [...counts]
        .sort((a, b) => b[1] - a[1]) // equally frequent ones by row
        .slice(0, LABELS_PER_NAME)
        .map(([value, items]) => ({ name, value, items, share: items / labelled }));
    });
  }

  #smallestCell(): number {
    if (this.#cell !== undefined) return this.#cell;
    const level = this.#ids.levels - 1;
    const used = [...countCodes(this.#ids, level)].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MOST_CELLS);
    let cell = Number.POSITIVE_INFINITY;
    used.forEach(([code], k) => {
      for (const [other] of used.slice(0, k)) {
        cell = Math.min(cell, distanceOf(this.#centre(level, code), this.#centre(level, other)));
      }
    });
    this.#cell = cell;
    return cell;
  }

  #nameOf(i: number): string {
    const title = this.#labels?.titles?.[i];
    return title ? `item ${i} (${title})` : `item ${i}`;
  }
}

/** The items with one code of an ID. */
interface Members {
  rows: Uint32Array;
  /** Of these, those with all codes up to it. */
  itemsWithPrefix: number;
  sampled: number[];
}

/** A row of a matrix by its number in the whole. */
type RowReader = (row: number) => Float32Array;

function rowsOf(data: Float32Array, names: Uint32Array): RowReader {
  const dim = data.length / names.length;
  const places = new Map(Array.from(names, (row, place) => [row, place]));
  return (row) => data.subarray(places.get(row)! * dim, (places.get(row)! + 1) * dim);
}

function distanceOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) {
    const difference = a[j]! - b[j]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

function describeExplanation({ item, title, id, levels, leftOver }: Omit<Explanation, "text" | "toString">): string {
  const lines = [`Item ${item}${title ? ` (${title})` : ""} has the ID ${id}.`];
  for (const each of levels) {
    const { level, token, distance, residualNorm, runnerUp, margin, itemsWithCode, itemsWithPrefix } = each;
    const next = runnerUp
      ? `; next best is <${levelLetter(level)}_${runnerUp.code}> at ${short(runnerUp.distance)}${margin < 0 ? ", nearer, but worse for the later levels" : margin < 0.05 * distance * distance ? ", a close call" : ""}`
      : "";
    lines.push(
      `  level ${level + 1}: ${token} at distance ${short(distance)} (residual ${short(residualNorm)})${next}`,
    );
    const sharing = level > 0 ? `; ${thousands(itemsWithPrefix)} with all codes up to here` : "";
    lines.push(`    ${counted(itemsWithCode, "item")} with this code${sharing}`);
    const named = each.nearest.filter((near) => near.title).map((near) => near.title);
    if (named.length > 0) lines.push(`    nearest to its centre: ${named.join(", ")}`);
    for (const name of new Set(each.labels.map((label) => label.name))) {
      const top = each.labels.filter((label) => label.name === name);
      lines.push(`    ${name}: ${top.map(({ value, share }) => `${value} ${percent(share)}`).join(", ")}`);
    }
  }
  lines.push(`  residual at the end: ${short(leftOver)}`);
  return lines.join("\n");
}

function describeCollision(
  collision: Omit<Collision, "text" | "toString">,
  codes: readonly number[],
  nameOf: (i: number) => string,
): string {
  const { items, reason, sharedCodes, latentDistance, smallestCell, itemsWithId } = collision;
  const [a, b] = items.map(nameOf);
  const both = `${a![0]!.toUpperCase()}${a!.slice(1)} and ${b}`;
  const apart = `they are ${short(latentDistance)} apart in the latent space`;
  switch (reason) {
    case "different":
      return sharedCodes === 0
        ? `${both} do not collide: their first codes differ.`
        : `${both} do not collide: they share ${tokens(codes.slice(0, sharedCodes))} and differ at level ${sharedCodes + 1}.`;
    case "identical":
      return `${both} have the same vector, so every model gives them the same ID, ${tokens(codes)}. Only a suffix can tell them apart.`;
    case "near":
      return `${both} differ only slightly: ${apart}, less than the ${short(smallestCell)} between the two closest codes of the last level. Such coarse codes cannot tell them apart: use a suffix or one more level.`;
    case "capacity":
      return `${both} are not that similar: ${apart}, ${Number.isFinite(smallestCell) ? `and the two closest codes of the last level only ${short(smallestCell)}` : "and the last level uses only one code"}. There are too few codes in their region: ${counted(itemsWithId, "item", "has", "have")} the ID ${tokens(codes)}. Use more codes or one more level, add a suffix, or reassign the last code.`;
  }
}
