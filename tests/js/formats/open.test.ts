/** Files of embeddings that are read by rows. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { openItems } from "../../../bindings/js/formats/index.ts";
import { bytesOf, HALVES, MATRIX, makeNpy, makeSafetensors, makeZip, npy, utf8 } from "../support/format-files.ts";

const folder = mkdtempSync(join(tmpdir(), "rqvae open % "));
const files: Open[] = [];
afterAll(async () => {
  for (const file of files) await file[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

type Open = Awaited<ReturnType<typeof openItems>>;

/** Opens a file that is closed at the end. */
async function opening(...given: Parameters<typeof openItems>): Promise<Open> {
  const file = await openItems(...given);
  files.push(file);
  return file;
}

/** 1,000 x 7 values that every type holds exactly. */
const rows = 1000;
const dim = 7;
const values = Float32Array.from({ length: rows * dim }, (_, i) => (i * 37) % 120);
const transposed = values.map((_, k) => values[(k % rows) * dim + Math.floor(k / rows)]!);
const shape = `(${rows}, ${dim})`;

const swapped = (array: ArrayBufferView, size: number) => {
  const bytes = bytesOf(array).slice();
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  return bytes;
};

const halves = (floats: Float32Array) => {
  const bits = new Map<number, number>(); // of 0 to 119
  for (let i = 0; i < 120; i++) {
    const exponent = i === 0 ? 0 : Math.floor(Math.log2(i));
    bits.set(i, i === 0 ? 0 : ((exponent + 15) << 10) | ((i / 2 ** exponent - 1) * 1024));
  }
  return Uint16Array.from(floats, (value) => bits.get(value)!);
};

const arrays: [descr: string, size: number, of: (from: Float32Array) => ArrayBufferView][] = [
  ["f2", 2, halves],
  ["f4", 4, (from) => from],
  ["f8", 8, (from) => Float64Array.from(from)],
  ["i1", 1, (from) => Int8Array.from(from)],
  ["u1", 1, (from) => Uint8Array.from(from)],
  ["i2", 2, (from) => Int16Array.from(from)],
  ["u2", 2, (from) => Uint16Array.from(from)],
  ["i4", 4, (from) => Int32Array.from(from)],
  ["u4", 4, (from) => Uint32Array.from(from)],
  ["i8", 8, (from) => BigInt64Array.from(from as never, BigInt as never)],
  ["u8", 8, (from) => BigUint64Array.from(from as never, BigInt as never)],
];

/** Every way to ask for rows gives those of the matrix. */
async function expectRows(source: Open, expected: ArrayLike<number>, [n, d] = [rows, dim]): Promise<void> {
  expect([source.rows, source.dim]).toEqual([n, d]);
  const all = Array.from(expected);
  for (const [first, count] of [
    [0, n],
    [0, 1],
    [n - 1, 1],
    [Math.floor(n / 3), Math.floor(n / 2)],
    [n, 0],
    [1, n - 1],
  ] as const) {
    expect([...(await source.read(first, count))]).toEqual(all.slice(first * d, (first + count) * d));
  }
}

describe("npy", () => {
  const cases = arrays.flatMap(([type, size, of]) =>
    [false, true].flatMap((fortran) =>
      (size === 1 ? ["|"] : ["<", ">"]).map(
        (order) => [`${order}${type}${fortran ? ", Fortran order" : ""}`, { type, size, of, fortran, order }] as const,
      ),
    ),
  );
  test.each(cases)("%s", async (_, { type, size, of, fortran, order }) => {
    const data = of(fortran ? transposed : values);
    const bytes = order === ">" ? swapped(data, size) : bytesOf(data);
    const file = makeNpy(order + type, shape, bytes, fortran, size === 4 ? 2 : 1);
    await expectRows(await openItems(file), values);
    await expectRows(await openItems(new Blob([file as Uint8Array<ArrayBuffer>])), values);
  });

  test("Fortran order, in several blocks", async () => {
    const [n, d] = [3000, 3000]; // blocks of 1,398 rows
    const columns = new Float32Array(n * d);
    for (let j = 0; j < d; j++) for (let i = 0; i < n; i++) columns[j * n + i] = (i * 31 + j * 7) % 1000;
    const source = await openItems(makeNpy("<f4", `(${n}, ${d})`, columns, true));
    for (const [first, count] of [
      [0, 1],
      [1390, 20],
      [2790, 210],
      [0, 3],
    ] as const) {
      const read = await source.read(first, count);
      let wrong = 0;
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < d; j++) if (read[i * d + j] !== ((first + i) * 31 + j * 7) % 1000) wrong++;
      }
      expect(wrong).toBe(0);
    }
  });

  test("what was read stays, also if several calls come at once", async () => {
    const source = await openItems(npy);
    const first = await source.read(0, 2);
    const [second, third] = await Promise.all([source.read(2, 2), source.read(1, 1)]);
    expect([...first, ...second]).toEqual([...MATRIX.data]);
    expect([...third]).toEqual([...MATRIX.data.subarray(3, 6)]);
    const closing = source.read(0, 1);
    await source.close();
    await Promise.allSettled([closing]);
    await expect(source.read(0, 1)).rejects.toThrow(/was closed/);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["shape beyond the size", makeNpy("<f4", "(5, 3)", MATRIX.data), /5 x 3 elements of 4 bytes need 60 bytes, but 48/],
    ["2^53 rows", makeNpy("<f4", "(9007199254740992, 3)", MATRIX.data), /cut short/],
    ["10^30 rows", makeNpy("<f4", `(1${"0".repeat(30)}, 3)`, MATRIX.data), /cut short/],
    ["one dimension", makeNpy("<f4", "(12,)", MATRIX.data), /reshape/],
    ["half a header", npy.subarray(0, 60), /header ends at byte 128/],
    ["only the magic", npy.subarray(0, 6), /cut short/],
  ])("refuses: %s", async (_, file, message) => {
    const error = await openItems(file, { fileName: "a.npy" }).catch((error) => error);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^a\.npy: /);
  });
});

describe("sources", () => {
  const file = makeNpy("<f4", shape, values);
  const path = join(folder, "items #1.npy");
  beforeAll(() => writeFileSync(path, file));

  test("a path, a file URL, bytes, a buffer, a Blob, a File, a stream", async () => {
    const blob = new Blob([file as Uint8Array<ArrayBuffer>]);
    const { File } = await import("node:buffer");
    for (const source of [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      file,
      file.slice().buffer as ArrayBuffer,
      blob,
      new File([file as Uint8Array<ArrayBuffer>], "a.npy") as unknown as Blob,
      Readable.from([Buffer.from(file.subarray(0, 100)), Buffer.from(file.subarray(100))]),
    ]) {
      const opened = await opening(source);
      await expectRows(opened, values);
      expect(opened.format).toBe("npy");
      // The description opens the same again, also after the way to another thread.
      const again = await opening(structuredClone(opened.description));
      expect([...(await again.read(5, 2))]).toEqual([...values.subarray(35, 49)]);
    }
  });

  test("what is no source, and files that are not there", async () => {
    await expect(openItems(5 as never)).rejects.toThrow(InvalidInputError);
    await expect(openItems(null as never)).rejects.toThrow(InvalidInputError);
    await expect(openItems(join(folder, "none.npy"))).rejects.toThrow(/none\.npy: no such file/);
    await expect(openItems(folder)).rejects.toThrow(/is a folder/);
    await expect(openItems("http://127.0.0.1:1/a.npy")).rejects.toThrow(InvalidInputError);
  });

  test("rows that are not there; reading after closing", async () => {
    const source = await openItems(path);
    for (const [first, count] of [
      [0, 1001],
      [1000, 1],
      [-1, 1],
      [0.5, 1],
      [0, -1],
    ] as const) {
      await expect(source.read(first, count)).rejects.toThrow(/items #1\.npy has 1,000 rows/);
    }
    await source.close();
    await source.close();
    await expect(source.read(0, 1)).rejects.toThrow(/was closed/);
  });

  test("a file that becomes shorter", async () => {
    const short = join(folder, "short.npy");
    writeFileSync(short, file);
    const source = await opening(short);
    writeFileSync(short, file.subarray(0, 5000));
    await expect(source.read(500, 100)).rejects.toThrow(/short\.npy: the file is cut short/);
  });
});

describe("a server", () => {
  const file = makeNpy(
    "<f4",
    "(300000, 8)",
    Float32Array.from({ length: 2_400_000 }, (_, i) => i % 5000),
  );
  let server: Server;
  let url: string;
  let sent = 0;
  let etag = '"1"';
  beforeAll(async () => {
    server = createServer((request, response) => {
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
      if (request.url === "/none.npy") {
        response.writeHead(404).end();
      } else if (request.url!.startsWith("/short")) {
        response.writeHead(206, { "content-range": `bytes 0-1999/${file.length}` }).end(file.subarray(0, 10));
      } else if (request.url === "/page.npy") {
        response.end("<!doctype html><html></html>");
      } else if (range && !request.url!.startsWith("/whole")) {
        const [start, last] = [Number(range[1]), Math.min(Number(range[2]), file.length - 1)];
        sent += last + 1 - start;
        response.writeHead(206, { "content-range": `bytes ${start}-${last}/${file.length}`, etag });
        response.end(file.subarray(start, last + 1));
      } else {
        sent += file.length;
        response.end(file);
      }
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test("ranges where it has them", async () => {
    sent = 0;
    const source = await openItems(`${url}/items.npy?x=1`);
    for (const first of [299_990, 0, 100_000, 200_000]) {
      expect([...(await source.read(first, 10))]).toEqual(Array.from({ length: 80 }, (_, i) => (first * 8 + i) % 5000));
    }
    expect(sent).toBeLessThan(file.length * 2);
    sent = 0;
    await source.read(200_010, 10); // is held
    expect(sent).toBe(0);
    etag = '"2"';
    await expect(source.read(0, 10)).rejects.toThrow(/changed while it was being read/);
  });

  test("not with fewer bytes than the server announces", async () => {
    await expect(openItems(`${url}/short.npy?token=1`)).rejects.toThrow(
      `${url}/short.npy: the server announced bytes 0-1999, which is 2,000 bytes, but sent 10: download the file and read the copy`,
    );
  });

  test("whole where not", async () => {
    const source = await openItems(new URL(`${url}/whole.npy`));
    expect([...(await source.read(299_999, 1))]).toEqual(Array.from({ length: 8 }, (_, i) => (299_999 * 8 + i) % 5000));
    await expect(openItems(`${url}/none.npy`)).rejects.toThrow(`${url}/none.npy: the server answered 404 Not Found`);
    await expect(openItems(`${url}/page.npy`)).rejects.toThrow(/page\.npy: .*HTML/);
  });
});

describe("other formats", () => {
  test("safetensors", async () => {
    const tensor = { name: "x", dtype: "F16", shape: [4, 3], bytes: bytesOf(HALVES) };
    const ids = { name: "id", dtype: "I64", shape: [4], bytes: bytesOf(BigInt64Array.of(1n, 2n, 3n, 4n)) };
    const source = await openItems(makeSafetensors([ids, tensor]));
    await expectRows(source, MATRIX.data, [4, 3]);
    expect([source.format, source.itemIds]).toEqual(["safetensors", ["1", "2", "3", "4"]]);
  });

  test.each([true, false])("npz, stored: %s", async (stored) => {
    const file = makeZip([
      { name: "a.npy", bytes: makeNpy("<f4", "(1, 2)", new Float32Array(2)) },
      { name: "b.npy", bytes: npy, stored },
    ]);
    const path = join(folder, `${stored}.npz`);
    writeFileSync(path, file);
    const source = await opening(path, { embedding: "b" });
    await expectRows(source, MATRIX.data, [4, 3]);
    await expectRows(await opening(structuredClone(source.description)), MATRIX.data, [4, 3]);
    expect(source.inMemory).toBe(!stored);
  });

  test("those that are read whole", async () => {
    const csv = "id,x,y\na,1,2\nb,3,4\nc,nan,1\nd,5,6\n";
    for (const file of [utf8(csv), gzipSync(csv)]) {
      await expect(openItems(file)).rejects.toThrow(/row 2 \(line 4\)/);
      const source = await openItems(file, { skipInvalid: true });
      await expectRows(source, [1, 2, 3, 4, 5, 6], [3, 2]);
      expect([source.itemIds, source.labels, [...source.skipped!.rows]]).toEqual([
        ["a", "b", "d"],
        { titles: ["a", "b", "d"] },
        [2],
      ]);
    }
    const twice = utf8(csv.replace("c,nan", "a,7"));
    await expect(openItems(twice)).rejects.toThrow(/row 2 and row 0 are both item "a"/);
    const kept = await openItems(twice, { uniqueIds: false });
    expect([kept.rows, kept.itemIds]).toEqual([4, ["a", "b", "a", "d"]]);
    expect(kept.inMemory).toBe(true);
    const half = gzipSync(makeNpy("<f2", "(4, 3)", HALVES));
    await expectRows(await openItems(half), MATRIX.data, [4, 3]);
  });

  test.each(["gives its buffer back", "does not"])("a Blob of some megabytes, whose stream %s", async (kind) => {
    const data = Float32Array.from({ length: 300_000 * 3 }, (_, i) => (i * 7919) % 100_003);
    const blob = new Blob([makeNpy("<f4", "(300000, 3)", data) as Uint8Array<ArrayBuffer>]);
    if (kind === "does not") {
      const slice = blob.slice.bind(blob);
      const stream = () => {
        throw new TypeError("no byte stream");
      };
      blob.slice = (...range) => Object.assign(slice(...range), { stream });
    }
    const source = await opening(blob, { fileName: "rows.npy" });
    for (const [first, count] of [
      [0, 300_000],
      [1, 299_998],
      [299_999, 1],
      [70_000, 43_690], // a little less than the buffer
      [70_000, 43_691],
    ] as const) {
      const read = await source.read(first, count);
      expect(
        Buffer.compare(Buffer.from(bytesOf(read)), Buffer.from(bytesOf(data.slice(3 * first, 3 * (first + count))))),
      ).toBe(0);
    }
  });

  test("an ID that is there twice is left out with the invalid rows, unless it may be", async () => {
    const ids = utf8("aba");
    const file = makeZip([
      {
        name: "vectors.npy",
        bytes: makeNpy("<f4", "(3, 2)", Float32Array.of(1, 2, 3, Number.NaN, 5, 6)),
        stored: true,
      },
      { name: "ids.npy", bytes: makeNpy("|S1", "(3,)", ids), stored: true },
    ]);
    const skipped = async (uniqueIds: boolean) => [
      ...(await openItems(file, { skipInvalid: true, uniqueIds })).skipped!.rows,
    ];
    expect(await skipped(true)).toEqual([1, 2]);
    expect(await skipped(false)).toEqual([1]);
  });

  test.each([
    [[]],
    [[0]],
    [[999]],
    [[0, 1, 2, 500, 501, 700, 998, 999]],
    [Array.from({ length: 500 }, (_, i) => 2 * i)],
  ])("without the rows %j", async (bad) => {
    const data = values.slice();
    for (const row of bad) data[row * dim + (row % dim)] = row % 2 ? Number.NaN : Number.POSITIVE_INFINITY;
    const kept = [...values].filter((_, i) => !bad.includes(Math.floor(i / dim)));
    for (const fortran of [false, true]) {
      const stored = fortran ? data.map((_, k) => data[(k % rows) * dim + Math.floor(k / rows)]!) : data;
      const source = await openItems(makeNpy("<f4", shape, stored, fortran), { skipInvalid: true });
      await expectRows(source, kept, [rows - bad.length, dim]);
      expect([...source.skipped!.rows]).toEqual(bad);
    }
  });
});
