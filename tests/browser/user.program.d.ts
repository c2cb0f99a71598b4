import type { RQVAE } from "rqvae";
import type { RQVAEWorker } from "rqvae/worker";

export function userProgram(rqvae: typeof RQVAE, worker?: typeof RQVAEWorker): Promise<string>;
