/** Blobs and Files that have neither `arrayBuffer()` nor `stream()` (jsdom, old WebViews): read by `FileReader`. */
import { RQVAE } from "rqvae";
import { openItems, readIds, readItems, streamItems } from "rqvae/formats";
import { afterEach, describe, expect, it, vi } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { writeIdsCsv } from "../support/formats.ts";

/** What jsdom's File is, no more. */
class PlainFile {
  readonly name: string;
  readonly type = "";
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array, name = "file") {
    this.bytes = bytes;
    this.name = name;
  }
  get size() {
    return this.bytes.length;
  }
  get [Symbol.toStringTag]() {
    return "File";
  }
  slice(start = 0, end = this.size) {
    return new PlainFile(this.bytes.slice(start, end), this.name);
  }
}

let reads = 0;
class PlainReader {
  result: ArrayBuffer | null = null;
  error: Error | null = null;
  onload = () => {};
  onerror = () => {};
  readAsArrayBuffer({ bytes, name }: PlainFile) {
    reads++;
    queueMicrotask(() => {
      if (name === "gone") this.error = new Error("the file is gone");
      else this.result = bytes.slice().buffer as ArrayBuffer;
      if (this.error) this.onerror();
      else this.onload();
    });
  }
}

afterEach(() => vi.unstubAllGlobals());

const rows = 5_000;
const dim = 32; // more than half a megabyte, which other Blobs are asked to stream
const data = Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i));
const asFile = (bytes: Uint8Array | string, name?: string) =>
  new PlainFile(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, name) as unknown as File;
const npy = () => asFile(writeNpy({ data, rows, dim }), "items.npy");

describe("a File without arrayBuffer() and stream()", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["readItems of npy", async () => expect((await readItems(npy())).data).toEqual(data)],
    [
      "readItems of csv",
      async () =>
        expect(await readItems(asFile("id,e0,e1\na,1,2\nb,3,4\n", "items.csv"))).toMatchObject({
          rows: 2,
          dim: 2,
          itemIds: ["a", "b"],
        }),
    ],
    [
      "openItems",
      async () => {
        const opened = await openItems(npy());
        expect(opened.rows).toBe(rows);
        expect(Float32Array.from(await opened.read(4_000, 1_000))).toEqual(data.slice(4_000 * dim));
        await opened.close();
      },
    ],
    [
      "streamItems",
      async () => {
        let seen = 0;
        for await (const batch of streamItems(npy())) seen += (batch as { rows: number }).rows;
        expect(seen).toBe(rows);
      },
    ],
    [
      "readIds",
      async () => {
        const model = await RQVAE.fit(data.subarray(0, 10 * dim), { inputDim: dim, epochs: 1, codebookSize: 4 });
        const ids = model.encode(data.subarray(0, 10 * dim));
        const read = await readIds(asFile(writeIdsCsv(ids), "ids.csv"));
        expect(String(read.ids.codes)).toBe(String(ids.codes));
      },
    ],
    [
      "RQVAE.load",
      async () => {
        const model = await RQVAE.create({ inputDim: 3 });
        expect((await RQVAE.load(asFile(model.save()))).fingerprint).toBe(model.fingerprint);
      },
    ],
  ])("is read by %s", async (_name, use) => {
    vi.stubGlobal("FileReader", PlainReader);
    reads = 0;
    await use();
    expect(reads).toBeGreaterThan(0);
  });

  it("says what the reader said, and what is missing where there is none", async () => {
    vi.stubGlobal("FileReader", PlainReader);
    for (const read of [readItems, RQVAE.load]) {
      await expect(read(asFile("e0,e1\n1,2\n", "gone"))).rejects.toThrow(/the file is gone/);
    }
    vi.stubGlobal("FileReader", undefined);
    for (const read of [readItems, RQVAE.load]) {
      await expect(read(asFile("e0,e1\n1,2\n", "items.csv"))).rejects.toMatchObject({
        name: "InvalidInputError",
        message: expect.stringMatching(/no arrayBuffer\(\), and there is no FileReader; pass its bytes/),
      });
    }
  });
});
