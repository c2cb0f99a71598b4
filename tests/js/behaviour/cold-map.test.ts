import { coldMap } from "rqvae/behaviour";
import { describe, expect, test } from "vitest";
import { catalogue } from "../support/catalogue.ts";

/** Behaviour that the content decides: its first values, turned round. */
function behaviourOf({ data, rows, dim }: { data: Float32Array; rows: number; dim: number }, width: number) {
  const vectors = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < width; j++) vectors[row * width + j] = data[row * dim + width - 1 - j]!;
  }
  return { data: vectors, rows, dim: width };
}

describe("coldMap", () => {
  test("equals the weighted mean of the neighbours' vectors by brute force, and keeps what is known", async () => {
    const content = catalogue(90, 6);
    const behaviour = behaviourOf(content, 3);
    const known = Uint8Array.from({ length: 90 }, (_, row) => Number(row % 9 !== 0));
    const { data, rows, dim } = await coldMap(content, behaviour, known);
    expect([rows, dim]).toEqual([90, 3]);
    const vector = (row: number) => content.data.subarray(row * 6, (row + 1) * 6);
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, each, j) => sum + each * b[j]!, 0);
    for (let row = 0; row < 90; row++) {
      const own = [...data.subarray(row * 3, row * 3 + 3)];
      if (known[row]) {
        expect(own).toEqual([...behaviour.data.subarray(row * 3, row * 3 + 3)]);
        continue;
      }
      const near = Array.from({ length: 90 }, (_, other) => ({
        other,
        cosine:
          dot(vector(row), vector(other)) /
          Math.sqrt(dot(vector(row), vector(row)) * dot(vector(other), vector(other))),
      }))
        .filter(({ other }) => known[other])
        .sort((a, b) => b.cosine - a.cosine)
        .slice(0, 50);
      const weight = (cosine: number) => Math.max(cosine, 1e-3) ** 8;
      const total = near.reduce((sum, { cosine }) => sum + weight(cosine), 0);
      own.forEach((value, j) => {
        const mean = near.reduce((sum, { other, cosine }) => sum + weight(cosine) * behaviour.data[other * 3 + j]!, 0);
        expect(value).toBeCloseTo(mean / total, 4);
      });
    }
  });

  test("says how good it is: well where content decides behaviour, no better than the mean where it does not", async () => {
    const content = catalogue(600, 8);
    const behaviour = behaviourOf(content, 4);
    const all = new Uint8Array(600).fill(1);
    const { heldOut, data } = await coldMap(content, behaviour, all);
    expect(data).toEqual(behaviour.data);
    expect(heldOut!.rows).toBe(60);
    expect(heldOut!.cosine).toBeGreaterThan(0.8);
    expect(heldOut!.explainedVariance).toBeGreaterThan(0.5);
    const shuffled = new Float32Array(behaviour.data.length);
    for (let row = 0; row < 600; row++) {
      shuffled.set(behaviour.data.subarray(row * 4, row * 4 + 4), ((row * 247) % 600) * 4);
    }
    const none = await coldMap(content, { ...behaviour, data: shuffled }, all);
    expect(none.heldOut!.explainedVariance).toBeLessThan(0.1);
  });

  test("nothing known, few known", async () => {
    const content = catalogue(12, 3);
    const behaviour = { data: new Float32Array(24), rows: 12, dim: 2 };
    expect(await coldMap(content, { ...behaviour, known: new Uint8Array(12) })).toEqual(behaviour);
    const one = { ...behaviour, data: Float32Array.from({ length: 24 }, (_, i) => (i < 2 ? 1 : 0)) };
    const { data, heldOut } = await coldMap(
      content,
      one,
      Uint8Array.from({ length: 12 }, (_, row) => Number(row === 0)),
    );
    expect(heldOut).toBeUndefined();
    expect([...data]).toEqual(new Array(24).fill(1));
  });

  test("refuses what does not belong together", async () => {
    const content = catalogue(12, 3);
    const behaviour = { data: new Float32Array(24), rows: 12, dim: 2 };
    const known = new Uint8Array(12);
    await expect(coldMap(content, { ...behaviour, rows: 8, dim: 3 }, known)).rejects.toThrow(
      /behaviour must be of 12 rows/,
    );
    await expect(coldMap(content, behaviour, new Uint8Array(3))).rejects.toThrow(
      /known must be a Uint8Array of 12 values/,
    );
    await expect(coldMap(content, behaviour)).rejects.toThrow(/known must be/);
    await expect(coldMap({ ...content, dim: 5 }, behaviour, known)).rejects.toThrow(/content must be/);
  });
});
