import { type LongCall, longCall } from "../base/long-call.ts";
import type { EmbeddingSource, Items, JobProgress, Spectrum, SpectrumOptions } from "../types.ts";
import { RQVAE } from "./rqvae.ts";

/**
 * Measures how a catalogue's variance is spread over its principal directions, and how much of it IDs would explain for items that they
 * were not fitted to. `suggestConfig({ n, inputDim, spectrum })` chooses the latent width from it, as `RQVAE.fit` does. Inspects a sample
 * of at most 8,192 items.
 * @throws InvalidInputError
 */
export function measureSpectrum(
  items: Items | EmbeddingSource,
  options: SpectrumOptions = {},
): LongCall<JobProgress, Spectrum> {
  return longCall("measureSpectrum", options, async (watch) => {
    const { measure } = await import("./measure-spectrum.ts"); // few programs need it by itself
    return measure(RQVAE.create, items, { ...options, ...watch });
  });
}
