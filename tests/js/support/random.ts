/** Whole numbers below n, the same for a seed (a linear congruential generator: good enough to vary tests). */
export function randomNumbers(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** All orders of 0 ... n - 1. */
export function permutationsOf(n: number): number[][] {
  if (n === 0) return [[]];
  return permutationsOf(n - 1).flatMap((shorter) =>
    Array.from({ length: n }, (_, place) => shorter.toSpliced(place, 0, n - 1)),
  );
}
