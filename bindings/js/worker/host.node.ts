import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { WorkerPort } from "./host.types.ts";
import { threadPort } from "./thread-port.ts";

export const availableCores = availableParallelism;

/** Starts a worker thread. Deno and Bun take this way too. */
export function startWorker(): WorkerPort {
  // None of the process's own flags: our file needs none, and a worker refuses some (`--input-type`, say).
  return threadPort(new Worker(new URL("./entry.node.js", import.meta.url), { name: "rqvae", execArgv: [] }));
}
