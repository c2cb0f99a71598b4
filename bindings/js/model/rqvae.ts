/// <reference lib="esnext.disposable" preserve="true" />

import { worksBehindProxy } from "../base/behind-proxy.ts";
import { Disposal, type Ending } from "../base/ending.ts";
import { BusyError, DisposedError, invalid, NotInitializedError } from "../base/errors.ts";
import { failLong, type LongCall, longCall } from "../base/long-call.ts";
import { checkOptionNames, requireThat, validateJobOptions } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { SemanticIdsOutput } from "../ids/semantic-ids.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { openItems } from "../items/items.ts";
import { type ModelMetadata, type ModelRecord, writeModelFile } from "../model-file/model-file.ts";
import { handles } from "../runtime/arena.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import { hashOf } from "../runtime/hash.ts";
import type { Stop } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type { Handle } from "../runtime/native-module.ts";
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
  StreamOptions,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import type { JobRows } from "./job-rows.ts";
import { NativeModel } from "./native-model.ts";
import { Optimizer } from "./optimizer.ts";
import type { RunningTraining, Trainee } from "./training.ts";

const LONG = failLong("kmeansInitCodebooks", "train", "encodeAsync");

/**
 * What only training needs comes with `create`, so that `train` begins at once; a client that loads a model and encodes is spared it,
 * but for the options, which `createOptimizer` checks at once and which come with every model that can be trained.
 */
let trainingModule: typeof import("./training.ts") | undefined;
async function loadTraining(): Promise<typeof import("./training.ts")> {
  trainingModule ??= await import("./training.ts");
  return trainingModule;
}
let trainOptionsModule: typeof import("../options/train-config.ts") | undefined;
export async function loadTrainOptions(): Promise<typeof import("../options/train-config.ts")> {
  trainOptionsModule ??= await import("../options/train-config.ts");
  trainOptionsModule.useHints();
  return trainOptionsModule;
}

/**
 * A residual-quantised autoencoder that gives every item of a catalogue a semantic ID.
 *
 * Made by `RQVAE.fit` (choose, create and train in one go), `RQVAE.create` or `RQVAE.load`. `encode` and its relatives are
 * synchronous and pure: an item's ID is a function of its vector and the weights, never of its batch. The weights live on the
 * WebAssembly heap: call `dispose` when done (or write `using model = ...`).
 */
export class RQVAE {
  /** Every option with its value. */
  readonly config: ModelConfig;
  /** "encoder" for a model loaded from `save({ part: "encoder" })`: it encodes, and has neither decoder nor losses. */
  readonly part: "full" | "encoder";

  /** Undefined once its memory was given back. */
  #model: NativeModel | undefined;
  #history: TrainHistory | undefined;
  /** What its files remember of how the weights came about. */
  #record: ModelRecord | undefined;
  /** The training that runs or was the last, as long as its weights are the model's. */
  #training: RunningTraining | undefined;
  #fingerprint: string | undefined;
  /** The long call that may change weights, if one runs. */
  #running: string | undefined;
  /** Number of `encodeAsync` and `encodeStream` calls under way. */
  #readers = 0;

  private constructor(module: GuardedModule, config: ModelConfig, part: "full" | "encoder", model: Handle) {
    this.config = freezeConfig(config);
    this.part = part;
    this.#model = new NativeModel(module, model, this.config);
    this.#ends = [this.#end, module.ended];
    worksBehindProxy(this, RQVAE, module.ended, LONG);
    handles.register(this, model, this);
  }

  /**
   * A new model, its weights drawn from the seed. It can encode after `train` or `kmeansInitCodebooks`. Of a recipe (`suggestConfig`,
   * `presets`) it takes the model's part.
   * @throws InvalidInputError for a missing `inputDim`, a value out of range or an unknown option.
   */
  static async create(options: CreateOptions): Promise<RQVAE> {
    const { checkCombinations, nativeModelConfig, partOf, resolveModelConfig } = await loadTrainOptions();
    const config = resolveModelConfig(partOf("model", options));
    checkCombinations(config, "RQVAE.create");
    const [module] = await Promise.all([native(), loadTraining()]);
    return new RQVAE(module, config, "full", module.createModel(nativeModelConfig(config)));
  }

  /**
   * Chooses a configuration for the items (`suggestConfig`), creates a model and trains it. Options of the model and of the
   * training may be given to override what is chosen, and a recipe (`presets`, `suggestConfig`) to be taken instead of it; `history` of
   * the result tells how it went. Do not change the items before it resolves: they are read when the WebAssembly is loaded.
   */
  static fit(items: Items | EmbeddingSource, options: FitOptions = {}): LongCall<TrainProgress, RQVAE> {
    return longCall("fit", options, async (watch) => {
      await loadTrainOptions();
      const { fitModel } = await import("./choose-config.ts");
      return fitModel(RQVAE.create, items, { ...options, ...watch });
    });
  }

  /**
   * A model from its file: bytes, a URL, a path (Node), a Blob or a Response. A safetensors file without our metadata is taken as
   * a PyTorch state_dict of Hopwise, Semantic-ID-Generation, RQ-VAE-Recommender or LC-Rec: which of them is known by the names, sizes
   * by the shapes. `config` overrides what they do not say; it may be the `config.json` of PyTorchModelHubMixin, which is read by itself
   * where it stands beside the file or, on a server or hub, beside its URL. A folder is the `model.safetensors` in it.
   * @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format, and for a state_dict that cannot be
   * expressed here; missing and unexpected names are listed.
   */
  static async load(source: ModelSource, options: { config?: Partial<ModelOptions> & HubConfig } = {}): Promise<RQVAE> {
    // Whoever creates models loads none, and is spared how they are read.
    const { fitsFile, makeModel, readModel, readRecord } = await import("./load-model.ts");
    const read = await readModel(source, options);
    const { module, file, config, part } = read;
    if (part === "full") await loadTrainOptions();
    const { record, history } = await readRecord(read);
    const model = new RQVAE(module, config, part, makeModel(read));
    try {
      model.#record = record;
      model.#history = history;
      fitsFile(model.fingerprint, file, options);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }

  /**
   * How the training went that gave the model its weights: the last `train`, or what the loaded file remembers of it (frozen; see
   * `TrainHistory.epochsLeftOut`). Undefined without one, once the weights have changed since, and for an encoder part.
   */
  get history(): TrainHistory | undefined {
    return this.#history;
  }

  /** Whether the model can encode: it was trained, initialised or loaded, or needs no data. */
  get initialized(): boolean {
    const { module, handle } = this.#open();
    return module.initialized(handle);
  }

  /**
   * 16 hexadecimal digits over everything that an ID depends on: numerics version, input statistics, encoder, codebooks. A model
   * and its encoder part have the same. Travels in IDs and files; IDs of another fingerprint are refused.
   */
  get fingerprint(): string {
    const { module, handle } = this.#open();
    // Not kept while a long call moves the weights.
    if (this.#running !== undefined) return module.fingerprint(handle);
    this.#fingerprint ??= module.fingerprint(handle);
    return this.#fingerprint;
  }

  /**
   * Fits the input statistics and, with `linearSkip: "pca"`, the principal directions, then the codebooks by k-means, level by
   * level on what the levels before left over. `train` does this first by itself. Uses a seeded sample of large catalogues. On a
   * model that is initialised already only the codebooks are fitted anew, to what its encoder makes of the items.
   * Aborted or failed, it leaves the model as it was.
   */
  kmeansInitCodebooks(items: Items | EmbeddingSource, options: JobOptions = {}): LongCall<JobProgress, void> {
    return longCall("kmeansInitCodebooks", options, async (watch) => {
      const { kmeansInitModel } = trainingModule ?? (await loadTraining());
      return kmeansInitModel(this.#trainee("kmeansInitCodebooks"), items, { ...options, ...watch });
    });
  }

  /**
   * Trains on the items, initialising first unless that was done. Gives the event loop a turn about every 12 ms where a block of 256
   * items allows. Aborting rejects with `signal.reason`: the model is as it was if still initialising, else it keeps the last whole
   * step, and `saveCheckpoint` has what is needed to go on. The items are copied once, as it begins:
   * do not change them before its first event. Of a recipe it takes the training's part.
   * @throws BusyError when a long call runs on this model already; DivergedError when the loss is no longer finite;
   * InvalidInputError for a bad option, or `resume` with other items, configuration or options than the checkpoint's.
   */
  train(
    items: Items | EmbeddingSource,
    options: TrainOptions & Partial<Recipe> = {},
  ): LongCall<TrainProgress, TrainHistory> {
    return longCall("train", options, async (watch) => {
      const { trainModel } = trainingModule ?? (await loadTraining());
      return trainModel(this.#trainee("train"), items, { ...options, ...watch });
    });
  }

  /** What a long call that changes the weights is given of this model. */
  #trainee(what: string): Trainee {
    const { module } = this.#open();
    const exclusively = (...call: Parameters<Trainee["exclusively"]>) => this.#exclusive(what, ...call);
    return {
      module,
      config: this.config,
      handle: () => this.#open().handle,
      initialized: () => this.initialized,
      exclusively: exclusively as Trainee["exclusively"],
      weightsChanged: (record) => this.#weightsChanged(record),
      forget: () => this.#forgetTraining(),
      began: (training) => {
        this.#training = training;
      },
      ended: (history, record) => this.#learned(history, record),
      saveCheckpoint: () => this.saveCheckpoint(),
    };
  }

  #learned(history: TrainHistory, record: ModelRecord): TrainHistory {
    this.#fingerprint = undefined;
    this.#history = history;
    this.#record = record;
    return history;
  }

  /**
   * Everything that `train(items, { resume })` needs to go on where training is now, or where it ended or was aborted: a model file
   * (`RQVAE.load` reads it) with the training's state beside the weights.
   * @throws InvalidInputError when nothing was trained, or the weights have changed since.
   */
  saveCheckpoint(): Uint8Array<ArrayBuffer> {
    this.#open();
    if (this.#training === undefined) {
      throw invalid(
        "NO_TRAINING",
      )`${call("saveCheckpoint")}there is no training to go on with${{ hint: "call it during train, or after it ended; save() gives the model" }}`;
    }
    const { run, checkpoint } = this.#training;
    return this.#write("full", { checkpoint: checkpoint() }, run.saveState());
  }

  /**
   * Gives the model the weights of the epoch that was best by "loss" or by "collision" in the last `train`, see
   * `TrainOptions.select` and `TrainHistory.best`. Returns the history with that epoch selected.
   * @throws InvalidInputError when there is no finished training, or the weights have changed since.
   */
  select(by: "loss" | "collision"): TrainHistory {
    const { handle } = this.#open();
    requireThat(by === "loss" || by === "collision", "by", '"loss" or "collision"', by, "select");
    this.#requireIdle("select");
    const best = this.#history?.best[by];
    if (this.#training === undefined || this.#history === undefined || best === undefined) {
      throw invalid(
        "NO_TRAINING",
      )`${call("select")}${this.#history ? "a model file has the weights of the selected epoch only" : "there is no finished training to choose an epoch of"}${{ hint: "call it after train, before save" }}`;
    }
    const { run, record } = this.#training;
    run.takeBest(handle, by);
    const history = run.reselected(this.#history, by, best);
    return this.#learned(history, record(history));
  }

  /**
   * The semantic IDs of the items. With `margins: true` the result's `margins` (n x L) tell how much nearer each chosen code is than
   * the runner-up, in squared distance: 0 is a tie.
   * @throws NotInitializedError when the model was neither trained, initialised nor loaded.
   */
  encode(items: Items, options?: { margins?: boolean }): SemanticIds {
    const model = this.#ready();
    if (options !== undefined) checkOptionNames(options, "encode", ["margins"]);
    const { codebookSize: codebookSizes, nQuantizationLayers: levels, inputDim } = this.config;
    const source = openItems(items, inputDim);
    const margins = options?.margins ? new Float32Array(source.rows * levels) : undefined;
    return SemanticIds.trusted(model.encode(source, margins), codebookSizes, this.fingerprint, margins);
  }

  /**
   * `encode` for large catalogues: gives the event loop its turn, tells progress, can be aborted. The items are read while it runs:
   * do not change them before it resolves.
   */
  encodeAsync(items: Items | EmbeddingSource, options: JobOptions = {}): LongCall<JobProgress, SemanticIds> {
    return longCall("encodeAsync", options, async (watch) => {
      validateJobOptions(options, "encodeAsync");
      this.#beginReading("encodeAsync");
      try {
        return await this.#encodeLong(items, watch);
      } finally {
        this.#endReading();
      }
    });
  }

  /**
   * The IDs of batches of items, batch by batch, as they come: `for await (const ids of model.encodeStream(batches))`. Whoever takes the
   * results sets the pace: at most one batch more is asked for. An `EmbeddingSource` is read in pieces of about 12 MB, 4,096 rows of
   * dimension 768. Aborting, an error or leaving the loop ends the batches (`return` of their iterator). The model cannot be trained
   * while it runs.
   */
  async *encodeStream(
    batches: ItemBatches | EmbeddingSource,
    options: StreamOptions = {},
  ): AsyncGenerator<SemanticIds, void, undefined> {
    this.#beginReading("encodeStream");
    try {
      const { encodeBatches } = await import("./encode-stream.ts");
      yield* encodeBatches(batches, this.config.inputDim, options, this.#ends, (items, name) => {
        const { signal } = options;
        return this.#encodeLong(items, signal ? { signal } : {}, name);
      });
    } finally {
      this.#endReading();
    }
  }

  async #encodeLong(items: Items | EmbeddingSource, options: JobOptions, name?: string): Promise<SemanticIds> {
    const { fingerprint, config } = this;
    const { encodeItems } = await import("./encode-async.ts");
    const { module, handle } = this.#open();
    const encoder = { module, config, model: handle, ends: this.#ends };
    const codes = await encodeItems(encoder, items, options, name);
    options.onProgress?.({ phase: "encode", progress: 1 });
    return SemanticIds.trusted(codes, config.codebookSize, fingerprint);
  }

  /** Begins a long call that needs the weights to stay as they are. */
  #beginReading(what: string): void {
    this.#open();
    this.#requireIdle(what, 0);
    this.#ready();
    this.#readers++;
  }
  #endReading(): void {
    this.#readers--;
    this.#freeIfDisposed();
  }

  /** IDs with what led to them: the codes' vectors, the residual before each level, and each item's quantisation loss. */
  getSemanticIds(items: Items): SemanticIdsOutput {
    const model = this.#ready();
    const { codes, ...rest } = model.quantize(openItems(items, this.config.inputDim));
    return { semIds: SemanticIds.trusted(codes, this.config.codebookSize, this.fingerprint), ...rest };
  }

  /** n x latentDim: what the encoder makes of the items, before quantisation. */
  latents(items: Items): Float32Array {
    return this.#ready().latents(openItems(items, this.config.inputDim));
  }

  /**
   * n x inputDim: the vectors that the IDs stand for, in the items' own units.
   * @throws InvalidInputError for IDs of another model (fingerprint), another shape, or codes out of range.
   */
  decode(ids: SemanticIds | readonly (readonly number[])[]): Float32Array {
    const model = this.#ready();
    this.#requireFull("decode");
    return model.decode(this.#checkIds(ids));
  }

  /** n x inputDim: equals `decode(encode(items))` bit for bit. */
  reconstruct(items: Items): Float32Array {
    this.#requireFull("reconstruct");
    return this.decode(this.encode(items));
  }

  /**
   * The codebooks, one a level: K x latentDim, or K x inputDim with `space: "input"`, where each row is what the decoder makes of
   * that code alone.
   */
  codebooks(options: { space?: "latent" | "input" } = {}): Float32Array[] {
    const model = this.#ready();
    checkOptionNames(options, "codebooks", ["space"]);
    const space = options.space ?? "latent";
    requireThat(space === "latent" || space === "input", "space", '"latent" or "input"', space, "codebooks");
    if (space === "input") this.#requireFull('codebooks({ space: "input" })');
    return model.codebooks(space === "input");
  }

  /** The losses of a batch, in evaluation: no noise, and the model is not changed. */
  forward(items: Items): Losses {
    const model = this.#ready();
    this.#requireFull("forward");
    return model.losses(openItems(items, this.config.inputDim));
  }

  /** An optimiser for `trainStep`. @throws InvalidInputError for a value out of range or an unknown option. */
  createOptimizer(options: OptimizerOptions = {}): Optimizer {
    this.#requireFull("createOptimizer");
    const config = trainOptionsModule!.nativeOptimizerConfig(options); // it came with the model
    const { module, handle } = this.#open();
    return new Optimizer(module.createOptimizer(handle, config), this);
  }

  /**
   * One step of a training loop of one's own: forward in training mode, backward, optimiser. Returns the losses before the step.
   * The model must be initialised (`kmeansInitCodebooks`) unless its configuration needs no data.
   */
  trainStep(items: Items, optimizer: Optimizer): Losses {
    const model = this.#ready();
    this.#requireFull("trainStep");
    const handle = Optimizer.handleOf(optimizer, this);
    this.#requireIdle("trainStep");
    const losses = model.losses(openItems(items, this.config.inputDim), handle);
    this.#weightsChanged(); // a step that failed was not applied
    return losses;
  }

  /**
   * The model's file (safetensors): the same weights give the same bytes. `part: "encoder"` leaves the decoder out, for clients that
   * only encode. Holds no optimiser state.
   */
  save(options: { part?: "full" | "encoder" } = {}): Uint8Array<ArrayBuffer> {
    checkOptionNames(options, "save", ["part"]);
    const part = options.part ?? this.part;
    requireThat(part === "full" || part === "encoder", "part", '"full" or "encoder"', part, "save");
    if (part === "full") this.#requireFull('save({ part: "full" })');
    return this.#write(part);
  }

  #write(
    part: "full" | "encoder",
    extra: Pick<ModelMetadata, "checkpoint"> = {},
    state?: Uint8Array,
  ): Uint8Array<ArrayBuffer> {
    const model = this.#open();
    const { module, handle } = model;
    // While they move, nothing is known of the weights.
    const record = this.#running === undefined ? this.#record : undefined;
    return writeModelFile(
      model.tensors(part),
      {
        numerics: module.buildInfo().numerics,
        part,
        config: this.config,
        initialized: module.initialized(handle),
        training: null,
        ...record?.[part],
        ...extra,
        fingerprint: this.fingerprint,
      },
      (bytes) => hashOf(module, bytes),
      part === "full" ? record?.history : undefined,
      state,
    );
  }

  /** Gives the model's memory back. A long call that runs rejects with DisposedError. May be called twice. */
  dispose(): void {
    this.#end.end(new DisposedError("the model was disposed"));
    this.#freeIfDisposed();
  }

  /** The same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  readonly #end = new Disposal();
  /** What long calls stop for: its own end, and that of the WebAssembly. */
  readonly #ends: readonly Ending[];
  /** Set once the model was seen initialised: nothing takes that back. */
  #known = false;
  /** Frees the handle unless a job still holds it; the job's end frees it then. */
  #freeIfDisposed(): void {
    if (!this.#end.reason || this.#model === undefined || this.#running !== undefined || this.#readers > 0) return;
    this.#forgetTraining();
    handles.unregister(this);
    this.#model.handle.delete();
    this.#model = undefined;
  }

  /** What was known of the old weights is forgotten. */
  #weightsChanged(record?: ModelRecord): void {
    this.#forget();
    this.#record = record;
    this.#forgetTraining();
  }

  #forget(): void {
    this.#fingerprint = this.#history = this.#record = undefined;
  }

  #forgetTraining(): void {
    this.#training?.run.dispose();
    this.#training = undefined;
  }

  #open(): NativeModel {
    if (this.#end.reason) throw new DisposedError(this.#end.reason.message);
    return this.#model as NativeModel;
  }

  #ready(): NativeModel {
    const model = this.#open();
    if (this.#known) return model;
    this.#known = model.module.initialized(model.handle);
    if (!this.#known) {
      throw new NotInitializedError([
        "the model has neither been trained, initialised nor loaded",
        { hint: "call train(items) or kmeansInitCodebooks(items) first" },
      ]);
    }
    return model;
  }

  #requireFull(what: string): void {
    if (this.part !== "full") {
      throw invalid(
        "NO_DECODER",
      )`${call(what)}this model was loaded from its encoder part, or from a program whose decoder has no place here`;
    }
  }

  #requireIdle(what: string, readers = this.#readers): void {
    if (this.#running === undefined && readers === 0) return;
    throw new BusyError([
      { call: what },
      `${this.#running ?? "encodeAsync"} is running on this model`,
      { hint: "wait for it or abort it first", after: "; " },
    ]);
  }

  /** Runs the one long call that may change the weights, with the items as the rows of its job. */
  async #exclusive<T>(
    what: string,
    items: Items | EmbeddingSource,
    signal: AbortSignal | undefined,
    body: (rows: JobRows, stop: Stop) => Promise<T>,
  ): Promise<T> {
    const { module } = this.#open();
    this.#requireFull(what);
    this.#requireIdle(what);
    let rows: JobRows | undefined;
    const before = this.fingerprint;
    this.#running = what;
    try {
      const training = trainingModule ?? (await loadTraining());
      const stop = new training.Stop(signal, ...this.#ends);
      rows = new training.JobRows(module, items, this.config.inputDim, stop);
      return await body(rows, stop);
    } catch (error) {
      // Ended early: what is known of the weights holds if they are still the same. A training's state is kept.
      if (!this.#end.reason && this.fingerprint !== before) this.#forget();
      throw error;
    } finally {
      rows?.handle.delete();
      this.#running = undefined;
      this.#freeIfDisposed();
    }
  }

  #checkIds(ids: SemanticIds | readonly (readonly number[])[]): SemanticIds["codes"] {
    const { codebookSize: codebookSizes } = this.config;
    if (!(ids instanceof SemanticIds)) return SemanticIds.from(ids, { codebookSizes }).codes;
    if (ids.fingerprint !== undefined && ids.fingerprint !== this.fingerprint) {
      throw invalid(
        "OTHER_MODEL",
      )`${{ argument: "ids" }}: these IDs were made by model ${ids.fingerprint}, this is model ${this.fingerprint}: codes of different models mean different things`;
    }
    if (ids.levels !== codebookSizes.length || ids.codebookSizes.some((size, level) => size !== codebookSizes[level])) {
      throw invalid(
        "OTHER_CODEBOOKS",
      )`${{ argument: "ids" }}: codebook sizes are [${ids.codebookSizes.join(", ")}], the model's are [${codebookSizes.join(", ")}]`;
    }
    return SemanticIds.from(ids, { codebookSizes }).codes;
  }
}

function freezeConfig(config: ModelConfig): ModelConfig {
  for (const value of Object.values(config)) Object.freeze(value);
  return Object.freeze(config);
}
