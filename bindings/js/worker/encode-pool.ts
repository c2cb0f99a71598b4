import { availableCores } from "#worker-host";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { WorkerError } from "../base/errors.ts";
import { OptionReader, validateJobOptions } from "../base/option-reader.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { isSource, SourceReader } from "../items/embedding-source.ts";
import { type ItemRows, inWhole, openItems } from "../items/items.ts";
import { readSource } from "../model-file/source.ts";
import { Stop } from "../runtime/jobs.ts";
import type { WasmSource } from "../runtime/platform.ts";
import type { EmbeddingSource, Items, JobOptions, JobProgress, ModelConfig, ModelSource } from "../types.ts";
import { RQVAEWorker, type WorkerStart } from "./client.ts";
import { failLong, type LongCall, longCall, type Watch } from "./long-call.ts";
import { copyShard, readShard } from "./shard.ts";

/** What a pool is made with. */
export interface EncodePoolOptions {
  /** How many workers, each with a model of its own. Default: as many as the machine has cores, at most 4. */
  workers?: number;
  /** Where the WebAssembly comes from, as in `initialize`: `rqvae.wasm`, the build without threads. */
  wasm?: WasmSource;
  /** Told of each worker that died and is replaced. Default: the error's message goes to `console.warn`. */
  onWorkerLost?: (error: WorkerError) => void;
}

/** One of the pool's workers, or the one that takes its place. */
interface Place {
  worker: RQVAEWorker;
  /** While the worker is being replaced. */
  coming?: Promise<void> | undefined;
}

/** The core's block, of which a shard has whole ones. */
const BLOCK_ROWS = 256;
/** Bytes of items in a shard, at most: an abort waits for none, but copying one must not hold a page up. */
const SHARD_BYTES = 4 << 20;
/** Milliseconds between two progress events. */
const PROGRESS_MS = 100;
const DEFAULT_WORKERS = 4;

const LONG = failLong("encode");

/**
 * Workers that encode one catalogue together, each with an instance of its own: several cores where threads cannot be had, on pages
 * without cross-origin isolation for one. The IDs are those of a single model, to the byte, in the items' order. A worker that has
 * nothing to do takes no CPU time; in Node it does not keep the process alive. `terminate` gives the memory back.
 *
 * A worker that died is replaced when the next call needs it, or at once in the middle of one, whose items of that worker are encoded again:
 * the IDs are the same. `onWorkerLost` is told. When one dies again in the same call, the call rejects and the pool ends: it would go on so.
 */
export class EncodePool {
  readonly #places: readonly Place[];
  readonly #start: () => Promise<RQVAEWorker>;
  readonly #onWorkerLost: (error: WorkerError) => void;
  /** Of the calls that run. */
  readonly #stops = new Set<AbortController>();
  /** Set once the pool is gone, for whatever reason. */
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
   * Starts the workers and loads the model in each, from bytes (`model.save({ part: "encoder" })` is all that it takes), a URL, a path
   * (Node), a Blob or a Response.
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
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw failed.reason;
    }
    return new EncodePool(workers, startOne, onWorkerLost);
  }

  get config(): ModelConfig {
    return this.#first.config;
  }

  /** Of the model: 16 hexadecimal digits. */
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
   * resolves. Aborting rejects with `signal.reason`; a bad item rejects with `InvalidInputError`, as in `RQVAE.encode`; the pool stays
   * usable after both, and after the death of a worker, which is replaced; when its replacement dies in the same call, the pool ends and the
   * call rejects with `WorkerError`.
   */
  encode(items: Items | EmbeddingSource, options: JobOptions = {}): LongCall<JobProgress, SemanticIds> {
    return longCall("EncodePool.encode", options, async (watch) => {
      validateJobOptions(options, "EncodePool.encode");
      if (this.#gone) throw new WorkerError(this.#gone.message, { cause: this.#gone });
      const { inputDim, codebookSize: codebookSizes } = this.config;
      const stop = new AbortController();
      const source = isSource(items)
        ? new SourceReader(items, inputDim, { stop: new Stop(stop.signal) })
        : openItems(items, inputDim);
      const codes = SemanticIds.allocate(source.rows, codebookSizes);
      await this.#encode(source, codes, watch, stop);
      watch.onProgress({ phase: "encode", progress: 1 });
      return SemanticIds.trusted(codes, codebookSizes, this.fingerprint);
    });
  }

  /** Every worker takes the next shard whenever it is free. The first failure stops the others, and is thrown when they have stopped. */
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
    // Of a source the pieces are read one after the other.
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
          // Again for a replacement: the dead worker took its copy along.
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

  /** Puts a new worker in the place of a dead one, once however many calls find it dead. */
  async #replace(place: Place, dead: RQVAEWorker, error: WorkerError): Promise<void> {
    if (place.worker !== dead) return;
    if (!place.coming) {
      place.coming = this.#start().then(async (worker) => {
        place.worker = worker;
        if (this.#gone) await worker.terminate();
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

  /** Ends the workers. Pending calls reject at once with `WorkerError`, later ones too. Resolves when the workers are gone. */
  async terminate(): Promise<void> {
    return this.#end(new WorkerError("The pool was terminated"));
  }

  async #end(error: WorkerError): Promise<void> {
    this.#gone ??= error;
    for (const stop of this.#stops) stop.abort(error);
    await Promise.all(
      this.#places.map(async (place) => {
        await place.worker.terminate();
        await place.coming?.catch(() => {}); // a replacement ends as soon as it is there
      }),
    );
  }

  /** The same as `terminate`. */
  async dispose(): Promise<void> {
    return this.terminate();
  }

  /** The same as `terminate`. */
  [Symbol.dispose](): void {
    void this.terminate();
  }

  /** The same as `terminate`. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }
}

const diedTwice = (first: number, count: number, cause: WorkerError) =>
  new WorkerError(
    `A worker died, and so did its replacement, over rows ${first} to ${first + count - 1}: ${cause.message}. The pool has ended; make a new one, with fewer workers if memory is short`,
    { cause },
  );

/** Whole blocks, few enough that every worker has some. */
function shardRows(rows: number, dim: number, workers: number): number {
  const blocks = Math.min(SHARD_BYTES / (4 * dim * BLOCK_ROWS), Math.ceil(rows / workers / BLOCK_ROWS));
  return Math.max(1, Math.floor(blocks)) * BLOCK_ROWS;
}
