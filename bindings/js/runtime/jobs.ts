/** Runs a long computation in slices, so that the event loop gets its turn, progress is reported and aborts work. */

import type { Ending } from "../base/ending.ts";

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 12;
/** Milliseconds between two progress events. */
const PROGRESS_MS = 100;

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** Resolves in a later macrotask, since a promise alone would not let timers, input or rendering run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Chosen by what the environment has, not by its name; unlike setTimeout, neither is clamped to 4 ms.
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    if (typeof MessageChannel === "undefined") {
      setTimeout(resolve); // Jest's jsdom has neither
      return;
    }
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
      (channel.port1 as { unref?: () => void }).unref?.(); // because a port would keep the process alive
    }
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}

/** What ends a long call early: the caller's signal, and the end of what it uses. */
export class Stop {
  readonly #signals: readonly Ending[];

  constructor(...signals: (Ending | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
  }

  /** @throws the reason of an aborted signal */
  check(): void {
    for (const signal of this.#signals) signal.throwIfAborted();
  }

  /** The promise's result, unless a signal aborts first; a later result or error is then ignored. */
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

/** Returned by a slice that lacked rows. As in bindings/embind.cpp, where 0 is the end and 1 a slice. */
export const MISSING = 2;

/** How to run a job. */
export interface Drive {
  /** Runs one slice; false or 0 if nothing was left to do, MISSING if it must be called again after `fill`. */
  advance(): boolean | number;
  /** Fetches what a slice lacked. Its waits must end with `stop`. */
  fill?: () => Promise<void>;
  /** Awaited after each turn of work, unless the call ends first. */
  pause?: (() => Promise<void>) | undefined;
  /** Called at most ten times per second while the job runs, between slices. */
  report?: (() => void) | undefined;
  stop: Stop;
}

/** Runs a job to its end. Rejects with the reason if it is stopped. */
export async function drive({ advance, fill, report, stop, pause }: Drive): Promise<void> {
  let reported = performance.now();
  for (;;) {
    // Also before any work: the caller must first see that it has started, and a signal may already be aborted.
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

/** For a call whose result would be lost if it rejected: logs what a callback threw after everything was done. */
export function tellLateError(method: string, error: unknown): void {
  console.error(`rqvae: ${method} is done; onProgress threw after its end:`, error);
}
