import { type EpochRecord, type ItemMatrix, RQVAE, type TrainHistory, type TrainProgress } from "rqvae";
import { LiveFrames } from "./live-frames.ts";
import { holdRunLock, type StoredRun, storeRun } from "./stored-run.ts";
import type { CodeCounts, RunResult, Settings, TrainEvent } from "./types.ts";
import type { Vectors } from "./vectors.ts";

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
  private frames: LiveFrames | undefined;

  private constructor(model: RQVAE, items: Vectors, sample: ItemMatrix, settings: Settings, about: Run["about"]) {
    this.model = model;
    this.items = items;
    this.sample = sample;
    this.settings = settings;
    this.about = about;
  }

  static async create(items: Vectors, settings: Settings, about: Run["about"]): Promise<Run> {
    const sample = await items.sample();
    return new Run(await RQVAE.create(settings.model), items, sample, settings, about);
  }

  halt(why: Ended): void {
    this.controller.abort(why);
  }

  /** Trains to the end, or until `halt`; from the checkpoint of a pause or of `stored`, if there is one. */
  async train(emit: (event: TrainEvent) => void, stored?: StoredRun): Promise<RunResult> {
    this.controller = new AbortController();
    const resume = this.paused ?? (stored && new Uint8Array(await stored.checkpoint.arrayBuffer()));
    if (stored) this.records = stored.records;
    this.paused = undefined;
    const { signal } = this.controller;
    const release = holdRunLock();
    this.frames ??= await LiveFrames.of(this.items);
    let history: TrainHistory | undefined;
    try {
      history = await this.model.train(this.items.reader(), {
        ...this.settings.train,
        signal,
        onProgress: (event) => {
          this.last = event;
          this.records.push(...event.newEpochs);
          emit({ kind: "progress", event });
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
    } finally {
      release();
    }
    emit({ kind: "finishing" });
    // The model of the best epoch, which need not be the last.
    if (this.model.initialized) {
      const epoch = history ? history.selectedEpoch + 1 : (this.last?.epoch ?? 0);
      emit({ kind: "map", frame: this.frames.take(this.model, epoch) });
    }
    return this.result(history);
  }

  /** The model as it is: after a whole run, or a part of one. */
  async result(history?: TrainHistory): Promise<RunResult> {
    if (!this.model.initialized) return { status: "empty" };
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

  private count(event: TrainProgress, emit: (event: TrainEvent) => void): void {
    if (event.phase !== "train" || performance.now() - this.counted < COUNT_MS) return;
    emit({ kind: "counts", counts: this.countCodes() });
    this.counted = performance.now();
  }

  /** Shows where the items are, at the start and whenever an epoch has ended, as often as it takes no time worth speaking of. */
  private picture(event: TrainProgress, emit: (event: TrainEvent) => void): void {
    if (event.phase !== "train" || !this.frames) return;
    const isNew = event.newEpochs.length > 0 || event.step === 0;
    if (isNew && this.frames.isDue(event.elapsedMs))
      emit({ kind: "map", frame: this.frames.take(this.model, event.epoch) });
  }

  private countCodes(): CodeCounts {
    const { codes, levels, codebookSizes, length } = this.model.encode(this.sample);
    const perLevel = codebookSizes.map((size) => new Uint32Array(size));
    for (let i = 0; i < codes.length; i++) perLevel[i % levels]![codes[i]!]!++;
    return { items: length, perLevel };
  }
}
