import type { RQVAE, SemanticIds } from "rqvae";
import { nextTask } from "../base/slices.ts";
import type { HeldItems } from "./items.ts";
import type { Anatomy, CodePage } from "./types.ts";
import { evenly } from "./vectors.ts";

/** The most items that are searched for the nearest to a point, and for the nearest to a code's centre. */
const MOST_POINTS = 20_000;
const MOST_MEMBERS = 2048;
const SLICE = 512;
/** How many of each the page shows. */
const TYPICAL = 8;
const SIBLINGS = 6;
const PARENTS = 12;
const NEAREST = 6;

/** Looks inside the model: what a code stands for, and how the codes of an item add up to it. */
export class CodeStudy {
  private readonly model: RQVAE;
  private readonly held: HeldItems;
  private readonly ids: SemanticIds;
  private readonly errorOf: (item: number) => Promise<number>;
  private codebooks: Float32Array[] | undefined;
  private cloud: Promise<{ items: Uint32Array; latents: Float32Array }> | undefined;

  constructor(model: RQVAE, held: HeldItems, ids: SemanticIds, errorOf: CodeStudy["errorOf"]) {
    this.model = model;
    this.held = held;
    this.ids = ids;
    this.errorOf = errorOf;
  }

  /** A code of a level or, with the codes before it, of a branch: the items nearest to its centre, and the codes nearest to it. */
  async code({ level, code, before }: { level: number; code: number; before?: readonly number[] }): Promise<CodePage> {
    const { ids } = this;
    const { codes, levels, length } = ids;
    const size = ids.codebookSizes[level]!;
    const counts = new Uint32Array(size);
    const below = new Uint32Array(size);
    const everywhere: number[] = [];
    const inBranch: number[] = [];
    for (let i = 0; i < length; i++) {
      const at = i * levels;
      const own = codes[at + level]!;
      counts[own]!++;
      const isBelow = !before || before.every((each, depth) => codes[at + depth] === each);
      if (isBelow) below[own]!++;
      if (own !== code) continue;
      everywhere.push(i);
      if (isBelow) inBranch.push(i);
    }
    const parents = this.parentsOf(everywhere, level);
    return {
      level,
      code,
      items: everywhere.length,
      itemsBelow: inBranch.length,
      typical: await this.typicalOf(inBranch, level, code),
      siblings: this.siblingsOf(level, code, counts, below),
      parents: parents.slice(0, PARENTS),
      otherParents: Math.max(0, parents.length - PARENTS),
    };
  }

  /** An item's vector code by code. Nothing is said of the decoder where the model has none. */
  async anatomy(item: number): Promise<Anatomy> {
    const { model, held } = this;
    const one = await held.vectors.take(Uint32Array.of(item));
    const { semIds, embeddings, residuals } = model.getSemanticIds(one);
    const { latentDim } = model.config;
    const codes = semIds.at(0);
    const vector = residuals.slice(0, latentDim);
    const said = new Float32Array(latentDim);
    const steps: Anatomy["steps"] = [];
    for (let level = 0; level < codes.length; level++) {
      const adds = embeddings.slice(level * latentDim, (level + 1) * latentDim);
      adds.forEach((x, j) => {
        said[j]! += x;
      });
      steps.push({ adds, nearest: await this.nearestTo(said) });
    }
    const nearest = await this.nearestTo(vector, item);
    if (model.part !== "full") return { codes, vector, nearest, steps };
    const rebuilt = {
      original: Float32Array.from(one.data),
      restored: model.reconstruct(one),
      error: await this.errorOf(item),
    };
    return { codes, vector, nearest, steps, rebuilt };
  }

  private codebook(level: number): Float32Array {
    this.codebooks ??= this.model.codebooks();
    return this.codebooks[level]!;
  }

  /** Members whose residual before the level is nearest to the code's centre. */
  private async typicalOf(members: readonly number[], level: number, code: number): Promise<number[]> {
    const { latentDim } = this.model.config;
    const levels = this.ids.levels;
    const centre = this.codebook(level).subarray(code * latentDim, (code + 1) * latentDim);
    const rows = evenly(members.length, MOST_MEMBERS).map((place) => members[place]!);
    const distances = new Float32Array(rows.length);
    for (let from = 0; from < rows.length; from += SLICE) {
      const taken = await this.held.vectors.take(rows.subarray(from, from + SLICE));
      const { residuals } = this.model.getSemanticIds(taken);
      for (let i = 0; i < taken.rows; i++) {
        distances[from + i] = squaredDistance(residuals, (i * levels + level) * latentDim, centre);
      }
      await nextTask();
    }
    return smallest(distances, TYPICAL).map((place) => rows[place]!);
  }

  private siblingsOf(level: number, code: number, counts: Uint32Array, below: Uint32Array): CodePage["siblings"] {
    const { latentDim } = this.model.config;
    const book = this.codebook(level);
    const centre = book.subarray(code * latentDim, (code + 1) * latentDim);
    const distances = new Float32Array(counts.length);
    for (let other = 0; other < counts.length; other++) {
      const isUsed = counts[other]! > 0 && other !== code;
      distances[other] = isUsed ? squaredDistance(book, other * latentDim, centre) : Number.POSITIVE_INFINITY;
    }
    return smallest(distances, SIBLINGS)
      .filter((other) => distances[other]! < Number.POSITIVE_INFINITY)
      .map((other) => ({
        code: other,
        distance: Math.sqrt(distances[other]!),
        items: counts[other]!,
        itemsBelow: below[other]!,
      }));
  }

  /** The codes that come before a code, the most frequent first. */
  private parentsOf(members: readonly number[], level: number): CodePage["parents"] {
    if (level === 0) return [];
    const { codes, levels } = this.ids;
    const counts = new Map<string, number>();
    for (const item of members) {
      const key = codes.subarray(item * levels, item * levels + level).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([key, items]) => ({ prefix: key.split(",").map(Number), items }));
  }

  /** The items whose latents are nearest to a point, but for one. */
  private async nearestTo(point: Float32Array, except = -1): Promise<number[]> {
    this.cloud ??= this.readCloud();
    const { items, latents } = await this.cloud;
    const distances = new Float32Array(items.length);
    for (let i = 0; i < items.length; i++) {
      distances[i] = items[i] === except ? Number.POSITIVE_INFINITY : squaredDistance(latents, i * point.length, point);
    }
    await nextTask();
    return smallest(distances, NEAREST).map((place) => items[place]!);
  }

  private async readCloud(): Promise<{ items: Uint32Array; latents: Float32Array }> {
    const { vectors } = this.held;
    const { latentDim } = this.model.config;
    const items = evenly(vectors.rows, MOST_POINTS);
    const latents = new Float32Array(items.length * latentDim);
    for (let from = 0; from < items.length; from += SLICE) {
      latents.set(this.model.latents(await vectors.take(items.subarray(from, from + SLICE))), from * latentDim);
      await nextTask();
    }
    return { items, latents };
  }
}

function squaredDistance(rows: Float32Array, at: number, point: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < point.length; j++) sum += (rows[at + j]! - point[j]!) ** 2;
  return sum;
}

/** The places of the `count` smallest values, the smallest first. */
function smallest(values: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && values[i]! >= values[best[count - 1]!]!) continue;
    let place = Math.min(best.length, count - 1);
    while (place > 0 && values[best[place - 1]!]! > values[i]!) {
      best[place] = best[place - 1]!;
      place--;
    }
    best[place] = i;
  }
  return best;
}
