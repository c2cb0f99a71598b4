import { availableCores } from "#worker-host";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { WorkerError } from "../base/errors.ts";
import { failLong, type LongCall, longCall, type Watch } from "../base/long-call.ts";
import { OptionReader, validateJobOptions } from "../base/option-reader.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import { type ItemRows, inWhole, openItems } from "../items/items.ts";
import { readSource } from "../model-file/source.ts";
import { Stop } from "../runtime/jobs.ts";
import type { WasmSource } from "../runtime/platform.ts";
import type { EmbeddingSource, Items, JobOptions, JobProgress, ModelConfig, ModelSource } from "../types.ts";
import { RQVAEWorker, type WorkerStart } from "./client.ts";
import { copyShard, readShard } from "./shard.ts";

/** Options of a pool. */
export interface EncodePoolOptions {
  /** Number of workers, each with its own model. Default: as many as the machine has cores, at most 4. */
  workers?: number;
  /** Where the WebAssembly comes from, as in `initialize`: `rqvae.wasm`, the build without threads. */
  wasm?: WasmSource;
  /** Called for each worker that died and is replaced. Default: writes the error's message to `console.warn`. */
  onWorkerLost?: (error: WorkerError) => void;
}

/** One of the pool's workers, or its replacement. */
interface Place {
  worker: RQVAEWorker;
  /** While the worker is being replaced. */
  coming?: Promise<void> | undefined;
}

/** The core's block size; a shard has whole blocks. */
const BLOCK_ROWS = 256;
/** The most bytes of items in a shard: an abort does not wait for a shard, but copying one must not block a page. */
const SHARD_BYTES = 4 << 20;
/** Milliseconds between two progress events. */
const PROGRESS_MS = 100;
const DEFAULT_WORKERS = 4;

const LONG = failLong("encode");

/**
 * Workers that encode one catalogue together, each with its own instance. They use several cores where threads are not available, such as
 * on pages without cross-origin isolation. The IDs are those of a single model, to the byte, in the items' order. An idle worker takes no
 * CPU time, and in Node does not keep the process alive. `dispose` frees the memory.
 *
 * A worker that died is replaced when the next call needs it, or at once during a call, in which case its items are encoded again with the
 * same IDs. `onWorkerLost` is called. If the replacement dies in the same call, the call rejects and the pool ends, since it would only
 * happen again.
 */
export class EncodePool {
  readonly #places: readonly Place[];
  readonly #start: () => Promise<RQVAEWorker>;
  readonly #onWorkerLost: (error: WorkerError) => void;
  /** Ends of the running calls. */
  readonly #stops = new Set<AbortController>();
  /** Set once the pool has ended, for any reason. */
  #gone: WorkerError | undefined;

  private constructor(
    workers: readonly RQVAEWorker[],
    start: () => Promise<RQVAEWorker>,
    onWorkerLost: (error: WorkerError) => void,
  ) {
    worksBehindProxy(this, EncodePool, undefined, LONG);
    this.#places = workers.map((worker) => ({ worker }));
    this.#start = start;
    this.#onWorkerLost = onWorkerLost;
  }

  /**
   * Starts the workers and loads the model in each, from bytes (`model.save({ part: "encoder" })` is enough), a URL, a path (Node), a Blob
   * or a Response.
   */
  static async create(source: ModelSource, options: EncodePoolOptions = {}): Promise<EncodePool> {
    const read = new OptionReader(options, "EncodePool.create");
    const count = read.integer("workers", Math.min(availableCores(), DEFAULT_WORKERS), 1, 64);
    let wasm = read.get("wasm") as WasmSource | undefined;
    const warn = ({ message }: WorkerError) => console.warn(`rqvae: ${message}; EncodePool replaces it`);
    const onWorkerLost = (read.get("onWorkerLost") ?? warn) as (error: WorkerError) => void;
    if (typeof onWorkerLost !== "function") read.fail("onWorkerLost", "a function");
    read.refuseUnknown();
    const { bytes: file, config } = await readSource(source);
    const bytes = new Uint8Array(file);
    // A response can be read only once.
    if (Object.prototype.toString.call(wasm) === "[object Response]")
      wasm = await (await import("../runtime/load.ts")).compile(wasm as Response);
    const start: WorkerStart = { threads: 1, ...(wasm === undefined ? {} : { wasm }) };
    const startOne = () => RQVAEWorker.load(bytes, config ? { config } : {}, start);
    const started = await Promise.allSettled(Array.from({ length: count }, startOne));
    const workers = started.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : []));
    const failed = started.find((attempt) => attempt.status === "rejected");
    if (failed) {
      await Promise.all(workers.map((worker) => worker.dispose()));
      throw failed.reason;
    }
    return new EncodePool(workers, startOne, onWorkerLost);
  }

  get config(): ModelConfig {
    return this.#first.config;
  }

  /** Fingerprint of the model: 16 hexadecimal digits. */
  get fingerprint(): string {
    return this.#first.fingerprint;
  }

  /** Number of workers. */
  get size(): number {
    return this.#places.length;
  }

  get #first(): RQVAEWorker {
    return (this.#places[0] as Place).worker;
  }

  /**
   * The semantic IDs of the items. They are copied, or read from a source, piece by piece while it runs: do not change them before it
   * resolves. Aborting rejects with `signal.reason`; a bad item rejects with `InvalidInputError`, as in `RQVAE.encode`. The pool stays
   * usable after both, and after the death of a worker, which is replaced. If the replacement dies in the same call, the pool ends and the
   * call rejects with `WorkerError`.
   */
  encode(items: Items | EmbeddingSource, options: JobOptions = {}): LongCall<JobProgress, SemanticIds> {
    return longCall("EncodePool.encode", options, async (watch) => {
      validateJobOptions(options, "EncodePool.encode");
      if (this.#gone) throw new WorkerError(this.#gone.message, { cause: this.#gone });
      const { inputDim, codebookSize: codebookSizes } = this.config;
      const stop = new AbortController();
      // Fused here, since the workers get pieces.
      const { fields } = this.#first;
      const joined = fields ? new (await import("../items/fields.ts")).FieldJoiner(fields).join(items) : items;
      const source = isSource(joined)
        ? new SourceReader(joined, inputDim, { stop: new Stop(stop.signal) })
        : openItems(joined as Items, inputDim);
      const codes = SemanticIds.allocate(source.rows, codebookSizes);
      await this.#encode(source, codes, watch, stop);
      watch.onProgress({ phase: "encode", progress: 1 });
      return SemanticIds.trusted(codes, codebookSizes, this.fingerprint);
    });
  }

  /** Every worker takes the next shard when it is free. The first failure stops the others and is thrown when they have stopped. */
  async #encode(
    source: ItemRows | SourceReader,
    codes: SemanticIds["codes"],
    { onProgress, signal }: Watch<JobProgress>,
    stop: AbortController,
  ) {
    const { rows, dim } = source;
    const levels = this.config.nQuantizationLayers;
    const step = shardRows(rows, dim, this.size);
    let next = 0;
    let done = 0;
    let told = performance.now();
    const parts = new Map<RQVAEWorker, number>();
    const tell = (worker: RQVAEWorker, part: number) => {
      parts.set(worker, part);
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      let encoded = done;
      for (const rowsOfPart of parts.values()) encoded += rowsOfPart;
      onProgress({ phase: "encode", progress: encoded / rows });
    };

    const follow = () => stop.abort(signal.reason);
    signal.addEventListener("abort", follow);
    // The pieces of a source are read one after another.
    let reading: Promise<unknown> = Promise.resolve();
    const take = async (first: number, count: number) => {
      if (!(source instanceof SourceReader)) return copyShard(source, first, count);
      const read = reading.then(() => readShard(source, first, count));
      reading = read.catch(() => {});
      return read;
    };
    const unlessStopped = new Stop(stop.signal);
    const work = async (place: Place) => {
      let replaced = false;
      while (next < rows && !stop.signal.aborted) {
        const first = next;
        const count = Math.min(step, rows - first);
        next += count;
        for (let found: SemanticIds | undefined; !found; ) {
          const { worker } = place;
          // Again for a replacement, since the copy died with its worker.
          const data = await unlessStopped.race(take(first, count));
          try {
            found = await worker.encodeAsync(
              { data, rows: count, dim },
              { transfer: true, signal: stop.signal, onProgress: ({ progress }) => tell(worker, progress * count) },
            );
          } catch (error) {
            if (!(error instanceof WorkerError) || stop.signal.aborted) throw inWhole(error, (row) => first + row);
            if (replaced) throw diedTwice(first, count, error);
            replaced = true;
            parts.delete(worker);
            const replacing = this.#replace(place, worker, error).catch((cause: unknown) => {
              throw cause instanceof WorkerError ? diedTwice(first, count, cause) : cause;
            });
            await unlessStopped.race(replacing);
            continue;
          }
          codes.set(found.codes, first * levels);
          done += count;
          tell(worker, 0);
        }
      }
    };
    this.#stops.add(stop);
    await Promise.all(this.#places.map((place) => work(place).catch((error: unknown) => stop.abort(error))));
    this.#stops.delete(stop);
    signal.removeEventListener("abort", follow);
    const { reason } = stop.signal;
    if (reason instanceof WorkerError) void this.#end(reason);
    if (stop.signal.aborted) throw reason;
  }

  /** Replaces a dead worker, only once however many calls find it dead. */
  async #replace(place: Place, dead: RQVAEWorker, error: WorkerError): Promise<void> {
    if (place.worker !== dead) return;
    if (!place.coming) {
      place.coming = this.#start().then(async (worker) => {
        place.worker = worker;
        if (this.#gone) await worker.dispose();
      });
      void place.coming
        .catch(() => {})
        .then(() => {
          place.coming = undefined;
        });
      this.#onWorkerLost(error);
    }
    await place.coming;
  }

  /** Ends the workers. Pending and later calls reject at once with `WorkerError`. Resolves when the workers are gone. */
  async dispose(): Promise<void> {
    return this.#end(new WorkerError("The pool was disposed"));
  }

  async #end(error: WorkerError): Promise<void> {
    this.#gone ??= error;
    for (const stop of this.#stops) stop.abort(error);
    await Promise.all(
      this.#places.map(async (place) => {
        await place.worker.dispose();
        await place.coming?.catch(() => {}); // a replacement ends as soon as it has started
      }),
    );
  }

  /** The same as `dispose`. */
  [Symbol.dispose](): void {
    void this.dispose();
  }

  /** The same as `dispose`. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

const diedTwice = (first: number, count: number, cause: WorkerError) =>
  new WorkerError(
    `A worker died, and so did its replacement, over rows ${first} to ${first + count - 1}: ${cause.message}. The pool has ended: make a new one, with fewer workers if memory is short`,
    { cause },
  );

/** Whole blocks, few enough that every worker gets some. */
function shardRows(rows: number, dim: number, workers: number): number {
  const blocks = Math.min(SHARD_BYTES / (4 * dim * BLOCK_ROWS), Math.ceil(rows / workers / BLOCK_ROWS));
  return Math.max(1, Math.floor(blocks)) * BLOCK_ROWS;
}
