/**
 * `rqvae/worker`: the model in a worker, so that neither page nor event loop ever waits for it. Importing starts nothing.
 */
export { RQVAEWorker, WorkerOptimizer } from "./client.ts";
