/** The controls of agreement with behaviour order rightly, on published IDs and real histories, and where the truth is known. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assessIds } from "rqvae/report";
import { describe, expect, test } from "vitest";
import { loadCatalogue, partlyShuffled } from "../../../bench/behaviour/catalogues.mjs";
import { DATA } from "../../../bench/quality/datasets.mjs";
import { randomIds, shuffledIds } from "../../../bindings/js/evaluate/controls.ts";

const PUBLISHED = {
  beauty: ["LETTER", "IBA", "UniGenRec rqkmeans", "UniGenRec rqvae", "UniGenRec rqvae_faiss"],
  industrial: ["MiniOneRec"],
  office: ["MiniOneRec"],
};
const FOLDERS = { beauty: "beauty", industrial: "minionerec", office: "minionerec" };

describe("controls of agreement with behaviour", () => {
  for (const name of ["beauty", "industrial", "office"] as const) {
    const folder = join(DATA, "test_only", FOLDERS[name]);
    const isHere = existsSync(folder);
    test.skipIf(!isHere)(
      `${name}: published IDs, shuffled by halves and whole${isHere ? "" : ` (skipped: ${folder} is absent)`}`,
      { timeout: 300_000 }, // some seconds of processor time, but the machine may be busy
      async () => {
        const catalogue = await loadCatalogue(name, false, (set: string) => PUBLISHED[name].includes(set));
        const { histories, sets } = catalogue!;
        expect(Object.keys(sets)).toEqual(PUBLISHED[name]);
        for (const [set, ids] of Object.entries(sets)) {
          const first = async (each: typeof ids) => (await assessIds(each, { histories })).behaviour!.agreement[0]!;
          const [own, half, shuffled] = [
            await first(ids),
            await first(partlyShuffled(ids, 0.5)),
            await first(shuffledIds(ids, 0)),
          ];
          // Published IDs agree with what people choose, by more than popularity explains; half of them less so; shuffled ones not at all.
          expect(own.share - own.margin, set).toBeGreaterThan(own.popular);
          expect(own.share - own.margin, set).toBeGreaterThan(half.share + half.margin);
          expect(half.share - half.margin, set).toBeGreaterThan(shuffled.share + shuffled.margin);
          expect(Math.abs(shuffled.share - shuffled.popular), set).toBeLessThan(0.15 * (own.share - own.popular));
          expect(shuffled.random).toBeCloseTo(own.random, 12);
        }
      },
    );
  }

  test("planted: the more IDs are shuffled, the less they agree", async () => {
    const { histories, sets } = (await loadCatalogue("planted", false))!;
    const shares: number[] = [];
    for (const ids of Object.values(sets)) {
      const { agreement } = (await assessIds(ids, { histories })).behaviour!;
      shares.push(agreement[0]!.share - agreement[0]!.popular);
    }
    // 0% ... 100% shuffled, and random ones.
    for (let i = 1; i < 9; i++) expect(shares[i]).toBeLessThan(shares[i - 1]!);
    for (const share of shares.slice(8)) expect(Math.abs(share)).toBeLessThan(0.01);
    const [truth] = Object.values(sets);
    const random = await assessIds(randomIds(truth!, 1), { histories });
    expect(random.text).toMatch(/say nothing about what people choose/);
  });
});
