/** Numbers with decimal commas, decimal points, and what may be a thousand. */
import { openItems, readItems, streamItems } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { utf8 } from "../support/format-files.ts";

const read = async (text: string, fileName = "a.csv") => [...(await readItems(utf8(text), { fileName })).data];

describe("numbers of tables", () => {
  it("have decimal points or commas", async () => {
    expect(await read("id;a;b\nx;0,5;1,25\ny;0,25;-1\n")).toEqual([0.5, 1.25, 0.25, -1]);
    expect(await read("id\ta\tb\nx\t0,5\t1,250\ny\t0,125\t-1\n", "a.tsv")).toEqual([0.5, 1.25, 0.125, -1]);
    expect(await read("id;a;b\nx;0,5;0.5\ny;1.25;2\n")).toEqual([0.5, 0.5, 1.25, 2]); // no thousand among them
    // As programs print them with three decimals.
    expect(await read("id,a,b\nx,1.000,2.500\ny,3.000,1.125\n")).toEqual([1, 2.5, 3, 1.125]);
    expect(await read("x\t1.000\t0.500\ny\t3.000\t1.125\n", "a.tsv")).toEqual([1, 0.5, 3, 1.125]);
    expect(await read("id;a;b\nx;0.125;1.000\ny;0.25;2.500\n")).toEqual([0.125, 1, 0.25, 2.5]);
  });

  it.each([
    ["id;a;b\nx;0,5;1.000\ny;0,25;2.500\n", /"1\.000" may mean 1 or 1000, since other numbers have decimal commas/],
    ["id;a;b\nx;1.000;2\ny;2,5;0,25\n", /"1\.000" may mean 1 or 1000/],
    ["id;a;b\nx;-2.500;2\ny;2,5;0,25\n", /"-2\.500" may mean -2\.5 or -2500/],
    ["id\ta\tb\nx\t0.5\t1,000\ny\t0.25\t2.5\n", /"1,000" may mean 1 or 1000, since other numbers have decimal points/],
    ["id;a;b\nx;1.000;2.000\ny;3.000;4.500\n", /every number with a point has three digits/],
    ['id;a;b\nx;"0,5";"1.000"\ny;"0,25";"2.500"\n', /may mean/],
    ["id;a;b\nx;0,5;1.234,5\ny;0,25;2,5\n", /"1\.234,5" has separators of thousands/],
    ["id;a;b\nx;0,5;1.234.567\ny;0,25;2,5\n", /has separators of thousands/],
  ])("that may be a thousand times as large are refused (%#)", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
    await expect(read(text)).rejects.toMatchObject({ code: "ITEM_NOT_NUMBER" });
  });

  it("are refused wherever in a long table they stand, and in streams", async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `x${i};0,${1 + (i % 9)};0,25`);
    rows[19_000] = "y;2.500;0,25";
    const bytes = utf8(`id;a;b\n${rows.join("\n")}\n`);
    await expect(openItems(bytes, { fileName: "a.csv" })).rejects.toThrow(/"2\.500" may mean 2\.5 or 2500/);
    await expect(async () => {
      for await (const _ of streamItems(bytes, { fileName: "a.csv", batchRows: 500 }));
    }).rejects.toThrow(/"2\.500" may mean 2\.5 or 2500/);
  });
});
