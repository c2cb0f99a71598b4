/** Sources of embeddings that are as awkward as they may be. */
import type { EmbeddingSource } from "rqvae";

export interface WatchedSource extends EmbeddingSource {
  /** The ranges that were read. */
  readonly reads: [first: number, count: number][];
}

interface Behaviour {
  /** Called before each read, with the number of those before it. */
  before?: (first: number, count: number, number: number) => void | Promise<void>;
  /** Gives its rows at once instead of a promise of them. */
  sync?: boolean;
}

/**
 * A matrix as a source, whose reads take a turn of the event loop and give the same array every time, spoiled as soon as the next begins.
 * Complains when two reads overlap or ask for what is not there.
 */
export function sourceOf(
  { data, rows, dim }: { data: Float32Array; rows: number; dim: number },
  { before, sync }: Behaviour = {},
): WatchedSource {
  let buffer = new Float32Array(0);
  let busy = false;
  const reads: [number, number][] = [];
  const take = (first: number, count: number) => {
    const part = data.subarray(first * dim, (first + count) * dim);
    if (buffer.length < part.length) buffer = new Float32Array(part.length);
    buffer.set(part);
    return buffer.subarray(0, part.length);
  };
  return {
    rows,
    dim,
    reads,
    read(first, count) {
      if (busy) throw new Error("two reads at the same time");
      if (!(first >= 0 && count >= 1 && first + count <= rows)) throw new Error(`read(${first}, ${count}) of ${rows}`);
      buffer.fill(Number.NaN);
      reads.push([first, count]);
      if (sync) return take(first, count);
      busy = true;
      return (async () => {
        try {
          await before?.(first, count, reads.length - 1);
          await new Promise(setImmediate);
          return take(first, count);
        } finally {
          busy = false;
        }
      })();
    },
  };
}
