/** A training job of the core and its reports: events, records, warnings, and the history at the end. Internal. */

import { DivergedError, invalid } from "../base/errors.ts";
import { OptionReader, validateJobOptions } from "../base/option-reader.ts";
import { VERSION } from "../base/version.ts";
import { call, option, toText, type Wording, worded } from "../base/wording.ts";
import { counted, percent } from "../base/words.ts";
import type { CodeArray } from "../ids/semantic-ids.ts";
import type { FieldLayout } from "../items/fields.ts";
import { type ItemProfile, itemWarnings } from "../items/item-profile.ts";
import type { CheckpointInfo, ModelRecord, TrainingSummary } from "../model-file/model-file.ts";
import { freezeDeep, writeHistory } from "../model-file/stored-history.ts";
import { checkCheckpointOptions, nativeTrainConfig, partOf, resolveTrainConfig } from "../options/train-config.ts";
import { handles, withArena } from "../runtime/arena.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import { hashOf } from "../runtime/hash.ts";
import { type Drive, drive, type Stop } from "../runtime/jobs.ts";
import type { Handle, NativeModule, NativeTrainState } from "../runtime/native-module.ts";
import type {
  BestEpoch,
  EmbeddingSource,
  EpochRecord,
  IdStatistics,
  Items,
  JobOptions,
  ModelConfig,
  Recipe,
  TrainConfig,
  TrainEvaluation,
  TrainHistory,
  TrainOptions,
  TrainProgress,
  TrainWarning,
  ValidationResult,
  Verdict,
} from "../types.ts";
import { diagnose, summarizeWarnings } from "./health.ts";
import type { JobRows } from "./job-rows.ts";
import { recordOf, storedData } from "./provenance.ts";
import { judge } from "./verdict.ts";

export { Stop } from "../runtime/jobs.ts";
export { JobRows } from "./job-rows.ts";

/** The caller's hooks while a job runs. */
type Hooks = Pick<Drive, "pause" | "stop">;

/** Runs an initialisation to its end. `report` gets its progress, from 0 to 1. */
async function initialize(
  module: NativeModule,
  model: Handle,
  rows: JobRows,
  hooks: Hooks & { report: ((progress: number) => void) | undefined },
): Promise<void> {
  const job = module.createInitializeJob(model, rows.handle);
  const { report } = hooks;
  try {
    await drive({
      ...hooks,
      advance: () => module.advance(job),
      fill: () => rows.fill(),
      report: report && (() => report(module.initializeProgress(job))),
    });
  } finally {
    job.delete();
  }
}

/** A model's current or last training, as long as its weights are the model's. */
export interface RunningTraining {
  run: Training;
  /** What a checkpoint says of it now. */
  checkpoint(): CheckpointInfo;
  /** What the model's file is to remember, once it has come to its end. */
  record(history: TrainHistory): ModelRecord;
}

/** The trained model, as training sees it. */
export interface Trainee {
  readonly module: GuardedModule;
  readonly config: ModelConfig;
  handle(): Handle;
  initialized(): boolean;
  fingerprint(): string;
  /** Whether its weights come from a training. */
  trained(): boolean;
  /** Runs the only long call that may change the weights. */
  exclusively<T>(
    items: Items | EmbeddingSource,
    signal: AbortSignal | undefined,
    body: (rows: JobRows, stop: Stop) => Promise<T>,
  ): Promise<T>;
  weightsChanged(record?: ModelRecord): void;
  /** How its items were fused. @throws InvalidInputError if it has other fields */
  takeFields(fields: FieldLayout): Promise<void>;
  /** The old training's memory goes. */
  forget(): void;
  began(training: RunningTraining): void;
  ended(history: TrainHistory, record: ModelRecord): unknown;
  saveCheckpoint(): Uint8Array<ArrayBuffer>;
  /** Its encoder part as it is now. */
  saveEncoder(): Uint8Array<ArrayBuffer>;
}

/** Milliseconds between two checkpoints by default. */
const CHECKPOINT_MS = 10_000;

/** Those whose statistics are taken over all items. */
const LEARNED_SCALINGS: readonly ModelConfig["inputScaling"][] = ["center", "commonScale", "perDimension"];

/** See `RQVAE.kmeansInitCodebooks`. */
export async function kmeansInitModel(
  model: Trainee,
  items: Items | EmbeddingSource,
  options: JobOptions,
): Promise<void> {
  validateJobOptions(options, "kmeansInitCodebooks");
  const { signal, onProgress } = options;
  await model.exclusively(items, signal, async (rows, stop) => {
    const data = await rows.identify();
    // Else a sample is all that it looks at.
    const readsAll = !model.initialized() && LEARNED_SCALINGS.includes(model.config.inputScaling);
    if (readsAll) await rows.hashAll(undefined);
    await initialize(model.module, model.handle(), rows, {
      report: onProgress && ((progress) => onProgress({ phase: "initialize", progress })),
      stop,
    });
    const { module } = model;
    const stored = storedData(module, data, readsAll ? rows.hashes : undefined);
    model.weightsChanged(recordOf({ training: null, version: VERSION, data: stored }));
  });
  onProgress?.({ phase: "initialize", progress: 1 });
}

/** See `RQVAE.train`. */
export async function trainModel(
  model: Trainee,
  items: Items | EmbeddingSource,
  given: TrainOptions & Partial<Recipe>,
): Promise<TrainHistory> {
  const { module } = model;
  const options = partOf("train", given);
  checkCheckpointOptions(new OptionReader(options, "train"));
  const resumed = options.resume
    ? (await import("../model-file/checkpoint.ts")).readCheckpoint(options.resume, model.config, options, module)
    : undefined;
  const config = resumed?.train ?? resolveTrainConfig(options, model.config);
  const { signal, onProgress, checkpoint, snapshots, columnNames } = options;
  const kept: [bytes: Uint8Array<ArrayBuffer>, epoch: number][] = [];
  const { history, last } = await model.exclusively(items, signal, async (rows, stop) => {
    const data = await rows.identify();
    resumed?.requireFit(data, model.initialized());
    const difference = await rows.hashAll(resumed?.data.every);
    resumed?.requireSameRows(difference);
    // The same vectors may come without their fields.
    const fused = resumed?.metadata.fields;
    if (fused) await model.takeFields((await import("../items/fields.ts")).fromStored(fused));
    const profile = await rows.profile();
    const handle = model.handle();
    const from = resumed ? resumed.from : model.trained() ? model.fingerprint() : undefined;
    const origin = from === undefined ? {} : { from };
    if (options.published !== undefined && !resumed && !model.initialized()) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${call("train")}${option("published")} are IDs of a model that is trained further, but this one is new${{ hint: "give fit the model that made them as from, or load it and train that" }}`;
    }
    const holds = config.stability > 0;
    // Published IDs are checked even if nothing holds them.
    const isPublished = options.published !== undefined;
    const reads = isPublished || (!resumed && holds && model.initialized());
    const held = reads && (await heldCodes(model, items, options, rows.rows, from));
    const published = isPublished && held ? hashOf(module, new Uint8Array(held.buffer)) : resumed?.published;
    resumed?.requireSamePublished(published);
    const frees = isPublished && held && holds && !resumed && config.freedShare > 0;
    const free =
      frees &&
      (await (
        await import("./free-codes.ts")
      ).freeCodes(model, items, held as Uint32Array, config.freedShare, {
        stop,
        initialize: (kmeans, fitted) => initialize(module, kmeans, fitted, { report: undefined, stop }),
      }));
    // Free the old training's memory first, but not for a checkpoint whose state may turn out to be damaged.
    if (!resumed) model.forget();
    const run = new Training(module, handle, model.config, rows, config, { profile, columnNames });
    if (resumed) run.restore(resumed.state);
    const unfree = free ? free() : undefined;
    const start = unfree && model.fingerprint();
    if (!resumed && held && holds) run.hold(held);
    model.forget();
    const { hashes } = rows;
    const record = (history: TrainHistory) =>
      recordOf(
        { training: run.summary(history), version: VERSION, data: storedData(module, data, hashes), ...origin },
        writeHistory(history),
      );
    model.began({
      run,
      record,
      checkpoint: () =>
        run.checkpoint({ ...data, every: hashes.save() }, { ...origin, ...(published && { published }) }),
    });
    let due = performance.now();
    const running = run.run(rows, {
      report: onProgress && (() => onProgress(run.event())),
      epoch:
        snapshots &&
        ((epoch) => {
          kept.push([model.saveEncoder(), epoch]);
          if (kept.length > snapshots.epochs) kept.shift();
        }),
      stop,
      pause:
        checkpoint &&
        (async () => {
          if (performance.now() - due < (checkpoint.everyMs ?? CHECKPOINT_MS)) return;
          await checkpoint.write(model.saveCheckpoint());
          due = performance.now();
        }),
    });
    await running.catch((error) => {
      // The core went back to the start, which has freed codes.
      if (unfree && error instanceof DivergedError && model.fingerprint() === start) unfree();
      throw error;
    });
    const last = run.event(true);
    const history = run.history();
    model.ended(history, record(history));
    // With the start kept, its codebooks were fitted anew: the codes of the epochs mean something else.
    const valid = history.afterValidation === "startKept" ? [] : kept;
    for (const [bytes, epoch] of valid) await stop.race(snapshots!.write(bytes, epoch));
    return { history, last };
  });
  onProgress?.(last); // everything is done: an exception undoes nothing
  return history;
}

/**
 * The codes that the items hold at the start, rows x L.
 * @param from The fingerprint of the model that the training started from, if it was trained itself.
 */
async function heldCodes(
  { module, config, handle, fingerprint }: Trainee,
  items: Items | EmbeddingSource,
  options: TrainOptions,
  rows: number,
  from: string | undefined,
): Promise<CodeArray> {
  if (options.published !== undefined) {
    const { publishedCodes } = await import("./held-ids.ts");
    return publishedCodes(options, { config, fingerprint: from ?? fingerprint() }, rows);
  }
  const { encodeItems } = await import("./encode-async.ts");
  const { signal } = options;
  return encodeItems({ module, config, model: handle(), ends: [] }, items, signal ? { signal } : {});
}

/** The initialisation's share of the progress, if there is one. This is a guess, since its pace says nothing about the training's. */
const INITIALIZE_SHARE = 0.1;

export class Training {
  readonly config: TrainConfig;
  readonly items: number;
  readonly records: EpochRecord[] = [];
  readonly #profile: ItemProfile;
  readonly #itemWarnings: TrainWarning[];
  readonly #native: NativeModule;
  readonly #model: ModelConfig;
  readonly #started = performance.now();
  /** Whether an initialisation comes first. */
  readonly #initializes: boolean;
  #job: Handle | undefined;
  #told = 0;
  #trainingSince: { time: number; step: number } | undefined;

  /** @param about What is known about the items, and the names of their dimensions. */
  constructor(
    module: NativeModule,
    model: Handle,
    modelConfig: ModelConfig,
    rows: JobRows,
    config: TrainConfig,
    about: { profile: ItemProfile; columnNames: readonly string[] | undefined },
  ) {
    this.config = config;
    this.items = rows.rows;
    this.#profile = about.profile;
    this.#itemWarnings = itemWarnings(about.profile, rows.rows, modelConfig.inputScaling, about.columnNames);
    this.#native = module;
    this.#model = modelConfig;
    this.#job = module.createTrainJob(model, rows.handle, nativeTrainConfig(config));
    this.#initializes = module.trainState(this.#job).initializing;
    handles.register(this, this.#job, this);
  }

  get #handle(): Handle {
    return this.#job as Handle;
  }

  /** Trains to the end on the rows that it was made with. `epoch` is called at the end of each epoch but the last. */
  run(
    rows: JobRows,
    { epoch, ...hooks }: Hooks & Pick<Drive, "report"> & { epoch?: ((epoch: number) => void) | undefined },
  ): Promise<void> {
    let finished = 0;
    let ended: number | undefined;
    return drive({
      ...hooks,
      advance: () => {
        const state = this.#native.advance(this.#handle);
        if (!epoch) return state;
        // One slice later: it has begun the next epoch and changed no weights. After the last epoch there is none, but the selected weights.
        if (state && ended !== undefined) epoch(ended);
        const { finishedEpochs } = this.#native.trainState(this.#handle);
        ended = finishedEpochs > finished ? finishedEpochs - 1 : undefined;
        finished = finishedEpochs;
        return state;
      },
      fill: () => rows.fill(),
    });
  }

  /** The codes that the items hold, see held-ids.ts. */
  hold(codes: ArrayLike<number>): void {
    const levels = this.#model.nQuantizationLayers;
    withArena(this.#native, (arena) => {
      const address = arena.allocate(4 * codes.length);
      this.#native.HEAPU32.set(codes, address / 4);
      this.#native.holdIds(this.#handle, address, codes.length / levels, levels);
    });
  }

  /** Everything that `restore` needs, as of the last whole step. */
  saveState(): Uint8Array {
    return this.#native.saveTrainState(this.#handle);
  }

  /** @throws InvalidInputError for bytes that do not fit; the model is then as it was, and this training is over. */
  restore(state: Uint8Array): void {
    try {
      withArena(this.#native, (arena) => {
        const address = arena.allocate(state.length);
        this.#native.HEAPU8.set(state, address);
        this.#native.restoreTrainState(this.#handle, address, state.length);
      });
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.#gather();
    this.#told = this.records.length;
  }

  /** Frees the job's memory: optimiser state and the best epochs' weights. */
  dispose(): void {
    handles.unregister(this);
    this.#job?.delete();
    this.#job = undefined;
  }

  /** @param isDone Nothing is left to do, even if training ended early. */
  event(isDone = false): TrainProgress {
    const state = this.#gather();
    const { epochs } = this.config;
    const now = performance.now();
    const event: TrainProgress = {
      phase: state.initializing ? "initialize" : "train",
      progress: isDone ? 1 : this.#progress(state),
      epoch: Math.max(0, Math.min(isDone ? this.records.length - 1 : state.epoch, epochs - 1)),
      epochs,
      step: state.step,
      totalSteps: state.totalSteps,
      newEpochs: this.records.slice(this.#told),
      itemWarnings: this.#itemWarnings,
      elapsedMs: now - this.#started,
    };
    this.#told = this.records.length;
    const lastEpoch = this.records.at(-1);
    if (lastEpoch) event.lastEpoch = lastEpoch;
    const losses = this.#native.trainLosses(this.#handle);
    if (losses) event.losses = losses;
    const epochLosses = this.#native.trainEpochLosses(this.#handle);
    if (epochLosses) event.epochLosses = epochLosses;
    if (!state.initializing) {
      this.#trainingSince ??= { time: now, step: state.step };
      const ms = now - this.#trainingSince.time;
      const steps = state.step - this.#trainingSince.step;
      if (steps > 0 && ms > 0) {
        event.itemsPerSecond = (1000 * steps * state.totalRows) / state.totalSteps / ms;
        if (!isDone && state.refitProgress === 0) event.remainingMs = ((state.totalSteps - state.step) * ms) / steps;
      }
    }
    return event;
  }

  /** The progress of initialisation and training together, from 0 to 1. */
  #progress({ initializing, initializeProgress, step, totalSteps, refitProgress }: NativeTrainState): number {
    if (initializing) return INITIALIZE_SHARE * initializeProgress;
    const begin = this.#initializes ? INITIALIZE_SHARE : 0;
    const trained = begin + ((1 - begin) * step) / totalSteps;
    return trained + (1 - trained) * refitProgress; // no step comes after a refit
  }

  /** Collects the epochs that finished since the last call. */
  #gather() {
    const state = this.#native.trainState(this.#handle);
    while (this.records.length < state.finishedEpochs) {
      const earlier = this.records;
      const last = earlier.at(-1);
      const found = this.#native.trainRecord(this.#handle, earlier.length);
      const isHeldOut = earlier.length < state.heldOutEpochs;
      const validation = found.validation ?? (isHeldOut ? last?.validation : undefined);
      const record = {
        ...found,
        ids: found.ids ?? (last as EpochRecord).ids,
        ...(validation ? { validation } : {}),
      } as EpochRecord;
      record.warnings = diagnose(record, {
        config: this.#model,
        learningRate: this.config.learningRate,
        items: this.items,
        earlier,
        start: this.#start(),
        deadCodeRestart: this.config.deadCodeRestart,
        validationJoins: state.heldOutEpochs < this.config.epochs,
        profile: this.#profile,
      });
      this.records.push(record);
    }
    return state;
  }

  #start(): TrainEvaluation | undefined {
    return this.#native.trainStart(this.#handle);
  }

  /** Of a finished job; frozen, as `load` gives it. */
  history(): TrainHistory {
    const { step } = this.#gather();
    const outcome = this.#native.trainOutcome(this.#handle);
    const { selectedEpoch, stoppedEarly, joined, startKept, bestByLoss, bestByCollision } = outcome;
    const start = this.#start();
    const best = {
      ...(bestByLoss ? { loss: bestByLoss } : {}),
      ...(bestByCollision ? { collision: bestByCollision } : {}),
    };
    // If the start was kept, its codebooks now differ from those that were evaluated at first.
    const selected = startKept ? (bestByLoss as BestEpoch) : this.#evaluationOf(selectedEpoch, start, best);
    const afterValidation = joined ? "joined" : startKept ? "startKept" : undefined;
    return freezeDeep({
      epochs: [...this.records],
      ...(start ? { start } : {}),
      selectedEpoch,
      best,
      stoppedEarly,
      ids: selected.ids,
      ...(afterValidation ? { afterValidation } : {}),
      warnings: this.#warnings(selectedEpoch),
      ...this.#judged({ select: this.config.select, epoch: selectedEpoch, selected, stoppedEarly, afterValidation }),
      steps: step,
    });
  }

  /** What the history says about the selected epoch: why it was selected, and how good it was on items that it had not seen. */
  #judged(chosen: Chosen): Pick<TrainHistory, "selectedBecause" | "selectedWording" | "validation" | "verdict"> {
    const start = this.#start();
    const measured = this.#lastUnseen(chosen, start);
    const selectedWording =
      chosen.afterValidation === "startKept"
        ? becauseNothingHelped(this.records.length, measured!, this.#native.trainOutcome(this.#handle).refitted)
        : because(this.config, chosen, measured, start);
    return {
      selectedBecause: toText(selectedWording),
      selectedWording,
      ...(measured ? { validation: measured } : {}),
      ...verdictOf({ ids: chosen.selected.ids, validation: measured }, chosen.afterValidation, start),
    };
  }

  /** The validation figures of the selected weights. */
  #lastUnseen(
    { epoch, selected, afterValidation }: Chosen,
    start: TrainEvaluation | undefined,
  ): TrainHistory["validation"] {
    const heldOutEpochs = this.#native.trainState(this.#handle).heldOutEpochs;
    const measured =
      afterValidation === "joined"
        ? { epoch: heldOutEpochs - 1, of: this.records[heldOutEpochs - 1] }
        : { epoch, of: afterValidation === "startKept" ? start : selected };
    return measured.of?.validation && { ...measured.of.validation, epoch: measured.epoch };
  }

  /** The history after switching to the weights of another best epoch. */
  reselected(history: TrainHistory, by: "loss" | "collision", best: BestEpoch): TrainHistory {
    const { validation: _, verdict: __, ...rest } = history;
    const { stoppedEarly, afterValidation } = history;
    return freezeDeep({
      ...rest,
      selectedEpoch: best.epoch,
      ids: best.ids,
      warnings: this.#warnings(best.epoch),
      ...this.#judged({
        select: by,
        isReselected: true,
        epoch: best.epoch,
        selected: best,
        stoppedEarly,
        afterValidation,
      }),
    });
  }

  #warnings(selectedEpoch: number): TrainWarning[] {
    return [...this.#itemWarnings, ...summarizeWarnings(this.records, selectedEpoch, this.#model)];
  }

  /** Copies the weights of a best epoch into the model. */
  takeBest(model: Handle, by: "loss" | "collision"): void {
    withArena(this.#native, (arena) => {
      const address = arena.floats(this.#native.valuesSize(model));
      this.#native.readSnapshot(this.#handle, by === "collision", address);
      this.#native.writeValues(model, address);
    });
  }

  /** What a checkpoint says of the training beside its state. */
  checkpoint(data: CheckpointInfo["data"], origin: Pick<CheckpointInfo, "from" | "published">): CheckpointInfo {
    const { finishedEpochs: epoch, step, totalSteps } = this.#native.trainState(this.#handle);
    return { train: this.config, data, ...origin, progress: { epoch, step, totalSteps } };
  }

  /** What the model file tells of the training. */
  summary(history: TrainHistory): TrainingSummary {
    const record = this.records[history.selectedEpoch];
    return {
      items: this.items,
      epochs: this.records.length,
      steps: history.steps,
      selectedEpoch: history.selectedEpoch,
      reconstructionLoss: record?.reconstructionLoss ?? null,
      quantizeLoss: record?.quantizeLoss ?? null,
      validationLoss: history.validation?.reconstructionLoss ?? null,
      uniqueShare: history.ids.uniqueShare,
      options: this.config,
    };
  }

  #evaluationOf(epoch: number, start: TrainEvaluation | undefined, best: TrainHistory["best"]): TrainEvaluation {
    if (epoch < 0 && start) return start;
    return Object.values(best).find((candidate) => candidate.epoch === epoch) ?? (this.records[epoch] as EpochRecord);
  }
}

/** The epoch whose weights the model has, and how it was chosen. */
interface Chosen {
  select: TrainConfig["select"];
  /** By `RQVAE.select`, after the training. */
  isReselected?: boolean;
  epoch: number;
  selected: TrainEvaluation;
  stoppedEarly: boolean;
  afterValidation: TrainHistory["afterValidation"];
}

/** What training was worth, if there are validation items. */
function verdictOf(
  { ids, validation }: { ids: IdStatistics; validation: ValidationResult | undefined },
  afterValidation: TrainHistory["afterValidation"],
  start: TrainEvaluation | undefined,
): { verdict?: Verdict } {
  if (validation === undefined || start?.validation === undefined) return {};
  if (afterValidation === "startKept") return { verdict: "same" }; // the other IDs come from k-means, on more items
  const before = { explainedVariance: start.validation.explainedVariance, distinctShare: start.ids.uniqueShare };
  return {
    verdict: judge({ explainedVariance: validation.explainedVariance, distinctShare: ids.uniqueShare }, before),
  };
}

function because(
  config: TrainConfig,
  chosen: Chosen,
  validation: TrainHistory["validation"],
  start: TrainEvaluation | undefined,
): Wording {
  const { epoch, stoppedEarly, afterValidation } = chosen;
  const which = epoch < 0 ? "the start, before any training," : { epoch };
  const early = stoppedEarly
    ? config.patience > 0
      ? `; training stopped early, after ${counted(config.patience, "evaluation")} without a better one`
      : "; training stopped early, as later epochs were worse than the start"
    : "";
  const joined = afterValidation === "joined" ? untilTheyJoined(validation!, start!.validation!) : "";
  return worded`${which} ${why(chosen)}${early}${joined}`;
}

/** Until when the figures of validation items, which now train too, hold. */
function untilTheyJoined(
  { epoch, items, explainedVariance }: ValidationResult & { epoch: number },
  start: ValidationResult,
) {
  const change = ` (explained variance ${percent(start.explainedVariance)} -> ${percent(explainedVariance)})`;
  return worded`; up to ${{ epoch }} the ${counted(items, "validation item", "was", "were")} held out${{ api: change, cli: "" }}, then they joined the training`;
}

function becauseNothingHelped(epochs: number, { items }: ValidationResult, refitted: boolean): Wording {
  const what = `${counted(epochs, "epoch")} of training`;
  const on = `the ${counted(items, "validation item")}`;
  return refitted
    ? worded`the start, before any training, was restored with its codebooks fitted to all items: ${what} gained too little on ${on} to be worth leaving them out`
    : worded`the start, before any training, was restored: ${what} did not help on ${on}`;
}

function why({ select, isReselected, selected: { ids, validation }, afterValidation }: Chosen): Wording {
  const joined = afterValidation === "joined";
  const since = joined ? " since then" : "";
  if (select === "last" || (joined && select === "loss" && !isReselected)) return worded`is the last one`;
  if (select === "collision") return worded`has the most distinct IDs${since} (${ids.distinctIds} of ${ids.items})`;
  if (!validation) return worded`has the lowest training loss${since}`;
  const variance = ` (explained variance ${percent(validation.explainedVariance)})`; // the command line has a line of its own for it
  return worded`has the lowest reconstruction loss on the ${counted(validation.items, "validation item")}${{ api: variance, cli: "" }}`;
}
