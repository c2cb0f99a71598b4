/** What long calls must stop for: an abort, or the end of what they use. Internal. */

type Listen = (type: "abort", listener: () => void) => void;

/** The part of an `AbortSignal` that is needed to listen to it. */
export interface Ending extends Pick<AbortSignal, "throwIfAborted" | "reason"> {
  addEventListener: Listen;
  removeEventListener: Listen;
}

/**
 * The end of a model, a worker or the WebAssembly. Not an `AbortController`: where requests are isolated (edge workers), one belongs to the
 * request that made it, while a model serves all requests. Not an `EventTarget`: Node reports more than ten listeners as a leak.
 */
export class Disposal implements Ending {
  /** The reason, after the end. */
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
