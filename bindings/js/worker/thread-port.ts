/** The two ends of a line to a Node worker thread. */

import type { MessagePort, Worker } from "node:worker_threads";
import type { ServerPort } from "./answer.ts";
import type { WorkerPort } from "./host.types.ts";

/** A worker thread as the client sees it. */
export function threadPort(worker: Worker): WorkerPort {
  worker.unref();
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    onReply: (listener) => worker.on("message", listener),
    onFailure(listener) {
      worker.on("error", (error) => listener(`The worker thread crashed: ${error.message ?? error}`, error));
      worker.on("messageerror", (error) => listener("A message from the worker thread could not be read", error));
      worker.on("exit", (code) => listener(`The worker thread ended by itself (exit code ${code})`));
    },
    setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
    async terminate() {
      await worker.terminate();
    },
  };
}

/** A worker thread's own end of the line. */
export function ownThreadPort(port: MessagePort): ServerPort {
  return {
    post: (reply, transfer) => port.postMessage(reply, transfer),
    onRequest(listener) {
      port.on("message", listener);
      // Its call could never be answered, so end, and the client rejects it.
      port.on("messageerror", (error) => {
        throw error;
      });
    },
  };
}
