/** Shards of IDs: written and read, put together, and refused when they do not fit together. */
import fc from "fast-check";
import { InvalidInputError, SemanticIds } from "rqvae";
import { type IdShard, mergeIdShards, readIdShard, writeIdShard } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { sameBits } from "../support/catalogue.ts";

const fingerprint = "0123456789abcdef";

function shard(first: number, count: number, rows: number, codebookSizes = [40, 300]): IdShard {
  const codes = codebookSizes.some((size) => size > 65536) ? new Uint32Array(count * 2) : new Uint16Array(count * 2);
  for (let i = 0; i < count; i++) {
    codes[2 * i] = (first + i) % 40;
    codes[2 * i + 1] = ((first + i) * 7) % 300;
  }
  return { ids: SemanticIds.from({ codes, levels: 2 }, { codebookSizes, fingerprint }), first, rows };
}

describe("a shard's file", () => {
  it("is read as it was written, of narrow codes and wide ones", () => {
    for (const sizes of [
      [40, 300],
      [40, 100_000],
    ]) {
      const written = shard(5, 17, 40, sizes);
      const bytes = writeIdShard(written);
      expect(sameBits(writeIdShard(shard(5, 17, 40, sizes)), bytes)).toBe(true);
      const read = readIdShard(bytes);
      expect(read).toMatchObject({ first: 5, rows: 40 });
      expect(read.ids.fingerprint).toBe(fingerprint);
      expect(read.ids.codebookSizes).toEqual(sizes);
      expect([...read.ids.codes]).toEqual([...written.ids.codes]);
    }
  });

  it("is safetensors", () => {
    const bytes = writeIdShard(shard(0, 3, 3));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.codes).toEqual({ dtype: "U16", shape: [3, 2], data_offsets: [0, 12] });
    expect(JSON.parse(header.__metadata__["rqvae.ids"])).toMatchObject({ first: 0, rows: 3, fingerprint });
  });

  it("cut anywhere or changed, is refused or read as other codes, and never worse", () => {
    const bytes = writeIdShard(shard(2, 9, 20));
    for (let end = 0; end < bytes.length; end++) {
      expect(() => readIdShard(bytes.subarray(0, end)), `${end}`).toThrow(InvalidInputError);
    }
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        try {
          expect(readIdShard(damaged).ids.levels).toBe(2);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        expect(() => readIdShard(random)).toThrow(InvalidInputError);
      }),
    );
  });

  it("of a newer release, or without a place in the catalogue, is refused in words", () => {
    const newer = new TextDecoder("latin1")
      .decode(writeIdShard(shard(0, 3, 3)))
      .replace('\\"format\\":1', '\\"format\\":2');
    expect(() => readIdShard(Uint8Array.from(newer, (c) => c.charCodeAt(0)))).toThrow(
      /has format 2.*use a newer release/,
    );
    expect(() => writeIdShard({ ...shard(0, 3, 3), rows: 2 })).toThrow(/rows 0 to 2 are not in a catalogue of 2 rows/);
    const { ids } = shard(0, 3, 3);
    const nameless = SemanticIds.from({ codes: ids.codes, levels: 2 }, { codebookSizes: ids.codebookSizes });
    expect(() => writeIdShard({ ids: nameless, first: 0, rows: 3 })).toThrow(/fingerprint/);
  });
});

describe("mergeIdShards", () => {
  const whole = shard(0, 100, 100).ids;

  it("gives the IDs of the whole, from shards in any order", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 }),
        fc.infiniteStream(fc.nat()),
        (cuts, keys) => {
          const edges = [0, ...cuts.toSorted((a, b) => a - b), 100];
          const shards = edges.slice(1).map((end, i) => shard(edges[i]!, end - edges[i]!, 100));
          const shuffled = shards.map((one) => [keys.next().value, one] as const).sort(([a], [b]) => a - b);
          const merged = mergeIdShards(shuffled.map(([, one]) => one));
          expect(merged.ids.fingerprint).toBe(fingerprint);
          expect([...merged.ids.codes]).toEqual([...whole.codes]);
        },
      ),
    );
  });

  it.each<[string, IdShard[], RegExp]>([
    ["none", [], /no shards/],
    ["a gap at the start", [shard(10, 90, 100)], /rows 0 to 9 of 100 are not in the shard/],
    ["a gap between", [shard(60, 40, 100), shard(0, 50, 100)], /rows 50 to 59 of 100 are in none/],
    ["a gap at the end", [shard(0, 99, 100)], /rows 99 to 99 of 100/],
    ["an overlap", [shard(40, 60, 100), shard(0, 50, 100)], /shard 0 starts with row 40, but shard 1 ends with row 49/],
    ["a shard twice", [shard(0, 100, 100), shard(0, 100, 100)], /starts with row 0/],
    [
      "another catalogue",
      [shard(0, 50, 100), shard(50, 51, 101)],
      /shard 1 is of a catalogue of rows 101, but shard 0/,
    ],
    ["other codebooks", [shard(0, 50, 100), shard(50, 50, 100, [40, 301])], /codebook sizes 40,301/],
  ])("refuses %s", (_, shards, message) => {
    expect(() => mergeIdShards(shards)).toThrow(message);
  });

  it("refuses shards of two models, by the names that it is given", () => {
    const { ids, ...place } = shard(50, 50, 100);
    const other = {
      ids: SemanticIds.from({ codes: ids.codes, levels: 2 }, { codebookSizes: [40, 300], fingerprint: "f".repeat(16) }),
      ...place,
    };
    expect(() => mergeIdShards([shard(0, 50, 100), other], ["a.shard", "b.shard"])).toThrow(
      /b\.shard is of model f{16}, but a\.shard of model 0123456789abcdef/,
    );
  });
});
