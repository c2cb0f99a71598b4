/** See `measureSpectrum`. Internal. */

import { MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import { percent } from "../base/words.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import { impliedDim } from "../items/implied-dim.ts";
import { openItems } from "../items/items.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import { withArena } from "../runtime/arena.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import { Stop } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type {
  EmbeddingSource,
  ItemMatrix,
  Items,
  JobOptions,
  ModelConfig,
  ModelOptions,
  Spectrum,
  SpectrumOptions,
} from "../types.ts";

/** What the measuring model must provide. */
export interface Measurable {
  readonly config: ModelConfig;
  kmeansInitCodebooks(items: Items, options: JobOptions): PromiseLike<unknown>;
  latents(items: Items): Float32Array;
  getSemanticIds(items: Items): { embeddings: Float32Array; residuals: Float32Array };
  dispose(): void;
}

/** The most items that are inspected, and the length of a run of them: runs suit a source, and spread over a sorted catalogue. */
const SAMPLE_ROWS = 8192;
const RUN_ROWS = 64;
/**
 * The most directions that are inspected, and the number inspected first for wide items: most need no more, and time grows with its square.
 */
const DIRECTIONS = 256;
const FIRST_DIRECTIONS = 96;
/** One in this many items is held out. */
const HELD_OUT_OF = 5;
/** With fewer held-out items, their figures are noise. */
const LEAST_HELD_OUT = 8;
/** Rows encoded at a time. */
const BLOCK_ROWS = 1024;

const NAMES = Object.keys({
  codebookSize: 1,
  nQuantizationLayers: 1,
  inputDim: 1,
  seed: 1,
  onProgress: 1,
  signal: 1,
} satisfies Record<keyof SpectrumOptions, 1>);

/**
 * Fits residual k-means in the principal directions to four fifths of the sample and measures, per direction, what its codes explain of the
 * rest. A direction belongs in the latent space if they explain something; if they explain nothing, codes only fit the noise of the items
 * that they were fitted to. No formula of n and the dimension predicts this: clustered catalogues allow far more than a Gaussian with the
 * same spectrum.
 */
export async function measure(
  create: (options: ModelOptions) => Promise<Measurable>,
  items: Items | EmbeddingSource,
  options: SpectrumOptions,
): Promise<Spectrum> {
  const read = new OptionReader(options, "measureSpectrum");
  for (const name of NAMES) read.get(name);
  read.refuseUnknown();
  const { onProgress, signal, inputDim: given, ...shape } = options;
  const implied = given === undefined ? impliedDim(items, "measureSpectrum") : undefined;
  const dim = read.integer("inputDim", implied, 1, MAX_SIZE);
  const module = await native();
  const { n, fitted, heldOut } = await takeSample(module, items, dim, new Stop(signal, module.ended));
  if (heldOut.rows < LEAST_HELD_OUT) return { items: fitted.rows + heldOut.rows, variance: [], explained: [] };
  const { codebookSize = suggestConfig({ n, inputDim: dim }).model.codebookSize } = shape;
  const watch = {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
  const look = (latentDim: number) =>
    within(create, { ...shape, codebookSize: codebookSize!, inputDim: dim, latentDim }, { fitted, heldOut, watch });
  const most = Math.min(dim, DIRECTIONS);
  if (most <= FIRST_DIRECTIONS + FIRST_DIRECTIONS / 3) return look(most);
  const first = await look(FIRST_DIRECTIONS);
  return first.latentDim === FIRST_DIRECTIONS ? look(most) : first;
}

/** What the first `latentDim` directions show. */
async function within(
  create: (options: ModelOptions) => Promise<Measurable>,
  options: ModelOptions,
  { fitted, heldOut, watch }: { fitted: Sample; heldOut: Sample; watch: JobOptions },
): Promise<Spectrum> {
  const dim = options.inputDim;
  const model = await create({ ...options, hiddenDims: [], linearSkip: "pca" });
  try {
    await model.kmeansInitCodebooks(fitted, watch);
    // In units of the scaled items, whose dimensions have a variance of one on average.
    const variance = meanSquares(fitted, (block) => model.latents(block)).map((each) => each / dim);
    const before = meanSquares(heldOut, (block) => model.latents(block));
    const left = meanSquares(heldOut, (block) => leftOver(model, block));
    const explained = before.map((energy, j) => (energy > 0 ? 1 - left[j]! / energy : 0));
    return { items: fitted.rows + heldOut.rows, variance, explained, ...widthOf(variance, explained, dim) };
  } finally {
    model.dispose();
  }
}

/** What codes could explain of held-out items in the directions beyond the latent width. */
const BEYOND = 0.005;

/** The number of directions, in steps of eight, that hold nearly everything that codes explain. */
function widthOf(variance: number[], explained: number[], dim: number): { latentDim?: number; reason?: string } {
  const directions = variance.length;
  const told = sums(variance.map((share, j) => share * explained[j]!)); // for the first 1, 2, ... directions
  const most = Math.max(...told);
  if (!(most > 0)) return {};
  const enough = most - BEYOND * (1 - most);
  let latentDim = Math.min(8, directions);
  while (latentDim < directions && told[latentDim - 1]! < enough) {
    latentDim = Math.min(latentDim + 8, directions);
  }
  const held = percent(sums(variance)[latentDim - 1]!);
  const reason =
    latentDim === dim
      ? `codes explain unseen items in ${dim === 1 ? "the only direction" : `all ${dim} directions`}: full width`
      : `${latentDim} of ${dim} directions hold ${held} of the variance and nearly everything that codes explain of unseen items`;
  return { latentDim, reason };
}

function sums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

/** Of each latent direction, over the items. @param vectors gives those of a block, one per row */
function meanSquares({ data, rows, dim }: Sample, vectors: (block: Float32Array) => Float32Array): number[] {
  let sums = new Float64Array(0);
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const end = Math.min(rows, first + BLOCK_ROWS);
    const block = vectors(data.subarray(first * dim, end * dim));
    const width = block.length / (end - first);
    if (first === 0) sums = new Float64Array(width);
    for (let at = 0; at < block.length; at++) sums[at % width]! += block[at]! * block[at]!;
  }
  return Array.from(sums, (sum) => sum / rows);
}

/** What the codes leave over of the latents: the residual before the last level, minus that level's code. */
function leftOver(model: Measurable, block: Float32Array): Float32Array {
  const { latentDim: width, nQuantizationLayers: levels } = model.config;
  const { embeddings, residuals } = model.getSemanticIds(block); // n x L x d
  const left = new Float32Array(residuals.length / levels);
  for (let at = 0; at < left.length; at++) {
    const last = (Math.floor(at / width) * levels + levels - 1) * width + (at % width);
    left[at] = residuals[last]! - embeddings[last]!;
  }
  return left;
}

interface Sample extends ItemMatrix {
  data: Float32Array<ArrayBuffer>;
}

/** All items, or evenly spread runs of them, with about every fifth held out. A source gives the same as the same items in memory. */
async function takeSample(module: GuardedModule, items: Items | EmbeddingSource, dim: number, stop: Stop) {
  const reader = isSource(items) ? new SourceReader(items, dim, { stop }) : undefined;
  const held = isSource(items) ? undefined : openItems(items, dim);
  const rows = (reader ?? held!).rows;
  const isWhole = rows <= SAMPLE_ROWS;
  const runs = isWhole ? Math.ceil(rows / RUN_ROWS) : SAMPLE_ROWS / RUN_ROWS;
  const parts: [fitted: Float32Array[], heldOut: Float32Array[]] = [[], []];
  for (let run = 0, row = 0; run < runs; run++) {
    const first = isWhole ? run * RUN_ROWS : Math.floor((run * (rows - RUN_ROWS)) / (runs - 1));
    const count = Math.min(RUN_ROWS, rows - first);
    const data = await reader?.read(first, count);
    const values = withArena(module, (arena) => {
      const address = arena.floats(count * dim);
      if (data) reader!.copy(module, data, first, first, count, address);
      else held!.copy(module, first, count, address);
      return module.HEAPF32.slice(address / 4, address / 4 + count * dim);
    });
    for (let i = 0; i < count; i++, row++) {
      // Mixed, so that it cannot coincide with a period in the catalogue.
      const isHeldOut = (Math.imul(row + 1, 0x9e3779b1) >>> 16) % HELD_OUT_OF === 0;
      parts[isHeldOut ? 1 : 0].push(values.subarray(i * dim, (i + 1) * dim));
    }
    stop.check();
  }
  const [fitted, heldOut] = parts.map((each): Sample => {
    const data = new Float32Array(each.length * dim);
    for (const [i, vector] of each.entries()) data.set(vector, i * dim);
    return { data, rows: each.length, dim };
  }) as [Sample, Sample];
  return { n: rows, fitted, heldOut };
}
