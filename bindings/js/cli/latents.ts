/** Latents of items into a file, a block at a time: `rqvae encode --latents`. */

import { VECTOR_FORMATS, type VectorFormat, writeVectors } from "../formats/arrays/vectors.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { JobProgress } from "../types.ts";
import { type Option, UsageError } from "./command.ts";
import { type CatalogueItems, writeWhole } from "./files.ts";
import { itemBlocks } from "./item-blocks.ts";
import { endingOf, requireExtension, requireFile } from "./outputs.ts";

export const latentsOption: Option = {
  value: "FILE",
  help: `also the latents (the vectors that the codes stand for),\nas the name says: ${VECTOR_FORMATS.join(", ")}`,
};

/** The format of vectors that a file's name says. @throws UsageError */
export function vectorFormatOf(path: string, option: string, what = "a file of latents"): VectorFormat {
  requireFile(`--${option}`, path, what);
  requireExtension(`--${option}`, path, [...VECTOR_FORMATS.map((format) => `.${format}`), ".ndjson"]);
  const extension = endingOf(path).slice(1).toLowerCase();
  const format = VECTOR_FORMATS.find((known) => known === (extension === "ndjson" ? "jsonl" : extension));
  if (format) return format;
  throw new UsageError(`--${option} ${path}: the name has no extension; use one of .${VECTOR_FORMATS.join(", .")}`);
}

/** Writes the latents of all items, whole or not at all. @throws the signal's reason between two blocks. */
export async function writeLatents(
  path: string,
  model: RQVAE,
  items: CatalogueItems,
  itemIds: readonly (string | number)[] | undefined,
  { signal, onProgress }: { signal: AbortSignal; onProgress?: (event: JobProgress) => void },
): Promise<void> {
  const { rows } = items;
  async function* blocks(): AsyncGenerator<Float32Array> {
    for await (const { first, ...block } of itemBlocks(items)) {
      await new Promise(setImmediate); // Ctrl-C gets its turn
      signal.throwIfAborted();
      yield model.latents(block);
      onProgress?.({ phase: "encode", progress: (first + block.rows) / rows });
    }
  }
  const latents = { rows, dim: model.config.latentDim, blocks: blocks() };
  await writeWhole(path, writeVectors(vectorFormatOf(path, "latents"), latents, { ...(itemIds && { itemIds }) }));
}
