/** When the page has the latent width follow the items. */
import { describe, expect, it } from "vitest";
import { followsItems, measuredWith, whyWidth } from "../../web/src/settings/measured-width.ts";

describe("the latent width", () => {
  it("follows the items where nobody chose it, and the latent space starts as their PCA", () => {
    for (const typed of [
      {},
      { codebookSize: 16, seed: 2 },
      { linearSkip: "pca", inputScaling: "commonScale", compat: "none" },
    ] as const) {
      expect(followsItems(typed), JSON.stringify(typed)).toBe(true);
    }
    for (const typed of [
      { latentDim: 24 },
      { linearSkip: "none" },
      { inputScaling: "l2" },
      { compat: "hopwise" },
    ] as const) {
      expect(followsItems(typed), JSON.stringify(typed)).toBe(false);
    }
  });

  it("is measured again for other codes, levels or another seed, and for nothing else", () => {
    const shape = { codebookSize: 16, nQuantizationLayers: 3, seed: 1 };
    const same = measuredWith(shape);
    expect(measuredWith({ ...shape, hiddenDims: [8], encodeBeam: 2 })).toBe(same);
    for (const other of [{ codebookSize: [16, 16, 16] }, { nQuantizationLayers: 2 }, { seed: 2 }]) {
      expect(measuredWith({ ...shape, ...other })).not.toBe(same);
    }
  });

  it("says why in a line, where there is something to say", () => {
    const measured = { items: 90, variance: [], explained: [] };
    expect(whyWidth({ ...measured, latentDim: 8, reason: "8 of 24 directions hold 90%" })).toBe(
      "Latent width 8: 8 of 24 directions hold 90%.",
    );
    expect(whyWidth(measured)).toBe("");
    expect(whyWidth(undefined)).toBe("");
  });
});
