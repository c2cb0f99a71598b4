import { startModule } from "../runtime/start-module.web.ts";
import type { WorkerPort } from "./host.types.ts";

export const availableCores = () => navigator.hardwareConcurrency ?? 1;

/** Starts a module Web Worker. The literal `new URL` is what bundlers look for; its file is the built one. */
export function startWorker(): WorkerPort {
  const worker = startModule(
    () => new Worker(new URL("./entry.web.js", import.meta.url), { type: "module", name: "rqvae" }),
    "./entry.web.js",
    import.meta.url,
    "rqvae",
  );
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    onReply: (listener) => worker.addEventListener("message", (event) => listener(event.data)),
    onFailure(listener) {
      // A script that cannot be fetched gives an event without a message.
      worker.addEventListener("error", (event) =>
        listener(
          event.message
            ? `The worker crashed: ${event.message}`
            : "The worker could not start: its script was not found or is blocked (check the bundler's output, the page's Content-Security-Policy, worker-src, and from another origin or in a sandboxed frame the header Access-Control-Allow-Origin). RQVAE itself needs no worker",
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
