import { describe, expect, it } from "vitest";
import { splitRows } from "../../../bindings/js/sweep/split.ts";

const different = (n: number) => Uint32Array.from({ length: n }, (_, row) => row);

describe("splitRows", () => {
  it("divides all rows into two parts, by the share", () => {
    for (const n of [10, 997, 5000]) {
      const { seen, heldOut } = splitRows(different(n), 0.2, 0);
      expect([...seen, ...heldOut].sort((a, b) => a - b)).toEqual([...different(n)]);
      expect(heldOut.length).toBe(Math.round(0.2 * n));
      expect([...seen]).toEqual([...seen].sort((a, b) => a - b));
      expect([...heldOut]).toEqual([...heldOut].sort((a, b) => a - b));
    }
  });

  it("depends on the seed, large ones too, and on nothing else", () => {
    const of = (seed: number) => splitRows(different(1000), 0.2, seed).heldOut.join();
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    expect(new Set(seeds.map(of)).size).toBe(seeds.length);
    expect(of(3)).toBe(of(3));
  });

  it("has no pattern of the row numbers", () => {
    const { heldOut } = splitRows(different(10_000), 0.2, 4);
    const parts = new Array<number>(10).fill(0);
    for (const row of heldOut) parts[Math.floor(row / 1000)]!++;
    for (const count of parts) expect(Math.abs(count - 200)).toBeLessThan(5 * Math.sqrt(160)); // five sigma
  });

  it("keeps rows of the same vector together", () => {
    const n = 900;
    const firstRows = Uint32Array.from({ length: n }, (_, row) => row % 300);
    const { seen, heldOut } = splitRows(firstRows, 0.3, 1);
    const seenVectors = new Set([...seen].map((row) => firstRows[row]));
    expect([...heldOut].filter((row) => seenVectors.has(firstRows[row]))).toEqual([]);
    expect(Math.abs(heldOut.length - 0.3 * n)).toBeLessThanOrEqual(3);
  });

  it("does not let one vector take more than the share", () => {
    const n = 1000;
    const firstRows = Uint32Array.from({ length: n }, (_, row) => (row < 600 ? 0 : row));
    for (let seed = 0; seed < 20; seed++) expect(splitRows(firstRows, 0.2, seed).heldOut.length).toBe(200);
    expect(splitRows(new Uint32Array(50), 0.2, 0).heldOut.length).toBe(0);
  });
});
