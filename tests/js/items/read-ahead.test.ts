/** Rows that are read before they are asked for. */
import { describe, expect, it } from "vitest";
import { AheadReader } from "../../../bindings/js/items/read-ahead.ts";
import { nextTurn } from "../../../bindings/js/runtime/jobs.ts";
import { catalogue } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const DIM = 4;
const items = catalogue(60_000, DIM);
/** Three runs, too far apart for one read. */
const names = Uint32Array.from([5, 6, 7, 20_000, 20_002, 50_000]);
const READS = [
  [5, 3],
  [20_000, 3],
  [50_000, 1],
];

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** The rows that `eachRun` gives, in order. */
async function rowsOf(reader: AheadReader, wanted: Uint32Array): Promise<number[][]> {
  const rows: number[][] = [];
  await reader.eachRun(wanted, (data, begin, first, count, place) => {
    for (let i = 0; i < count; i++) {
      const at = (first - begin + i) * DIM;
      rows[place + i] = [...data.subarray(at, at + DIM)];
    }
  });
  return rows;
}
const expected = (wanted: Uint32Array) =>
  Array.from(wanted, (row) => [...items.data.subarray(row * DIM, (row + 1) * DIM)]);

describe("AheadReader", () => {
  it("has the rows when they are asked for", async () => {
    const source = sourceOf(items);
    const reader = new AheadReader(source, DIM);
    reader.readAhead(names);
    await turns(30);
    expect(source.reads).toEqual(READS);
    expect(await rowsOf(reader, names)).toEqual(expected(names));
    expect(source.reads).toEqual(READS);
    // They are not kept.
    expect(await rowsOf(reader, names)).toEqual(expected(names));
    expect(source.reads).toEqual([...READS, ...READS]);
  });

  it("goes on where reading ahead has come to, whenever they are asked for", async () => {
    for (let after = 0; after < 12; after++) {
      const source = sourceOf(items);
      const reader = new AheadReader(source, DIM);
      reader.readAhead(names);
      await turns(after);
      expect(await rowsOf(reader, names)).toEqual(expected(names));
      await turns(10);
      expect(source.reads).toEqual(READS);
    }
  });

  it("reads what is asked for if that is something else", async () => {
    const other = Uint32Array.from([5, 6, 20_000, 30_000]); // of the same beginning, but less of it
    for (const after of [0, 3, 30]) {
      const reader = new AheadReader(sourceOf(items), DIM);
      reader.readAhead(names);
      await turns(after);
      expect(await rowsOf(reader, other)).toEqual(expected(other));
    }
  });

  it("tells of a read that failed when its rows are asked for", async () => {
    const broken = new Error("the disk is gone");
    const source = sourceOf(items, {
      before(first) {
        if (first === 20_000) throw broken;
      },
    });
    const reader = new AheadReader(source, DIM);
    reader.readAhead(names);
    await turns(30);
    expect(source.reads).toEqual(READS.slice(0, 2));
    await expect(rowsOf(reader, names)).rejects.toBe(broken);
    expect(source.reads).toEqual(READS.slice(0, 2));
  });

  it("reads no further once it is stopped", async () => {
    const source = sourceOf(items);
    const reader = new AheadReader(source, DIM);
    reader.readAhead(names);
    while (source.reads.length === 0) await nextTurn();
    reader.stop();
    await turns(30);
    expect(source.reads).toEqual(READS.slice(0, 1));
  });

  it("holds at most 128 MB that nobody asked for", async () => {
    const dim = 1 << 20; // four rows are 16 MB
    const rows = 100;
    let reads = 0;
    const read = async (_first: number, count: number) => {
      reads++;
      return new Float32Array(count * dim);
    };
    const reader = new AheadReader({ rows, dim, read }, dim);
    reader.readAhead(Uint32Array.from({ length: rows }, (_, i) => i));
    await turns(2 * rows);
    expect(reads * 3 * 4 * dim).toBeLessThanOrEqual(128 << 20);
    expect(reads).toBeGreaterThan(8);
    reader.stop();
  });
});
