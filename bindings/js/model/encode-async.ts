/** Encodes a large catalogue in slices, which its threads share, from memory or as it is read. Internal: `RQVAE.encodeAsync`. */

import type { Ending } from "../base/ending.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import { openItems, requireInRange } from "../items/items.ts";
import { Arena, asOurs } from "../runtime/arena.ts";
import { drive, MISSING, Stop } from "../runtime/jobs.ts";
import type { Handle, NativeModule } from "../runtime/native-module.ts";
import type { EmbeddingSource, Items, JobOptions, ModelConfig } from "../types.ts";

/** Rows per slice; the core's block size. */
const SLICE_ROWS = 256;

/** What encodes. */
export interface Encoder {
  module: NativeModule;
  config: ModelConfig;
  model: Handle;
  /** The ends of the model and of its module. */
  ends: readonly Ending[];
}

/** The codes of the items, n x L. `name` is what messages call them. */
export async function encodeItems(
  { module, config, model, ends }: Encoder,
  items: Items | EmbeddingSource,
  { signal, onProgress }: JobOptions,
  name = "items",
): Promise<CodeArray> {
  const { inputDim: dim, codebookSize: codebookSizes } = config;
  const stop = new Stop(signal, ...ends);
  const reader = isSource(items) ? new SourceReader(items, dim, { name, stop }) : undefined;
  const memory = isSource(items) ? undefined : openItems(items, dim, name);
  const { rows } = (reader ?? memory) as { rows: number };
  const piece = Math.min(rows, reader?.pieceRows ?? SLICE_ROWS);
  const codes = SemanticIds.allocate(rows, codebookSizes);
  const levels = codebookSizes.length;
  const arena = new Arena(module);
  /** The current read: the next piece is fetched while one is encoded. */
  let reading: Promise<Float32Array> | undefined;
  const read = (first: number) => {
    const promise = reader!.read(first, Math.min(piece, rows - first));
    promise.catch(() => {}); // whoever awaits it gets the error
    reading = promise;
    return promise;
  };
  try {
    const address = arena.floats(piece * dim);
    const codesAt = arena.allocate(4 * Math.min(rows, SLICE_ROWS) * levels);
    // Rows [begin, end) are on the heap; `next` is the first that is not yet encoded.
    let [begin, next, end] = [0, 0, 0];
    const take = (copy: (count: number) => void) => {
      const count = Math.min(piece, rows - end);
      copy(count);
      begin = end;
      end += count;
    };
    const encodeSlice = () => {
      if (next === end) {
        if (!memory) return MISSING;
        take((count) => memory.copy(module, next, count, address));
      }
      const count = Math.min(SLICE_ROWS, end - next);
      requireInRange(module.encode(model, address + 4 * dim * (next - begin), count, codesAt, 0, true), next, name);
      codes.set(module.HEAPU32.subarray(codesAt / 4, codesAt / 4 + count * levels), next * levels);
      next += count;
      return next < rows;
    };
    await drive({
      advance: () => {
        try {
          return encodeSlice();
        } catch (cause) {
          throw asOurs(cause);
        }
      },
      fill: async () => {
        const data = await (reading ?? read(end));
        take((count) => reader!.copy(module, data, end, end, count, address));
        reading = undefined;
        if (end < rows) read(end);
      },
      report: onProgress && (() => onProgress({ phase: "encode", progress: next / rows })),
      stop,
    });
  } finally {
    // The caller gets the source back when nothing reads it any more; an abort does not wait for an answer.
    await reading?.catch(() => {});
    arena.release();
  }
  return codes;
}
