/** The two ends of a line to a Web Worker. */

import type { ServerPort } from "./answer.ts";
import type { WorkerPort } from "./host.types.ts";

/** A Web Worker as the client sees it. */
export function webPort(worker: Worker): WorkerPort {
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    onReply: (listener) => worker.addEventListener("message", (event) => listener(event.data)),
    onFailure(listener) {
      // If a script cannot be fetched, the event has no message.
      worker.addEventListener("error", (event) =>
        listener(
          event.message
            ? `The worker crashed: ${event.message}`
            : "The worker could not start: its script was not found or is blocked. Check the bundler's output, worker-src in the page's Content-Security-Policy and, from another origin or in a sandboxed frame, the header Access-Control-Allow-Origin. RQVAE itself needs no worker",
          event.error,
        ),
      );
      worker.addEventListener("messageerror", () => listener("A message from the worker could not be read"));
    },
    setBusy() {},
    async terminate() {
      worker.terminate();
    },
  };
}

// Typed here, since the DOM types describe the page's `self` rather than the worker's.
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: MessageEvent) => void): void;
}

/** A Web Worker's own end of the line. */
export function ownWebPort(scope = self as unknown as WorkerScope): ServerPort {
  return {
    post: (reply, transfer) => scope.postMessage(reply, transfer),
    onRequest(listener) {
      scope.addEventListener("message", (event) => listener(event.data));
      // Its call could never be answered, so fail loudly, and the client rejects it.
      scope.addEventListener("messageerror", () => {
        throw new Error("a message to the worker could not be read");
      });
    },
  };
}
