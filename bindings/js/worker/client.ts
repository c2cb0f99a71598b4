/// <reference lib="esnext.disposable" preserve="true" />

import { startWorker } from "#worker-host";
import { checkArray, viewBytes } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid, WorkerError } from "../base/errors.ts";
import { failLong, type LongCall, longCall, type Watch } from "../base/long-call.ts";
import { checkOptionNames, checkSignal, OptionReader, requireThat } from "../base/option-reader.ts";
import { reasonOf } from "../base/reason.ts";
import { requireReadable } from "../base/web-objects.ts";
import { call, option } from "../base/wording.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { FieldLayout } from "../items/fields.ts";
import { inWhole } from "../items/items.ts";
import { encodeBatches } from "../model/encode-stream.ts";
import { readFrom, readSource } from "../model-file/source.ts";
import { checkCheckpointOptions } from "../options/train-config.ts";
import type { AssessOptions } from "../report/assess.ts";
import type { IdReport } from "../report/id-report.ts";
import type { WasmSource } from "../runtime/platform.ts";
import type {
  CreateOptions,
  EmbeddingSource,
  FitOptions,
  HubConfig,
  ItemBatches,
  ItemLabels,
  Items,
  JobProgress,
  ModelConfig,
  ModelOptions,
  ModelSource,
  ResidualKMeansOptions,
  Spectrum,
  SpectrumOptions,
  StreamOptions,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import { type Contract, METHODS, type RemoteMethods } from "./contract.ts";
import type { WorkerPort } from "./host.types.ts";
import { type Hooks, Line } from "./line.ts";
import { WorkerOptimizer } from "./optimizer.ts";
import { idsFromWire, idsToWire, type WireIds, wireOf } from "./protocol.ts";
import { sentItems, sentSource, type TransferOption } from "./sent-items.ts";
import type { ModelState } from "./serve.ts";

/** What a worker is started with, as in `initialize`; with neither, it behaves like `initialize()`. */
export interface WorkerStart {
  /** Where the WebAssembly comes from, if it is not next to the package's files. A module is compiled once for many workers. */
  wasm?: WasmSource;
  /** How many threads this worker may use besides itself. Default: "auto". */
  threads?: number | "auto";
}

const LONG = failLong("assessIds", ...Object.entries(METHODS).flatMap(([name, row]) => ("long" in row ? [name] : [])));

/** The methods that follow from the contract, which are put on the prototype below. */
const Contracted = Object as unknown as new () => RemoteMethods;

/**
 * `RQVAE` in a worker: the same methods, all of them asynchronous. Each instance has its own worker, which owns the model; only `dispose`
 * ends it and frees its memory. Calls run in the order in which they are made; while `train` runs, other calls are answered between its
 * steps.
 *
 * The caller's arrays are copied and only detached with `transfer`; the caller may keep the results. `checkpoint.write` is called on this
 * side, with bytes that the caller may keep, while the worker waits. In Node, an idle worker does not keep the process alive.
 */
export class RQVAEWorker extends Contracted {
  readonly #line: Line;
  #state!: ModelState;
  #history: TrainHistory | undefined;
  #fields: FieldLayout | undefined;

  private constructor() {
    super();
    worksBehindProxy(this, RQVAEWorker, undefined, LONG);
    this.#line = new Line(startPort(), (state) => {
      this.#state = state as ModelState;
      const { history, fields } = this.#state;
      if (history !== undefined) this.#history = history ?? undefined;
      if (fields !== undefined) this.#fields = fields ?? undefined;
    });
  }

  static {
    for (const [name, row] of Object.entries<Contract>(METHODS)) {
      const value = row.long
        ? function (this: RQVAEWorker, items: Items, options?: TrainOptions) {
            return this.#long(name, items, options);
          }
        : async function (this: RQVAEWorker, ...args: unknown[]) {
            return this.#short(name, row, args);
          };
      Object.defineProperty(RQVAEWorker.prototype, name, { value, writable: true, configurable: true });
    }
  }

  /** Starts a worker and creates a model in it. */
  static create(options: CreateOptions, start: WorkerStart = {}): Promise<RQVAEWorker> {
    return RQVAEWorker.#start(start, "create", [options]);
  }

  /** Starts a worker and trains a model in it, with `suggestConfig`'s values for what `options` leaves out. */
  static fit(
    items: Items | EmbeddingSource,
    options: FitOptions & TransferOption = {},
    start: WorkerStart = {},
  ): LongCall<TrainProgress, RQVAEWorker> {
    return longCall("fit", options, async (watch) => {
      const from = options.from === undefined ? {} : { from: await bytesOf(options.from) };
      const { args, checkpoints, hooks } = sentLong("fit", items, { ...options, ...from }, watch);
      return RQVAEWorker.#start(start, "fit", args, { ...hooks, keepsResult: true }, checkpoints);
    });
  }

  /** Starts a worker and makes a model by residual k-means in it, as `residualKMeans` does. */
  static residualKMeans(
    items: Items | EmbeddingSource,
    options: ResidualKMeansOptions & TransferOption = {},
    start: WorkerStart = {},
  ): LongCall<JobProgress, RQVAEWorker> {
    return longCall("residualKMeans", options, async (watch) => {
      const { args, hooks } = sentLong("residualKMeans", items, options, watch);
      return RQVAEWorker.#start(start, "residualKMeans", args, { ...hooks, keepsResult: true });
    });
  }

  /** `measureSpectrum` in its own worker, which ends with it. */
  static measureSpectrum(
    items: Items | EmbeddingSource,
    options: SpectrumOptions & TransferOption = {},
    start: WorkerStart = {},
  ): LongCall<JobProgress, Spectrum> {
    return longCall("measureSpectrum", options, async (watch) => {
      const { args, hooks } = sentLong("measureSpectrum", items, options, watch);
      const { worker, result } = await RQVAEWorker.#begin(start, "measureSpectrum", args, hooks);
      await worker.dispose();
      return result as Spectrum;
    });
  }

  /** Starts a worker and loads a model in it, from bytes, a URL, a path (Node), a Blob or a Response. */
  static async load(
    source: ModelSource,
    options: { config?: Partial<ModelOptions> & HubConfig } = {},
    start: WorkerStart = {},
  ): Promise<RQVAEWorker> {
    // Read on this side, where a relative URL means what the caller means. Copied, since the source may be the caller's array.
    const { bytes, config } = await readSource(source);
    const told = config ? { ...options, config: { ...config, ...options.config } } : options;
    const given = new Uint8Array(bytes);
    return RQVAEWorker.#start(start, "load", [given, told], { given });
  }

  static async #start(
    start: WorkerStart,
    method: "create" | "fit" | "residualKMeans" | "load",
    args: unknown[],
    hooks: Hooks = {},
    checkpoints?: { everyMs?: number },
  ): Promise<RQVAEWorker> {
    return (await RQVAEWorker.#begin(start, method, args, hooks, checkpoints)).worker;
  }

  /** Starts a worker with a call, and returns the result. */
  static async #begin(
    start: WorkerStart,
    method: "create" | "fit" | "residualKMeans" | "load" | "measureSpectrum",
    args: unknown[],
    hooks: Hooks,
    checkpoints?: { everyMs?: number },
  ): Promise<{ worker: RQVAEWorker; result: unknown }> {
    checkOptionNames(start, `RQVAEWorker.${method}: the worker's options`, ["wasm", "threads"]);
    const { threads } = start;
    const wasm = start.wasm === undefined ? undefined : await wireWasm(start.wasm);
    hooks.signal?.throwIfAborted();
    const worker = new RQVAEWorker();
    const line = worker.#line;
    try {
      const calls: Promise<unknown>[] = [];
      if (wasm !== undefined || threads !== undefined) {
        const told = { ...(wasm === undefined ? {} : { wasm }), ...(threads === undefined ? {} : { threads }) };
        calls.push(line.call({ method: "initialize", args: [told] }));
      }
      calls.push(line.call({ method, args, ...(checkpoints && { checkpoints }) }, hooks));
      return { worker, result: (await Promise.all(calls)).at(-1) };
    } catch (error) {
      void worker.dispose();
      throw error;
    }
  }

  get config(): ModelConfig {
    return this.#state.config;
  }

  /** Fingerprint of the weights at the last reply: 16 hexadecimal digits. */
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

  /** How the last `train` or `fit` went, with the epoch chosen by `select`; undefined after any later change of the weights. */
  get history(): TrainHistory | undefined {
    return this.#history;
  }

  /** As `fields` of `RQVAE`, at the last reply: a copy of the worker's. */
  get fields(): FieldLayout | undefined {
    return this.#fields;
  }

  /** Like `RQVAE.encodeStream`; training started between two batches changes the IDs of the later ones. */
  async *encodeStream(
    batches: ItemBatches | EmbeddingSource,
    options: StreamOptions = {},
  ): AsyncGenerator<SemanticIds, void, undefined> {
    yield* encodeBatches(batches, this.config.inputDim, options, [this.#line.gone], async (items, name) => {
      const { signal } = options;
      try {
        return await this.encodeAsync(items, signal ? { signal } : {});
      } catch (error) {
        // The other side names the batch like any items.
        throw inWhole(error, (row) => row, name);
      }
    });
  }

  /**
   * `assessIds` in the worker, next to its model: none of it runs on this side, however large the catalogue. A source stays here and is
   * read as the worker requests.
   */
  async assessIds(ids: SemanticIds, options: Omit<AssessOptions, "model"> & TransferOption = {}): Promise<IdReport> {
    checkOptionNames(options, "assessIds", ["items", "labels", "baseline", "columnNames", "signal", "transfer"]);
    const [{ readLabelOption, requireIds }, { reportFromWire }] = await Promise.all([
      import("../report/check.ts"),
      import("./sent-report.ts"),
    ]);
    requireIds(ids, "assessIds");
    const { items, signal: _, transfer, ...rest } = options;
    const signal = checkSignal(new OptionReader(options, "assessIds"));
    const labels: Partial<ItemLabels> | undefined = readLabelOption(rest.labels, ids.length, "assessIds");
    const { sent, source } = items === undefined ? {} : sentSource(items, transfer, "assessIds");
    const args = [copyOf(ids), { ...rest, ...(items === undefined ? {} : { items: sent }) }];
    const report = await this.#line.call({ method: "assessIds", args }, { signal, source, given: sent });
    return reportFromWire(report as Parameters<typeof reportFromWire>[0], ids, labels);
  }

  /**
   * Ends the worker and its model. Pending and later calls reject at once with `WorkerError`. Resolves when the worker is gone.
   */
  async dispose(): Promise<void> {
    return this.#line.dispose();
  }

  /** The same as `dispose`. */
  [Symbol.dispose](): void {
    void this.dispose();
  }

  /** The same as `dispose`. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** Calls a long method of the contract. */
  #long(method: string, items: Items | EmbeddingSource, options: TrainOptions & TransferOption = {}) {
    return longCall(method, options, async (watch) => {
      const { args, checkpoints, hooks } = sentLong(method, items, options, watch);
      return this.#received(await this.#line.call({ method, args, ...(checkpoints && { checkpoints }) }, hooks));
    });
  }

  /** Calls another method of the contract. */
  async #short(method: string, row: Contract, args: unknown[]): Promise<unknown> {
    const sent = args.map((arg) => {
      if (arg instanceof SemanticIds) return copyOf(arg);
      if (arg instanceof WorkerOptimizer) return { wire: "optimizer", id: this.#requireOwn(arg) };
      return arg;
    });
    if (!row.items) return this.#received(await this.#line.call({ method, args: sent }));
    if (method === "trainStep" && !(args[1] instanceof WorkerOptimizer)) this.#requireOwn(args[1]);
    const { transferAt = 1 } = row;
    const options = args[transferAt];
    const { transfer, ...own } = (options ?? {}) as TransferOption;
    if (row.transferAt) checkOptionNames((options === undefined ? {} : options) as object, method, ["transfer"]);
    const given = sentItems(args[0] as Items, transfer, method);
    const rest = row.transferAt ? [] : [options && own];
    return this.#received(
      await this.#line.call({ method, args: [given, ...sent.slice(1, transferAt), ...rest] }, { given }),
    );
  }

  /** The number of one of this worker's optimizers. */
  #requireOwn(optimizer: unknown): number {
    const id = WorkerOptimizer.numberOf(optimizer, this.#line);
    if (id !== undefined) return id;
    throw invalid("OTHER_MODEL")`${{ argument: "optimizer" }} must come from this worker's own createOptimizer`;
  }

  /** What the caller gets for an answer. */
  #received(result: unknown): unknown {
    const wire = wireOf(result);
    if (wire?.wire === "ids") return idsFromWire(wire);
    if (wire?.wire === "optimizer") {
      const { id } = wire;
      return new WorkerOptimizer(this.#line, id, () => this.#line.call({ method: "disposeOptimizer", args: [id] }));
    }
    const { semIds } = (result ?? {}) as { semIds?: WireIds };
    return semIds ? { ...(result as object), semIds: idsFromWire(semIds) } : result;
  }
}

/** @throws WorkerError if there are no workers here, or none may be started. */
function startPort(): WorkerPort {
  try {
    return startWorker();
  } catch (cause) {
    throw new WorkerError(
      `The worker could not start: ${reasonOf(cause)}. This environment may not allow workers (jsdom, happy-dom, a sandboxed frame, Node with --permission but without --allow-worker), or a bundler omitted its script. Use RQVAE itself, which needs no worker`,
      { code: "WORKER_NOT_STARTED", cause },
    );
  }
}

/** IDs as an argument: the caller's stay unchanged. */
function copyOf(ids: SemanticIds): WireIds {
  const wire = idsToWire(ids);
  return { ...wire, codes: wire.codes.slice(), margins: undefined };
}

/** A long call as sent to the worker. Functions and signals stay here; of `checkpoint` only the interval is sent. */
function sentLong(
  method: string,
  items: Items | EmbeddingSource,
  options: Pick<TrainOptions, "checkpoint" | "resume" | "signal"> & { onProgress?: unknown } & TransferOption,
  watch: Watch<never>,
) {
  const { onProgress, signal, transfer, checkpoint, resume, ...others } = options;
  const { published, snapshots } = others as TrainOptions;
  if (snapshots !== undefined) {
    throw invalid(
      "NOT_SENDABLE",
    )`${call(method)}${option("snapshots")} cannot be sent to a worker${{ hint: "train with RQVAE itself for snapshots, in a worker of your own if need be" }}`;
  }
  const ids = published?.ids instanceof SemanticIds ? { published: { ...published, ids: copyOf(published.ids) } } : {};
  const rest = { ...others, ...ids };
  if (checkpoint !== undefined || resume !== undefined)
    checkCheckpointOptions(new OptionReader({ checkpoint, resume }, method));
  const { sent, source } = sentSource(items, transfer, method);
  const copy = resume && new Uint8Array(resume).slice();
  const { everyMs } = checkpoint ?? {};
  const hooks: Hooks = { ...watch, checkpoint, source, given: [sent, copy] };
  return {
    args: [sent, copy ? { ...rest, resume: copy } : rest],
    checkpoints: checkpoint && (everyMs === undefined ? {} : { everyMs }),
    hooks,
  };
}

/** The model to train further, read or saved on this side, like the source of `load`. */
async function bytesOf(from: NonNullable<FitOptions["from"]>): Promise<Uint8Array> {
  const { bytes } = await readFrom(from);
  return new Uint8Array(bytes).slice();
}

/** A response is read here, where it can be; a URL keeps its meaning here; bytes are copied without the rest of their buffer. */
async function wireWasm(wasm: WasmSource): Promise<unknown> {
  const kind = Object.prototype.toString.call(wasm).slice(8, -1);
  if (kind === "URL" || kind === "Response") requireReadable(wasm as URL, "wasm");
  checkArray(wasm, "wasm");
  if (kind === "URL") {
    const { href } = wasm as URL;
    requireThat(typeof href === "string" && URL.canParse(href), "wasm", "a URL with an address", wasm);
    return { href };
  }
  if (kind === "Response") return (await import("../runtime/load.ts")).compile(wasm);
  const isBytes = ArrayBuffer.isView(wasm) || kind === "ArrayBuffer";
  return isBytes ? viewBytes(wasm as Uint8Array, "wasm").slice() : wasm;
}
