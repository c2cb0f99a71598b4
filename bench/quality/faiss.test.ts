import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { catalogue } from "../../tests/js/support/catalogue.ts";
import { bitsOf, faissQuantizer, findFaiss, unpackCodes, withoutPlace } from "./faiss.mjs";
import { explainedVariance } from "./measures.mjs";

const folder = mkdtempSync(join(tmpdir(), "rqvae-faiss-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("packed codes", () => {
  test("first code first, lowest bit first", () => {
    // 5 + 5 + 5 bits: 3, 17, 30 and 1, 2, 4; the last bit is not used.
    const bytes = Uint8Array.of(0b001_00011, 0b0_11110_10, 0b010_00001, 0b0_00100_00);
    expect([...unpackCodes(bytes, 2, [32, 32, 32])]).toEqual([3, 17, 30, 1, 2, 4]);
    expect([...unpackCodes(Uint8Array.of(1, 2, 255), 1, [256, 256, 256])]).toEqual([1, 2, 255]);
    // 6 + 8 + 10 bits
    expect([...unpackCodes(Uint8Array.of(0b01_111111, 0b11_000000, 0b11111111), 1, [64, 256, 1024])]).toEqual([
      63, 1, 1023,
    ]);
  });

  test("as they were packed, at any number of bits", () => {
    const rowsOf = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 }).chain((bits) => {
      const row = fc.tuple(...bits.map((each) => fc.nat(2 ** each - 1)));
      return fc.tuple(fc.constant(bits), fc.array(row, { maxLength: 5 }));
    });
    fc.assert(
      fc.property(rowsOf, ([bits, rows]) => {
        const width = Math.ceil(bits.reduce((sum, each) => sum + each, 0) / 8);
        const bytes = rows.flatMap((row) => {
          let [number, at] = [0n, 0n]; // the row as one number
          row.forEach((code, level) => {
            number |= BigInt(code) << at;
            at += BigInt(bits[level]!);
          });
          return Array.from({ length: width }, (_, byte) => Number((number >> BigInt(8 * byte)) & 255n));
        });
        const sizes = bits.map((each) => 2 ** each);
        expect([...unpackCodes(Uint8Array.from(bytes), rows.length, sizes)]).toEqual(rows.flat());
      }),
    );
  });

  test("refuses what does not fit", () => {
    expect(() => unpackCodes(new Uint8Array(5), 2, [256, 256])).toThrow("5 bytes of codes, not 2 x 2");
    expect(() => bitsOf(48)).toThrow("codebooks of 2^n codes only, not of 48");
  });
});

describe("finding it", () => {
  test("a Python that is named must have it", () => {
    const named = join(folder, "python");
    expect(findFaiss({ env: { RQVAE_PYTHON: named } })).toEqual({ missing: `RQVAE_PYTHON, ${named}, has no faiss` });
  });
});

test("what faiss says, without where it says it", () => {
  const place = "Error in float faiss::F(size_t) at /faiss/F.cpp:297: Error: '!(n >= size)' failed: ";
  expect(withoutPlace(`${place}too few training points`)).toBe("too few training points");
  expect(withoutPlace(place)).toBe(place.trim()); // better than nothing
  expect(withoutPlace("other")).toBe("other");
});

test("tables that would not fit into memory are refused before anything is started", async () => {
  const items = { data: new Float32Array(0), rows: 400_000, dim: 128 };
  const attempt = (quantizer: Parameters<typeof faissQuantizer>[3], codes: number[]) =>
    faissQuantizer("no-python", items, { codes, seed: 0 }, quantizer, items);
  await expect(attempt({ method: "residual", beam: 32 }, [256, 256])).rejects.toThrow("tables of 6.1 GB are too large");
  await expect(attempt({ method: "localSearch" }, [1024, 1024])).rejects.toThrow("tables of 3.1 GB are too large");
});

const faiss = findFaiss({ install: false });
describe.skipIf("missing" in faiss)("faiss", () => {
  const python = "python" in faiss ? faiss.python : "";
  const { data, rows, dim } = catalogue(300, 10);
  const items = { data, rows, dim };
  const seen = { data: data.slice(0, 240 * dim), rows: 240, dim };
  const shape = { codes: [8, 4], seed: 1 };
  const residual = { method: "residual", beam: 4 } as const;

  test("codes and vectors belong together", async () => {
    const fitted = await faissQuantizer(python, seen, shape, residual, items);
    const ids = fitted.encode(items);
    expect([ids.length, ids.levels, [...ids.codebookSizes]]).toEqual([300, 2, [8, 4]]);
    const decoded = fitted.decode(ids);
    expect(explainedVariance(items, decoded)).toBeGreaterThan(0.3);
    // A vector is a sum of one of 8 and one of 4: equal IDs have equal vectors, and v(a, b) - v(a, 0) depends on b alone.
    const vectors = new Map<string, Float32Array>();
    for (let row = 0; row < rows; row++) {
      const id = `${ids.codes[2 * row]} ${ids.codes[2 * row + 1]}`;
      const vector = decoded.subarray(row * dim, (row + 1) * dim);
      expect(vectors.get(id) ?? vector).toEqual(vector);
      vectors.set(id, vector);
    }
    expect(vectors.size).toBeGreaterThan(16);
    const steps = new Map<number, number>();
    for (let a = 0; a < 8; a++) {
      for (let b = 1; b < 4; b++) {
        const [from, to] = [vectors.get(`${a} 0`), vectors.get(`${a} ${b}`)];
        if (!from || !to) continue;
        expect(steps.get(b) ?? to[0]! - from[0]!).toBeCloseTo(to[0]! - from[0]!, 4);
        steps.set(b, to[0]! - from[0]!);
      }
    }
    expect(steps.size).toBe(3);
    expect(fitted.cost!.cpuSeconds).toBeGreaterThan(0);
    expect(() => fitted.encode(seen)).toThrow("faiss has encoded other items");
  });

  test("the seed decides, and nothing else", async () => {
    const codes = async (seed: number) => {
      const fitted = await faissQuantizer(python, seen, { ...shape, seed }, residual, items);
      return [...fitted.encode(items).codes];
    };
    const first = await codes(1);
    expect(await codes(1)).toEqual(first);
    expect(await codes(2)).not.toEqual(first);
  });

  test("dimensions that cannot be shared out are padded", async () => {
    const product = { method: "product" } as const;
    const fitted = await faissQuantizer(python, seen, { codes: [8, 8, 8], seed: 0 }, product, items);
    const decoded = fitted.decode(fitted.encode(items));
    expect(decoded.length).toBe(rows * dim); // 10 are 3 x 4 less 2
    expect(explainedVariance(items, decoded)).toBeGreaterThan(0.3);
  });

  test("what it refuses is said", async () => {
    const few = { data: data.slice(0, 5 * dim), rows: 5, dim };
    await expect(faissQuantizer(python, few, shape, residual, items)).rejects.toThrow("10 dimensions");
    await expect(faissQuantizer(python, seen, { codes: [6, 6], seed: 0 }, residual, items)).rejects.toThrow("not of 6");
  });
});
