import { startWorker } from "#worker-host";
import { InvalidInputError, makeError, WorkerError } from "../errors.ts";
import { OptionReader, validateJobOptions } from "../option-reader.ts";
import type { ResidualKMeansOptions } from "../residual-kmeans.ts";
import { SemanticIds } from "../semantic-ids.ts";
import { readSource } from "../source.ts";
import { checkCheckpointOptions } from "../train-config.ts";
import type {
  FloatArray,
  ItemMatrix,
  Items,
  JobOptions,
  JobProgress,
  Losses,
  ModelConfig,
  ModelOptions,
  ModelSource,
  OptimizerOptions,
  SemanticIdsOutput,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import type { WorkerPort } from "./host.types.ts";
import {
  buffersOf,
  type Call,
  fromWire,
  type ModelState,
  type Reply,
  type Results,
  toWire,
  type Watched,
  type WireIds,
} from "./protocol.ts";

type Progress = TrainProgress | JobProgress;

/** What a caller hangs on a long call; no function or signal crosses to the worker. */
interface Watch<Event> {
  onProgress?: ((event: Event) => void) | undefined;
  signal?: AbortSignal | undefined;
  checkpoint?: TrainOptions["checkpoint"] | undefined;
}

interface PendingCall {
  resolve(value: Results[Call["method"]]): void;
  reject(reason: unknown): void;
  onProgress: ((event: Progress) => void) | undefined;
  checkpoint: TrainOptions["checkpoint"] | undefined;
  /** Why the call was told to stop: the caller's reason, or what a callback of its threw. */
  stop?: { reason: unknown };
}

/**
 * `RQVAE` in a worker: the same methods, all of them asynchronous. Each instance has a worker of its own, which owns the
 * model; `terminate` ends it and gives its memory back. Calls are carried out in the order in which they are made; while
 * `train` runs, other calls are answered between its steps.
 *
 * The caller's arrays are copied, never detached, and results are the caller's to keep. In Node, a worker that has nothing
 * to do does not keep the process alive.
 */
export class RQVAEWorker {
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #state!: ModelState;
  #history: TrainHistory | undefined;
  /** Set once the worker is gone, for whatever reason. */
  #gone: WorkerError | undefined;

  private constructor() {
    this.#port = startWorker();
    this.#port.onReply((reply) => this.#receive(reply));
    this.#port.onFailure((message, cause) => {
      if (this.#gone) return;
      this.#end(new WorkerError(message, cause === undefined ? {} : { cause }));
      void this.#port.terminate();
    });
  }

  /** Starts a worker and creates a model in it. */
  static create(options: ModelOptions): Promise<RQVAEWorker> {
    return RQVAEWorker.#start((worker) => worker.#call({ method: "create", options }));
  }

  /** Starts a worker and trains a model in it, with `suggestConfig`'s values where `options` has none. */
  static fit(items: Items, options: Partial<ModelOptions> & TrainOptions = {}): Promise<RQVAEWorker> {
    return RQVAEWorker.#start(async (worker) => {
      const { watch, plain, watched } = splitTraining("fit", options);
      worker.#history = await worker.#call(
        { method: "fit", items: copyItems(items), options: plain, ...watched },
        watch,
      );
    });
  }

  /** Starts a worker and makes a model by residual k-means in it, as `residualKMeans` does. */
  static residualKMeans(items: Items, options: ResidualKMeansOptions = {}): Promise<RQVAEWorker> {
    return RQVAEWorker.#start((worker) => {
      const { watch, plain, watched } = split("residualKMeans", options);
      return worker.#call({ method: "residualKMeans", items: copyItems(items), options: plain, ...watched }, watch);
    });
  }

  /** Starts a worker and loads a model in it, from bytes, a URL, a path (Node), a Blob or a Response. */
  static async load(source: ModelSource, options: { config?: Partial<ModelOptions> } = {}): Promise<RQVAEWorker> {
    // Read on this side, where a relative URL means what the caller means. A copy: the source may be the caller's array.
    const bytes = new Uint8Array(await readSource(source));
    return RQVAEWorker.#start((worker) => worker.#call({ method: "load", bytes, options }));
  }

  static async #start(firstCall: (worker: RQVAEWorker) => Promise<unknown>): Promise<RQVAEWorker> {
    const worker = new RQVAEWorker();
    try {
      await firstCall(worker);
    } catch (error) {
      void worker.terminate();
      throw error;
    }
    return worker;
  }

  get config(): ModelConfig {
    return this.#state.config;
  }

  /** Of the weights at the last reply: 16 hexadecimal digits. */
  get fingerprint(): string {
    return this.#state.fingerprint;
  }

  /** Whether the codebooks mean something: trained, initialised by k-means, or loaded so. */
  get initialized(): boolean {
    return this.#state.initialized;
  }

  get part(): "full" | "encoder" {
    return this.#state.part;
  }

  /** Of the last `train` or `fit` that this object finished, as `select` left it. */
  get history(): TrainHistory | undefined {
    return this.#history;
  }

  async kmeansInitCodebooks(items: Items, options: JobOptions = {}): Promise<void> {
    const { watch, plain, watched } = split("kmeansInitCodebooks", options);
    await this.#call({ method: "kmeansInitCodebooks", items: copyItems(items), options: plain, ...watched }, watch);
  }

  /**
   * As without a worker; `checkpoint.write` is called on this side, with bytes that are the caller's to keep, while the worker waits.
   */
  async train(items: Items, options: TrainOptions = {}): Promise<TrainHistory> {
    const { watch, plain, watched } = splitTraining("train", options);
    this.#history = await this.#call({ method: "train", items: copyItems(items), options: plain, ...watched }, watch);
    return this.#history;
  }

  async encode(items: Items, options: { margins?: boolean } = {}): Promise<SemanticIds> {
    return fromWire(await this.#call({ method: "encode", items: copyItems(items), options }));
  }

  async encodeAsync(items: Items, options: JobOptions = {}): Promise<SemanticIds> {
    const { watch, plain, watched } = split("encodeAsync", options);
    return fromWire(
      await this.#call({ method: "encodeAsync", items: copyItems(items), options: plain, ...watched }, watch),
    );
  }

  async getSemanticIds(items: Items): Promise<SemanticIdsOutput> {
    const result = await this.#call({ method: "getSemanticIds", items: copyItems(items) });
    return { ...result, semIds: fromWire(result.semIds) };
  }

  async latents(items: Items): Promise<Float32Array> {
    return this.#call({ method: "latents", items: copyItems(items) });
  }

  async decode(ids: SemanticIds | readonly (readonly number[])[]): Promise<Float32Array> {
    const { codebookSizes } = this.config;
    const checked = ids instanceof SemanticIds ? ids : SemanticIds.from(ids, { codebookSizes });
    return this.#call({
      method: "decode",
      ids: { ...toWire(checked), codes: checked.codes.slice(), margins: undefined },
    });
  }

  async reconstruct(items: Items): Promise<Float32Array> {
    return this.#call({ method: "reconstruct", items: copyItems(items) });
  }

  async codebooks(options: { space?: "latent" | "input" } = {}): Promise<Float32Array[]> {
    return this.#call({ method: "codebooks", options });
  }

  async forward(items: Items): Promise<Losses> {
    return this.#call({ method: "forward", items: copyItems(items) });
  }

  /** Makes an optimizer that lives in the worker, for `trainStep`. */
  async createOptimizer(options: OptimizerOptions = {}): Promise<WorkerOptimizer> {
    const id = await this.#call({ method: "createOptimizer", options });
    return new WorkerOptimizer(this, id, () => this.#call({ method: "disposeOptimizer", optimizer: id }));
  }

  async trainStep(items: Items, optimizer: WorkerOptimizer): Promise<Losses> {
    if (optimizer?.worker !== this) {
      throw new InvalidInputError("optimizer must come from this worker's own createOptimizer");
    }
    return this.#call({ method: "trainStep", items: copyItems(items), optimizer: optimizer.id });
  }

  async save(options: { part?: "full" | "encoder" } = {}): Promise<Uint8Array> {
    return this.#call({ method: "save", options });
  }

  /** Everything that `train(items, { resume })` needs to go on where training is, or where it ended. During `train` too. */
  async saveCheckpoint(): Promise<Uint8Array> {
    return this.#call({ method: "saveCheckpoint" });
  }

  /** Gives the model the weights of the epoch that was best by "loss" or by "collision" in the last `train` or `fit`. */
  async select(by: "loss" | "collision"): Promise<TrainHistory> {
    this.#history = await this.#call({ method: "select", by });
    return this.#history;
  }

  /**
   * Ends the worker, and with it the model. Pending calls reject at once with `WorkerError`, later ones too. Resolves when
   * the worker is gone.
   */
  terminate(): Promise<void> {
    if (!this.#gone) this.#end(new WorkerError("The worker was terminated"));
    return this.#port.terminate();
  }

  /** The same as `terminate`. */
  dispose(): Promise<void> {
    return this.terminate();
  }

  [Symbol.dispose](): void {
    void this.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  #end(error: WorkerError): void {
    this.#gone = error;
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    this.#port.setBusy(false);
    for (const call of calls) call.reject(error);
  }

  /** Sends a call, giving its arrays away. Rejects with the caller's own reason when its signal aborts. */
  async #call<C extends Call>(call: C, watch: Watch<never> = {}): Promise<Results[C["method"]]> {
    const { signal } = watch;
    // A WorkerError for each call, so that its stack tells where it was made.
    if (this.#gone) throw new WorkerError(this.#gone.message, { cause: this.#gone });
    signal?.throwIfAborted();

    const id = ++this.#lastId;
    const stop = () => this.#stop(id, signal?.reason);
    try {
      return (await new Promise<Results[Call["method"]]>((resolve, reject) => {
        const onProgress = watch.onProgress as ((event: Progress) => void) | undefined;
        this.#pending.set(id, { resolve, reject, onProgress, checkpoint: watch.checkpoint });
        this.#port.setBusy(true);
        signal?.addEventListener("abort", stop);
        try {
          const { items, ids, bytes, options } = call as Sent;
          this.#port.post({ type: "call", id, call }, buffersOf([{ items, ids, bytes, resume: options?.resume }]));
        } catch (error) {
          // A function or another thing that no message can carry.
          const { message } = error as Error;
          reject(new InvalidInputError(`${call.method}: an argument cannot be sent to the worker: ${message}`));
        }
      })) as Results[C["method"]];
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#pending.delete(id);
      if (this.#pending.size === 0 && !this.#gone) this.#port.setBusy(false);
    }
  }

  /** Asks the worker to end a call. Its answer, an error or the result that came first, settles the call. */
  #stop(id: number, reason: unknown): void {
    const call = this.#pending.get(id);
    if (!call || call.stop) return;
    call.stop = { reason };
    this.#port.post({ type: "abort", id }, []);
  }

  /** Hands a checkpoint to the caller, and tells the worker to go on. */
  async #write(id: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#pending.get(id)?.checkpoint?.write(bytes);
    } catch (error) {
      this.#stop(id, error);
    }
    // The call waits for this, unless the worker is gone.
    if (this.#pending.has(id)) this.#port.post({ type: "written", id }, []);
  }

  #receive(reply: Reply): void {
    const call = this.#pending.get(reply.id);
    if (reply.type === "progress") {
      if (!call || call.stop) return;
      try {
        call.onProgress?.(reply.event);
      } catch (error) {
        this.#stop(reply.id, error);
      }
      return;
    }
    if (reply.type === "checkpoint") {
      void this.#write(reply.id, reply.bytes);
      return;
    }
    if (reply.state) this.#state = reply.state;
    if (reply.type === "result") call?.resolve(reply.value);
    else if (reply.aborted && call?.stop) call.reject(call.stop.reason);
    else call?.reject(makeError(reply.error.name, reply.error.message));
  }
}

/** An optimizer in a worker; the handle holds its number only. */
export class WorkerOptimizer {
  /** @internal */
  readonly worker: RQVAEWorker;
  /** @internal */
  readonly id: number;
  readonly #dispose: () => Promise<unknown>;

  /** @internal Made by `RQVAEWorker.createOptimizer`. */
  constructor(worker: RQVAEWorker, id: number, dispose: () => Promise<unknown>) {
    this.worker = worker;
    this.id = id;
    this.#dispose = dispose;
  }

  /** Frees the optimizer's state in the worker. Never rejects: with the worker gone, so is the optimizer. */
  async dispose(): Promise<void> {
    await this.#dispose().catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** The arrays that a call may hold. */
interface Sent {
  items?: Items;
  ids?: WireIds;
  bytes?: Uint8Array;
  options?: { resume?: Uint8Array };
}

/** What stays here and what the worker is told. @throws InvalidInputError when the options are none. */
function split<T extends Watch<never>>(
  method: string,
  options: T,
): { watch: T; plain: Omit<T, "onProgress" | "signal">; watched: Watched } {
  const { onProgress, signal, ...plain } = options ?? {};
  validateJobOptions(options && { onProgress, signal }, method);
  return { watch: options, plain, watched: { progress: onProgress !== undefined } };
}

/** `split` for training: of `checkpoint` only the pace crosses, `resume` goes as a copy. */
function splitTraining<T extends TrainOptions>(method: string, options: T) {
  const { watch, plain, watched } = split(method, options);
  const { checkpoint, resume, ...rest } = plain;
  checkCheckpointOptions(new OptionReader({ checkpoint, resume }, method));
  const { everyMs } = checkpoint ?? {};
  return {
    watch,
    plain: resume === undefined ? rest : { ...rest, resume: new Uint8Array(resume).slice() },
    watched: checkpoint ? { ...watched, checkpoints: everyMs === undefined ? {} : { everyMs } } : watched,
  };
}

/**
 * A copy of the items that a message may take along. Rows are laid out as one matrix. What is not of a valid form is cloned
 * as it is: the model refuses it, with the message that it would have without a worker.
 */
function copyItems(items: Items): Items {
  if (isFloats(items)) return items.slice();
  if (Array.isArray(items)) return copyRows(items) ?? clone(items);
  const { data, rows, dim } = (items ?? {}) as ItemMatrix;
  return isFloats(data) || isHalfs(data) ? { data: data.slice(), rows, dim } : clone(items);
}

function clone(items: Items): Items {
  try {
    return structuredClone(items);
  } catch (error) {
    throw new InvalidInputError(`items cannot be sent to the worker: ${(error as Error).message}`);
  }
}

/** Rows as a matrix, when they are rows. Float32Arrays stay such, numbers go as doubles: nothing is rounded on the way. */
function copyRows(source: readonly unknown[]): ItemMatrix | undefined {
  const rows = Array.from(source); // holes become undefined, which `every` would pass over
  if (!rows.every(isRow)) return undefined;
  const dim = rows[0]?.length ?? 0;
  if (dim === 0 || rows.some((row) => row.length !== dim)) return undefined;
  const data = new (rows.every((row) => tagOf(row) === "Float32Array") ? Float32Array : Float64Array)(
    rows.length * dim,
  );
  rows.forEach((row, i) => {
    data.set(row, i * dim);
  });
  return { data, rows: rows.length, dim };
}

function isRow(row: unknown): row is ArrayLike<number> {
  return isFloats(row) || (Array.isArray(row) && row.every((x) => typeof x === "number"));
}

// By tag, not by `instanceof`: the array may come from another realm.
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);
const isFloats = (value: unknown): value is FloatArray => /^Float(32|64)Array$/.test(tagOf(value));
const isHalfs = (value: unknown): value is Uint16Array => tagOf(value) === "Uint16Array";
