import { adviseCapacity } from "rqvae";
import { describe, expect, test } from "vitest";

/** Expected distinct IDs and items sharing one, over all ways in which n items can draw from `ids`. */
function enumerate(n: number, ids: number): { distinctIds: number; itemsSharing: number } {
  let [distinctIds, itemsSharing] = [0, 0];
  for (let way = 0; way < ids ** n; way++) {
    const counts = new Array<number>(ids).fill(0);
    for (let i = 0, rest = way; i < n; i++, rest = Math.floor(rest / ids)) counts[rest % ids]!++;
    distinctIds += counts.filter((c) => c > 0).length / ids ** n;
    itemsSharing += counts.filter((c) => c > 1).reduce((a, b) => a + b, 0) / ids ** n;
  }
  return { distinctIds, itemsSharing };
}

describe("birthday arithmetic", () => {
  test.each([
    [1, [2]],
    [2, [3]],
    [5, [2, 3]],
    [6, [4]],
  ])("%i items, %j codes: as counted over all ways", async (n, codebookSize) => {
    const { uniform, ids } = await adviseCapacity(n, { codebookSize });
    expect(uniform.ids).toBe(ids);
    const counted = enumerate(n, ids);
    expect(uniform.distinctIds).toBeCloseTo(counted.distinctIds, 12);
    expect(uniform.itemsSharing).toBeCloseTo(counted.itemsSharing, 12);
  });

  test("as the formulas say", async () => {
    for (const [n, codes] of [
      [5000, 32],
      [12_101, 256],
      [1_000_000, 256],
    ] as const) {
      const { uniform } = await adviseCapacity(n, { codebookSize: codes });
      const ids = codes ** 3;
      expect(uniform.distinctIds / (ids * (1 - (1 - 1 / ids) ** n))).toBeCloseTo(1, 8);
      expect(uniform.itemsSharing / (n * (1 - (1 - 1 / ids) ** (n - 1)))).toBeCloseTo(1, 8);
    }
  });

  test("exact where the formulas cancel: more IDs than a double can tell apart", async () => {
    const { uniform, ids } = await adviseCapacity(1000, { nQuantizationLayers: 8, codebookSize: 65_536 });
    expect(ids).toBe(2 ** 128);
    expect((uniform.itemsSharing * 2 ** 128) / (1000 * 999)).toBeCloseTo(1, 12);
    expect(uniform.distinctIds).toBe(1000);
    const endless = await adviseCapacity(1000, { nQuantizationLayers: 1024, codebookSize: 65_536 });
    expect(endless.verdict).toBe("enough");
    expect(endless.uniform.distinctIds).toBeCloseTo(1000, 9);
  });

  test("what real catalogues do: their IDs collide as if there were ids^(3/4)", async () => {
    // Residual k-means on ten catalogues: items, codes of three levels, 1 - distinct / n.
    const measured = [
      [12_101, 256, 0.0218],
      [12_101, 256, 0.0094],
      [12_101, 256, 0.0103],
      [3686, 256, 0.149],
      [1914, 32, 0.457],
      [7447, 64, 0.247],
      [778, 32, 0.253],
      [2112, 64, 0.032],
      [117_659, 256, 0.098],
      [60_000, 256, 0.302],
    ] as const;
    const powers = measured.map(([n, codes, collision]) => {
      let [low, high] = [1, codes ** 3]; // IDs to draw from that give this many distinct ones
      for (let i = 0; i < 100; i++) {
        const middle = (low + high) / 2;
        if ((middle * (1 - (1 - 1 / middle) ** n)) / n < 1 - collision) low = middle;
        else high = middle;
      }
      return Math.log(low) / Math.log(codes ** 3);
    });
    powers.sort((a, b) => a - b);
    expect(powers[0]).toBeCloseTo(0.56, 2);
    expect(powers.at(-1)).toBeCloseTo(0.83, 2);
    expect((powers[4]! + powers[5]!) / 2).toBeCloseTo(0.75, 2);
    const { realistic, ids } = await adviseCapacity(12_101);
    expect(realistic.ids).toBeCloseTo(ids ** 0.75, 6);
  });
});

describe("the advice", () => {
  test("A6: 3 x 16 for 5,000 items cannot be, and the arithmetic says why", async () => {
    const advice = await adviseCapacity(5000, { nQuantizationLayers: 3, codebookSize: 16 });
    expect(advice).toMatchObject({
      items: 5000,
      codebookSizes: [16, 16, 16],
      ids: 4096,
      possible: false,
      verdict: "impossible",
    });
    expect(String(advice)).toBe(
      [
        "3 x 16 codes make 16 x 16 x 16 = 4,096 IDs, fewer than 5,000 items: at least 904 of them cannot have an ID of their own with any model.",
        "Use 3 levels of 128 codes: 2,097,152 IDs; about 434 (8.7%) of the items would share one. One more level of 16 codes: 65,536 IDs; about 3,525 (70.5%) of the items would share one.",
      ].join("\n"),
    );
  });

  test("reads like this where codes are enough, and where they are not", async () => {
    expect((await adviseCapacity(12_000)).text).toBe(
      [
        "3 x 256 codes make 256 x 256 x 256 = 16,777,216 IDs for 12,000 items.",
        "If all IDs were equally likely, about 9 (under 0.1%) of the items would share one, and there would be about 11,996 distinct IDs.",
        "Real catalogues use codes unevenly, as if there were about 262,144 IDs (the power 3/4): expect about 537 (4.5%) to share one, and about 11,730 distinct IDs; identical vectors add to that.",
        "That is enough: a suffix or a reassigned last code handles the rest.",
      ].join("\n"),
    );
    expect((await adviseCapacity(1e6)).text.split("\n").at(-1)).toBe(
      "That is too few. Use 4 levels of 256 codes: 4,294,967,296 IDs; about 57,863 (5.8%) of the items would share one.",
    );
    expect((await adviseCapacity(40_000)).text).toContain("That is tight. Use 4 levels");
    expect((await adviseCapacity(1)).text).toBe(
      "3 x 256 codes make 256 x 256 x 256 = 16,777,216 IDs: enough for one item.",
    );
    expect((await adviseCapacity(100, { codebookSize: [4, 8] })).text).toMatch(
      /^4 x 8 codes make 32 IDs, fewer than 100 items: at least 68/,
    );
  });

  test("what is suggested is enough, and no longer than it must be", async () => {
    for (const n of [2, 20, 500, 5000, 12_101, 1e5, 1e7, 1e9]) {
      for (const codebookSize of [1, 2, 16, 100, 256, 1024, [4, 8], [256, 64, 3]]) {
        const { suggestion, verdict, codebookSizes } = await adviseCapacity(n, { codebookSize });
        const again = await adviseCapacity(n, suggestion);
        expect(again.verdict, `${n} items, ${codebookSize} codes`).toBe("enough");
        if (verdict === "enough") expect(again.codebookSizes).toEqual(codebookSizes);
        expect(again.codebookSizes.length).toBeGreaterThanOrEqual(codebookSizes.length);
      }
    }
  });

  test("refuses what is no catalogue or no codebook", async () => {
    for (const [n, options, message] of [
      [0, {}, "n must be a whole number of at least 1, received 0"],
      [1.5, {}, "n must be"],
      ["10", {}, 'n must be a whole number of at least 1, received "10"'],
      [10, { nQuantizationLayers: 0 }, "nQuantizationLayers must be a whole number from 1 to 1024, received 0"],
      [10, { codebookSize: 0 }, "codebookSize must be"],
      [10, { codebookSize: [] }, "codebookSize must be"],
      [10, { codebookSize: [8, -1] }, "codebookSize[1] must be"],
      [
        10,
        { nQuantizationLayers: 2, codebookSize: [8, 8, 8] },
        "codebookSize must be one number, or one for each of 2 levels",
      ],
      [10, { codes: 8 }, 'unknown option "codes"'],
    ] as const) {
      const error = await adviseCapacity(n as number, options as object).catch((each) => each);
      expect(error, message).toMatchObject({ name: "InvalidInputError" });
      expect(error.message).toContain(`adviseCapacity: ${message}`);
    }
  });
});
