/** A model on the heap of the WebAssembly. Typed arrays go in and out in chunks, so that a large call does not grow the memory. */

import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { type ItemRows, requireInRange } from "../items/items.ts";
import type { FileTensor } from "../model-file/model-file.ts";
import { Arena, asOurs, withArena } from "../runtime/arena.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import type { Handle } from "../runtime/native-module.ts";
import type { Losses, ModelConfig } from "../types.ts";

/** The core's block size. */
const BLOCK_ROWS = 256;
/** Bytes of items on the wasm heap at a time. */
const CHUNK_BYTES = 8 << 20;

/** What a model computes. Its owner decides whether it may be called. Results are copies. */
export class NativeModel {
  readonly module: GuardedModule;
  readonly handle: Handle;
  readonly config: ModelConfig;
  /** The arena of the last call that encoded, kept for the next one. */
  #arena: Arena | undefined;

  constructor(module: GuardedModule, handle: Handle, config: ModelConfig) {
    this.module = module;
    this.handle = handle;
    this.config = config;
  }

  /** n x L codes; `margins` receives how much nearer each is than the runner-up. */
  encode(source: ItemRows, margins?: Float32Array): CodeArray {
    const { codebookSize: codebookSizes, nQuantizationLayers: levels } = this.config;
    const codes = SemanticIds.allocate(source.rows, codebookSizes);
    const step = chunkRows(source.dim + 2 * levels);
    for (let first = 0; first < source.rows; first += step) {
      this.#encodeRows(source, first, Math.min(step, source.rows - first), codes, margins);
    }
    return codes;
  }

  /** Encodes `count` rows into their places. It avoids closures and views, since a call for one vector does nothing else. */
  #encodeRows(source: ItemRows, first: number, count: number, codes: CodeArray, margins?: Float32Array): void {
    const { module } = this;
    const levels = this.config.nQuantizationLayers;
    const size = count * levels;
    // Taken rather than shared: reading the items may run the caller's code (getters), which may encode.
    const arena = this.#arena ?? new Arena(module);
    this.#arena = undefined;
    try {
      const address = arena.floats(count * source.dim);
      const codesAt = arena.allocate(4 * size);
      const marginsAt = margins ? arena.floats(size) : 0;
      source.copy(module, first, count, address);
      requireInRange(module.encode(this.handle, address, count, codesAt, marginsAt, false), first);
      const found = module.HEAPU32;
      for (let k = 0, at = codesAt >>> 2; k < size; k++) codes[first * levels + k] = found[at + k]!;
      margins?.set(this.#floats(marginsAt, size), first * levels);
    } catch (cause) {
      throw asOurs(cause);
    } finally {
      arena.release();
      this.#arena = arena;
    }
  }

  /** Codes (n x L), the codes' vectors and the residual before each level (n x L x latentDim), and each item's quantisation loss. */
  quantize(source: ItemRows) {
    const { codebookSize: codebookSizes, nQuantizationLayers: levels, latentDim } = this.config;
    const width = levels * latentDim;
    const codes = SemanticIds.allocate(source.rows, codebookSizes);
    const embeddings = new Float32Array(source.rows * width);
    const residuals = new Float32Array(source.rows * width);
    const quantizeLoss = new Float32Array(source.rows);
    this.#chunks(source, levels + 2 * width + 1, (address, first, count, arena) => {
      const codesAt = arena.allocate(4 * count * levels);
      const [embeddingsAt, residualsAt] = [arena.floats(count * width), arena.floats(count * width)];
      const lossAt = arena.floats(count);
      const { module, handle } = this;
      requireInRange(module.quantize(handle, address, count, codesAt, embeddingsAt, residualsAt, lossAt), first);
      codes.set(module.HEAPU32.subarray(codesAt / 4, codesAt / 4 + count * levels), first * levels);
      embeddings.set(this.#floats(embeddingsAt, count * width), first * width);
      residuals.set(this.#floats(residualsAt, count * width), first * width);
      quantizeLoss.set(this.#floats(lossAt, count), first);
    });
    return { codes, embeddings, residuals, quantizeLoss };
  }

  /** n x latentDim: the latents before quantisation. */
  latents(source: ItemRows): Float32Array {
    const { latentDim } = this.config;
    const latents = new Float32Array(source.rows * latentDim);
    this.#chunks(source, latentDim, (address, first, count, arena) => {
      const at = arena.floats(count * latentDim);
      requireInRange(this.module.latents(this.handle, address, count, at), first);
      latents.set(this.#floats(at, count * latentDim), first * latentDim);
    });
    return latents;
  }

  /** n x inputDim, from n x L codes. */
  decode(codes: CodeArray): Float32Array {
    const { inputDim, nQuantizationLayers: levels } = this.config;
    const { module } = this;
    const n = codes.length / levels;
    const result = new Float32Array(n * inputDim);
    const step = chunkRows(inputDim + levels);
    for (let first = 0; first < n; first += step) {
      const count = Math.min(step, n - first);
      withArena(module, (arena) => {
        const codesAt = arena.allocate(4 * count * levels);
        const itemsAt = arena.floats(count * inputDim);
        module.HEAPU32.set(codes.subarray(first * levels, (first + count) * levels), codesAt / 4);
        module.decode(this.handle, codesAt, count, itemsAt);
        result.set(this.#floats(itemsAt, count * inputDim), first * inputDim);
      });
    }
    return result;
  }

  /** K x latentDim per level, or K x inputDim in the items' space. */
  codebooks(isInput: boolean): Float32Array[] {
    const width = isInput ? this.config.inputDim : this.config.latentDim;
    return this.config.codebookSize.map((size, level) =>
      withArena(this.module, (arena) => {
        const at = arena.floats(size * width);
        this.module.codebook(this.handle, level, isInput, at);
        return this.#floats(at, size * width).slice();
      }),
    );
  }

  /** The losses of a batch: in evaluation, or of a step if there is an optimiser. */
  losses(source: ItemRows, optimizer?: Handle): Losses {
    const { module, handle } = this;
    return withArena(module, (arena) => {
      const address = arena.floats(source.rows * source.dim);
      source.copy(module, 0, source.rows, address);
      if (optimizer) return module.trainStep(handle, optimizer, address, source.rows);
      const losses = module.evaluate(handle, address, source.rows);
      requireInRange(losses as number, 0); // losses are not per row
      return losses as Losses;
    });
  }

  /** Copies of all tensors, or of those of the encoder part. */
  tensors(part: "full" | "encoder"): FileTensor[] {
    return this.module
      .tensors(this.handle)
      .filter(({ name }) => part === "full" || !name.startsWith("decoder."))
      .map(({ name, shape, address, size }) => ({ name, shape, data: this.#floats(address, size).slice() }));
  }

  /** Copies the items in chunks and calls `body` for each; the body allocates `extra` floats per row. */
  #chunks(
    source: ItemRows,
    extra: number,
    body: (address: number, first: number, count: number, arena: Arena) => void,
  ): void {
    const step = chunkRows(source.dim + extra);
    for (let first = 0; first < source.rows; first += step) {
      const count = Math.min(step, source.rows - first);
      withArena(this.module, (arena) => {
        const address = arena.floats(count * source.dim);
        source.copy(this.module, first, count, address);
        body(address, first, count, arena);
      });
    }
  }

  /** A view of the current heap. Copy it before calling anything else. */
  #floats(address: number, count: number): Float32Array {
    return this.module.HEAPF32.subarray(address / 4, address / 4 + count);
  }
}

/** The number of rows of `floats` values in a chunk: whole blocks of the core. */
function chunkRows(floats: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / (4 * floats) / BLOCK_ROWS)) * BLOCK_ROWS;
}
