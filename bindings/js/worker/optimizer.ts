import { worksBehindProxy } from "../base/behind-proxy.ts";

/** An optimizer in a worker; the handle holds its number only. Made by `RQVAEWorker.createOptimizer`. */
export class WorkerOptimizer {
  /** @internal The line to its worker. */
  readonly line: object;
  /** @internal */
  readonly id: number;
  readonly #dispose: () => Promise<unknown>;

  /** @internal */
  constructor(line: object, id: number, dispose: () => Promise<unknown>) {
    worksBehindProxy(this, WorkerOptimizer);
    this.line = line;
    this.id = id;
    this.#dispose = dispose;
  }

  /** Frees the optimizer's state in the worker. Never rejects: with the worker gone, so is the optimizer. */
  async dispose(): Promise<void> {
    await this.#dispose().catch(() => {});
  }

  /** The same as `dispose`. */
  [Symbol.dispose](): void {
    void this.dispose();
  }

  /** The same as `dispose`. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
