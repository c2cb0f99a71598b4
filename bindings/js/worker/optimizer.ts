import { originalOf, worksBehindProxy } from "../base/behind-proxy.ts";

/** An optimiser in a worker; the handle holds only its number. Made by `RQVAEWorker.createOptimizer`. */
export class WorkerOptimizer {
  /** The line to its worker. */
  readonly #line: object;
  readonly #id: number;
  readonly #dispose: () => Promise<unknown>;

  /** @internal */
  constructor(line: object, id: number, dispose: () => Promise<unknown>) {
    worksBehindProxy(this, WorkerOptimizer);
    this.#line = line;
    this.#id = id;
    this.#dispose = dispose;
  }

  /** The number of an optimizer that belongs to this line; undefined for anything else. @internal */
  static numberOf(optimizer: unknown, line: object): number | undefined {
    if (!(optimizer instanceof WorkerOptimizer)) return undefined;
    const own = originalOf(optimizer);
    return own.#line === line ? own.#id : undefined;
  }

  /** Frees the optimiser's state in the worker. Never rejects: if the worker is gone, so is the optimiser. */
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
