/**
 * `rqvae/worker`: the model in a worker, so that neither page nor event loop ever waits for it, a pool of workers that encodes large
 * catalogues, and workers with a script of one's own. Importing starts nothing.
 *
 * @module rqvae/worker
 */

export { RQVAEWorker, type WorkerStart } from "./client.ts";
export type { RemoteMethods } from "./contract.ts";
export { EncodePool, type EncodePoolOptions } from "./encode-pool.ts";
export { WorkerOptimizer } from "./optimizer.ts";
export { type AnyWorker, answerCalls, type CallContext, type ScriptMethods, ScriptWorker } from "./script-worker.ts";
export type { TransferOption } from "./sent-items.ts";
