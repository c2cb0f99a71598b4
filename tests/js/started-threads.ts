/** Every worker thread that the process starts once this is imported, so that a test can count them or make one crash. */
import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Worker } from "node:worker_threads";

export const threads: Worker[] = [];

const workerThreads = createRequire(import.meta.url)("node:worker_threads");
const NodeWorker = workerThreads.Worker;
workerThreads.Worker = class extends NodeWorker {
  constructor(...options: unknown[]) {
    super(...options);
    threads.push(this as unknown as Worker);
  }
};
syncBuiltinESMExports();
