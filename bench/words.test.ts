/** The figures of bench/words.mjs, on data that can be counted by hand. */
import { expect, it } from "vitest";
import { agreement, chance, jaccard, nearness } from "./words.mjs";

const items = { data: Float32Array.of(1, 0, 5, 0.1, 0, 1, 0.1, 3), rows: 4, dim: 2 };

it("counts genres that both have among those that one has", () => {
  expect(jaccard([1, 2], [2, 3])).toBeCloseTo(1 / 3);
  expect(jaccard([], [])).toBe(0);
  expect(jaccard([4], [4])).toBe(1);
});

it("takes the nearest by direction, whatever the lengths", () => {
  expect(agreement(items, [[1], [1], [2], [2]])).toBe(1);
  expect(agreement(items, [[1], [2], [1], [2]])).toBe(0);
  expect(agreement(items, [[1, 2], [1], [3], [3]])).toBeCloseTo((0.5 + 0.5 + 1 + 1) / 4);
});

it("has chance over all pairs", () => {
  expect(chance([[1], [1], [2], [2]])).toBeCloseTo(2 / 6);
});

it("says how many titles are nearest to their own vector", () => {
  expect(nearness(items, items)).toMatchObject({ own: 1 });
  expect(nearness(items, items).median).toBeCloseTo(1);
  const turned = { ...items, data: Float32Array.of(0, 1, 0, 1, 1, 0, 1, 0) };
  expect(nearness(turned, items).own).toBe(0);
});
