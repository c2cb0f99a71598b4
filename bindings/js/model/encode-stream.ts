/** Encodes batches as they come, as fast as the results are taken. Internal: `encodeStream`. */

import { checkArray } from "../base/attached.ts";
import type { Ending } from "../base/ending.ts";
import { invalid } from "../base/errors.ts";
import { OptionReader, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import type { FusedItems } from "../items/fields.ts";
import { indexOfNonFinite, inWhole, notFinite } from "../items/items.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, ItemBatches, ItemMatrix, Items, StreamOptions } from "../types.ts";

/**
 * The IDs of each batch, in order. The next batch is requested when one is encoded, while its IDs are being used, so the batches are at
 * most one ahead of the results. `encode` gives the IDs of one batch; `name` is what messages call it. `ends` are the model's.
 */
export async function* encodeBatches(
  batches: ItemBatches | EmbeddingSource,
  dim: number,
  options: StreamOptions,
  ends: readonly Ending[],
  encode: (items: Items, name: string) => Promise<SemanticIds>,
): AsyncGenerator<SemanticIds, void, undefined> {
  const read = new OptionReader(options, "encodeStream");
  const signal = read.get("signal") as AbortSignal | undefined;
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") read.fail("signal", "an AbortSignal");
  read.refuseUnknown();
  const stop = new Stop(signal, ...ends);
  const { fields } = (batches ?? {}) as Partial<FusedItems>;
  const iterator = iterate(batches, dim, stop);
  let finished = false;
  try {
    let coming = pull(iterator);
    let rows = 0;
    for (let number = 0; ; number++) {
      const { done, value } = await stop.race(coming);
      if (done) {
        finished = true;
        return;
      }
      // The pieces of a fused source are fused items, which the model compares with its own.
      const items = fields && isSource(batches) ? { ...(value as ItemMatrix), fields } : value;
      const ids = await encode(items, isSource(batches) ? "items" : `batch ${number}`).catch((error) => {
        throw inWhole(error, (row) => rows + row); // the pieces of a source are parts of one catalogue
      });
      rows += ids.length;
      coming = pull(iterator);
      yield ids;
    }
  } finally {
    // Not awaited: an iterator first answers the request for its next batch, which may take forever.
    if (!finished) void close(iterator);
  }
}

function iterate(
  batches: ItemBatches | EmbeddingSource,
  dim: number,
  stop: Stop,
): AsyncIterator<Items> | Iterator<Items> {
  if (isSource(batches)) return pieces(new SourceReader(batches, dim, { stop }));
  checkArray(batches, "encodeStream: batches");
  const given = batches as Partial<AsyncIterable<Items> & Iterable<Items>> | null | undefined;
  const iterator =
    given?.[Symbol.asyncIterator]?.() ?? (ArrayBuffer.isView(given) ? undefined : given?.[Symbol.iterator]?.());
  if (typeof iterator?.next === "function" && typeof batches !== "string") return iterator;
  throw invalid()`${call("encodeStream")}expected batches of items (an async iterable) or an EmbeddingSource, received ${show(batches)}; encodeAsync takes items in memory`;
}

async function* pieces(reader: SourceReader): AsyncGenerator<Items, void, undefined> {
  const { rows, dim, pieceRows } = reader;
  for (let first = 0; first < rows; first += pieceRows) {
    const count = Math.min(pieceRows, rows - first);
    const data = await reader.read(first, count);
    const index = indexOfNonFinite(data, 0, data.length);
    if (index >= 0) throw notFinite(data[index], first, index, dim, "items"); // with its row in the catalogue
    yield { data, rows: count, dim };
  }
}

function pull(iterator: AsyncIterator<Items> | Iterator<Items>): Promise<IteratorResult<Items>> {
  const coming = (async () => iterator.next())();
  coming.catch(() => {}); // perhaps nobody is waiting for it any more
  return coming;
}

async function close(iterator: AsyncIterator<Items> | Iterator<Items>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {} // the caller already has the reason, or wants nothing more
}
