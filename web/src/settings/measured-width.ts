/** When the latent width follows the items, as in `RQVAE.fit`. */

import type { ModelOptions, Spectrum } from "rqvae";

/** A spectrum, and what it was measured with. */
export interface Measured {
  of: string;
  spectrum: Spectrum;
}

/** What a spectrum depends on beside the items, as a key. */
export const measuredWith = ({ codebookSize, nQuantizationLayers, seed }: Partial<ModelOptions>): string =>
  JSON.stringify([codebookSize, nQuantizationLayers, seed]);

/** Whether it does: nobody chose a width, and the latent space starts as the principal directions of the unscaled items. */
export function followsItems({ latentDim, linearSkip, inputScaling, compat }: Partial<ModelOptions>): boolean {
  return (
    latentDim === undefined &&
    (linearSkip ?? "pca") === "pca" &&
    (inputScaling ?? "commonScale") === "commonScale" &&
    (compat ?? "none") === "none"
  );
}

/** The width and its reason, in a line; "" if nothing was measured. */
export function whyWidth(spectrum: Spectrum | undefined): string {
  const { latentDim, reason } = spectrum ?? {};
  return latentDim === undefined || !reason ? "" : `Latent width ${latentDim}: ${reason}.`;
}
