/** A long call: a promise of its result that reports its progress to whoever iterates over it. */

import { failLate } from "./behind-proxy.ts";
import { validateJobOptions } from "./option-reader.ts";
import type { EventReader } from "./read-events.ts";

/**
 * What a long call returns. `await` gives the result; `for await (const event of call)` gives the events that `onProgress` gets from then
 * on, and throws what the call rejects with. Leaving the loop early (`break`, `return`, an exception) aborts the call, as a signal would,
 * and waits until that is done: the model is usable after the loop, and the promise rejects with an `AbortError`.
 */
export interface LongCall<Event, Result> extends Promise<Result>, AsyncIterable<Event> {}

/** The hooks that a caller may add to a long call. */
interface Hooks<Event> {
  onProgress?: ((event: Event) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What the call itself gets for them. */
export interface Watch<Event> {
  onProgress: (event: Event) => void;
  signal: AbortSignal;
}

/** For `worksBehindProxy`: methods with these names return long calls, which reject. */
export const failLong =
  (...names: PropertyKey[]): typeof failLate =>
  (error, key, kind) =>
    names.includes(key) ? longCall(String(key), {}, () => Promise.reject(error)) : failLate(error, key, kind);

/** Checks the hooks among the options and starts `run` at once; anything thrown becomes a rejection. */
export function longCall<Event, Result>(
  method: string,
  options: Hooks<Event>,
  run: (watch: Watch<Event>) => Promise<Result>,
): LongCall<Event, Result> {
  let onProgress: Hooks<Event>["onProgress"];
  let signal: Hooks<Event>["signal"];
  const controller = new AbortController();
  const readers = new Set<EventReader<Event>>();

  async function start(): Promise<Result> {
    ({ onProgress, signal } = options ?? {}); // in here, so that what the caller's getters throw becomes a rejection too
    validateJobOptions(options && { onProgress, signal }, method);
    const follow = () => controller.abort(signal?.reason);
    if (signal?.aborted) follow();
    signal?.addEventListener("abort", follow);
    try {
      controller.signal.throwIfAborted();
      return await run({ onProgress: tell, signal: controller.signal });
    } finally {
      signal?.removeEventListener("abort", follow);
    }
  }

  function tell(event: Event): void {
    onProgress?.(event);
    for (const reader of readers) {
      reader.waiting.push(event);
      reader.wake();
    }
  }

  async function* read(reader: EventReader<Event>): AsyncGenerator<Event, void, undefined> {
    const { readEvents } = await import("./read-events.ts"); // few callers loop over a call
    yield* readEvents(reader, promise, controller);
  }

  const promise = start();
  return Object.assign(promise, {
    [Symbol.asyncIterator]() {
      const reader = { waiting: [], wake() {} };
      readers.add(reader);
      promise.catch(() => {}); // the loop throws it
      return read(reader);
    },
  });
}
