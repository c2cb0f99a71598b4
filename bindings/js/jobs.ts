/** Running a long computation in slices, so that the event loop gets its turn, progress is told and an abort is heard. */

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

/** What a slice says when it could not begin, for want of rows. As in bindings/embind.cpp, where 0 is the end and 1 a slice. */
export const MISSING = 2;

/** What drives a job. */
export interface Drive {
  /** Does one slice; false or 0 when there was nothing left to do, MISSING when it must be called again after `fill`. */
  advance(): boolean | number;
  /** Fetches what a slice missed. Calls `proceed` after each wait for something, and lets through what that throws. */
  fill?: (proceed: () => void) => Promise<void>;
  /** Awaited after each turn of work: a chance to wait for something. */
  pause?: (() => Promise<void>) | undefined;
  /** Called at most ten times a second while the job runs, between slices. */
  report?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Asked after each turn of the event loop: throws when the job must not go on. */
  check?: (() => void) | undefined;
}

/** Runs a job to its end. Rejects with `signal.reason` when aborted. */
export async function drive({ advance, fill, report, signal, check, pause }: Drive): Promise<void> {
  let reported = performance.now();
  const proceed = () => {
    signal?.throwIfAborted();
    check?.();
  };
  for (;;) {
    // Before any work too: what was started must be seen by the caller first, and a signal may be aborted already.
    await nextTurn();
    proceed();
    const start = performance.now();
    do {
      const state = advance();
      if (!state) return;
      if (state === MISSING) await fill?.(proceed);
    } while (performance.now() - start < SLICE_MS);
    await pause?.();
    if (report && performance.now() - reported >= PROGRESS_MS) {
      reported = performance.now();
      report();
    }
  }
}
