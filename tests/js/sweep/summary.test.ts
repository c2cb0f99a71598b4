import { describe, expect, it } from "vitest";
import { OPTIONS } from "../../../bindings/js/options/describe.ts";
import type { Value } from "../../../bindings/js/options/table.ts";
import type { Context, RunRecord } from "../../../bindings/js/sweep/record.ts";
import type { Method, Setting } from "../../../bindings/js/sweep/settings.ts";
import { SORTS, type Sort, settingCell, spreadOf, summarise } from "../../../bindings/js/sweep/summary.ts";
import { sweepTable } from "../../../bindings/js/sweep/table.ts";

const axis = (name: string, ...values: Value[]) => ({
  option: OPTIONS.find((option) => option.name === name)!,
  values,
});
const context: Context = {
  data: { rows: 1250, dim: 6, fingerprint: "00000000000000ab" },
  heldOut: { share: 0.2, seed: 0, rows: 250 },
  base: { recipe: "fit", fingerprint: "00000000000000cd" },
};

function record(method: Method, setting: Setting, seed: number, heldOut: number, more: object = {}): RunRecord {
  const codes = [setting.codebookSize].flat() as number[];
  return {
    ...{ sweep: 1, method, setting, seed, ...context, warnings: [], version: "0.1.0" },
    heldOutExplainedVariance: heldOut,
    seenExplainedVariance: heldOut + 0.05,
    distinctIds: 1200 - seed,
    collisions: 40 + seed,
    perplexity: [7.5, 6],
    firstCodeNeighbours: 0.5,
    seconds: 2,
    config: { codebookSize: codes.length === 1 ? [codes[0]!, codes[0]!] : codes, encodeBeam: 8 } as never,
    ...more,
  } as RunRecord;
}

const kmeans = (codes: number): Setting => ({ codebookSize: [codes, codes], encodeBeam: 8 });
const axes = [axis("codebookSize", 8, 16), axis("epochs", 3)];
const setting = (codebookSize: number): Setting => ({ codebookSize, epochs: 3 });
const records = [
  record("residualKMeans", kmeans(8), 0, 0.5),
  record("residualKMeans", kmeans(16), 0, 0.6),
  record("rqvae", setting(8), 0, 0.52),
  record("rqvae", setting(16), 0, 0.61),
  record("residualKMeans", kmeans(8), 1, 0.49),
  record("residualKMeans", kmeans(16), 1, 0.62),
  record("rqvae", setting(8), 1, 0.53),
  record("rqvae", setting(16), 1, 0.65),
];

describe("spreadOf", () => {
  it("is mean and sample standard deviation", () => {
    expect(spreadOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, sd: Math.sqrt(32 / 7) });
    expect(spreadOf([3, undefined])).toEqual({ mean: 3 });
    expect(spreadOf([undefined])).toBeUndefined();
  });
});

describe("summarise", () => {
  it("has a row for each setting, the best first, the baselines below", () => {
    const { rows, varied, fixed, seeds } = summarise(records, axes, "held-out");
    expect({ varied, fixed, seeds }).toEqual({ varied: ["codebookSize"], fixed: { epochs: 3 }, seeds: [0, 1] });
    expect(rows.map(({ method, setting: { codebookSize } }) => [method, codebookSize])).toEqual([
      ["rqvae", 16],
      ["rqvae", 8],
      ["residualKMeans", [16, 16]],
      ["residualKMeans", [8, 8]],
    ]);
    expect(rows[0]!.heldOutExplainedVariance!.mean).toBeCloseTo(0.63, 12);
    expect(rows[0]!.heldOutExplainedVariance!.sd).toBeCloseTo(Math.SQRT2 * 0.02, 12);
  });

  it("compares each setting with the baseline of its own codes, seed by seed", () => {
    const { rows } = summarise(records, axes, "setting");
    expect(rows[0]!.gainOverKMeans!.mean).toBeCloseTo((0.02 + 0.04) / 2, 12);
    expect(rows[1]!.gainOverKMeans!.mean).toBeCloseTo((0.01 + 0.03) / 2, 12);
    expect(rows[2]!.gainOverKMeans).toBeUndefined();
    expect(
      summarise(
        records.filter(({ method }) => method === "rqvae"),
        axes,
        "gain",
      ).rows[0],
    ).not.toHaveProperty("gainOverKMeans");
  });

  it("sorts by every column, higher or lower first as is better", () => {
    const varied = [
      record("rqvae", setting(8), 0, 0.5, { seconds: 1, collisions: 9, distinctIds: 5, firstCodeNeighbours: 0.1 }),
      record("rqvae", setting(16), 0, 0.6, { seconds: 3, collisions: 4, distinctIds: 9, firstCodeNeighbours: 0.9 }),
      record("residualKMeans", kmeans(8), 0, 0.4),
      record("residualKMeans", kmeans(16), 0, 0.55),
    ];
    const first = (sort: Sort) => summarise(varied, axes, sort).rows[0]!.setting.codebookSize;
    expect(Object.fromEntries(SORTS.map((sort) => [sort, first(sort)]))).toEqual({
      "held-out": 16,
      gain: 8,
      seen: 16,
      distinct: 16,
      collisions: 16,
      neighbours: 16,
      seconds: 8,
      setting: 8,
    });
  });

  it("marks what no row is better in, a baseline too, and several where they are equal", () => {
    const { rows } = summarise(
      [
        record("rqvae", setting(8), 0, 0.5),
        record("rqvae", setting(16), 0, 0.4),
        record("residualKMeans", kmeans(8), 0, 0.7),
      ],
      axes,
      "setting",
    );
    expect(rows.map(({ best }) => best.includes("heldOutExplainedVariance"))).toEqual([false, false, true]);
    expect(rows.map(({ best }) => best.includes("distinctIds"))).toEqual([true, true, true]);
    for (const { best } of rows) expect(best).not.toContain("seconds");
  });

  it("leaves trainings that diverged out of the figures, and says how many there were", () => {
    const failed = record("rqvae", setting(8), 1, 0, { failed: "diverged", heldOutExplainedVariance: undefined });
    const { rows } = summarise([records[2]!, failed], axes, "held-out");
    expect(rows[0]).toMatchObject({ seeds: [0], diverged: [1], heldOutExplainedVariance: { mean: 0.52 } });
    const table = sweepTable(summarise([failed], axes, "held-out"), [failed], context, "markdown");
    expect(table).toContain("| RQ-VAE, 1 of 1 diverged | 8 ");
  });
});

describe("settingCell", () => {
  it("describes a baseline as its settings are described, where they agree", () => {
    const { rows } = summarise(records, axes, "setting");
    expect(rows.map((row) => settingCell(row, "codebookSize", records))).toEqual(["8", "16", "8", "16"]);
    const both = [...records, record("rqvae", { codebookSize: [8, 8], epochs: 3 }, 0, 0.5)];
    const [baseline] = summarise(both, axes, "setting").rows.filter(({ method }) => method === "residualKMeans");
    expect(settingCell(baseline!, "codebookSize", both)).toBe("8/8");
    expect(settingCell(baseline!, "epochs", both)).toBe("");
    expect(settingCell(baseline!, "nQuantizationLayers", records.slice(0, 2))).toBe("2");
  });
});

describe("sweepTable", () => {
  const table = (format: "markdown" | "latex" | "json") =>
    sweepTable(summarise(records, axes, "held-out"), records, context, format);

  it("is Markdown whose columns are aligned", () => {
    const lines = table("markdown").split("\n");
    expect(lines[0]).toMatch(/^\| method +\| codebookSize \| held-out variance \(%\) \|/);
    expect(lines[2]).toContain("| RQ-VAE           | 16           |      **63.00 ± 2.83** |          +2.00 ± 1.41 |");
    expect(lines[5]).toMatch(/^\| residual k-means \| 8 /);
    const widths = lines.slice(0, 6).map((line) => line.length);
    expect(new Set(widths).size).toBe(1);
    expect(lines.slice(7).join("\n")).toBe(
      `Mean ± sample standard deviation over 2 seeds (0, 1); the best in bold.
Held out of every run: 250 of 1,250 items. IDs are counted over all of them.
First code shared: by an item and its ten nearest others, on average.
Base: what RQVAE.fit chooses for the items, with epochs=3.
`,
    );
  });

  it("is LaTeX for booktabs, with what has a meaning there escaped", () => {
    const lines = table("latex").split("\n");
    const body = lines.filter((line) => line.endsWith("\\\\"));
    expect(body[0]).toContain("held-out variance (\\%) & over k-means (points)");
    for (const line of body) expect(line.split(" & ")).toHaveLength(10);
    expect(body[1]).toContain("$\\mathbf{63.00 \\pm 2.83}$");
    expect(body[1]).toContain("$7.5 \\pm 0.0\\,/\\,6.0 \\pm 0.0$");
    expect(body[1]).toContain("{,}");
    expect(lines.filter((line) => line === "\\midrule")).toHaveLength(2);
    expect(lines).toContain("\\begin{tabular}{llrrrrrrrr}");
    expect(table("latex").replaceAll("\\%", "").replace(/^%.*$/gm, "")).not.toContain("%");
  });

  it("is JSON with the figures as they are", () => {
    const { rows, ...rest } = JSON.parse(table("json"));
    expect(rest).toEqual({
      ...context,
      varied: ["codebookSize"],
      fixed: { epochs: 3 },
      seeds: [0, 1],
      versions: { "0.1.0": 8 },
    });
    expect(rows).toEqual(JSON.parse(JSON.stringify(summarise(records, axes, "held-out").rows)));
  });

  it("says so when different versions of the package have made the runs", () => {
    expect(table("markdown")).not.toContain("version");
    const mixed = records.map((each, i) => (i === 3 ? { ...each, version: "0.0.9" } : each));
    for (const format of ["markdown", "latex"] as const) {
      const text = sweepTable(summarise(mixed, axes, "held-out"), mixed, context, format);
      expect(text).toContain("Made by different versions of rqvae: 0.1.0 (7 runs), 0.0.9 (1 run).");
    }
  });

  it("has the perplexity of the runs that know it", () => {
    const known = record("rqvae", setting(8), 1, 0.5);
    const { perplexity: _, ...unknown } = record("rqvae", setting(8), 0, 0.5);
    const { rows } = summarise([unknown, known], axes, "held-out");
    expect(rows[0]!.perplexity).toEqual([{ mean: 7.5 }, { mean: 6 }]);
  });

  it("writes counts of one seed as they are, and thousands apart", () => {
    const one = [record("rqvae", setting(8), 0, 0.5, { distinctIds: 1234567 })];
    const text = sweepTable(summarise(one, axes, "held-out"), one, context, "markdown");
    expect(text).toMatch(/\| +1,234,567 \| +40 \| +7\.5 \/ 6\.0 \| +50\.00 \| +2\.0 \|/);
    expect(text).not.toContain("**");
    expect(text).toContain("Of 1 seed (0).");
  });
});
