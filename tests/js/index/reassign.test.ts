import { describe, expect, it } from "vitest";
import { atOnce } from "../../../bindings/js/base/asking.ts";
import { sortIds } from "../../../bindings/js/ids/sorted-ids.ts";
import { reassign } from "../../../bindings/js/index/resolve-collisions.ts";
import { type Catalogue, costOf, greedyReassign, isFree, nearestFree, totalOf } from "../support/greedy-reassign.ts";
import { randomNumbers } from "../support/random.ts";

const DIM = 2;

/** Items of few codes, so that they collide; raw IDs by the nearest code of each level, in the order that decides. */
function catalogueOf(seed: number, sizes: readonly number[], n: number, heldCount: number): Catalogue {
  const random = randomNumbers(seed);
  const number = () => random(2001) / 1000 - 1;
  const vector = (scale: number) => Array.from({ length: DIM }, () => Math.fround(number() * scale));
  const books = sizes.map((size, level) => Array.from({ length: size }, () => vector(2 / (level + 1))));
  const items = Array.from({ length: n }, () => {
    const latent = vector(1);
    const id: number[] = [];
    for (const book of books) {
      const catalogue = { latents: [latent], books } as unknown as Catalogue;
      const codes = [...book.keys()];
      id.push(codes.reduce((a, b) => (costOf(catalogue, 0, [...id, b]) < costOf(catalogue, 0, [...id, a]) ? b : a)));
    }
    return { latent, id };
  });
  const compare = (a: number[], b: number[]) => a.map((code, level) => code - b[level]!).find((x) => x !== 0) ?? 0;
  items.sort((a, b) => compare(a.id, b.id));
  const held = new Map<string, number[]>();
  while (held.size < heldCount) {
    const id = sizes.map((size) => random(size));
    held.set(String(id), id);
  }
  return {
    raw: items.map(({ id }) => id),
    latents: items.map(({ latent }) => latent),
    books,
    held: [...held.values()],
  };
}

/** What is tested, with rows in the order `rows`. */
function reassigned({ raw, latents, books, held }: Catalogue, priority?: number[], rows = [...raw.keys()]): number[][] {
  const sizes = books.map((book) => book.length);
  const sorted = (ids: number[][], names: number[]) => sortIds(Uint16Array.from(ids.flat()), sizes, names);
  const codes = atOnce(
    reassign(
      sorted(
        rows.map((row) => raw[row]!),
        rows,
      ),
      sorted(held, [...held.keys()]),
      sizes,
      () => books.map((book) => Float32Array.from(book.flat())),
      function* (wanted, use) {
        wanted.forEach((i, place) => {
          use(place, Float32Array.from(latents[rows[i]!]!), 0);
        });
      },
      priority && rows.map((row) => priority[row]!),
    ),
    () => new Error("later"),
  );
  const ids: number[][] = [];
  rows.forEach((row, i) => {
    ids[row] = [...codes.subarray(i * sizes.length, (i + 1) * sizes.length)];
  });
  return ids;
}

const prefixOf = (id: readonly number[]) => String(id.slice(0, -1));

/** The rows of each prefix, and its free last codes. */
function prefixes({ raw, books, held }: Catalogue) {
  const groups = new Map<string, number[]>();
  for (const [row, id] of raw.entries()) groups.set(prefixOf(id), [...(groups.get(prefixOf(id)) ?? []), row]);
  const isHeld = new Set(held.map(String));
  return [...groups.values()].map((rows) => {
    const prefix = raw[rows[0]!]!.slice(0, -1);
    return { prefix, rows, free: [...books.at(-1)!.keys()].filter((code) => !isHeld.has(String([...prefix, code]))) };
  });
}

/** The least sum of costs when each row gets a code of its own, trying all. */
function least(rows: readonly number[], free: readonly number[], cost: (row: number, code: number) => number): number {
  if (rows.length === 0) return 0;
  const [row, ...others] = rows as [number, ...number[]];
  const sums = free.map((code) => {
    const rest = free.filter((other) => other !== code);
    return cost(row, code) + least(others, rest, cost);
  });
  return Math.min(...sums);
}

describe("reassignment at the least cost", () => {
  it("is under each prefix what trying all assignments finds, never costs more than taking turns, and moves nothing held", () => {
    let better = 0;
    let crowded = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const sizes = seed % 3 === 0 ? [2, 5] : seed % 3 === 1 ? [2, 2, 4] : [9];
      const catalogue = catalogueOf(seed, sizes, 2 + (seed % 5), seed % 4);
      const ids = reassigned(catalogue);
      const all = [...ids, ...catalogue.held].map(String);
      expect(new Set(all).size).toBe(all.length);
      const isFull = prefixes(catalogue).some(({ rows, free }) => rows.length > free.length);
      if (isFull) {
        crowded++;
        continue;
      }
      for (const { prefix, rows, free } of prefixes(catalogue)) {
        for (const row of rows) expect(prefixOf(ids[row]!)).toBe(String(prefix));
        const cost = (row: number, code: number) => costOf(catalogue, row, [...prefix, code]);
        const total = rows.reduce((sum, row) => sum + costOf(catalogue, row, ids[row]!), 0);
        expect(total).toBeCloseTo(least(rows, free, cost), 10);
      }
      const [own, greedy] = [totalOf(catalogue, ids), totalOf(catalogue, greedyReassign(catalogue))];
      expect(own).toBeLessThanOrEqual(greedy + 1e-9);
      if (own < greedy - 1e-9) better++;
    }
    expect(better).toBeGreaterThan(20); // else the comparison would say nothing
    expect(crowded).toBeGreaterThan(20);
  });

  it("keeps those under a full prefix for whom it is worth most; the others take the nearest free ID elsewhere", () => {
    let seen = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const catalogue = catalogueOf(seed, [3, 3], 5, seed % 2);
      const groups = prefixes(catalogue);
      const full = groups.filter(({ rows, free }) => rows.length > free.length);
      if (full.length !== 1 || full[0]!.free.length === 0) continue;
      seen++;
      const { prefix, rows, free } = full[0]!;
      const ids = reassigned(catalogue);
      const others = [...catalogue.raw.keys()].filter((row) => !rows.includes(row));
      const taken = new Set([...catalogue.held, ...others.map((row) => ids[row]!)].map(String));
      for (const code of free) taken.add(String([...prefix, code]));
      const elsewhere = (row: number) => costOf(catalogue, row, nearestFree(catalogue, taken, row));
      // All free codes are used; every choice of who stays, and where.
      const stays = rows.filter((row) => prefixOf(ids[row]!) === String(prefix));
      expect(stays.length).toBe(free.length);
      const worth = (row: number, code: number) => costOf(catalogue, row, [...prefix, code]) - elsewhere(row);
      const own = stays.reduce((sum, row) => sum + worth(row, ids[row]!.at(-1)!), 0);
      const best = least([...free], [...rows], (code, row) => worth(row, code));
      expect(own).toBeCloseTo(best, 10);
      for (const row of rows.filter((row) => !stays.includes(row))) {
        expect(ids[row]).toEqual(nearestFree(catalogue, taken, row));
        taken.add(String(ids[row]));
      }
    }
    expect(seen).toBeGreaterThan(20);
  });

  it("does not depend on the order of the rows, with priorities or without", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const catalogue = catalogueOf(seed, [2, 3, 4], 12, 3);
      // Some items twice.
      catalogue.latents[4] = catalogue.latents[3]!;
      catalogue.raw[4] = catalogue.raw[3]!;
      const random = randomNumbers(seed);
      const priority = catalogue.raw.map(() => random(3));
      const shuffled = [...catalogue.raw.keys()].sort((a, b) => ((a * 7 + seed) % 12) - ((b * 7 + seed) % 12));
      for (const given of [undefined, priority]) {
        expect(reassigned(catalogue, given, shuffled)).toEqual(reassigned(catalogue, given));
      }
    }
  });

  it("serves a higher priority first: one by one it is each item's nearest free code", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const catalogue = catalogueOf(seed, [1, 8], 6, 1);
      const priority = catalogue.raw.map((_, row) => (row * 5) % 7);
      const ids = reassigned(catalogue, priority);
      const taken = new Set(catalogue.held.map(String));
      for (const row of [...priority.keys()].sort((a, b) => priority[b]! - priority[a]!)) {
        expect(ids[row]).toEqual(nearestFree(catalogue, taken, row));
        taken.add(String(ids[row]));
      }
      expect(isFree(catalogue, taken, [])).toBe(true);
    }
  });

  it("beyond what is solved exactly gives all items free codes, the nearest of each raw ID its own", () => {
    // 2,100 items of 2,100 codes are 4.4 million pairs.
    const random = randomNumbers(5);
    const size = 2100;
    const book = Array.from({ length: size }, (_, code) => [code, 0]);
    const latents = Array.from({ length: size }, () => [random(size * 10) / 10, 0.25]);
    const raw = latents.map(([x]) => [Math.min(size - 1, Math.round(x! - 1e-9))]);
    const order = [...raw.keys()].sort((a, b) => raw[a]![0]! - raw[b]![0]!);
    const catalogue = {
      raw: order.map((row) => raw[row]!),
      latents: order.map((row) => latents[row]!),
      books: [book],
      held: [],
    };
    const ids = reassigned(catalogue);
    expect(new Set(ids.map(String)).size).toBe(size);
    const groups = new Map<number, number[]>();
    for (const [row, [code]] of catalogue.raw.entries()) groups.set(code!, [...(groups.get(code!) ?? []), row]);
    for (const [code, rows] of groups) {
      const nearest = Math.min(...rows.map((row) => costOf(catalogue, row, [code])));
      const keeper = rows.find((row) => ids[row]![0] === code)!;
      expect(costOf(catalogue, keeper, [code])).toBe(nearest);
    }
  });
});
