/**
 * `rqvae/worker`: the model in a worker, so that neither page nor event loop ever waits for it, and a pool of workers that encodes large
 * catalogues. Importing starts nothing.
 *
 * @module rqvae/worker
 */

export { RQVAEWorker, WorkerOptimizer } from "./client.ts";
export { EncodePool } from "./encode-pool.ts";
export type { LongCall } from "./long-call.ts";
