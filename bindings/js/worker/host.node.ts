import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { WorkerPort } from "./host.types.ts";

export const availableCores = availableParallelism;

/** Starts a worker thread. Deno and Bun take this way too. */
export function startWorker(): WorkerPort {
  // None of the process's own flags: our file needs none, and a worker refuses some (`--input-type`, say).
  const worker = new Worker(new URL("./entry.node.js", import.meta.url), { name: "rqvae", execArgv: [] });
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
