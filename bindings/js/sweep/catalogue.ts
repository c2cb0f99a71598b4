/** The items of a sweep: divided once, and every model measured on them in the same way. */

import { type SemanticIds, sortedRows } from "../ids/semantic-ids.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import { type ItemRows, type Matrix, readItemRows, readSourceRows } from "../items/item-rows.ts";
import { RowHashes } from "../items/row-hashes.ts";
import { figureRows } from "../items/sample.ts";
import { dataFingerprint } from "../model/provenance.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { explainedBy, layYardstick, measureNeighbours, type Yardstick } from "../report/assess.ts";
import { assessLevel, countGroups } from "../report/groups.ts";
import { nextTurn } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, ItemMatrix } from "../types.ts";
import { splitRows } from "./split.ts";

/** What a model's IDs are worth. */
export interface Figures {
  /** Share of the variance of the items that no run has seen, and of those that it was trained on: 1 - SSE / sum ||x - mean||^2. */
  heldOutExplainedVariance: number;
  seenExplainedVariance: number;
  /** Of all items, seen or not, as a catalogue has them. */
  distinctIds: number;
  /** Items that share their ID with an item of another vector. */
  collisions: number;
  /** exp(entropy) of each level's codes. */
  perplexity: number[];
  /** Share of an item's ten nearest items that have its first code; absent where there is one item only. */
  firstCodeNeighbours?: number;
}

/** Which items they are. */
export interface Data {
  rows: number;
  dim: number;
  /** 16 hexadecimal digits over the bits of every row, in their order: as in the file of a model that was trained on all of them. */
  fingerprint: string;
}

/** Which of them no run sees. */
export interface HeldOut {
  share: number;
  seed: number;
  rows: number;
}

/** Rows that are hashed between two turns of the event loop. */
const SLICE = 1024;

export class Catalogue {
  readonly data: Data;
  readonly heldOut: HeldOut;
  /** What runs are trained on. */
  readonly seen: ItemMatrix | EmbeddingSource;
  readonly #items: ItemMatrix | EmbeddingSource;
  readonly #yardstick: Yardstick;
  /** Samples of both parts: their rows in the catalogue, and their vectors. */
  readonly #samples: Record<"seen" | "heldOut", { rows: Uint32Array; vectors: Matrix }>;

  private constructor(
    data: Data,
    heldOut: HeldOut,
    seen: ItemMatrix | EmbeddingSource,
    items: ItemMatrix | EmbeddingSource,
    yardstick: Yardstick,
    samples: Record<"seen" | "heldOut", { rows: Uint32Array; vectors: Matrix }>,
  ) {
    this.data = data;
    this.heldOut = heldOut;
    this.seen = seen;
    this.#items = items;
    this.#yardstick = yardstick;
    this.#samples = samples;
  }

  /**
   * Reads the items through, and divides them.
   * @param share Of the items, held out of every run.
   * @throws InvalidInputError for a value that is not finite.
   */
  static async open(
    items: ItemMatrix | EmbeddingSource,
    { share, seed, signal }: { share: number; seed: number; signal?: AbortSignal },
  ): Promise<Catalogue> {
    const { rows: n, dim } = items;
    const read = isSource(items) ? readSourceRows(items, n, "sweep") : readItemRows(items, n, "sweep", dim);
    const fingerprint = await fingerprintOf(read, signal);
    const yardstick = await layYardstick(read, signal);
    const { seen, heldOut } = splitRows(yardstick.classes.firstRows, share, seed);
    const sample = async (rows: Uint32Array) => {
      const chosen = figureRows(rows.length, dim).map((place) => rows[place]!);
      return { rows: chosen, vectors: await read.take(chosen) };
    };
    return new Catalogue(
      { rows: n, dim, fingerprint },
      { share, seed, rows: heldOut.length },
      isSource(items) ? sourceOf(items, seen) : await read.take(seen),
      items,
      yardstick,
      { seen: await sample(seen), heldOut: await sample(heldOut) },
    );
  }

  /** What a model is worth that was fitted to `seen`. */
  async measure(model: RQVAE, signal?: AbortSignal): Promise<Figures> {
    const ids = await model.encodeAsync(this.#items, signal ? { signal } : {});
    const { perDepth } = countGroups(ids, sortedRows(ids), this.#yardstick.classes.firstRows);
    await nextTurn();
    const whole = perDepth.at(-1)!;
    const near =
      this.#yardstick.queries.length > 0 ? await measureNeighbours(ids, this.#yardstick, undefined, signal) : undefined;
    return {
      heldOutExplainedVariance: await this.#explained("heldOut", model, ids, signal),
      seenExplainedVariance: await this.#explained("seen", model, ids, signal),
      distinctIds: whole.distinct,
      collisions: whole.itemsColliding!,
      perplexity: Array.from({ length: ids.levels }, (_, level) => assessLevel(ids, level).perplexity),
      ...(near && { firstCodeNeighbours: near.sharing[0]! }),
    };
  }

  async #explained(
    part: "seen" | "heldOut",
    model: RQVAE,
    ids: SemanticIds,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { rows, vectors } = this.#samples[part];
    return explainedBy(model, ids, rows, vectors, signal);
  }
}

/** Some rows (ascending) of a source, read as they are needed. */
function sourceOf(items: EmbeddingSource, rows: Uint32Array): EmbeddingSource {
  const { dim } = items;
  const reader = new SourceReader(items, dim);
  return {
    rows: rows.length,
    dim,
    async read(first, count) {
      const data = new Float32Array(count * dim);
      await reader.eachRun(rows.subarray(first, first + count), (read, begin, from, many, place) => {
        data.set(read.subarray((from - begin) * dim, (from - begin + many) * dim), place * dim);
      });
      return data;
    },
  };
}

async function fingerprintOf(items: ItemRows, signal: AbortSignal | undefined): Promise<string> {
  const { rows, dim } = items;
  const hashes = new RowHashes(rows, dim);
  for (let first = 0; first < rows; first += SLICE) {
    await nextTurn();
    signal?.throwIfAborted();
    const count = Math.min(SLICE, rows - first);
    hashes.add(await items.read(first, count), 0, first, count);
  }
  return dataFingerprint(await native(), hashes.save().sums);
}
