/** The worker's end of the line. */

import type { EmbeddingSource, TrainOptions } from "../types.ts";
import { buffersOf, type Call, type Reply, type Request } from "./protocol.ts";
import { toSent } from "./sent-error.ts";

/** What a worker receives and sends. */
export interface ServerPort {
  post(reply: Reply, transfer: ArrayBuffer[]): void;
  onRequest(listener: (request: Request) => void): void;
}

/** What a call gets here in place of the caller's hooks. */
export interface Watching {
  signal: AbortSignal;
  onProgress: (event: unknown) => void;
  checkpoint?: NonNullable<TrainOptions["checkpoint"]>;
}

/** What runs the calls. */
export interface Service {
  /** @param read turns a source on the other side into one here */
  run(call: Call, watching: Watching, read: (rows: number, dim: number) => EmbeddingSource): unknown;
  /** What the caller's side should know after each call. If it throws, the whole worker fails. */
  state?(): unknown;
  /** Whether results are transferred. Otherwise they are copied and stay the service's. */
  givesAway?: boolean;
}

/** The reason of every abort on this side; the client has the caller's reason. */
const aborted = new Error("aborted");

/** Answers every request of the port. */
export function answer(port: ServerPort, service: Service): void {
  const controllers = new Map<number, AbortController>();
  /** Calls waiting for rows of their source. */
  const reading = new Map<number, (data: unknown) => void>();
  /** Calls waiting until their checkpoint is written. */
  const writing = new Map<number, () => void>();

  port.onRequest((request) => {
    switch (request.type) {
      case "abort":
        controllers.get(request.id)?.abort(aborted);
        return;
      case "written":
        writing.get(request.id)?.();
        return;
      case "rows":
        reading.get(request.id)?.(request.data);
        return;
    }
    // If not even an error can be sent, the whole worker fails, so that no call hangs.
    answerCall(request.id, request.call).catch((error: unknown) =>
      setTimeout(() => {
        throw error;
      }),
    );
  });
  port.post({ type: "started" }, []);

  /** Errors become the reply. */
  async function answerCall(id: number, call: Call): Promise<void> {
    const { checkpoints } = call;
    const controller = new AbortController();
    controllers.set(id, controller);
    const watching: Watching = {
      signal: controller.signal,
      onProgress: (event) => port.post({ type: "progress", id, event }, []),
    };
    if (checkpoints) watching.checkpoint = { ...checkpoints, write: (bytes) => write(id, bytes) };
    try {
      const value = await service.run(call, watching, (rows, dim) => remote(id, rows, dim));
      port.post({ type: "result", id, value, ...currentState() }, service.givesAway ? buffersOf(value) : []);
    } catch (error) {
      port.post({ type: "error", id, error: toSent(error), aborted: error === aborted, ...currentState() }, []);
    } finally {
      for (const waiting of [controllers, reading, writing]) waiting.delete(id);
    }
  }

  function currentState(): { state?: unknown } {
    const state = service.state?.();
    return state === undefined ? {} : { state };
  }

  /** Has a checkpoint written on the other side. Aborts still work in the meantime. */
  function write(id: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return new Promise((resolve) => {
      writing.set(id, () => {
        writing.delete(id);
        resolve();
      });
      port.post({ type: "checkpoint", id, bytes }, buffersOf(bytes));
    });
  }

  /** A source on the other side. */
  function remote(id: number, rows: number, dim: number): EmbeddingSource {
    const read = (first: number, count: number) =>
      new Promise<Float32Array>((resolve, reject) => {
        reading.set(id, (data) => {
          reading.delete(id);
          if (data === undefined) reject(aborted);
          else resolve(data as Float32Array); // checked by the reader
        });
        port.post({ type: "read", id, first, count }, []);
      });
    return { rows, dim, read };
  }
}
