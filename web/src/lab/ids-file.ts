import type { SemanticIds } from "rqvae";
import { writeIds } from "rqvae/formats";
import { type HeldItems, writtenIds } from "./items.ts";
import type { IdFile } from "./types.ts";

/** IDs in a format. In a file of its own, since the writers are not needed until somebody downloads something. */
export function idsFile(format: IdFile, ids: SemanticIds, held: HeldItems | undefined): Blob {
  const itemIds = held && writtenIds(held);
  const pieces = writeIds(
    format,
    { ids, ...(itemIds ? { itemIds } : {}) },
    held?.labels ? { labels: held.labels } : {},
  );
  return new Blob([...pieces] as BlobPart[], { type: "application/octet-stream" });
}
