/** First codes that few known items have are given to new items, which there was no place for (`freedShare`). Internal. */

import { isSource } from "../items/embedding-source.ts";
import { readItemRows, readSourceRows } from "../items/item-rows.ts";
import { inWhole, openItems } from "../items/items.ts";
import { sampleRows } from "../items/sample.ts";
import { nativeModelConfig, resolveModelConfig } from "../options/model-config.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import { nextTurn, type Stop } from "../runtime/jobs.ts";
import type { Handle } from "../runtime/native-module.ts";
import type { EmbeddingSource, Items, ModelConfig } from "../types.ts";
import { NONE } from "./held-ids.ts";
import { JobRows } from "./job-rows.ts";
import { NativeModel } from "./native-model.ts";

/** New items that the centres are fitted to, at most. */
const FITTED = 8192;
/** Encoded in one turn of the event loop. */
const BLOCK_ROWS = 256;

interface Model {
  readonly module: GuardedModule;
  readonly config: ModelConfig;
  handle(): Handle;
}

/**
 * Finds the least used first codes, as many as the new items' share of all of them, as long as at most `share` of the known items hold one, and
 * k-means centres of the new items' latents to set them to. The other levels stay: their codes fit what new items leave over as well.
 *
 * @param held The codes that the items hold, rows x L, see `publishedCodes`.
 * @param initialize Initialises a model by rows.
 * @returns what sets the codes, and lets go of the IDs that they were part of, in `held`; it returns what sets the codes back
 */
export async function freeCodes(
  { module, config, handle }: Model,
  items: Items | EmbeddingSource,
  held: Uint32Array,
  share: number,
  { stop, initialize }: { stop: Stop; initialize(model: Handle, rows: JobRows): Promise<void> },
): Promise<() => () => void> {
  const { codebookSize, inputDim, latentDim: d, nQuantizationLayers: levels, codebookSimVq, seed } = config;
  const rows = held.length / levels;
  const firsts = Array.from({ length: rows }, (_, row) => held[row * levels]!);
  const added = [...firsts.keys()].filter((row) => firsts[row] === NONE);
  const uses = new Array<number>(codebookSize[0]!).fill(0);
  for (const code of firsts) if (code !== NONE) uses[code]!++;
  const chosen = leastUsed(uses, Math.round((uses.length * added.length) / rows), share * (rows - added.length));
  const most = Math.min(chosen.length, added.length, FITTED);
  if (most === 0 || codebookSimVq) return () => () => {}; // SimVQ's codes are products of one matrix
  const codes = chosen.slice(0, most);

  const all = isSource(items)
    ? readSourceRows(items, rows, "train", inputDim, stop)
    : readItemRows(items, rows, "train", inputDim);
  const fittedRows = sampleRows(added.length, FITTED).map((i) => added[i]!);
  const taken = await all.take(fittedRows);
  const latents = new Float32Array(taken.rows * d);
  for (let first = 0; first < taken.rows; first += BLOCK_ROWS) {
    const block = taken.data.subarray(first * inputDim, (first + BLOCK_ROWS) * inputDim);
    try {
      latents.set(new NativeModel(module, handle(), config).latents(openItems(block, inputDim)), first * d);
    } catch (error) {
      throw inWhole(error, (row) => fittedRows[first + row]!);
    }
    await nextTurn();
    stop.check();
  }
  const shape = { inputDim: d, latentDim: d, hiddenDims: [], codebookSize: most, nQuantizationLayers: 1, seed };
  const kmeans = module.createModel(
    nativeModelConfig(resolveModelConfig({ ...shape, linearSkip: "identity", inputScaling: "none" })),
  );
  let centres: Float32Array;
  try {
    const fitted = new JobRows(module, { data: latents, rows: taken.rows, dim: d }, d, stop);
    try {
      await initialize(kmeans, fitted);
    } finally {
      fitted.release();
    }
    centres = tensor(module, kmeans, "embedding.weight")!.slice();
  } finally {
    kmeans.delete();
  }

  return () => {
    const first = (name: string) => tensor(module, handle(), name);
    const before = CHANGED.map((name) => first(name)?.slice());
    const [vectors, sizes, sums] = CHANGED.map(first);
    for (const [i, code] of codes.entries()) {
      const centre = centres.subarray(i * d, (i + 1) * d);
      vectors!.set(centre, code * d);
      if (sizes) sizes[code] = 1; // of `codebookUpdate: "ema"`
      sums?.set(centre, code * d);
    }
    module.tensorsChanged(handle(), true);
    const freed = new Set(codes);
    for (let row = 0; row < rows; row++) if (freed.has(held[row * levels]!)) held[row * levels] = NONE;
    return () => {
      for (const [i, name] of CHANGED.entries()) if (before[i]) first(name)!.set(before[i]);
      module.tensorsChanged(handle(), true);
    };
  };
}

/** Tensors of a level that depend on its codes. */
const CHANGED = ["embedding.weight", "cluster_size", "embed_avg"] as const;

/** The codes with the fewest uses, at most `count` and never all, as long as they have at most `limit` uses together. */
function leastUsed(uses: readonly number[], count: number, limit: number): number[] {
  const order = [...uses.keys()].sort((a, b) => uses[a]! - uses[b]! || a - b);
  const most = Math.min(count, uses.length - 1);
  let end = 0;
  for (let sum = 0; end < most; end++) {
    sum += uses[order[end]!]!;
    if (sum > limit) break;
  }
  return order.slice(0, end);
}

/** A tensor of the first level, as a view that holds until memory grows. */
function tensor(module: GuardedModule, model: Handle, name: string): Float32Array | undefined {
  const found = module.tensors(model).find((each) => each.name === `quantization_layers.0.${name}`);
  const at = found && found.address / 4;
  return found && module.HEAPF32.subarray(at, at! + found.shape.reduce((size, extent) => size * extent, 1));
}
