/** What long calls must stop for: an abort, or the end of what they work with. Internal. */

type Listen = (type: "abort", listener: () => void) => void;

/** As much of an `AbortSignal` as is needed to hear of it. */
export interface Ending extends Pick<AbortSignal, "throwIfAborted" | "reason"> {
  addEventListener: Listen;
  removeEventListener: Listen;
}

/**
 * The end of a model, a worker or the WebAssembly. No `AbortController`: where requests are kept apart (edge workers), that belongs to the
 * one that made it, and a model serves them all. No `EventTarget`: Node takes more than ten listeners of one for a leak.
 */
export class Disposal implements Ending {
  /** Once it has come. */
  reason: Error | undefined;
  readonly #listeners = new Set<() => void>();

  end(reason: Error): void {
    if (this.reason) return;
    this.reason = reason;
    for (const listener of this.#listeners) listener();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.reason) throw this.reason;
  }
}
