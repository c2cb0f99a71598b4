/**
 * `rqvae/worker`: the model in a worker, so that neither page nor event loop ever waits for it; a pool of workers that encodes large
 * catalogues; and workers with your own script. Importing it starts nothing.
 *
 * @module rqvae/worker
 */

export { RQVAEWorker } from "./client.ts";
export { EncodePool } from "./encode-pool.ts";
export { WorkerOptimizer } from "./optimizer.ts";
export { answerCalls, type CallContext, type ScriptMethods, ScriptWorker } from "./script-worker.ts";
