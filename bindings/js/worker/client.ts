/// <reference lib="esnext.disposable" preserve="true" />

import { startWorker } from "#worker-host";
import { checkArray, viewBytes } from "../base/attached.ts";
import { originalOf, worksBehindProxy } from "../base/behind-proxy.ts";
import { Disposal } from "../base/ending.ts";
import { invalid, WorkerError } from "../base/errors.ts";
import { checkOptionNames, OptionReader } from "../base/option-reader.ts";
import { reasonOf } from "../base/reason.ts";
import { requireReadable } from "../base/web-objects.ts";
import type { SemanticIdsOutput } from "../ids/semantic-ids.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { readInTurn } from "../items/embedding-source.ts";
import { inWhole } from "../items/items.ts";
import { encodeBatches } from "../model/encode-stream.ts";
import { readSource } from "../model-file/source.ts";
import { checkCheckpointOptions } from "../options/train-config.ts";
import { tellLateError } from "../runtime/jobs.ts";
import type { WasmSource } from "../runtime/platform.ts";
import type {
  CreateOptions,
  EmbeddingSource,
  FitOptions,
  HubConfig,
  ItemBatches,
  Items,
  JobOptions,
  JobProgress,
  Losses,
  ModelConfig,
  ModelOptions,
  ModelSource,
  OptimizerOptions,
  Recipe,
  ResidualKMeansOptions,
  StreamOptions,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import type { WorkerPort } from "./host.types.ts";
import { failLong, type LongCall, longCall, type Watch } from "./long-call.ts";
import { plain } from "./plain.ts";
import {
  buffersOf,
  type Call,
  fromWire,
  type ModelState,
  type Reply,
  type Results,
  toWire,
  type WireIds,
  type WireSource,
  type WireWasm,
} from "./protocol.ts";
import { fromSent } from "./sent-error.ts";
import { sentItems, sentLong, type TransferOption } from "./sent-items.ts";

type Progress = TrainProgress | JobProgress;

/** What a worker is started with, as `initialize` takes it; with neither, it does as `initialize()` does. */
export interface WorkerStart {
  /** Where the WebAssembly comes from, when not from beside the package's files. A module is compiled once for many workers. */
  wasm?: WasmSource;
  /** How many threads this worker may use beside itself. Default: "auto". */
  threads?: number | "auto";
}

/** What a call hangs on its messages; no function or signal crosses to the worker. */
interface Hooks extends Partial<Watch<never>> {
  checkpoint?: TrainOptions["checkpoint"] | undefined;
  source?: EmbeddingSource | undefined;
}

interface PendingCall {
  method: Call["method"];
  resolve(value: Results[Call["method"]]): void;
  reject(reason: unknown): void;
  onProgress: ((event: Progress) => void) | undefined;
  checkpoint: TrainOptions["checkpoint"] | undefined;
  source: EmbeddingSource | undefined;
  /** Why the call was told to stop: the caller's reason, or what a callback of its threw. */
  stop?: { reason: unknown; thrown: boolean };
}

/** A safety net: ends the worker of an object that nobody terminated. */
const abandoned = new FinalizationRegistry<WorkerPort>((port) => void port.terminate());
/** Whose calls are pending: kept, though nobody but the worker's answer may lead to them. */
const busy = new Set<RQVAEWorker>();

const LONG = failLong("kmeansInitCodebooks", "train", "encodeAsync");

/**
 * `RQVAE` in a worker: the same methods, all of them asynchronous. Each instance has a worker of its own, which owns the
 * model; `terminate` ends it, and only that gives its memory back. Calls are carried out in the order in which they are made; while
 * `train` runs, other calls are answered between its steps.
 *
 * The caller's arrays are copied, never detached unless `transfer` says so, and results are the caller's to keep. In Node, a worker that
 * has nothing to do does not keep the process alive. A long call may be awaited, or iterated for its progress: see `LongCall`.
 */
export class RQVAEWorker {
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #state!: ModelState;
  #history: TrainHistory | undefined;
  /** Comes once the worker is gone, for whatever reason. */
  readonly #gone = new Disposal();

  private constructor() {
    worksBehindProxy(this, RQVAEWorker, undefined, LONG);
    const port = startPort();
    this.#port = port;
    abandoned.register(this, port, this);
    // Not held by what the worker holds, or it would never be gone.
    const self = new WeakRef(this);
    port.onReply((reply) => {
      const worker = self.deref();
      if (worker) worker.#receive(reply);
    });
    port.onFailure((message, cause) => {
      const worker = self.deref();
      if (!worker) return;
      worker.#end(new WorkerError(message, cause === undefined ? {} : { cause }));
      void port.terminate();
    });
  }

  /** Starts a worker and creates a model in it. */
  static create(options: CreateOptions, start: WorkerStart = {}): Promise<RQVAEWorker> {
    return RQVAEWorker.#start(start, { method: "create", options });
  }

  /** Starts a worker and trains a model in it, with `suggestConfig`'s values where `options` has none. */
  static fit(
    items: Items | EmbeddingSource,
    options: FitOptions & TransferOption = {},
    start: WorkerStart = {},
  ): LongCall<TrainProgress, RQVAEWorker> {
    return longCall("fit", options, async (watch) => {
      const { transfer, plain, checkpoint, watched } = splitTraining("fit", options);
      const { sent, source } = sentLong(items, transfer, "fit");
      const call = { method: "fit", items: sent, options: plain, ...watched } as const;
      return RQVAEWorker.#start(start, call, { ...watch, checkpoint, source });
    });
  }

  /** Starts a worker and makes a model by residual k-means in it, as `residualKMeans` does. */
  static residualKMeans(
    items: Items | EmbeddingSource,
    options: ResidualKMeansOptions & TransferOption = {},
    start: WorkerStart = {},
  ): LongCall<JobProgress, RQVAEWorker> {
    return longCall("residualKMeans", options, async (watch) => {
      const { transfer, plain } = split(options);
      const { sent, source } = sentLong(items, transfer, "residualKMeans");
      const call = { method: "residualKMeans", items: sent, options: plain } as const;
      return RQVAEWorker.#start(start, call, { ...watch, source });
    });
  }

  /** Starts a worker and loads a model in it, from bytes, a URL, a path (Node), a Blob or a Response. */
  static async load(
    source: ModelSource,
    options: { config?: Partial<ModelOptions> & HubConfig } = {},
    start: WorkerStart = {},
  ): Promise<RQVAEWorker> {
    // Read on this side, where a relative URL means what the caller means. A copy: the source may be the caller's array.
    const { bytes, config } = await readSource(source);
    const told = config ? { ...options, config: { ...config, ...options.config } } : options;
    return RQVAEWorker.#start(start, { method: "load", bytes: new Uint8Array(bytes), options: told });
  }

  static async #start(
    start: WorkerStart,
    firstCall: Call & { method: "create" | "fit" | "residualKMeans" | "load" },
    hooks: Hooks = {},
  ): Promise<RQVAEWorker> {
    checkOptionNames(start, `RQVAEWorker.${firstCall.method}: the worker's options`, ["wasm", "threads"]);
    const { threads } = start;
    const wasm = start.wasm === undefined ? undefined : await wireWasm(start.wasm);
    hooks.signal?.throwIfAborted();
    const worker = new RQVAEWorker();
    try {
      const calls: Promise<unknown>[] = [];
      if (wasm !== undefined || threads !== undefined) {
        calls.push(
          worker.#call({
            method: "initialize",
            ...(wasm === undefined ? {} : { wasm }),
            ...(threads === undefined ? {} : { threads }),
          }),
        );
      }
      calls.push(worker.#call(firstCall, hooks));
      await Promise.all(calls);
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

  /** How the last `train` or `fit` went, as `select` left it; undefined once the weights have changed since. */
  get history(): TrainHistory | undefined {
    return this.#history;
  }

  /** As `RQVAE.kmeansInitCodebooks`. */
  kmeansInitCodebooks(
    items: Items | EmbeddingSource,
    options: JobOptions & TransferOption = {},
  ): LongCall<JobProgress, void> {
    return longCall("kmeansInitCodebooks", options, async (watch) => {
      const { transfer, plain } = split(options);
      const { sent, source } = sentLong(items, transfer, "kmeansInitCodebooks");
      await this.#call({ method: "kmeansInitCodebooks", items: sent, options: plain }, { ...watch, source });
    });
  }

  /**
   * As without a worker; `checkpoint.write` is called on this side, with bytes that are the caller's to keep, while the worker waits.
   */
  train(
    items: Items | EmbeddingSource,
    options: TrainOptions & Partial<Recipe> & TransferOption = {},
  ): LongCall<TrainProgress, TrainHistory> {
    return longCall("train", options, async (watch) => {
      const { transfer, plain, checkpoint, watched } = splitTraining("train", options);
      const { sent, source } = sentLong(items, transfer, "train");
      const call = { method: "train", items: sent, options: plain, ...watched } as const;
      return this.#call(call, { ...watch, checkpoint, source });
    });
  }

  /** As `RQVAE.encode`. */
  async encode(items: Items, options: { margins?: boolean } & TransferOption = {}): Promise<SemanticIds> {
    const { transfer, ...plain } = options ?? {};
    const sent = sentItems(items, transfer, "encode");
    return fromWire(await this.#call({ method: "encode", items: sent, options: options && plain }));
  }

  /** As `RQVAE.encodeAsync`. */
  encodeAsync(
    items: Items | EmbeddingSource,
    options: JobOptions & TransferOption = {},
  ): LongCall<JobProgress, SemanticIds> {
    return longCall("encodeAsync", options, async (watch) => {
      const { transfer, plain } = split(options);
      const { sent, source } = sentLong(items, transfer, "encodeAsync");
      return fromWire(await this.#call({ method: "encodeAsync", items: sent, options: plain }, { ...watch, source }));
    });
  }

  /** As `RQVAE.encodeStream`; a training that is started between two batches changes the IDs of the later ones. */
  async *encodeStream(
    batches: ItemBatches | EmbeddingSource,
    options: StreamOptions = {},
  ): AsyncGenerator<SemanticIds, void, undefined> {
    yield* encodeBatches(batches, this.config.inputDim, options, [this.#gone], async (items, name) => {
      const { signal } = options;
      try {
        return await this.encodeAsync(items, signal ? { signal } : {});
      } catch (error) {
        // Over there the batch goes by the name of any items.
        throw inWhole(error, (row) => row, name);
      }
    });
  }

  /** As `RQVAE.getSemanticIds`. */
  async getSemanticIds(items: Items, options: TransferOption = {}): Promise<SemanticIdsOutput> {
    const result = await this.#call({ method: "getSemanticIds", items: onlyItems("getSemanticIds", items, options) });
    return { ...result, semIds: fromWire(result.semIds) };
  }

  /** As `RQVAE.latents`. */
  async latents(items: Items, options: TransferOption = {}): Promise<Float32Array> {
    return this.#call({ method: "latents", items: onlyItems("latents", items, options) });
  }

  /** As `RQVAE.decode`. */
  async decode(ids: SemanticIds | readonly (readonly number[])[]): Promise<Float32Array> {
    const { codebookSize: codebookSizes } = this.config;
    const checked = ids instanceof SemanticIds ? ids : SemanticIds.from(ids, { codebookSizes });
    return this.#call({
      method: "decode",
      ids: { ...toWire(checked), codes: checked.codes.slice(), margins: undefined },
    });
  }

  /** As `RQVAE.reconstruct`. */
  async reconstruct(items: Items, options: TransferOption = {}): Promise<Float32Array> {
    return this.#call({ method: "reconstruct", items: onlyItems("reconstruct", items, options) });
  }

  /** As `RQVAE.codebooks`. */
  async codebooks(options: { space?: "latent" | "input" } = {}): Promise<Float32Array[]> {
    return this.#call({ method: "codebooks", options });
  }

  /** As `RQVAE.forward`. */
  async forward(items: Items, options: TransferOption = {}): Promise<Losses> {
    return this.#call({ method: "forward", items: onlyItems("forward", items, options) });
  }

  /** Makes an optimizer that lives in the worker, for `trainStep`. */
  async createOptimizer(options: OptimizerOptions = {}): Promise<WorkerOptimizer> {
    const id = await this.#call({ method: "createOptimizer", options });
    return new WorkerOptimizer(this, id, () => this.#call({ method: "disposeOptimizer", optimizer: id }));
  }

  /** As `RQVAE.trainStep`, with an optimizer of this worker. */
  async trainStep(items: Items, optimizer: WorkerOptimizer, options: TransferOption = {}): Promise<Losses> {
    const own = originalOf(optimizer);
    if (originalOf(own?.worker) !== this) {
      throw invalid("OTHER_MODEL")`optimizer must come from this worker's own createOptimizer`;
    }
    const sent = onlyItems("trainStep", items, options);
    return this.#call({ method: "trainStep", items: sent, optimizer: own.id });
  }

  /** As `RQVAE.save`. */
  async save(options: { part?: "full" | "encoder" } = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call({ method: "save", options });
  }

  /** Everything that `train(items, { resume })` needs to go on where training is, or where it ended. During `train` too. */
  async saveCheckpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call({ method: "saveCheckpoint" });
  }

  /** Gives the model the weights of the epoch that was best by "loss" or by "collision" in the last `train` or `fit`. */
  async select(by: "loss" | "collision"): Promise<TrainHistory> {
    return this.#call({ method: "select", by });
  }

  /**
   * Ends the worker, and with it the model. Pending calls reject at once with `WorkerError`, later ones too. Resolves when
   * the worker is gone.
   */
  async terminate(): Promise<void> {
    this.#end(new WorkerError("The worker was terminated"));
    return this.#port.terminate();
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

  #end(error: WorkerError): void {
    if (this.#gone.reason) return;
    this.#gone.end(error);
    abandoned.unregister(this);
    busy.delete(this);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    this.#port.setBusy(false);
    for (const call of calls) call.reject(error);
  }

  /** Sends a call, giving its arrays away. Rejects with the caller's own reason when its signal aborts. */
  async #call<C extends Call>(call: C, hooks: Hooks = {}): Promise<Results[C["method"]]> {
    const { signal, checkpoint, source } = hooks;
    // A WorkerError for each call, so that its stack tells where it was made.
    const { reason } = this.#gone;
    if (reason) throw new WorkerError(reason.message, { cause: reason });
    signal?.throwIfAborted();

    const id = ++this.#lastId;
    const stop = () => this.#stop(id, signal?.reason);
    try {
      return (await new Promise<Results[Call["method"]]>((resolve, reject) => {
        const onProgress = hooks.onProgress as ((event: Progress) => void) | undefined;
        this.#pending.set(id, { method: call.method, resolve, reject, onProgress, checkpoint, source });
        busy.add(this);
        this.#port.setBusy(true);
        signal?.addEventListener("abort", stop);
        try {
          const { items, ids, bytes, options } = call as Sent;
          this.#port.post(
            { type: "call", id, call: plain(call) },
            buffersOf([{ items, ids, bytes, resume: options?.resume }]),
          );
        } catch (error) {
          // A function or another thing that no message can carry.
          const message = String((error as Error).message);
          reject(
            invalid(
              "NOT_SENDABLE",
              error,
            )`${{ call: call.method }}an argument cannot be sent to the worker: ${message}`,
          );
        }
      })) as Results[C["method"]];
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#pending.delete(id);
      if (this.#pending.size === 0 && !this.#gone.reason) {
        busy.delete(this);
        this.#port.setBusy(false);
      }
    }
  }

  /** Asks the worker to end a call. Its answer, an error or the result that came first, settles the call. */
  #stop(id: number, reason: unknown, thrown = false): void {
    const call = this.#pending.get(id);
    if (!call || call.stop) return;
    call.stop = { reason, thrown };
    this.#port.post({ type: "abort", id }, []);
  }

  /** @throws when nobody waits for the call any more */
  #goesOn(id: number): void {
    const call = this.#pending.get(id);
    if (!call || call.stop) throw call?.stop?.reason;
  }

  /** Hands a checkpoint to the caller, and tells the worker to go on. */
  async #write(id: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#pending.get(id)?.checkpoint?.write(bytes);
    } catch (error) {
      this.#stop(id, error, true);
    }
    // The call waits for this, unless the worker is gone.
    if (this.#pending.has(id)) this.#port.post({ type: "written", id }, []);
  }

  /** Reads a range of the call's source for the worker, which no longer waits when the call was told to stop meanwhile. */
  async #read(id: number, first: number, count: number): Promise<void> {
    let data: unknown;
    try {
      const { source } = this.#pending.get(id) ?? {};
      if (!source) return;
      // In turn: a call that was told to stop did not wait for its last read.
      data = (await readInTurn(source, first, count, () => this.#goesOn(id))) ?? null;
      // A copy: the array is the source's. What is no array of floats is refused over there, with what was expected.
      checkArray(data, `items: what read(${first}, ${count}) gave`);
      if (ArrayBuffer.isView(data)) data = (data as Float32Array).slice();
      if (this.#pending.has(id)) this.#port.post({ type: "rows", id, data }, buffersOf(data));
    } catch (error) {
      const unsendable = data !== undefined;
      this.#stop(
        id,
        unsendable
          ? invalid(
              "NOT_SENDABLE",
            )`${{ argument: "items" }}: what read gave cannot be sent to the worker: ${(error as Error).message}`
          : error,
      );
      // The call waits for an answer, unless the worker is gone.
      if (this.#pending.has(id)) this.#port.post({ type: "rows", id }, []);
    }
  }

  #receive(reply: Reply): void {
    const call = this.#pending.get(reply.id);
    if (reply.type === "progress") {
      if (!call || call.stop) return;
      try {
        call.onProgress?.(reply.event);
      } catch (error) {
        this.#stop(reply.id, error, true);
      }
      return;
    }
    if (reply.type === "checkpoint") {
      void this.#write(reply.id, reply.bytes);
      return;
    }
    if (reply.type === "read") {
      void this.#read(reply.id, reply.first, reply.count);
      return;
    }
    if (reply.state) {
      this.#state = reply.state;
      if (reply.state.history !== undefined) this.#history = reply.state.history ?? undefined;
    }
    if (reply.type === "result") {
      // What a callback threw came too late to stop anything. It is the call's answer all the same, unless the model would be lost with it.
      const late = call?.stop?.thrown && call.stop;
      const makes = call?.method === "fit" || call?.method === "residualKMeans";
      if (late && makes) tellLateError(call.method, late.reason);
      if (late && !makes) call.reject(late.reason);
      else call?.resolve(reply.value);
    } else if (reply.aborted && call?.stop) call.reject(call.stop.reason);
    else call?.reject(fromSent(reply.error));
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
    worksBehindProxy(this, WorkerOptimizer);
    this.worker = worker;
    this.id = id;
    this.#dispose = dispose;
  }

  /** Frees the optimizer's state in the worker. Never rejects: with the worker gone, so is the optimizer. */
  async dispose(): Promise<void> {
    await this.#dispose().catch(() => {});
  }

  /** The same as `dispose`. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** @throws WorkerError where there are no workers, or none may be started. */
function startPort(): WorkerPort {
  try {
    return startWorker();
  } catch (cause) {
    throw new WorkerError(
      `The worker could not start: ${reasonOf(cause)}. There may be no workers here (jsdom, happy-dom, a sandboxed frame, Node with --permission but without --allow-worker), or a bundler left its script behind. Use RQVAE itself, which needs none`,
      { code: "WORKER_NOT_STARTED", cause },
    );
  }
}

/** The arrays that a call may hold. */
interface Sent {
  items?: Items | WireSource;
  ids?: WireIds;
  bytes?: Uint8Array;
  options?: { resume?: Uint8Array };
}

/** What stays here and what the worker is told. */
function split<T extends JobHooks>(options: T) {
  const { onProgress, signal, transfer, ...plain } = options;
  return { transfer, plain };
}

interface JobHooks extends TransferOption {
  onProgress?: unknown;
  signal?: unknown;
}

/** `split` for training: of `checkpoint` only the pace crosses, `resume` goes as a copy. */
function splitTraining<T extends TrainOptions & TransferOption>(method: string, options: T) {
  const { onProgress, signal, transfer, checkpoint, resume, ...rest } = options;
  checkCheckpointOptions(new OptionReader({ checkpoint, resume }, method));
  const { everyMs } = checkpoint ?? {};
  return {
    transfer,
    plain: resume === undefined ? rest : { ...rest, resume: new Uint8Array(resume).slice() },
    checkpoint,
    watched: checkpoint ? { checkpoints: everyMs === undefined ? {} : { everyMs } } : {},
  };
}

/** The items of a call that has no other option than `transfer`. */
function onlyItems(method: string, items: Items, options: TransferOption): Items {
  checkOptionNames(options, method, ["transfer"]);
  return sentItems(items, options.transfer, method);
}

/** A response is read here, where it can be; bytes are copied without the rest of their buffer. */
async function wireWasm(wasm: WasmSource): Promise<WireWasm> {
  const kind = Object.prototype.toString.call(wasm).slice(8, -1);
  if (kind === "URL" || kind === "Response") requireReadable(wasm as URL, "wasm");
  checkArray(wasm, "wasm");
  if (kind === "URL") return { kind: "url", href: (wasm as URL).href };
  if (kind === "Response") return { kind: "given", source: await (await import("../runtime/load.ts")).compile(wasm) };
  const isBytes = ArrayBuffer.isView(wasm) || kind === "ArrayBuffer";
  return { kind: "given", source: isBytes ? viewBytes(wasm as Uint8Array, "wasm").slice() : (wasm as ArrayBuffer) };
}
