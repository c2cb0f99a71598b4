/** Latents of items into a file, a block at a time: `rqvae encode --latents`. */

import { isSource } from "../embedding-source.ts";
import { VECTOR_FORMATS, type VectorFormat, vectorChunks } from "../formats/index.ts";
import type { RQVAE } from "../rqvae.ts";
import type { JobProgress } from "../types.ts";
import { type Option, UsageError } from "./command.ts";
import { type CatalogueItems, writeWhole } from "./files.ts";

export const latentsOption: Option = {
  value: "FILE",
  help: `also the latents (the vectors that the codes stand for),\nas the name says: ${VECTOR_FORMATS.join(", ")}`,
};

/** Rows that are encoded at a time. */
const BLOCK_ROWS = 4096;

/** The format of vectors that a file's name says. @throws UsageError */
export function vectorFormatOf(path: string, option: string): VectorFormat {
  const extension = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase();
  const format = VECTOR_FORMATS.find((known) => known === (extension === "ndjson" ? "jsonl" : extension));
  if (format) return format;
  throw new UsageError(`--${option} must end with one of .${VECTOR_FORMATS.join(", .")}, but is "${path}"`);
}

/** Writes the latents of all items, whole or not at all. @throws the signal's reason between two blocks. */
export async function writeLatents(
  path: string,
  model: RQVAE,
  items: CatalogueItems,
  itemIds: readonly (string | number)[] | undefined,
  { signal, onProgress }: { signal: AbortSignal; onProgress?: (event: JobProgress) => void },
): Promise<void> {
  const { rows, dim } = items;
  async function* blocks(): AsyncGenerator<Float32Array> {
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      await new Promise(setImmediate); // Ctrl-C gets its turn
      signal.throwIfAborted();
      const count = Math.min(BLOCK_ROWS, rows - first);
      const data = isSource(items)
        ? await items.read(first, count)
        : items.data.subarray(first * dim, (first + count) * dim);
      yield model.latents({ data, rows: count, dim });
      onProgress?.({ phase: "encode", progress: (first + count) / rows });
    }
  }
  const latents = { rows, dim: model.config.latentDim, blocks: blocks() };
  await writeWhole(path, vectorChunks(vectorFormatOf(path, "latents"), latents, { ...(itemIds && { itemIds }) }));
}
