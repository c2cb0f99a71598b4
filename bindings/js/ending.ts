/** What long calls must stop for: an abort, or the end of what they work with. Internal. */

/** As much of an `AbortSignal` as is needed to hear of it. */
export type Ending = Pick<AbortSignal, "throwIfAborted"> & EventTarget;

/**
 * The end of a model or worker. No `AbortController`: where requests are kept apart (edge workers), that belongs to the one that made it,
 * and a model serves them all.
 */
export class Disposal extends EventTarget implements Ending {
  /** Once it has come. */
  reason: Error | undefined;

  end(reason: Error): void {
    if (this.reason) return;
    this.reason = reason;
    this.dispatchEvent(new Event("abort"));
  }

  throwIfAborted(): void {
    if (this.reason) throw this.reason;
  }
}
