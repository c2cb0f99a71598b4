import { describe, expect, it } from "vitest";
import { assign } from "../../../bindings/js/base/assignment.ts";
import { permutationsOf, randomNumbers } from "../support/random.ts";

const worth = (weights: Float64Array, size: number, columns: ArrayLike<number>) =>
  Array.from(columns).reduce((sum, column, row) => sum + weights[row * size + column]!, 0);

describe("the assignment", () => {
  it("is as good as the best of all permutations", () => {
    const random = randomNumbers(7);
    for (let round = 0; round < 300; round++) {
      const size = 1 + random(6);
      const most = [2, 5, 1000][round % 3]!;
      const weights = Float64Array.from({ length: size * size }, () => random(most) - (round % 2));
      const best = Math.max(...permutationsOf(size).map((columns) => worth(weights, size, columns)));
      const columns = assign(weights, size);
      expect([...columns].sort((a, b) => a - b)).toEqual([...Array(size).keys()]);
      expect(worth(weights, size, columns)).toBe(best);
    }
  });

  it("recovers a hidden permutation of a thousand rows", () => {
    const random = randomNumbers(3);
    const size = 1000;
    const hidden = [...Array(size).keys()].sort(() => random(3) - 1);
    const weights = Float64Array.from({ length: size * size }, () => random(10));
    hidden.forEach((column, row) => {
      weights[row * size + column] = 100;
    });
    expect([...assign(weights, size)]).toEqual(hidden);
  });

  it("of nothing is nothing", () => expect([...assign(new Float64Array(0), 0)]).toEqual([]));
});
