/** Files that are damaged, cut short, or lie: every reader gives an error of ours that names the file, or rows that make sense. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { openItems, readItems } from "../../../bindings/js/formats/index.ts";
import {
  bytesOf,
  columnMajor,
  HALVES,
  MATRIX,
  makeNpy,
  makeSafetensors,
  makeZip,
  npy,
  utf8,
} from "../support/format-files.ts";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/formats/${name}`, import.meta.url)));
const f32 = { name: "emb", dtype: "F32", shape: [4, 3], bytes: bytesOf(MATRIX.data) };
const ids = { name: "ids", dtype: "I64", shape: [4], bytes: bytesOf(BigInt64Array.of(1n, 2n, 3n, 4n)) };
const csv = 'id,title,x,y\na,"A, a",1,2\nb,B,3,4\nc,C,5,6\n';
const json = '{"data":[{"id":"a","embedding":[1,2]},{"id":"b","embedding":[3,4]}],"model":"m"}';
const lines = '{"id":"a","embedding":[1,2]}\n{"id":"b","embedding":[3,4]}\n';

const small: [name: string, bytes: Uint8Array][] = [
  ["a.npy", npy],
  ["fortran.npy", makeNpy(">f4", "(4, 3)", columnMajor, true, 2)],
  ["half.npy", makeNpy("<f2", "(4, 3)", HALVES)],
  ["stored.npz", makeZip([{ name: "x.npy", bytes: npy, stored: true }], true)],
  ["deflated.npz", makeZip([{ name: "x.npy", bytes: npy }])],
  ["a.safetensors", makeSafetensors([ids, f32])],
  ["a.npy.gz", gzipSync(npy)],
  ["a.csv.gz", gzipSync(csv)],
  ["a.csv", utf8(csv)],
  ["list.csv", utf8('id,e\na,"[1, 2.5]"\nb,"[3, 4]"\n')],
  ["a.json", utf8(json)],
  ["a.jsonl", utf8(lines)],
  ["invalid.parquet", fixture("invalid.parquet")],
  ["split.parquet", fixture("split.parquet")],
  ["half.parquet", fixture("half.parquet")],
  ["wide-names.parquet", fixture("wide-names.parquet")],
];
const large: [name: string, bytes: Uint8Array][] = [
  ...["snappy", "gzip", "zstd", "brotli", "lz4", "double-v2", "delta", "delta-v2", "encodings"].map(
    (name) => [`${name}.parquet`, fixture(`${name}.parquet`)] as [string, Uint8Array],
  ),
  ["deflated.npz", fixture("deflated.npz")],
  ["stored.npz", fixture("stored.npz")],
];

/** What comes of a file: rows that make sense, or an error of ours with the file's name. Takes no longer than some seconds. */
async function outcome(bytes: Uint8Array, name: string, skipInvalid = false): Promise<"read" | "refused"> {
  let result: "read" | "refused" = "read";
  const fail = (error: unknown) => {
    expect(error, String((error as Error).stack)).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toContain(name);
    expect((error as Error).message).not.toMatch(/(undefined|NaN) (bytes|rows|values)|\[object/);
    result = "refused";
  };
  await readItems(bytes, { fileName: name, skipInvalid }).then((items) => {
    const { itemIds, labels } = items;
    expect(items.rows).toBeGreaterThan(0);
    expect(items.data.length).toBe(items.rows * items.dim);
    // Nothing small holds much.
    expect(items.data.length).toBeLessThanOrEqual(Math.max(65_536, 1000 * bytes.length));
    if (itemIds) expect(itemIds.length).toBe(items.rows);
    if (labels) expect(labels.titles.length).toBe(items.rows);
  }, fail);
  await openItems(bytes, { fileName: name, skipInvalid }).then(async (source) => {
    await source.read(0, source.rows).then((data) => expect(data.length).toBe(source.rows * source.dim), fail);
    await source.close();
  }, fail);
  return result;
}

describe("whole", () => {
  test.each([...small, ...large])("%s is read", async (name, bytes) => {
    expect(await outcome(bytes, name, name.startsWith("invalid"))).toBe("read");
  });
});

describe("cut short at every byte", () => {
  const text = /csv$|jsonl$|half\.npy/;
  test.each(small)("%s", async (name, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      const result = await outcome(bytes.subarray(0, length), name, length % 2 === 1);
      // A text may end anywhere, and a gzip stream or an archive only with its last bytes.
      if (!text.test(name) && name !== "list.csv") expect([length, result]).toEqual([length, "refused"]);
    }
  });
});

describe("bytes that are others", () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  test.each([...small, ...large])("%s", async (name, bytes) => {
    await fc.assert(
      fc.asyncProperty(flips, fc.boolean(), async (flips, skipInvalid) => {
        const damaged = bytes.slice();
        for (const [at, value] of flips) damaged[at % damaged.length] = value;
        await outcome(damaged, name, skipInvalid);
      }),
      { numRuns: name.startsWith("brotli") ? 20 : 150 }, // each costs a large table
    );
  });

  // Headers decide most, and lie at the end in Parquet and zip.
  test.each(large)("%s, near its end", async (name, bytes) => {
    await fc.assert(
      fc.asyncProperty(flips, async (flips) => {
        const damaged = bytes.slice();
        for (const [at, value] of flips) damaged[damaged.length - 1 - (at % Math.min(2500, damaged.length))] = value;
        await outcome(damaged, name);
      }),
      { numRuns: name.startsWith("brotli") ? 20 : 150 },
    );
  });

  test("anything after the first bytes of a format", async () => {
    const beginnings = small.map(([, bytes]) => bytes.subarray(0, 12));
    const begin = fc.oneof(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 4 }));
    const name = fc.constantFrom("a.npy", "a.npz", "a.safetensors", "a.parquet", "a.gz", "a.csv", "a.json", "a");
    await fc.assert(
      fc.asyncProperty(begin, fc.uint8Array({ maxLength: 300 }), name, async (begin, rest, name) => {
        await outcome(Uint8Array.of(...begin, ...rest), name);
      }),
      { numRuns: 500 },
    );
  });
});

describe("memory", () => {
  test.each<[string, Uint8Array]>([
    ["npy", makeNpy("<f4", "(9007199254740991, 1)", MATRIX.data)],
    ["npy.gz", gzipSync(makeNpy("<f4", "(100000000, 10)", MATRIX.data))],
    ["npz", makeZip([{ name: "x.npy", bytes: makeNpy("<f8", "(4000000000, 1)", MATRIX.data) }])],
    [
      "npz of zeros",
      makeZip([{ name: "x.npy", bytes: makeNpy("<f4", "(20000000, 1)", new Float32Array(20_000_000)) }]),
    ],
    ["csv.gz of spaces", gzipSync(new Uint8Array(1 << 27).fill(0x20))],
  ])("is not taken for what cannot be there: %s", async (name, bytes) => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    expect(await outcome(bytes, name)).toBe("refused");
    clearInterval(watch);
    expect(Math.max(peak, process.memoryUsage().rss) - before).toBeLessThan(256e6);
  });
});
