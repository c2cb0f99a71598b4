import { type EpochRecord, type ItemMatrix, RQVAE, type TrainHistory, type TrainProgress } from "rqvae";
import { countCodes } from "./count-codes.ts";
import { LiveFrames } from "./live-frames.ts";
import { forgetStoredRun, holdRunLock, type StoredRun, storeRun } from "./stored-run.ts";
import type { RunResult, SeenRecord, Settings, TrainEvent } from "./types.ts";
import type { Vectors } from "./vectors.ts";
import { meanSquaredDistance, measureLine, squaredError } from "./yardstick.ts";

/** Milliseconds between two counts, and between two checkpoints. */
const COUNT_MS = 400;
const CHECKPOINT_MS = 3000;

type Ended = "pause" | "stop" | "drop";

/** One training run. It can be paused, stopped and resumed, in this worker or after a reload. */
export class Run {
  readonly model: RQVAE;
  private readonly items: Vectors;
  private readonly settings: Settings;
  /** What is stored with each checkpoint. */
  private readonly about: Omit<StoredRun, "epoch" | "epochs" | "records" | "savedAt" | "checkpoint"> | undefined;
  /** Items whose codes are counted while the model trains. */
  private readonly sample: ItemMatrix;
  private controller = new AbortController();
  private last: TrainProgress | undefined;
  private records: EpochRecord[] = [];
  private paused: Uint8Array | undefined;
  private counted = Number.NEGATIVE_INFINITY;
  private measured = Number.NEGATIVE_INFINITY;
  /** Sum of the sample's squared distances from its mean. */
  private readonly variance: number;
  private release: (() => void) | undefined;
  private frames: LiveFrames | undefined;

  private constructor(model: RQVAE, items: Vectors, sample: ItemMatrix, settings: Settings, about: Run["about"]) {
    this.model = model;
    this.items = items;
    this.sample = sample;
    this.settings = settings;
    this.about = about;
    this.variance = meanSquaredDistance(sample) * sample.rows;
  }

  static async create(items: Vectors, settings: Settings, about: Run["about"]): Promise<Run> {
    const sample = await items.sample();
    return new Run(await RQVAE.create(settings.model), items, sample, settings, about);
  }

  /** A run that ended in an earlier visit. */
  static ended(model: RQVAE, items: Vectors, sample: ItemMatrix, settings: Settings): Run {
    return new Run(model, items, sample, settings, undefined);
  }

  /** The epochs so far, for the curves. */
  get epochs(): readonly EpochRecord[] {
    return this.records;
  }

  halt(why: Ended): void {
    this.controller.abort(why);
  }

  /** Its checkpoint is of no use any more: it has a result, or nobody wants one. */
  forget(): void {
    this.release?.();
    this.release = undefined;
    if (this.about) void forgetStoredRun(this.about.key).catch(() => {});
  }

  /** Trains to the end, or until `halt`; from the checkpoint of a pause or of `stored`, if there is one. */
  async train(emit: (event: TrainEvent) => void, stored?: StoredRun): Promise<RunResult> {
    this.controller = new AbortController();
    const resume = this.paused ?? (stored && new Uint8Array(await stored.checkpoint.arrayBuffer()));
    if (stored) this.records = stored.records;
    this.paused = undefined;
    const { signal } = this.controller;
    if (this.about) this.release ??= holdRunLock(this.about.key);
    this.frames ??= await LiveFrames.of(this.items);
    let history: TrainHistory | undefined;
    try {
      if (!resume || stored) {
        const line = await measureLine(this.items, this.settings.model, signal).catch(() => undefined); // the run itself says what is wrong
        if (line) emit({ kind: "line", line });
      }
      history = await this.model.train(this.items.reader(), {
        ...this.settings.train,
        signal,
        onProgress: (event) => {
          this.last = event;
          const newEpochs = this.measure(event.newEpochs);
          this.records.push(...newEpochs);
          emit({ kind: "progress", event: { ...event, newEpochs } });
          this.count(event, emit);
          this.picture(event, emit);
        },
        ...(this.about ? { checkpoint: { everyMs: CHECKPOINT_MS, write: (bytes) => this.store(bytes) } } : {}),
        ...(resume ? { resume } : {}),
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      if (signal.reason === "pause") {
        this.paused = this.model.saveCheckpoint();
        await this.store(this.paused);
        return { status: "paused" };
      }
      if (signal.reason === "drop" || !this.last || this.last.step === 0) return { status: "empty" };
    }
    emit({ kind: "finishing" });
    // The model of the best epoch, which need not be the last.
    if (this.model.initialized) {
      emit({ kind: "kept", kept: this.keptOfSample() });
      const epoch = history ? history.selectedEpoch + 1 : (this.last?.epoch ?? 0);
      emit({ kind: "map", frame: this.frames.take(this.model, epoch) });
    }
    return this.result(history);
  }

  /** The model as it is: after a whole run, or a part of one. */
  async result(history?: TrainHistory): Promise<RunResult> {
    if (!this.model.initialized) return { status: "empty" };
    if (history) {
      // The last epoch may have no event of its own.
      const seen = new Map(this.records.map((record) => [record.epoch, record]));
      this.records = history.epochs.map((record) => seen.get(record.epoch) ?? record);
    }
    const ids = await this.model.encodeAsync(this.items.reader());
    return {
      status: history ? "done" : "stopped",
      ids: { codes: ids.codes, codebookSizes: ids.codebookSizes, fingerprint: ids.fingerprint },
      statistics: history?.ids,
      config: this.model.config,
      warnings: history?.warnings ?? [...(this.last?.itemWarnings ?? []), ...(this.last?.lastEpoch?.warnings ?? [])],
      verdict: history?.verdict,
    };
  }

  /** Storing is a convenience: if the browser refuses it, training continues without it. */
  private async store(checkpoint: Uint8Array): Promise<void> {
    if (!this.about) return;
    const { epoch = 0, epochs = this.settings.train.epochs ?? 100 } = this.last ?? {};
    await storeRun({
      ...this.about,
      epoch,
      epochs,
      records: this.records,
      savedAt: Date.now(),
      checkpoint: new Blob([checkpoint as Uint8Array<ArrayBuffer>]),
    }).catch(() => {});
  }

  /** Adds how much of the sample's differences the IDs keep to the last of some epochs, unless that was measured a moment ago. */
  private measure(epochs: readonly EpochRecord[]): SeenRecord[] {
    const last = epochs.at(-1);
    if (!last || performance.now() - this.measured < COUNT_MS) return [...epochs];
    const kept = this.keptOfSample();
    this.measured = performance.now();
    return [...epochs.slice(0, -1), { ...last, kept }];
  }

  /** 1 - squared error / squared distance from the mean, by the model as it is. */
  private keptOfSample(): number {
    const error = squaredError(this.model.reconstruct(this.sample), this.sample.data);
    return this.variance > 0 ? 1 - error / this.variance : 1;
  }

  private count(event: TrainProgress, emit: (event: TrainEvent) => void): void {
    if (event.phase !== "train" || performance.now() - this.counted < COUNT_MS) return;
    emit({ kind: "counts", counts: countCodes(this.model.encode(this.sample)) });
    this.counted = performance.now();
  }

  /** Shows where the items are, at the start and whenever an epoch has ended, as often as it takes no time worth speaking of. */
  private picture(event: TrainProgress, emit: (event: TrainEvent) => void): void {
    if (event.phase !== "train" || !this.frames) return;
    const isNew = event.newEpochs.length > 0 || event.step === 0;
    if (isNew && this.frames.isDue(event.elapsedMs))
      emit({ kind: "map", frame: this.frames.take(this.model, event.epoch) });
  }
}
