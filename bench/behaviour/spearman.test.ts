import { expect, it } from "vitest";
import { ranksOf, spearman } from "./spearman.mjs";

it("ranks share places, and the correlation is that of the textbook", () => {
  expect(ranksOf([10, 30, 20, 30])).toEqual([1, 3.5, 2, 3.5]);
  expect(spearman([1, 2, 3, 4], [10, 20, 30, 40])).toBe(1);
  expect(spearman([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
  // 1 - 6 sum d^2 / n (n^2 - 1) with d = 1, 1, 0, 1, 1
  expect(spearman([1, 2, 3, 4, 5], [2, 1, 3, 5, 4])).toBeCloseTo(1 - (6 * 4) / (5 * 24), 12);
  expect(spearman([1, 1, 1], [1, 2, 3])).toBe(0);
});
