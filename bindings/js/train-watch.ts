import type { Handle, NativeModule } from "./native-module.ts";
import type { EpochRecord, TrainProgress } from "./types.ts";

/** Gathers what a training job tells into events. */
export class TrainWatch {
  readonly records: EpochRecord[] = [];
  readonly #native: NativeModule;
  readonly #job: Handle;
  readonly #epochs: number;
  readonly #items: number;
  readonly #started = performance.now();
  #told = 0;
  #trainingSince: { time: number; step: number } | undefined;

  constructor(module: NativeModule, job: Handle, epochs: number, items: number) {
    this.#native = module;
    this.#job = job;
    this.#epochs = epochs;
    this.#items = items;
  }

  event(): TrainProgress {
    const state = this.#native.trainState(this.#job);
    while (this.records.length < state.finishedEpochs) {
      this.records.push(this.#native.trainRecord(this.#job, this.records.length));
    }
    const now = performance.now();
    const event: TrainProgress = {
      phase: state.initializing ? "initialize" : "train",
      progress: state.step / state.totalSteps,
      initializeProgress: state.initializeProgress,
      epoch: Math.min(state.epoch, this.#epochs - 1),
      epochs: this.#epochs,
      step: state.step,
      totalSteps: state.totalSteps,
      newEpochs: this.records.slice(this.#told),
      elapsedSeconds: (now - this.#started) / 1000,
    };
    this.#told = this.records.length;
    const lastEpoch = this.records.at(-1);
    if (lastEpoch) event.lastEpoch = lastEpoch;
    if (state.step > 0) event.losses = this.#native.trainLosses(this.#job);
    if (!state.initializing) {
      this.#trainingSince ??= { time: now, step: state.step };
      const seconds = (now - this.#trainingSince.time) / 1000;
      const steps = state.step - this.#trainingSince.step;
      if (steps > 0 && seconds > 0) {
        event.itemsPerSecond = (steps * this.#items * this.#epochs) / state.totalSteps / seconds;
        event.remainingSeconds = ((state.totalSteps - state.step) * seconds) / steps;
      }
    }
    return event;
  }
}
