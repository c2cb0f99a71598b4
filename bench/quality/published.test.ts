import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { assessIds } from "../../bindings/js/report/assess-ids.ts";
import { assessWithLabels } from "./assess.mjs";
import { DATA } from "./datasets.mjs";
import { idsOfIndex, idsOfTable, loadPublished, parseTokens, UNIGENREC, unigenrec } from "./published.mjs";
import { rulerChecks } from "./targets.mjs";

test("tokens", () => {
  expect(parseTokens(["<a_183>", "<b_0>", "<c_9>"])).toEqual([183, 0, 9]);
  for (const token of ["<b_1>", "a_1", "<a_1", "<a_x>", "<a_-1>"]) expect(() => parseTokens([token])).toThrow(token);
});

test("codes beyond the quantiser's levels are dropped", () => {
  const ids = idsOfIndex({ 1: ["<a_2>", "<b_3>", "<c_1>"], 0: ["<a_2>", "<b_3>", "<c_0>"] }, [4, 4]);
  expect([...ids]).toEqual([
    [2, 3],
    [2, 3],
  ]);
  expect([...idsOfTable({ data: [0, 1, 7, 2, 3, 8], rows: 2, dim: 3 }, [4, 4])]).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

describe("published IDs (skipped where they are not at hand)", () => {
  const isHere = existsSync(`${DATA}/test_only/beauty`) && existsSync(`${DATA}/test_only/minionerec`);

  test.skipIf(!isHere)(
    "collision, first codes and attribute overlap are those that are known",
    { timeout: 120_000 },
    async () => {
      const published = loadPublished();
      expect(published.map(({ name }) => name)).toEqual([
        "LETTER Beauty",
        "IBA Beauty",
        ...UNIGENREC.map((name) => `UniGenRec Beauty ${name}`),
        "MiniOneRec Industrial",
      ]);
      let checks = 0;
      for (const each of published) {
        for (const figure of rulerChecks(each, await assessWithLabels(each.ids, each))) {
          expect(figure, figure.name).toMatchObject({ holds: true });
          checks++;
        }
      }
      expect(checks).toBe(14);
    },
  );

  const orders = ["original-order", "reordered"] as const;
  test.skipIf(!isHere).each(UNIGENREC.flatMap((name) => orders.map((order) => [name, order] as const)))(
    "metrics.json of UniGenRec %s, %s",
    async (name, order) => {
      const { ids, metrics } = unigenrec(name, order);
      const report = await assessIds(ids);
      const near = (value: number, published: number) => expect(Math.abs(value - published)).toBeLessThan(1e-12);
      expect(report.items).toBe(metrics.num_items);
      expect(report.perLevel.length).toBe(metrics.num_layers);
      expect(report.distinctIds).toBe(metrics.sid.unique_count);
      near(1 - report.uniqueShare, metrics.sid.duplicate_rate);
      const average = (figure: "usage" | "entropy" | "normalizedEntropy") =>
        report.perLevel.reduce((sum, level) => sum + level[figure], 0) / report.perLevel.length;
      report.perLevel.forEach((level, l) => {
        const layer = metrics.layers[l];
        expect([level.usedCodes, level.codebookSize]).toEqual([layer.used_tokens, layer.codebook_size]);
        near(level.usage, layer.utilization);
        near(level.entropy, layer.entropy);
        near(level.normalizedEntropy, layer.normalized_entropy);
      });
      near(average("usage"), metrics.averages.utilization);
      near(average("entropy"), metrics.averages.entropy);
      near(average("normalizedEntropy"), metrics.averages.normalized_entropy);
    },
  );
});
