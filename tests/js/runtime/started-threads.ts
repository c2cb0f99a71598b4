/** Every worker thread that the process starts once this is imported, so that a test can count them or make one crash. */
import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Worker, WorkerOptions } from "node:worker_threads";

export const threads: Worker[] = [];
/** What the threads to come are started with beside. */
export const startOptions: { given: WorkerOptions } = { given: {} };

const workerThreads = createRequire(import.meta.url)("node:worker_threads");
const NodeWorker = workerThreads.Worker;
workerThreads.Worker = class extends NodeWorker {
  constructor(file: URL, options: WorkerOptions) {
    super(file, { ...options, ...startOptions.given });
    threads.push(this as unknown as Worker);
  }
};
syncBuiltinESMExports();
