/** Parts of the demo page that need no page. */
import { SemanticIds } from "rqvae";
import { describe, expect, it } from "vitest";
import { CatalogueIndex } from "../../web/src/catalogue-index.ts";
import { badRowsOf, checkItems } from "../../web/src/lab/checks.ts";
import { projectToPlane } from "../../web/src/lab/projection.ts";
import { readCodes } from "../../web/src/read-codes.ts";
import { generator } from "../js/catalogue.ts";

describe("the projection to the plane", () => {
  it("finds the two widest directions and their shares", () => {
    // Independent coordinates of variances 9, 4 and 0.01 along turned axes.
    const next = generator(5);
    const axes = [
      [0.6, 0.8, 0],
      [-0.8, 0.6, 0],
      [0, 0, 1],
    ];
    const n = 4000;
    const rows = new Float32Array(3 * n);
    for (let i = 0; i < n; i++) {
      [3, 2, 0.1].forEach((size, k) => {
        const along = size * Math.sqrt(3) * next();
        for (let j = 0; j < 3; j++) rows[3 * i + j]! += along * axes[k]![j]! + (k === 0 ? 50 : 0);
      });
    }
    const { points, shares } = projectToPlane(rows, 3);
    expect(shares[0]).toBeCloseTo(9 / 13.01, 1);
    expect(shares[1]).toBeCloseTo(4 / 13.01, 1);
    expect(Math.max(...points.map(Math.abs))).toBeCloseTo(1, 6);
    // The first coordinate is the item's place along the first axis, up to sign and scale.
    const along = Float64Array.from({ length: n }, (_, i) => 0.6 * rows[3 * i]! + 0.8 * rows[3 * i + 1]!);
    expect(
      Math.abs(
        correlation(
          along,
          points.filter((_, i) => i % 2 === 0),
        ),
      ),
    ).toBeGreaterThan(0.999);
  });

  it("gives one point for items that are all the same", () => {
    const { points, shares } = projectToPlane(new Float32Array(12).fill(3), 4);
    expect([...points]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(shares).toEqual([0, 0]);
  });
});

describe("the checks of a file", () => {
  it("count rows that are no numbers, of zeros, repeated, and columns that never change", () => {
    const data = Float32Array.from([
      3,
      4,
      7,
      0,
      0,
      0,
      3,
      4,
      7,
      Number.NaN,
      1,
      7,
      6,
      8,
      7,
      1,
      Number.POSITIVE_INFINITY,
      7,
    ]);
    const items = { data, rows: 6, dim: 3 };
    const bad = badRowsOf(items);
    expect([...bad]).toEqual([3, 5]);
    expect(checkItems(items, bad)).toMatchObject({
      badRows: 2,
      firstBadRows: [3, 5],
      zeroRows: 1,
      repeatedRows: 1,
      constantColumns: 0,
      norms: { least: Math.sqrt(74), most: Math.sqrt(149) },
    });
    const flat = { data: Float64Array.from([5, 1, 5, 2, 5, 3]), rows: 3, dim: 2 };
    expect(checkItems(flat, badRowsOf(flat)).constantColumns).toBe(1);
  });

  it("read half floats", () => {
    const halves = { data: Uint16Array.from([0x3c00, 0x4000, 0xbc00, 0x7e00]), rows: 2, dim: 2 }; // 1, 2; -1, NaN
    expect([...badRowsOf(halves)]).toEqual([1]);
    expect(checkItems(halves, badRowsOf(halves)).norms.most).toBeCloseTo(Math.sqrt(5), 12);
  });
});

describe("the lookup of an ID", () => {
  it("reads codes however they are written, and nothing else", () => {
    for (const text of ["<a_17><b_4><c_9>", "a_17 b_4 c_9", "17, 4, 9", " 17 4 9 ", "[17;4;9]"]) {
      expect(readCodes(text)).toEqual([17, 4, 9]);
    }
    for (const text of ["", "cat", "17 cats", "<a_>"]) expect(readCodes(text)).toBeUndefined();
  });
});

describe("the index behind tree and table", () => {
  it("puts items with one beginning side by side", async () => {
    const rows = [
      [1, 1],
      [1, 2],
      [1, 2],
      [3, 0],
    ];
    const ids = SemanticIds.from(rows, { codebookSizes: [4, 4] });
    const index = await CatalogueIndex.build(ids, new AbortController().signal);
    const items = (prefix: number[]) => {
      const { start, end } = index.range(prefix);
      return [...index.order.subarray(start, end)].sort();
    };
    expect(items([1])).toEqual([0, 1, 2]);
    expect(items([1, 2])).toEqual([1, 2]);
    expect(items([2])).toEqual([]);
    expect([...index.sharing]).toEqual([1, 2, 2, 1]);
    expect(index.childrenOf(index.root).map(({ prefix, start, end }) => [prefix, end - start])).toEqual([
      [[1], 3],
      [[3], 1],
    ]);
  });
});

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, value) => sum + value, 0) / n;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
