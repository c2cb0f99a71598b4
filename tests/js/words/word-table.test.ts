/** Word vectors as a file. */
import fc from "fast-check";
import { openWords, writeWords } from "rqvae/words";
import { describe, expect, it } from "vitest";
import { generator } from "../support/catalogue.ts";
import { makeSafetensors } from "../support/format-files.ts";

const next = generator(3);
const WORDS = ["the", "cat", "straße", "猫", "sci-fi"];
const DIM = 7;
const VECTORS = Float32Array.from({ length: WORDS.length * DIM }, () => 5 * next());

describe("a table of words", () => {
  it("comes back with its words in order, and numbers to half of 1/127 of the largest", async () => {
    const table = await openWords(writeWords(WORDS, VECTORS, { licence: "of one's own" }));
    expect([table.size, table.dim]).toEqual([WORDS.length, DIM]);
    WORDS.forEach((word, rank) => {
      expect(table.rank(word)).toBe(rank);
      const own = VECTORS.subarray(rank * DIM, (rank + 1) * DIM);
      const most = Math.max(...own.map(Math.abs));
      table.vector(rank).forEach((value, j) => {
        expect(Math.abs(value - own[j]!)).toBeLessThanOrEqual((most / 127) * 0.5001);
      });
    });
    expect(table.rank("dog")).toBeUndefined();
  });

  it("is the same after a second round, and keeps a row of zeros", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 3, maxLength: 3 }),
        async (row) => {
          const words = ["a", "zero"];
          const once = await openWords(writeWords(words, Float32Array.from([...row, 0, 0, 0])));
          const back = Float32Array.from([...once.vector(0), ...once.vector(1)]);
          const twice = await openWords(writeWords(words, back));
          const most = Math.max(...back.map(Math.abs));
          twice.vector(0).forEach((value, j) => {
            expect(Math.abs(value - back[j]!)).toBeLessThanOrEqual(most * 1e-6);
          });
          expect([...twice.vector(1)]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is the same bytes each time", () => {
    expect(writeWords(WORDS, VECTORS)).toEqual(writeWords(WORDS, VECTORS.slice()));
  });

  it.each([
    [() => writeWords([], VECTORS), "words"],
    [() => writeWords(["a", "a"], new Float32Array(4)), "words[1]"],
    [() => writeWords(["a", "b\nc"], new Float32Array(4)), "words[1]"],
    [() => writeWords(["a", ""], new Float32Array(4)), "words[1]"],
    [() => writeWords(["a", "b"], new Float32Array(3)), "vectors"],
    [() => writeWords(["a", "b"], Float32Array.of(1, 2, Number.NaN, 1)), "vectors[2]"],
    [() => writeWords(["a"], new Float32Array(3), { licence: 3 as never }), "notes"],
  ])("is refused with what is wrong (%#)", (write, argument) => {
    expect(write).toThrow(argument);
  });

  it("is refused when it is something else, damaged or newer", async () => {
    const good = writeWords(WORDS, VECTORS);
    await expect(openWords(new TextEncoder().encode("the 0.1 0.2\ncat 0.3 0.4\n"))).rejects.toThrow(
      /not a table of word vectors/,
    );
    await expect(openWords(good.subarray(0, good.length - 3))).rejects.toThrow(/damaged or cut short/);
    const other = makeSafetensors([{ name: "x", dtype: "F32", shape: [1], bytes: new Uint8Array(4) }]);
    await expect(openWords(other)).rejects.toThrow(/rqvae\.words/);
    const newer = new TextDecoder("latin1").decode(good).replace('\\"format\\":1', '\\"format\\":9');
    await expect(openWords(Uint8Array.from(newer, (c) => c.charCodeAt(0)))).rejects.toMatchObject({
      code: "FILE_NEWER",
    });
  });

  it("refuses ranks that it does not have", async () => {
    const table = await openWords(writeWords(WORDS, VECTORS));
    for (const rank of [-1, 5, 0.5, Number.NaN]) expect(() => table.vector(rank)).toThrow("rank");
  });
});
