import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { effectiveRank, symmetricEigenvalues } from "./eigenvalues.ts";
import { draw, hash, mix, normal, uniform } from "./hash.mjs";
import { countDistinctRows, nearestNeighbours } from "./measures.mjs";
import { SPECTRUM, ZIPF } from "./spectrum.mjs";
import { originalRow, spectralCatalogue, syntheticCatalogue, syntheticPath } from "./synthetic.mjs";

describe("the hash", () => {
  const MASK = (1n << 32n) - 1n;
  /** In whole numbers of any size, as C++ does it in 32 bits. */
  function mixBig(x: bigint): bigint {
    x = ((x ^ (x >> 16n)) * 0x21f0aaadn) & MASK;
    x = ((x ^ (x >> 15n)) * 0x735a2d97n) & MASK;
    return x ^ (x >> 15n);
  }
  const hashBig = (...words: bigint[]) =>
    words.reduce((h, word) => mixBig(((h ^ mixBig((word + 0x9e3779b9n) & MASK)) + 0x85ebca6bn) & MASK), 0x9e3779b9n);

  test("is that of unsigned 32-bit arithmetic", () => {
    for (const x of [0, 1, 2, 77, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) {
      expect(mix(x)).toBe(Number(mixBig(BigInt(x))));
      expect(hash(x, 3, 0xffffffff)).toBe(Number(hashBig(BigInt(x), 3n, MASK)));
      expect(draw(x, 1e6 + 1)).toBe(Number(mixBig((BigInt(x) + 1000001n * 0x9e3779b9n) & MASK)));
    }
    expect([mix(1), hash(0, 1, 2), draw(5, 7), normal(5, 7)]).toEqual([
      2261973619, 2153211035, 1816491776, -1.80560302734375,
    ]);
  });

  test("order and number of the words matter", () => {
    expect(new Set([hash(1, 2), hash(2, 1), hash(1), hash(1, 2, 0), hash(0, 1, 2), hash()]).size).toBe(6);
  });

  test("uniform and normal numbers have their moments", () => {
    const n = 100_000;
    const moments = (next: (key: number, counter: number) => number) => {
      const sums = [0, 0, 0, 0, 0];
      for (let i = 0; i < n; i++) {
        const x = next(hash(9, i >> 8), i & 255);
        for (let power = 1; power <= 4; power++) sums[power]! += x ** power / n;
      }
      return sums;
    };
    const [, mean, square] = moments(uniform);
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(square).toBeCloseTo(1 / 3, 2);
    const [, first, second, third, fourth] = moments(normal);
    expect(Math.abs(first!)).toBeLessThan(0.015);
    expect(Math.abs(second! - 1)).toBeLessThan(0.02);
    expect(Math.abs(third!)).toBeLessThan(0.05);
    expect(Math.abs(fourth! - 2.9)).toBeLessThan(0.1); // 3 - 1.2 / 12
  });
});

test("the tables are powers, in units of 2^-24", () => {
  let total = 0;
  for (let j = 1; j <= 768; j++) total += j ** -0.9;
  expect(SPECTRUM.length).toBe(768);
  SPECTRUM.forEach((amplitude, j) => {
    expect(Math.abs(amplitude - 2 ** 24 * Math.sqrt((j + 1) ** -0.9 / total))).toBeLessThan(0.51);
  });
  expect(ZIPF.length).toBe(32);
  ZIPF.forEach((weight, k) => {
    expect(Math.abs(weight - 2 ** 24 * (k + 1) ** -0.8)).toBeLessThan(0.51);
  });
});

describe("the synthetic catalogue", () => {
  const n = 2500;
  const { data, rows, dim } = syntheticCatalogue(n);
  const row = (i: number) => data.subarray(i * dim, (i + 1) * dim);
  const cosine = (a: number, b: number) => row(a).reduce((sum, x, j) => sum + x * row(b)[j]!, 0);

  test("has these bytes", () => {
    expect([rows, dim]).toEqual([n, 768]);
    const bytes = new Uint8Array(data.buffer, 0, 64 * dim * 4);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "469857fa3d5265f5b95870f48a442e79cc9d4c9c2ca6405bad2f521242b3a73d",
    );
  });

  test("a smaller one is its beginning, another seed another one", () => {
    expect(syntheticCatalogue(70).data).toEqual(data.slice(0, 70 * dim));
    expect(syntheticCatalogue(1, 1).data).not.toEqual(data.slice(0, dim));
  });

  test("of fewer dimensions it has the first ones, to length 1", () => {
    const narrow = syntheticCatalogue(70, 0, 64);
    expect(narrow.dim).toBe(64);
    for (let i = 0; i < 70; i++) {
      const cut = row(i).subarray(0, 64);
      const length = Math.sqrt(cut.reduce((sum, x) => sum + x * x, 0));
      narrow.data.subarray(64 * i, 64 * i + 64).forEach((x, j) => {
        expect(Math.abs(x - cut[j]! / length)).toBeLessThan(1e-6);
      });
    }
  });

  test("rows have length 1", () => {
    const lengths = Array.from({ length: n }, (_, i) => cosine(i, i));
    expect(Math.min(...lengths)).toBeGreaterThan(1 - 1e-6);
    expect(Math.max(...lengths)).toBeLessThan(1 + 1e-6);
  });

  test("1% of the rows are exact duplicates of an earlier one", () => {
    const copies = Array.from({ length: n }, (_, i) => i).filter((i) => originalRow(0, i) !== i);
    expect(Math.abs(copies.length - n / 100)).toBeLessThan(20); // standard deviation 5
    for (const i of copies) {
      expect(originalRow(0, i)).toBeLessThan(i);
      expect(row(i).join()).toBe(row(originalRow(0, i)).join());
      expect(syntheticPath(0, i)).toEqual(syntheticPath(0, originalRow(0, i)));
    }
    expect(countDistinctRows({ data, rows, dim })).toBe(n - copies.length);
  });

  test("the tree has Zipf weights", () => {
    const many = 20_000;
    const paths = Array.from({ length: many }, (_, i) => syntheticPath(5, i));
    [32, 16, 8].forEach((children, depth) => {
      const counts = new Array<number>(children).fill(0);
      for (const path of paths) counts[path[depth]! % children]!++;
      const total = ZIPF.slice(0, children).reduce((sum, weight) => sum + weight, 0);
      counts.forEach((count, child) => {
        const expected = (many * ZIPF[child]!) / total;
        expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected) + 0.01 * expected);
      });
    });
    for (const [first, second, third] of paths) {
      expect([Math.floor(second! / 16), Math.floor(third! / 8)]).toEqual([first, second]);
    }
  });

  test("cosines are those of sentence embeddings: random about .10, nearest neighbour about .7", () => {
    let random = 0;
    for (let i = 0; i < 5000; i++) random += cosine((i * 7919) % n, (i * 104729 + 13) % n) / 5000;
    expect(random).toBeGreaterThan(0.08);
    expect(random).toBeLessThan(0.12);
    const queries = Array.from({ length: 60 }, (_, i) => 40 * i).filter((i) => originalRow(0, i) === i);
    const nearest = nearestNeighbours({ data, rows, dim }, queries, 3);
    let sum = 0;
    queries.forEach((query, i) => {
      const other = nearest.subarray(3 * i, 3 * i + 3).find((neighbour: number) => cosine(query, neighbour) < 0.9999);
      sum += cosine(query, other!);
    });
    expect(sum / queries.length).toBeGreaterThan(0.64);
    expect(sum / queries.length).toBeLessThan(0.76);
  });

  test("effective rank about 154", () => {
    // [[2, 1, 0], [1, 2, 1], [0, 1, 2]] has 2 - sqrt 2, 2, 2 + sqrt 2.
    const known = symmetricEigenvalues(Float64Array.of(2, 0, 0, 1, 2, 0, 0, 1, 2), 3);
    [2 - Math.SQRT2, 2, 2 + Math.SQRT2].forEach((value, i) => {
      expect(known[i]).toBeCloseTo(value, 12);
    });

    const rank = effectiveRank(data, n, dim);
    expect(rank).toBeGreaterThan(139);
    expect(rank).toBeLessThan(169);
  });
});

describe("normal numbers with a spectrum", () => {
  test.each([0, 0.5, 1] as const)("the variance of dimension j is j^-%s", (decay) => {
    const [n, dim] = [4000, 24];
    const { data } = spectralCatalogue(n, dim, decay);
    for (let j = 0; j < dim; j++) {
      let square = 0;
      for (let i = 0; i < n; i++) square += data[i * dim + j]! ** 2 / n;
      expect(Math.abs(square * (j + 1) ** decay - 1)).toBeLessThan(0.1); // standard deviation .022
    }
  });

  test("rows and dimensions are independent", () => {
    const [n, dim] = [4000, 8];
    const { data } = spectralCatalogue(n, dim, 0);
    for (const step of [1, dim]) {
      let product = 0;
      for (let at = 0; at + step < data.length; at++) product += (data[at]! * data[at + step]!) / data.length;
      expect(Math.abs(product)).toBeLessThan(0.03); // standard deviation .006
    }
  });

  test("has these bytes; a smaller one is its beginning, another seed another one", () => {
    const { data, rows, dim } = spectralCatalogue(64, 256, 0.5);
    expect([rows, dim]).toEqual([64, 256]);
    expect(createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex")).toBe(
      "a1ac199f50faa74614a45e2ddab75d3aec29653cec34fb0645417521f044bd6e",
    );
    expect(spectralCatalogue(3, 256, 0.5).data).toEqual(data.slice(0, 3 * 256));
    expect(spectralCatalogue(1, 256, 0.5, 1).data).not.toEqual(data.slice(0, 256));
  });
});
