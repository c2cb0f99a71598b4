import type { RQVAE } from "rqvae";

export function program(rqvae: typeof RQVAE): Promise<string>;
