/** Running a long computation in slices, so that the event loop gets its turn, progress is told and an abort is heard. */

import type { Ending } from "../base/ending.ts";

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 12;
/** Milliseconds between two progress events. */
const PROGRESS_MS = 100;

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** Resolves in a later macrotask: a promise alone would not let timers, input or rendering through. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Not by the environment's name but by what it has; neither is clamped to 4 ms as setTimeout is.
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    if (typeof MessageChannel === "undefined") {
      setTimeout(resolve); // jest's jsdom has neither
      return;
    }
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
      (channel.port1 as { unref?: () => void }).unref?.(); // where a port would keep the process alive
    }
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}

/** What ends a long call before its time: the caller's signal, and the end of what it works with. */
export class Stop {
  readonly #signals: readonly Ending[];

  constructor(...signals: (Ending | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
  }

  /** @throws the reason of a signal that aborted */
  check(): void {
    for (const signal of this.#signals) signal.throwIfAborted();
  }

  /** What comes, unless a signal aborts before: what comes after that, a result or an error, is nobody's any more. */
  async race<T>(coming: T | PromiseLike<T>): Promise<T> {
    if (typeof (coming as PromiseLike<T> | undefined)?.then !== "function") return coming;
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = () => {
        try {
          this.check();
        } catch (reason) {
          reject(reason);
        }
      };
    });
    stop();
    for (const signal of this.#signals) signal.addEventListener("abort", stop);
    try {
      return await Promise.race([stopped, coming]);
    } finally {
      for (const signal of this.#signals) signal.removeEventListener("abort", stop);
    }
  }
}

/** What a slice says when it could not begin, for want of rows. As in bindings/embind.cpp, where 0 is the end and 1 a slice. */
export const MISSING = 2;

/** What drives a job. */
export interface Drive {
  /** Does one slice; false or 0 when there was nothing left to do, MISSING when it must be called again after `fill`. */
  advance(): boolean | number;
  /** Fetches what a slice missed. What it waits for must end with `stop`. */
  fill?: () => Promise<void>;
  /** Awaited after each turn of work, unless the call ends before: a chance to wait for something. */
  pause?: (() => Promise<void>) | undefined;
  /** Called at most ten times a second while the job runs, between slices. */
  report?: (() => void) | undefined;
  stop: Stop;
}

/** Runs a job to its end. Rejects with the reason of its stop. */
export async function drive({ advance, fill, report, stop, pause }: Drive): Promise<void> {
  let reported = performance.now();
  for (;;) {
    // Before any work too: what was started must be seen by the caller first, and a signal may be aborted already.
    await nextTurn();
    stop.check();
    const start = performance.now();
    do {
      const state = advance();
      if (!state) return;
      if (state === MISSING) await fill?.();
    } while (performance.now() - start < SLICE_MS);
    if (pause) await stop.race(pause());
    if (report && performance.now() - reported >= PROGRESS_MS) {
      reported = performance.now();
      report();
    }
  }
}

/** Of a call whose result nobody would have if it rejected: what a callback threw once all was done is told, and stops nothing. */
export function tellLateError(method: string, error: unknown): void {
  console.error(`rqvae: ${method} is done; onProgress threw too late to stop it:`, error);
}
