/// <reference lib="esnext.disposable" preserve="true" />

import { worksBehindProxy } from "../base/behind-proxy.ts";
import { Disposal, type Ending } from "../base/ending.ts";
import { BusyError, DisposedError, invalid, NotInitializedError } from "../base/errors.ts";
import { failLong, type LongCall, longCall } from "../base/long-call.ts";
import { checkOptionNames, requireThat, validateJobOptions } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { SemanticIdsOutput } from "../ids/semantic-ids.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { FieldItems, FieldJoiner, FieldLayout, FusedItems } from "../items/fields.ts";
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
 * `create` loads what only training needs, so that `train` starts at once. Clients that load a model and encode do not load it, except for
 * the options, which `createOptimizer` checks synchronously and which come with every model that can be trained.
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
 * `RQVAE.fit` (choose, create and train in one go), `RQVAE.create` and `RQVAE.load` make one. `encode` and related methods are synchronous
 * and pure: an item's ID depends on its vector and the weights, never on its batch. The weights are on the WebAssembly heap: call `dispose`
 * when done (or write `using model = ...`).
 */
export class RQVAE {
  /** Every option with its value. */
  readonly config: ModelConfig;
  /** "encoder" for a model loaded from `save({ part: "encoder" })`, which has neither decoder nor losses. */
  readonly part: "full" | "encoder";

  /** Undefined once its memory is freed. */
  #model: NativeModel | undefined;
  #history: TrainHistory | undefined;
  /** What its files remember of how the weights came about. */
  #record: ModelRecord | undefined;
  /** The training that runs or was the last, as long as its weights are the model's. */
  #training: RunningTraining | undefined;
  #fingerprint: string | undefined;
  #fields: FieldJoiner | undefined;
  /** The long call that may change weights, if one is running. */
  #running: string | undefined;
  /** Number of running `encodeAsync` and `encodeStream` calls. */
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
   * Makes a new model with weights drawn from the seed. It can encode after `train` or `kmeansInitCodebooks`. Of a recipe (`suggestConfig`,
   * `presets`) it uses the model's part.
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
   * Chooses a configuration for the items (`suggestConfig`), creates a model and trains it. Give options of the model and of the training
   * to override the choice, or a recipe (`presets`, `suggestConfig`) to replace it. `history` of the result says how training went. Do not
   * change the items before it resolves: they are read when the WebAssembly is loaded.
   */
  static fit(items: Items | EmbeddingSource, options: FitOptions = {}): LongCall<TrainProgress, RQVAE> {
    return longCall("fit", options, async (watch) => {
      await loadTrainOptions();
      const { fitModel } = await import("./choose-config.ts");
      return fitModel(RQVAE, items, { ...options, ...watch });
    });
  }

  /**
   * Loads a model from its file: bytes, a URL, a path (Node), a Blob or a Response. A safetensors file without our metadata is read as a
   * PyTorch state_dict of Hopwise, Semantic-ID-Generation, RQ-VAE-Recommender or LC-Rec: the tensors' names tell which, their shapes give
   * the sizes. `config` gives what they do not say; it may be the `config.json` of PyTorchModelHubMixin, which is read automatically if it
   * is next to the file or, on a server or hub, next to its URL. For a folder, its `model.safetensors` is read.
   * @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format, and for a state_dict that cannot be
   * expressed here; the message lists missing and unexpected names.
   */
  static async load(source: ModelSource, options: { config?: Partial<ModelOptions> & HubConfig } = {}): Promise<RQVAE> {
    // Whoever creates models loads none, and is spared how they are read.
    const { fitsFile, makeModel, readModel, readRecord } = await import("./load-model.ts");
    const read = await readModel(source, options);
    const { module, file, config, part } = read;
    if (part === "full") await loadTrainOptions();
    const { record, history, fields } = await readRecord(read);
    const model = new RQVAE(module, config, part, makeModel(read));
    try {
      model.#fields = fields;
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

  /**
   * How several vectors of an item become one, if the model was fitted to what `fuse` gives: `encode` and the other methods then also take
   * the vectors by field, `{ title, image }`, also without some of them.
   */
  get fields(): FieldLayout | undefined {
    return this.#fields?.layout;
  }

  /** Whether the model can encode: it was trained, initialised or loaded, or it needs no data. */
  get initialized(): boolean {
    const { module, handle } = this.#open();
    return module.initialized(handle);
  }

  /**
   * 16 hexadecimal digits that identify everything an ID depends on: numerics version, input statistics, encoder, codebooks. A model and
   * its encoder part have the same fingerprint. IDs and files carry it; IDs with another fingerprint are refused.
   */
  get fingerprint(): string {
    const { module, handle } = this.#open();
    // Not cached while a long call changes the weights.
    if (this.#running !== undefined) return module.fingerprint(handle);
    this.#fingerprint ??= module.fingerprint(handle);
    return this.#fingerprint;
  }

  /**
   * Fits the input statistics and, with `linearSkip: "pca"`, the principal directions, then the codebooks by k-means, level by level on
   * what the previous levels left over. `train` does this first by itself. Uses a seeded sample of large catalogues. If the model is
   * already initialised, only the codebooks are fitted again, to its latents of the items. If aborted or failed, it leaves the model as it
   * was.
   */
  kmeansInitCodebooks(items: Items | EmbeddingSource, options: JobOptions = {}): LongCall<JobProgress, void> {
    return longCall("kmeansInitCodebooks", options, async (watch) => {
      const { kmeansInitModel } = trainingModule ?? (await loadTraining());
      return kmeansInitModel(this.#trainee("kmeansInitCodebooks"), items, { ...options, ...watch });
    });
  }

  /**
   * Trains on the items, after initialising the model if necessary. Yields to the event loop about every 12 ms, as far as blocks of 256
   * items allow. Aborting rejects with `signal.reason`: if still initialising, the model is as it was, else it keeps the last whole step,
   * and `saveCheckpoint` has what is needed to resume. The items are copied once at the start: do not change them before the first event.
   * Of a recipe it uses the training's part.
   * @throws BusyError if a long call is already running on this model; DivergedError if the loss is no longer finite; InvalidInputError for
   * a bad option, or for `resume` with other items, configuration or options than the checkpoint's.
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

  /** What a long call that changes the weights gets from this model. */
  #trainee(what: string): Trainee {
    const { module } = this.#open();
    const exclusively = (...call: Parameters<Trainee["exclusively"]>) => this.#exclusive(what, ...call);
    return {
      module,
      config: this.config,
      handle: () => this.#open().handle,
      initialized: () => this.initialized,
      fingerprint: () => this.fingerprint,
      trained: () => !!this.#record?.full.training,
      exclusively: exclusively as Trainee["exclusively"],
      weightsChanged: (record) => this.#weightsChanged(record),
      takeFields: (fields) => this.#takeFields(fields),
      forget: () => this.#forgetTraining(),
      began: (training) => {
        this.#training = training;
      },
      ended: (history, record) => this.#learned(history, record),
      saveCheckpoint: () => this.saveCheckpoint(),
      saveEncoder: () => this.save({ part: "encoder" }),
    };
  }

  #learned(history: TrainHistory, record: ModelRecord): TrainHistory {
    this.#fingerprint = undefined;
    this.#history = history;
    this.#record = record;
    return history;
  }

  /**
   * Everything that `train(items, { resume })` needs to resume where training is now, or where it ended or was aborted: a model file
   * (`RQVAE.load` reads it) that also holds the training's state.
   * @throws InvalidInputError if nothing was trained, or the weights have changed since.
   */
  saveCheckpoint(): Uint8Array<ArrayBuffer> {
    this.#open();
    if (this.#training === undefined) {
      throw invalid(
        "NO_TRAINING",
      )`${call("saveCheckpoint")}there is no training to resume${{ hint: "call it during or after train; save() gives the model" }}`;
    }
    const { run, checkpoint } = this.#training;
    return this.#write("full", { checkpoint: checkpoint() }, run.saveState());
  }

  /**
   * Gives the model the weights of the epoch that was best by "loss" or by "collision" in the last `train`, see `TrainOptions.select` and
   * `TrainHistory.best`. Returns the history with that epoch selected.
   * @throws InvalidInputError if there is no finished training, or the weights have changed since.
   */
  select(by: "loss" | "collision"): TrainHistory {
    const { handle } = this.#open();
    requireThat(by === "loss" || by === "collision", "by", '"loss" or "collision"', by, "select");
    this.#requireIdle("select");
    const best = this.#history?.best[by];
    if (this.#training === undefined || this.#history === undefined || best === undefined) {
      throw invalid(
        "NO_TRAINING",
      )`${call("select")}${this.#history ? "a model file has the weights of the selected epoch only" : "there is no finished training to choose an epoch of"}${{ hint: this.#history ? "call select before save" : "call train first" }}`;
    }
    const { run, record } = this.#training;
    run.takeBest(handle, by);
    const history = run.reselected(this.#history, by, best);
    return this.#learned(history, record(history));
  }

  /**
   * The semantic IDs of the items. With `margins: true` the result's `margins` (n x L) say how much nearer each chosen code is than the
   * runner-up, in squared distance; 0 is a tie.
   * @throws NotInitializedError if the model was not trained, initialised or loaded.
   */
  encode(items: Items | FieldItems, options?: { margins?: boolean }): SemanticIds {
    const model = this.#ready();
    if (options !== undefined) checkOptionNames(options, "encode", ["margins"]);
    const { codebookSize: codebookSizes, nQuantizationLayers: levels } = this.config;
    const source = this.#rows(items);
    const margins = options?.margins ? new Float32Array(source.rows * levels) : undefined;
    return SemanticIds.trusted(model.encode(source, margins), codebookSizes, this.fingerprint, margins);
  }

  /**
   * `encode` for large catalogues: it uses several threads where `train` does, yields to the event loop, reports progress and can be aborted.
   * The items are read while it runs: do not change them before it resolves.
   */
  encodeAsync(
    items: Items | FieldItems | EmbeddingSource,
    options: JobOptions = {},
  ): LongCall<JobProgress, SemanticIds> {
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
   * The IDs of batches of items, batch by batch, as they come: `for await (const ids of model.encodeStream(batches))`. The consumer sets
   * the pace: at most one more batch is requested. An `EmbeddingSource` is read in pieces of about 12 MB, or 4,096 rows of dimension 768.
   * Aborting, an error or leaving the loop ends the batches (`return` of their iterator). The model cannot be trained while it runs.
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

  #rows(items: Items | FieldItems) {
    return openItems((this.#fields ? this.#fields.join(items) : items) as Items, this.config.inputDim);
  }

  async #encodeLong(
    items: Items | FieldItems | EmbeddingSource,
    options: JobOptions,
    name?: string,
  ): Promise<SemanticIds> {
    const { fingerprint, config } = this;
    const { encodeItems } = await import("./encode-async.ts");
    const { module, handle } = this.#open();
    const encoder = { module, config, model: handle, ends: this.#ends };
    const codes = await encodeItems(encoder, (this.#fields?.join(items) ?? items) as Items, options, name);
    options.onProgress?.({ phase: "encode", progress: 1 });
    return SemanticIds.trusted(codes, config.codebookSize, fingerprint);
  }

  /** Starts a long call that needs the weights to stay unchanged. */
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

  /** IDs and how they came about: the codes' vectors, the residual before each level, and each item's quantisation loss. */
  getSemanticIds(items: Items | FieldItems): SemanticIdsOutput {
    const model = this.#ready();
    const { codes, ...rest } = model.quantize(this.#rows(items));
    return { semIds: SemanticIds.trusted(codes, this.config.codebookSize, this.fingerprint), ...rest };
  }

  /** n x latentDim: the encoder's output for the items, before quantisation. */
  latents(items: Items | FieldItems): Float32Array {
    return this.#ready().latents(this.#rows(items));
  }

  /**
   * n x inputDim: the vectors that the IDs decode to, in the items' own units.
   * @throws InvalidInputError for IDs of another model (fingerprint), another shape, or codes out of range.
   */
  decode(ids: SemanticIds | readonly (readonly number[])[]): Float32Array {
    const model = this.#ready();
    this.#requireFull("decode");
    return model.decode(this.#checkIds(ids));
  }

  /** n x inputDim: equals `decode(encode(items))` bit for bit. */
  reconstruct(items: Items | FieldItems): Float32Array {
    this.#requireFull("reconstruct");
    return this.decode(this.encode(items));
  }

  /**
   * The codebooks, one per level: K x latentDim, or K x inputDim with `space: "input"`, where each row is that code alone, decoded.
   */
  codebooks(options: { space?: "latent" | "input" } = {}): Float32Array[] {
    const model = this.#ready();
    checkOptionNames(options, "codebooks", ["space"]);
    const space = options.space ?? "latent";
    requireThat(space === "latent" || space === "input", "space", '"latent" or "input"', space, "codebooks");
    if (space === "input") this.#requireFull('codebooks({ space: "input" })');
    return model.codebooks(space === "input");
  }

  /** The losses of a batch in evaluation mode: without noise and without changing the model. */
  forward(items: Items | FieldItems): Losses {
    const model = this.#ready();
    this.#requireFull("forward");
    return model.losses(this.#rows(items));
  }

  /** An optimiser for `trainStep`. @throws InvalidInputError for a value out of range or an unknown option. */
  createOptimizer(options: OptimizerOptions = {}): Optimizer {
    this.#requireFull("createOptimizer");
    const config = trainOptionsModule!.nativeOptimizerConfig(options); // it was loaded with the model
    const { module, handle } = this.#open();
    return new Optimizer(module.createOptimizer(handle, config), this);
  }

  /**
   * One step of your own training loop: forward in training mode, backward, optimiser. Returns the losses before the step. The model must
   * be initialised (`kmeansInitCodebooks`) unless its configuration needs no data.
   */
  trainStep(items: Items | FieldItems, optimizer: Optimizer): Losses {
    const model = this.#ready();
    this.#requireFull("trainStep");
    const handle = Optimizer.handleOf(optimizer, this);
    this.#requireIdle("trainStep");
    const losses = model.losses(this.#rows(items), handle);
    this.#weightsChanged(); // a step that failed was not applied
    return losses;
  }

  /**
   * The model's file (safetensors): the same weights give the same bytes. `part: "encoder"` leaves out the decoder, for clients that only
   * encode. The file has no optimiser state.
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
        ...(this.#fields && { fields: this.#fields.stored }),
        fingerprint: this.fingerprint,
      },
      (bytes) => hashOf(module, bytes),
      state,
    );
  }

  /** Frees the model's memory. A running long call rejects with DisposedError. May be called twice. */
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
  /** Set once the model was seen initialised, which it then remains. */
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
        "the model has not been trained, initialised or loaded",
        { hint: "call train(items) or kmeansInitCodebooks(items) first" },
      ]);
    }
    return model;
  }

  #requireFull(what: string): void {
    if (this.part !== "full") {
      throw invalid(
        "NO_DECODER",
      )`${call(what)}this model was loaded from its encoder part, or from a program whose decoder this library does not support`;
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

  /** Runs a long call that may change the weights, with the items as the rows of its job. Only one may run. */
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
    const [before, joiner] = [this.fingerprint, this.#fields];
    this.#running = what;
    try {
      const training = trainingModule ?? (await loadTraining());
      const stop = new training.Stop(signal, ...this.#ends);
      rows = new training.JobRows(module, items, this.config.inputDim, stop);
      await this.#takeFields((items as Partial<FusedItems>).fields);
      return await body(rows, stop);
    } catch (error) {
      // Ended early: what is known of the weights holds if they are still the same. A training's state is kept.
      if (!this.#end.reason) {
        if (this.fingerprint !== before) this.#forget();
        else this.#fields = joiner;
      }
      throw error;
    } finally {
      rows?.release();
      this.#running = undefined;
      this.#freeIfDisposed();
    }
  }

  /** @throws InvalidInputError for fields other than those that it has */
  async #takeFields(fields: FieldLayout | undefined): Promise<void> {
    if (!fields) return;
    this.#fields = (await import("../items/fields.ts")).joinerFor(fields, this.#fields, this.config.inputDim);
  }

  #checkIds(ids: SemanticIds | readonly (readonly number[])[]): SemanticIds["codes"] {
    const { codebookSize: codebookSizes } = this.config;
    if (!(ids instanceof SemanticIds)) return SemanticIds.from(ids, { codebookSizes }).codes;
    if (ids.fingerprint !== undefined && ids.fingerprint !== this.fingerprint) {
      throw invalid(
        "OTHER_MODEL",
      )`${{ argument: "ids" }}: these IDs were made by model ${ids.fingerprint}, but this is model ${this.fingerprint}: codes of different models mean different things`;
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
