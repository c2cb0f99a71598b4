import { assessIds, type ItemMatrix, RQVAE, type TrainHistory } from "rqvae";
import { describe, expect, it } from "vitest";
import { remarks } from "../../../bindings/js/cli/train.ts";
import { judge, NEARLY_SAME } from "../../../bindings/js/model/verdict.ts";

describe("one rule for what training was worth", () => {
  const worth = (explainedVariance: number, distinctShare: number) => ({ explainedVariance, distinctShare });
  const before = worth(0.8, 0.9);

  it.each([
    [0.8, 0.9, "same"],
    [0.8 + NEARLY_SAME / 2, 0.9 - NEARLY_SAME / 2, "same"],
    [0.82, 0.9, "better"],
    [0.8, 0.93, "better"],
    [0.82, 0.898, "better"],
    [0.82, 0.93, "better"],
    [0.78, 0.9, "worse"],
    [0.8, 0.85, "worse"],
    [0.78, 0.85, "worse"],
    [0.78, 0.95, "moreDistinct"],
    [0.85, 0.8, "moreExact"],
  ] as const)("explained %d, distinct %d: %s", (variance, distinct, verdict) => {
    expect(judge(worth(variance, distinct), before)).toBe(verdict);
  });

  const items: ItemMatrix = {
    data: Float32Array.from({ length: 400 * 8 }, (_, k) => Math.sin(Math.floor(k / 8) * ((k % 8) + 1.7) * 1.3)),
    rows: 400,
    dim: 8,
  };

  it("is the history's, against the start, and the command line says nothing else", async () => {
    // The start cannot be beaten where nothing moves.
    for (const [learningRate, verdict] of [
      [1e-12, "same"],
      [2e-3, undefined],
    ] as const) {
      const model = await RQVAE.fit(items, { epochs: 6, codebookSize: 8, seed: 1, learningRate, validationUntil: 1 });
      const history = model.history as TrainHistory;
      const worthOf = ({ ids, validation }: NonNullable<TrainHistory["start"]>) =>
        worth(validation!.explainedVariance, ids.uniqueShare);
      const expected = judge(worthOf(history), worthOf(history.start!));
      expect(history.verdict).toBe(expected);
      if (verdict) expect(history.verdict).toBe(verdict);
      const said = remarks(model, history).join(" ");
      expect(said.includes("found nothing better than the start")).toBe(history.selectedEpoch < 0);
      expect(said.includes("gained little over the start's")).toBe(expected === "same" && history.selectedEpoch >= 0);
      model.dispose();
    }
  });

  it("is the report's, against residual k-means", async () => {
    const words = {
      better: "training was worth it",
      same: "Training did not improve on k-means",
      moreDistinct: "tells more items apart but is less exact",
      moreExact: "is more exact but tells fewer items apart",
      worse: "makes worse use of the codes than k-means",
    };
    for (const options of [
      { epochs: 1, learningRate: 1e-12 },
      { epochs: 12 },
      { epochs: 1, latentDim: 1, hiddenDims: [] },
    ]) {
      const model = await RQVAE.fit(items, { codebookSize: 8, seed: 1, ...options });
      const report = await assessIds(model.encode(items), { items, model, baseline: true });
      const of = ({ reconstruction, distinctIds, duplicates }: typeof report) =>
        worth(reconstruction!.explainedVariance, distinctIds / duplicates!.distinctVectors);
      const verdict = judge(of(report), of(report.baselines!.residualKMeans));
      expect(report.findings.at(-1)!.text).toContain(words[verdict]);
      model.dispose();
    }
  });

  it("is none without items to judge by", async () => {
    const model = await RQVAE.fit(items, { epochs: 1, codebookSize: 8, validationShare: 0 });
    expect(model.history!.verdict).toBeUndefined();
    model.dispose();
  });
});
