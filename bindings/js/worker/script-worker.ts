/** A worker with your own script, called like `RQVAEWorker`. */

import type { Worker as Thread } from "node:worker_threads";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid } from "../base/errors.ts";
import { failLong, type LongCall, longCall } from "../base/long-call.ts";
import { requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { answer, type ServerPort } from "./answer.ts";
import { Line } from "./line.ts";
import { ownThreadPort, threadPort } from "./thread-port.ts";
import { ownWebPort, webPort } from "./web-port.ts";

/** A Web Worker or a Node worker thread, as the line to it needs it. */
export interface AnyWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): unknown;
}

/** What connects a script's method with its caller. */
export interface CallContext<Event = unknown> {
  /** Sends an event to the caller's `onProgress` or loop. */
  onProgress(event: Event): void;
  /** Aborts when the caller's signal does. */
  signal: AbortSignal;
}

/** The methods of a worker's script: each takes plain data, and returns plain data or a promise of it. */
// biome-ignore lint/suspicious/noExplicitAny: their arguments and events may have any type
export type ScriptMethods = Record<string, (input: any, context: CallContext<any>) => unknown>;

type Input<Method> = Method extends () => unknown
  ? undefined
  : Method extends (input: infer I, ...rest: never) => unknown
    ? I
    : never;
type EventOf<Method> = Method extends (input: never, context: CallContext<infer Event>) => unknown ? Event : never;
type Result<Method> = Method extends (...args: never) => infer R ? Awaited<R> : never;

/**
 * Lets a `ScriptWorker` call the methods in this worker: `answerCalls({ open, train, report })`. Calls start in the order in which they
 * come. A method's result is copied, and the caller gets what it throws. The library works here as anywhere, without messages between
 * items, model, report and index, which are all in this worker.
 * @throws InvalidInputError if this is not a worker.
 */
export function answerCalls(methods: ScriptMethods): void {
  const port = ownPort();
  if (!port) throw invalid()`${call("answerCalls")}this is not a worker${{ hint: "call it in a worker's script" }}`;
  answer(port, {
    run({ method, args: [input] }, context) {
      if (!Object.hasOwn(methods, method))
        throw invalid()`${call("call")}the worker's script has no method ${show(method)}`;
      return methods[method]!(input, context);
    },
  });
}

const portOf = (worker: AnyWorker) => ("ref" in worker ? threadPort(worker as Thread) : webPort(worker as Worker));

/**
 * This worker's end of the line; undefined if this is not a worker. Detected by features, since a browser cannot import a module of
 * threads.
 */
function ownPort(): ServerPort | undefined {
  const { parentPort } = globalThis.process?.getBuiltinModule?.("node:worker_threads") ?? {};
  if (parentPort) return ownThreadPort(parentPort);
  return "WorkerGlobalScope" in globalThis ? ownWebPort() : undefined;
}

const LONG = failLong("call");

/**
 * A worker with your own script, which calls `answerCalls`: `new ScriptWorker<typeof methods>(() => new Worker(...))`. For programs that do
 * more in the background than `RQVAEWorker` does: read files, explore IDs, write them. The worker starts with the first call, and again
 * with the first call after `dispose`.
 */
export class ScriptWorker<Methods extends ScriptMethods> {
  readonly #start: () => AnyWorker;
  #line: Line | undefined;

  /** @param start Starts the worker. Bundlers look for a literal `new Worker(new URL("./script.js", import.meta.url), ...)`. */
  constructor(start: () => AnyWorker) {
    worksBehindProxy(this, ScriptWorker, undefined, LONG);
    requireThat(typeof start === "function", "start", "a function that starts a worker", start, "new ScriptWorker");
    this.#start = start;
  }

  /** Whether the worker's script has loaded. If a worker fails before that, its script is not found or is blocked; if later, it crashed. */
  get started(): boolean {
    return this.#line?.started ?? false;
  }

  /**
   * Calls a method of the script with plain data, which is copied. Rejects with what the method throws, with `signal.reason`, or with
   * `WorkerError` if the worker fails or is disposed.
   */
  call<Name extends keyof Methods & string>(
    method: Name,
    input?: Input<Methods[Name]>,
    options: { onProgress?: (event: EventOf<Methods[Name]>) => void; signal?: AbortSignal } = {},
  ): LongCall<EventOf<Methods[Name]>, Result<Methods[Name]>> {
    return longCall(typeof method === "string" ? method : "call", options, async (watch) => {
      requireThat(typeof method === "string", "method", "the name of a method of the script", method, "call");
      if (!this.#line || this.#line.gone.reason) {
        const worker = this.#start();
        const isWorker = typeof worker?.postMessage === "function" && typeof worker.terminate === "function";
        requireThat(isWorker, "start", "a function that returns a worker", worker, "new ScriptWorker");
        this.#line = new Line(portOf(worker));
      }
      return (await this.#line.call({ method, args: [input] }, { ...watch, argument: "input" })) as Result<
        Methods[Name]
      >;
    });
  }

  /** Ends the worker and frees what it held. Pending calls reject at once with `WorkerError`. Resolves when the worker is gone. */
  async dispose(): Promise<void> {
    await this.#line?.dispose();
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
