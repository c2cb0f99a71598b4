import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { WorkerPort } from "./host.types.ts";
import { threadPort } from "./thread-port.ts";

export const availableCores = availableParallelism;

/** Starts a worker thread, also in Deno and Bun. */
export function startWorker(): WorkerPort {
  // Without the process's own flags: our file needs none, and a worker refuses some, such as `--input-type`.
  return threadPort(new Worker(new URL("./entry.node.js", import.meta.url), { name: "rqvae", execArgv: [] }));
}
