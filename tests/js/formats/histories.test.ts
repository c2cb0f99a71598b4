import { gzipSync } from "node:zlib";
import { type Histories, type ReadHistoriesOptions, readHistories } from "rqvae/formats";
import { describe, expect, it } from "vitest";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string, options: ReadHistoriesOptions = { itemIds: ["a", "b", "c", "d"] }) =>
  readHistories(bytes(text), { fileName: "histories", ...options });
/** Users with their rows. */
const lists = ({ users, userIds, items, offsets }: Histories) =>
  Object.fromEntries(
    Array.from({ length: users }, (_, u) => [userIds[u], [...items.subarray(offsets[u], offsets[u + 1])]]),
  );

describe("readHistories", () => {
  it.each([
    ["RecBole .inter, in time order", "user_id:token\titem_id:token\ttimestamp:float\nu\tb\t2\nv\tc\t1\nu\ta\t1.5\n"],
    ["csv with a time", "timestamp,user,asin,rating\n2,u,b,5\n1,v,c,4\n1.5,u,a,1\n"],
    ["csv with dates", "user;item;date\nu;b;2026-01-02\nv;c;2026-01-01\nu;a;2026-01-01 10:00\n"],
    ["tsv without a time", "uid\tiid\nu\ta\nv\tc\nu\tb"],
    ["lists in csv", "user_id,history_item_id,item_id\nu,\"['a']\",b\nv,[],c\n"],
    ["RecBole sequences", "user_id:token\titem_id_list:token_seq\nu\ta b\nv\tc\n"],
    ["lines of a user and items", "u a b\nv c\n"],
    ["the same with tabs", "u\ta\tb\r\nv\tc"],
    ["JSON lines of lists", '{"user":"u","items":["a","b"]}\n{"user":"v","items":["c"]}\n'],
    [
      "JSON lines of choices",
      '{"user":"u","item":"b","time":2}\n{"user":"v","item":"c"}\n{"user":"u","item":"a","time":1}',
    ],
    ["JSON of LC-Rec", '{"u": ["a", "b"],\n "v": ["c"]}'],
  ])("reads %s", async (_, text) => {
    const histories = await read(text);
    expect(lists(histories)).toEqual({ u: [0, 1], v: [2] });
    expect(histories.unknown).toEqual({ choices: 0, items: 0, examples: [] });
    expect(lists(await readHistories(gzipSync(text), { itemIds: ["a", "b", "c", "d"] }))).toEqual({
      u: [0, 1],
      v: [2],
    });
  });

  it("takes row numbers, from 0 or 1, and refuses numbers that count from elsewhere", async () => {
    expect(lists(await read("1 1 2 3\n2 3 4\n", { rows: 4, firstRow: 1 }))).toEqual({ 1: [0, 1, 2], 2: [2, 3] });
    expect(lists(await read("0 1 2 3\n1 3 0\n", { rows: 4 }))).toEqual({ 0: [1, 2, 3], 1: [3, 0] });
    await expect(read("1 1 2 3\n2 3 4\n", { rows: 4 })).rejects.toThrow(
      /line 2: item "4" is not among the row numbers 0 to 3.*firstRow: 1/,
    );
    await expect(read("0 0 1\n1 2 3\n", { rows: 4, firstRow: 1 })).rejects.toThrow(/item "0" is not among .* 1 to 4/);
    await expect(read("u B001\nv B002\n", { rows: 4 })).rejects.toThrow(/"B001".*itemIds/);
  });

  it("leaves out and counts what the catalogue does not have", async () => {
    const histories = await read("u a x b\nv x y\nw c\n");
    expect(lists(histories)).toEqual({ u: [0, 1], w: [2] });
    expect(histories.unknown).toEqual({ choices: 3, items: 2, examples: ["x", "y"] });
    expect(histories.text).toMatch(/3 choices of 2 users; 3 of 6 choices left out, whose 2 items .* x, y/);
    await expect(read("u x\nv y\n")).rejects.toThrow(/none of the 2 items .* catalogue of 4 items.*"x".*itemIds/);
  });

  it("refuses what is unclear, with the line", async () => {
    await expect(read("a b\na c\nu d\n")).rejects.toThrow(
      /may start with a user or with an item.*2 are items.*startsWithUser/,
    );
    expect(lists(await read("a b\na c\nd d\n"))).toEqual({ "line 1": [0, 1], "line 2": [0, 2], "line 3": [3, 3] });
    expect(lists(await read("a b\nb c\n", { itemIds: ["a", "b", "c", "d"], startsWithUser: true }))).toEqual({
      a: [1],
      b: [2],
    });
    await expect(read("u a\nv b\nu c\n", { itemIds: ["a", "b", "c"], startsWithUser: true })).rejects.toThrow(
      /line 3: user "u" has had a line before/,
    );
    await expect(read("user,item,time\nu,a,yesterday\n")).rejects.toThrow(/line 2: "yesterday" is not a time/);
    await expect(read("user,item\nu,a,b\n")).rejects.toThrow(/line 2 has 3 columns, but the header has 2/);
    await expect(read("user,what\nu,a\n")).rejects.toThrow(
      /no column that is known to name the item.*user, what.*columns/,
    );
    await expect(read("user,what\nu,a\n", { itemIds: ["a"], columns: { item: "that" } })).rejects.toThrow(
      /no column "that"/,
    );
    expect(lists(await read("user,what\nu,a\n", { itemIds: ["a"], columns: { item: "what" } }))).toEqual({ u: [0] });
    await expect(read("user,item\nu,\n")).rejects.toThrow(/line 2: the item is empty/);
    await expect(read('{"user":"u","items":["a"]}\n{"user":"v"}\n')).rejects.toThrow(/line 2 must be a list of items/);
    await expect(read(" \n")).rejects.toThrow(/is empty/);
    await expect(readHistories(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), { rows: 2 })).rejects.toThrow(
      /text/,
    );
    await expect(readHistories(bytes("u a"), {} as never)).rejects.toThrow(
      /rows must be the number of items, or give itemIds/,
    );
  });

  it("keeps long numbers as they are written", async () => {
    const itemIds = ["12345678901234567890", "12345678901234567891"];
    const text = '{"user": 1, "items": [12345678901234567891, 12345678901234567890]}\n';
    expect(lists(await read(text, { itemIds }))).toEqual({ 1: [1, 0] });
  });
});
