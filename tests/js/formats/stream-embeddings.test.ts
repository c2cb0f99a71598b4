/** Files read batch by batch are what they are when read at once, whatever the format, and are not held. */
import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { RQVAE } from "rqvae";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { type FileSource, type ItemTable, readItems, streamItems } from "../../../bindings/js/formats/index.ts";
import type { StreamItemsOptions } from "../../../bindings/js/formats/items/stream-items.ts";
import { bytesOf, MATRIX, makeNpy, makeSafetensors, makeZip, npy, utf8 } from "../support/format-files.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const fixtures = new URL("../../fixtures/formats/", import.meta.url);

/** 5,000 rows of a table. */
const many = Array.from({ length: 5000 }, (_, i) => `sku${i},"item, ${i}",${i / 8},${-i},k${i % 3}`);
const csv = `id,title,x,y,kind\n${many.join("\n")}\n`;
const jsonl = many
  .map(
    (_, i) => `${JSON.stringify({ id: `sku${i}`, title: `item, ${i}`, embedding: [i / 8, -i], kind: `k${i % 3}` })}\n`,
  )
  .join("");

const files: [name: string, bytes: Uint8Array][] = [
  ["many.csv", utf8(csv)],
  ["many.csv.gz", gzipSync(csv)],
  ["many.jsonl", utf8(jsonl)],
  ["many.jsonl.gz", gzipSync(jsonl)],
  ["utf16.csv", Buffer.from(`\ufeff${csv}`, "utf16le")],
  ["nested.json", utf8(`{"data":[${jsonl.trim().split("\n").join(",")}]}`)],
  ["a.npy", npy],
  ["a.npy.gz", gzipSync(npy)],
  ["a.npz", makeZip([{ name: "x.npy", bytes: npy }])],
  ["a.safetensors", makeSafetensors([{ name: "e", dtype: "F32", shape: [4, 3], bytes: bytesOf(MATRIX.data) }])],
  ...readdirSync(fixtures)
    .filter((name) => /\.(parquet|npz)$/.test(name) && !/^(invalid|ids|wide-missing)/.test(name))
    .map((name): [string, Uint8Array] => [name, new Uint8Array(readFileSync(new URL(name, fixtures)))]),
];

async function collect(file: FileSource, options?: StreamItemsOptions): Promise<ItemTable[]> {
  const batches: ItemTable[] = [];
  for await (const batch of streamItems(file, options)) batches.push(batch);
  return batches;
}

/** All batches as one. */
function joined(batches: ItemTable[]) {
  const labels = batches.flatMap(({ labels }) => labels ?? []);
  const names = Object.keys(labels[0]?.labels ?? {});
  return {
    data: batches.flatMap(({ data }) => [...data]),
    itemIds: batches.flatMap(({ itemIds }) => itemIds ?? []),
    titles: labels.flatMap(({ titles }) => titles),
    labels: Object.fromEntries(names.map((name) => [name, labels.flatMap(({ labels }) => labels![name]!)])),
  };
}

describe("every format", () => {
  test.each(files)("%s", async (name, bytes) => {
    const items = await readItems(bytes, { fileName: name, checkValues: false }).catch((error) => {
      throw new Error(`${name}: ${error}`);
    });
    const { itemIds, labels } = items;
    const { halfValues } = await import("../../../bindings/js/items/half.ts");
    const values =
      items.data instanceof Uint16Array ? Array.from(items.data, (h) => halfValues()[h]!) : [...items.data];
    for (const batchRows of [undefined, 1, 3, 1000]) {
      if (batchRows === 1 && items.rows > 1000) continue;
      const found = await collect(bytes, { fileName: name, ...(batchRows && { batchRows }) });
      expect(found.every(({ data, rows, dim }) => data.length === rows * dim && rows <= (batchRows ?? 4096))).toBe(
        true,
      );
      expect(joined(found)).toEqual({
        data: values,
        itemIds: itemIds ?? [],
        titles: labels?.titles ?? [],
        labels: labels?.labels ?? {},
      });
    }
  });

  test("from a path, a Blob, and streams in pieces of any size", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rqvae-stream-"));
    try {
      for (const [name, bytes] of files.slice(0, 10)) {
        const path = join(folder, name);
        writeFileSync(path, bytes);
        const wanted = joined(await collect(bytes, { fileName: name }));
        const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
        for (const file of [path, blob, createReadStream(path), createReadStream(path, { highWaterMark: 999 })]) {
          expect(joined(await collect(file, { fileName: name }))).toEqual(wanted);
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("rows that cannot be used", () => {
  const nan = makeNpy("<f4", "(4, 3)", Float32Array.of(1, 2, 3, 4, Number.NaN, 6, 7, 8, 9, 10, 11, 12));
  const twice = csv.replace("sku4000,", "sku7,").replace("\nsku4500,", "\nsku4500,more,");

  test("are named; what came before them was given out", async () => {
    const batches: number[] = [];
    const run = async (file: Uint8Array, fileName: string) => {
      batches.length = 0;
      for await (const { rows } of streamItems(file, { fileName, batchRows: 1 })) batches.push(rows);
    };
    await expect(run(nan, "n.npy")).rejects.toThrow(/^n\.npy: row 1, column 1 is NaN/);
    await expect(run(utf8(twice), "t.csv")).rejects.toThrow(/^t\.csv: row 4000 and row 7 are both item "sku7"/);
    await expect(run(utf8("x"), "t.csv")).rejects.toThrow(InvalidInputError);
    await expect(run(utf8(""), "t.csv")).rejects.toThrow(/t\.csv: it is empty/);
  });

  test("are left out, and said at the end", async () => {
    const found = await collect(utf8(twice), { fileName: "t.csv", skipInvalid: true, batchRows: 500 });
    expect(found.reduce((sum, { rows }) => sum + rows, 0)).toBe(4998);
    expect(found.at(-1)!.skipped).toMatchObject({ rows: Uint32Array.of(4000, 4500) });
    expect(found.slice(0, -1).every(({ skipped }) => skipped === undefined)).toBe(true);
    const [batch, ...more] = await collect(nan, { skipInvalid: true });
    expect(more).toEqual([]);
    expect(batch).toMatchObject({ rows: 3, data: Float32Array.of(1, 2, 3, 7, 8, 9, 10, 11, 12) });
    expect(batch!.skipped!.rows).toEqual(Uint32Array.of(1));
    const all = makeNpy("<f4", "(1, 1)", Float32Array.of(Number.NaN));
    await expect(collect(all, { skipInvalid: true, fileName: "a" })).rejects.toThrow(/a: all 1 rows are invalid/);
  });
});

describe("a stream", () => {
  test("is closed when its reader stops early", async () => {
    let isClosed = false;
    async function* source() {
      try {
        for (const line of csv.split("\n")) yield utf8(`${line}\n`);
      } finally {
        isClosed = true;
      }
    }
    for await (const batch of streamItems(source(), { batchRows: 10 })) {
      expect(batch.itemIds?.[0]).toBe("sku0");
      break;
    }
    expect(isClosed).toBe(true);
  });

  test.each([0, 1.5, -1, "8"])("refuses batches of %j rows", async (batchRows) => {
    await expect(collect(npy, { batchRows: batchRows as number })).rejects.toThrow(/batchRows must be a whole number/);
  });

  test("refuses text in place of bytes", async () => {
    const strings = Readable.from(["a,b\n1,2\n"]) as unknown as AsyncIterable<Uint8Array>;
    await expect(collect(strings)).rejects.toThrow(/a stream must give pieces of bytes, got "a,b/);
  });

  test("goes through a model", async () => {
    const items = await readItems(utf8(csv), { fileName: "a.csv" });
    const model = await RQVAE.fit(items, { epochs: 1, seed: 0 });
    const whole = model.encode(items);
    const codes: number[] = [];
    for await (const ids of model.encodeStream(streamItems(utf8(csv), { batchRows: 700 }))) codes.push(...ids.codes);
    expect(codes).toEqual([...whole.codes]);
    model.dispose();
  });

  // 24 million numbers in 180 MB of text: 92 MB, were they kept.
  test.skipIf(process.platform !== "linux")("of any length takes little memory", () => {
    const program = `
      import { readFileSync } from "node:fs";
      import { streamItems } from "rqvae/formats";
      const peak = () => 1024 * Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
      const row = Array.from({ length: 512 }, (_, j) => (Math.sin(j) / 3).toFixed(5)).join(",") + "\\n";
      const block = new TextEncoder().encode(row.repeat(100));
      async function* text(blocks) { for (let i = 0; i < blocks; i++) yield block; }
      for await (const batch of streamItems(text(20))) batch;
      const before = process.memoryUsage().rss;
      let rows = 0;
      for await (const batch of streamItems(text(470), { batchRows: 512 })) rows += batch.rows;
      console.log(JSON.stringify({ rows, growth: peak() - before }));
    `;
    const args = ["--input-type=module", "-e", program];
    const { rows, growth } = JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" }));
    expect(rows).toBe(47_000);
    expect(growth, `${(growth / 2 ** 20).toFixed(0)} MB`).toBeLessThan(64 * 2 ** 20);
  });
});
