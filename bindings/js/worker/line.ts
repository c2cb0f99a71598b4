/** The caller's end of the line to a worker. */

import { checkArray } from "../base/attached.ts";
import { Disposal } from "../base/ending.ts";
import { invalid, WorkerError } from "../base/errors.ts";
import { readInTurn } from "../items/embedding-source.ts";
import { tellLateError } from "../runtime/jobs.ts";
import type { EmbeddingSource, TrainOptions } from "../types.ts";
import type { WorkerPort } from "./host.types.ts";
import { plain } from "./plain.ts";
import { buffersOf, type Call, type Reply, type State } from "./protocol.ts";
import { fromSent } from "./sent-error.ts";

/** The hooks of a call; no function or signal is sent to the worker. */
export interface Hooks {
  onProgress?: ((event: never) => void) | undefined;
  signal?: AbortSignal | undefined;
  checkpoint?: TrainOptions["checkpoint"] | undefined;
  source?: EmbeddingSource | undefined;
  /** The arguments' buffers that are transferred to the worker instead of copied. */
  given?: unknown;
  /** The argument's name, for a call that has one. */
  argument?: string;
  /** Whether the result would be lost if the call rejected with what a callback threw after everything was done. */
  keepsResult?: boolean;
}

interface PendingCall extends Hooks {
  method: string;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  /** Why the call was told to stop: the caller's reason, or what one of its callbacks threw. */
  stop?: { reason: unknown; thrown: boolean };
}

/** A safety net: ends the worker of an object that was not disposed. */
const abandoned = new FinalizationRegistry<WorkerPort>((port) => void port.terminate());
/** Lines with pending calls: kept alive, since only the worker's answer may refer to them. */
const busy = new Set<Line>();

export class Line {
  /** Ends once the worker is gone, for any reason. */
  readonly gone = new Disposal();
  /** Whether the worker's script has loaded. */
  started = false;
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, PendingCall>();
  readonly #onState: (state: State) => void;
  #lastId = 0;

  /** `onState` gets the state that comes with an answer, before the call settles. */
  constructor(port: WorkerPort, onState: (state: State) => void = () => {}) {
    this.#port = port;
    this.#onState = onState;
    abandoned.register(this, port, this);
    // What the worker holds must not hold this, or it could never be collected.
    const self = new WeakRef(this);
    port.onReply((reply) => {
      const line = self.deref();
      if (line) line.#receive(reply);
    });
    port.onFailure((message, cause) => {
      const line = self.deref();
      if (!line) return;
      line.#end(new WorkerError(message, cause === undefined ? {} : { cause }));
      void port.terminate();
    });
  }

  /** Ends the worker. Pending and later calls reject at once. Resolves when the worker is gone. */
  async dispose(): Promise<void> {
    this.#end(new WorkerError("The worker was disposed"));
    return this.#port.terminate();
  }

  #end(error: WorkerError): void {
    if (this.gone.reason) return;
    this.gone.end(error);
    abandoned.unregister(this);
    busy.delete(this);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    this.#port.setBusy(false);
    for (const call of calls) call.reject(error);
  }

  /** Sends a call. Rejects with the caller's own reason when its signal aborts. */
  async call(call: Call, hooks: Hooks = {}): Promise<unknown> {
    const { signal } = hooks;
    // A WorkerError per call, so that its stack shows where the call was made.
    const { reason } = this.gone;
    if (reason) throw new WorkerError(reason.message, { cause: reason });
    signal?.throwIfAborted();

    const id = ++this.#lastId;
    const stop = () => this.#stop(id, signal?.reason);
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { ...hooks, method: call.method, resolve, reject });
        busy.add(this);
        this.#port.setBusy(true);
        signal?.addEventListener("abort", stop);
        try {
          this.#port.post({ type: "call", id, call: plain(call) }, buffersOf(hooks.given));
        } catch (error) {
          // A function or something else that no message can carry.
          const { message } = error as Error;
          reject(
            invalid(
              "NOT_SENDABLE",
              error,
            )`${{ call: call.method }}${hooks.argument ? { argument: hooks.argument } : "an argument"} cannot be sent to the worker: ${message}`,
          );
        }
      });
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#pending.delete(id);
      if (this.#pending.size === 0 && !this.gone.reason) {
        busy.delete(this);
        this.#port.setBusy(false);
      }
    }
  }

  /** Asks the worker to end a call. The worker's answer, an error or an earlier result, settles the call. */
  #stop(id: number, reason: unknown, thrown = false): void {
    const call = this.#pending.get(id);
    if (!call || call.stop) return;
    call.stop = { reason, thrown };
    this.#port.post({ type: "abort", id }, []);
  }

  /** @throws if nobody waits for the call any more */
  #goesOn(id: number): void {
    const call = this.#pending.get(id);
    if (!call || call.stop) throw call?.stop?.reason;
  }

  /** Gives a checkpoint to the caller, and tells the worker to continue. */
  async #write(id: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#pending.get(id)?.checkpoint?.write(bytes);
    } catch (error) {
      this.#stop(id, error, true);
    }
    // The call waits for this, unless the worker is gone.
    if (this.#pending.has(id)) this.#port.post({ type: "written", id }, []);
  }

  /** Reads a range of the call's source for the worker, which no longer waits if the call was told to stop in the meantime. */
  async #read(id: number, first: number, count: number): Promise<void> {
    let data: unknown;
    try {
      const { source } = this.#pending.get(id) ?? {};
      if (!source) return;
      // One read at a time: a call that was told to stop did not wait for its last read.
      data = (await readInTurn(source, first, count, () => this.#goesOn(id))) ?? null;
      // Anything but an array of floats is refused on the other side, which says what was expected.
      checkArray(data, `items: the result of read(${first}, ${count})`);
      if (this.#pending.has(id)) this.#port.post({ type: "rows", id, data }, buffersOf(data));
    } catch (error) {
      const unsendable = data !== undefined;
      this.#stop(
        id,
        unsendable
          ? invalid(
              "NOT_SENDABLE",
            )`${{ argument: "items" }}: the result of read cannot be sent to the worker: ${(error as Error).message}`
          : error,
      );
      // The call waits for an answer, unless the worker is gone.
      if (this.#pending.has(id)) this.#port.post({ type: "rows", id }, []);
    }
  }

  #receive(reply: Reply): void {
    if (reply.type === "started") {
      this.started = true;
      return;
    }
    const call = this.#pending.get(reply.id);
    switch (reply.type) {
      case "progress":
        if (!call || call.stop) return;
        try {
          call.onProgress?.(reply.event as never);
        } catch (error) {
          this.#stop(reply.id, error, true);
        }
        return;
      case "checkpoint":
        void this.#write(reply.id, reply.bytes);
        return;
      case "read":
        void this.#read(reply.id, reply.first, reply.count);
        return;
    }
    if (reply.state !== undefined) this.#onState(reply.state);
    if (reply.type === "result") {
      // What a callback threw came too late to stop anything. It is still the call's answer, unless the result would be lost with it.
      const late = call?.stop?.thrown && call.stop;
      if (late && call.keepsResult) tellLateError(call.method, late.reason);
      if (late && !call.keepsResult) call.reject(late.reason);
      else call?.resolve(reply.value);
    } else if (reply.aborted && call?.stop) call.reject(call.stop.reason);
    else call?.reject(fromSent(reply.error));
  }
}
