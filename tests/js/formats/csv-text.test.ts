/** Texts that a spreadsheet would run as formulas: never in a csv that we write, and the same again when our readers read it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idsCsvChunks, readIdsCsv } from "../../../bindings/js/formats/ids/ids.ts";
import { openItems, readIds, readItems, readLabels, writeVectors } from "../../../bindings/js/formats/index.ts";
import { CsvParser } from "../../../bindings/js/formats/text/csv-parser.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { readCsv, writeHopwise, writeIdsCsv } from "../support/formats.ts";

const RUNS = Number(process.env.CSV_RUNS ?? 300);

const FORMULAS = [
  "=cmd|' /C calc'!A0",
  "+1+2",
  "-1+2",
  "@SUM(A1)",
  "\t=1",
  "\r=1",
  "'=1",
  "''-x",
  "=",
  '=HYPERLINK("a")',
];
const begins = /^[=+\-@\t\r]/;
const isNegativeNumber = (text: string) => /^-\d+(\.\d+)?$/.test(text);

/** Item IDs and titles, many of them with such a beginning; what no file of ours may hold (empty IDs) aside. */
const texts = fc.tuple(
  fc.constantFrom("", "=", "+", "-", "@", "\t", "\r", "'", "''", "'=", "'-", "''@", "-5", "'-5", "-0.5", "'+5"),
  fc.oneof(fc.constantFrom("", "1", "cmd", ",", '"', ";", "\n"), fc.string({ maxLength: 4 })),
);
const text = texts.map(([start, rest]) => start + rest);
const itemId = text.filter((id) => id.trim() !== "" && !id.includes("\uFEFF"));
const rows = fc.uniqueArray(fc.record({ itemId, title: text, code: fc.nat(7) }), {
  selector: (row) => row.itemId,
  minLength: 1,
  maxLength: 12,
});
const idsOf = (codes: number[]) =>
  SemanticIds.from({ codes: Uint16Array.from(codes), levels: 1 }, { codebookSizes: [8] });
/** The cells as another program reads them. */
const cellsOf = (csv: string) => {
  const parser = new CsvParser();
  return [...parser.push(csv), ...parser.finish()].map(({ cells }) => cells);
};
async function whole(chunks: AsyncIterable<string | Uint8Array>): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk as string));
  return new Uint8Array(Buffer.concat(parts));
}

describe("a text that begins like a formula", () => {
  test("has an apostrophe before it in IDs and vectors, and no number has", async () => {
    const itemIds = [...FORMULAS, "-5", "-9223372036854775808", "a=1", "'a"];
    const labels = { titles: itemIds };
    const table = cellsOf(writeIdsCsv(idsOf(itemIds.map(() => 1)), labels, itemIds)).slice(1);
    const expected = [...FORMULAS.map((formula) => `'${formula}`), "-5", "-9223372036854775808", "a=1", "'a"];
    expect(table.map(([item]) => item)).toEqual(expected);
    expect(table.map(([, title]) => title)).toEqual(expected);
    const data = Float32Array.from(itemIds, (_, i) => -i - 1.5);
    const vectors = await whole(writeVectors("csv", { data, rows: itemIds.length, dim: 1 }, { itemIds }));
    const cells = cellsOf(Buffer.from(vectors).toString()).slice(1);
    expect(cells.map(([item]) => item)).toEqual(expected);
    expect(cells.map(([, value]) => value)).toEqual(Array.from(data, String));
  });

  test("is the same again: IDs", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (all) => {
        const itemIds = all.map((row) => row.itemId);
        const titles = all.map((row) => row.title);
        const csv = [...idsCsvChunks({ ids: idsOf(all.map(({ code }) => code)), itemIds }, { titles })].join("");
        for (const [item, title] of cellsOf(csv).slice(1)) {
          for (const cell of [item!, title!]) expect(begins.test(cell) && !isNegativeNumber(cell)).toBe(false);
        }
        const read = readIdsCsv(csv);
        expect([read.itemIds, read.titles, [...read.ids.codes]]).toEqual([
          itemIds,
          titles,
          all.map(({ code }) => code),
        ]);
        expect((await readIds(new TextEncoder().encode(csv))).itemIds).toEqual(itemIds);
      }),
      { numRuns: RUNS },
    );
  });

  test("is the same again: vectors, whole, streamed and as text", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (all) => {
        const itemIds = all.map((row) => row.itemId);
        const data = Float32Array.from(all, ({ code }) => code - 3.5);
        const file = await whole(writeVectors("csv", { data, rows: all.length, dim: 1 }, { itemIds }));
        const text = Buffer.from(file).toString();
        expect(readCsv(text).itemIds).toEqual(itemIds);
        const read = await readItems(file, { fileName: "a.csv" });
        expect([read.itemIds, [...(read.data as Float32Array)]]).toEqual([itemIds, [...data]]);
        const streamed = await openItems(new Blob([file as Uint8Array<ArrayBuffer>]), { fileName: "a.csv" });
        expect(streamed.itemIds).toEqual(itemIds);
      }),
      { numRuns: RUNS },
    );
  });

  test("is the same again: a table of IDs as the titles of items", () => {
    const titles = [...FORMULAS];
    const itemIds = FORMULAS.map((_, i) => (i % 2 ? `=${i}` : `-${i}x`));
    const csv = writeIdsCsv(idsOf(titles.map(() => 0)), { titles }, itemIds);
    expect(readLabels(csv, "ids.csv")).toMatchObject({ titles, itemIds });
  });

  test("stays as it is where no spreadsheet reads: the reference program's files, atomic files, word vectors", () => {
    expect(writeHopwise({ ids: idsOf([1]), itemIds: ["=1"] })).toContain("\n=1,[1]\n");
    const atomic = readCsv("item_id:token\titem_emb:float_seq\n'=a\t1 2\n'-b\t3 4\n");
    expect(atomic.itemIds).toEqual(["'=a", "'-b"]);
    const words = readCsv("3 4\n'- 1 2 3 4\nthe 1 2 3 5\n'+ 1 2 3 6\n");
    expect(words.itemIds).toEqual(["'-", "the", "'+"]);
  });
});
