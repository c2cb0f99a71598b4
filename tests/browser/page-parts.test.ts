/** Parts of the demo page that need no page. */
import { SemanticIds } from "rqvae";
import { checkItems } from "rqvae/report";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inSlices, nextTask } from "../../web/src/base/slices.ts";
import { CatalogueIndex } from "../../web/src/explore/catalogue-index.ts";
import { readCodes } from "../../web/src/explore/read-codes.ts";
import { projectToPlane } from "../../web/src/lab/layout/projection.ts";
import { evenly, Vectors } from "../../web/src/lab/vectors.ts";
import { catalogue, generator } from "../js/support/catalogue.ts";
import { sourceOf } from "../js/support/embedding-sources.ts";

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
  const check = (dim: number, ...data: number[]) =>
    checkItems({ data: Float32Array.from(data), rows: data.length / dim, dim });

  it("count rows that are no numbers, of zeros, repeated, and columns that never change", async () => {
    const rows = [
      [3, 4, 7],
      [0, 0, 0],
      [3, 4, 7],
      [Number.NaN, 1, 7],
      [6, 8, 7],
      [1, Number.POSITIVE_INFINITY, 7],
    ];
    expect(await check(3, ...rows.flat())).toEqual({
      badRows: 2,
      firstBadRows: [3, 5],
      zeroRows: 1,
      repeatedRows: 1,
      constantColumns: 0,
      norms: { least: Math.sqrt(74), mean: (2 * Math.sqrt(74) + Math.sqrt(149)) / 3, most: Math.sqrt(149) },
    });
    expect((await check(2, 5, 1, 5, 2, 5, 3)).constantColumns).toBe(1);
    expect(await check(1, Number.NaN)).toMatchObject({ badRows: 1, constantColumns: 0, norms: { most: 0 } });
  });

  it("take rows of any size a block at a time", async () => {
    const [rows, dim] = [3, 2_000_000]; // two rows are more than a block
    const data = new Float32Array(rows * dim).fill(1);
    data[2 * dim + 5] = Number.NEGATIVE_INFINITY;
    const source = sourceOf({ data, rows, dim });
    expect(await checkItems(source)).toMatchObject({ firstBadRows: [2], repeatedRows: 1 });
    expect(source.reads).toEqual([0, 1, 2].map((row) => [row, 1]));
  });
});

describe("vectors with several readers", () => {
  const [rows, dim] = [5000, 300];
  const items = catalogue(rows, dim);
  const row = (i: number) => [...items.data.subarray(i * dim, (i + 1) * dim)];

  it("give each of them what it asked for, one read at a time", async () => {
    const vectors = new Vectors(sourceOf(items)); // complains of two reads at a time, spoils the array of the last
    const [a, b] = [vectors.reader(), vectors.reader()];
    const [first, second, taken] = await Promise.all([
      a.read(0, 2),
      b.read(4000, 1),
      vectors.take(Uint32Array.of(7, 8, 4999)),
    ]);
    expect([...first]).toEqual([...row(0), ...row(1)]);
    expect([...second]).toEqual(row(4000));
    expect([...taken.data]).toEqual([...row(7), ...row(8), ...row(4999)]);
    await a.read(10, 2);
    expect([...second]).toEqual(row(4000));
  });

  it("go on after a read that failed", async () => {
    let failing = true;
    const before = () => {
      if (failing) throw new Error("unreadable");
    };
    const vectors = new Vectors(sourceOf(items, { before }));
    const reader = vectors.reader();
    await expect(reader.read(0, 1)).rejects.toThrow("unreadable");
    failing = false;
    expect([...(await reader.read(3, 1))]).toEqual(row(3));
  });

  it("read scattered rows by few reads, none of them large", async () => {
    const source = sourceOf(items);
    const chosen = evenly(rows, 500);
    const { data } = await new Vectors(source).take(chosen);
    expect([...data.subarray(499 * dim)]).toEqual(row(4990));
    expect([...data.subarray(dim, 2 * dim)]).toEqual(row(10));
    expect(source.reads.length).toBe(2);
    source.reads.length = 0;
    await new Vectors(source).take(Uint32Array.of(1, 4000)); // too far apart to read what lies between
    expect(source.reads).toEqual([
      [1, 1],
      [4000, 1],
    ]);
  });

  it("have a sample of evenly spaced rows, or all", async () => {
    expect((await new Vectors(sourceOf(items)).sample()).rows).toBe(2048);
    const few = catalogue(100, 3);
    expect(await new Vectors(sourceOf(few)).sample()).toEqual(few);
    expect([...evenly(10, 4)]).toEqual([0, 2, 5, 7]);
  });
});

describe("work in slices", () => {
  /** Milliseconds by a clock that only work moves. */
  let time = 0;
  beforeEach(() => {
    time = 0;
    vi.spyOn(performance, "now").mockImplementation(() => time);
  });
  afterEach(() => void vi.restoreAllMocks());

  it("gives way after so long, however many loops that were", async () => {
    await nextTask();
    let longest = 0;
    let running = true;
    const watch = (async () => {
      for (let last = time; running; last = time) {
        await nextTask();
        longest = Math.max(longest, time - last);
      }
    })();
    // Each loop takes 4 ms: alone it need not give way.
    for (let loop = 0; loop < 40; loop++) await inSlices(4, () => void time++, undefined, 1);
    running = false;
    await watch;
    expect(time).toBe(160);
    expect(longest).toBe(9); // the first step beyond 8 ms
  });

  it("stops when it is told to, and not before its first step", async () => {
    await nextTask();
    const controller = new AbortController();
    let steps = 0;
    const work = inSlices(
      1_000_000,
      () => {
        if (++steps === 100) controller.abort(new Error("enough"));
        time += 0.25;
      },
      controller.signal,
      1,
    );
    await expect(work).rejects.toThrow("enough");
    expect(steps).toBeGreaterThanOrEqual(100);
    expect(steps).toBeLessThanOrEqual(100 + 8 / 0.25 + 1); // to the end of the slice
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
