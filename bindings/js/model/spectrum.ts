import { type LongCall, longCall } from "../base/long-call.ts";
import type { EmbeddingSource, Items, JobProgress, Spectrum, SpectrumOptions } from "../types.ts";
import { RQVAE } from "./rqvae.ts";

/**
 * How the variance of a catalogue is spread over its principal directions, and how much of it IDs would tell of items that they were not
 * fitted to: what `suggestConfig({ n, inputDim, spectrum })` chooses the latent width by, as `RQVAE.fit` does. Looks at a sample of at
 * most 8,192 items.
 * @throws InvalidInputError
 */
export function measureSpectrum(
  items: Items | EmbeddingSource,
  options: SpectrumOptions = {},
): LongCall<JobProgress, Spectrum> {
  return longCall("measureSpectrum", options, async (watch) => {
    const { measure } = await import("./measure-spectrum.ts"); // few need it by itself
    return measure(RQVAE.create, items, { ...options, ...watch });
  });
}
