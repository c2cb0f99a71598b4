/** Arrays of item IDs and titles beside the embeddings, in npz and safetensors: used, or refused by name. */
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { readItems } from "../../../bindings/js/formats/index.ts";
import { bytesOf, HALVES, MATRIX, makeNpy, makeSafetensors, makeZip, npy, utf8 } from "../support/format-files.ts";

type Member = Parameters<typeof makeZip>[0][number];
const npz = (...members: [name: string, bytes: Uint8Array][]) =>
  makeZip([
    { name: "emb.npy", bytes: npy } as Member,
    ...members.map(([name, bytes]) => ({ name: `${name}.npy`, bytes })),
  ]);
const read = (file: Uint8Array, name = "a.npz", options = {}) => readItems(file, { fileName: name, ...options });
async function refused(file: Uint8Array, name: string, ...parts: string[]): Promise<void> {
  const error = await read(file, name).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(InvalidInputError);
  for (const part of [name, ...parts]) expect((error as Error).message).toContain(part);
}

/** Texts as NumPy keeps them: UCS-4 or bytes, padded with zeros. */
const ucs4 = (texts: string[], length: number) =>
  Uint32Array.from(texts.flatMap((text) => Array.from({ length }, (_, i) => [...text][i]?.codePointAt(0) ?? 0)));
const fixed = (texts: string[], length: number) =>
  Uint8Array.from(texts.flatMap((text) => [...utf8(text.padEnd(length, "\0")).slice(0, length)]));
const big = (values: bigint[]) => BigInt64Array.from(values);

describe("npz", () => {
  const wide = [1n, 9007199254740993n, 2n ** 63n - 1n, -5n];
  test.each<[string, Uint8Array, string[]]>([
    ["U", makeNpy("<U5", "(4,)", ucs4(["007", "é", "品番", "a b"], 5)), ["007", "é", "品番", "a b"]],
    ["S", makeNpy("|S4", "(4,)", fixed(["007", "b", "é", "d"], 4)), ["007", "b", "é", "d"]],
    ["i8", makeNpy("<i8", "(4,)", big(wide)), wide.map(String)],
    [
      "u8",
      makeNpy("<u8", "(4,)", BigUint64Array.of(2n ** 64n - 1n, 0n, 1n, 2n)),
      ["18446744073709551615", "0", "1", "2"],
    ],
    ["i1", makeNpy("|i1", "(4,)", Int8Array.of(-1, 2, 3, 4)), ["-1", "2", "3", "4"]],
    ["u2", makeNpy("<u2", "(4,)", Uint16Array.of(65535, 2, 3, 4)), ["65535", "2", "3", "4"]],
    ["i8 of one column", makeNpy("<i8", "(4, 1)", big(wide)), wide.map(String)],
    ["U of one column", makeNpy("<U1", "(4, 1)", ucs4(["a", "b", "c", "d"], 1)), ["a", "b", "c", "d"]],
  ])("IDs of %s are used", async (_, ids, itemIds) => {
    for (const name of ["ids", "item_ids", "asins"]) {
      const items = await read(npz([name, ids]));
      const { itemIds: found } = items;
      expect([items.rows, items.dim, found]).toEqual([4, 3, itemIds]);
    }
  });

  test.each<[string, Uint8Array, string[]]>([
    ["objects", makeNpy("|O", "(4,)", utf8("\x80\x04]\x94.")), ["Python objects"]],
    ["floats", makeNpy("<f8", "(4,)", Float64Array.of(1, 2, 3, 4)), ["floats"]],
    ["booleans", makeNpy("|b1", "(4,)", Uint8Array.of(0, 1, 0, 1)), ["booleans"]],
    ["dates", makeNpy("<M8[ns]", "(4,)", big(wide)), ["dates"]],
    ["bytes that are no text", makeNpy("|S1", "(4,)", Uint8Array.of(97, 0xff, 98, 99)), ["UTF-8", "row 1"]],
    ["one twice", makeNpy("<U1", "(4,)", ucs4(["a", "b", "a", "d"], 1)), ["row 2", "row 0", '"a"']],
  ])("IDs of %s are refused by name", async (kind, ids, parts) => {
    await refused(npz(["ids", ids]), "a.npz", ...(kind === "one twice" ? [] : ["ids"]), ...parts);
  });

  test.each<[string, Uint8Array]>([
    ["too few texts", makeNpy("<U1", "(3,)", ucs4(["a", "b", "c"], 1))],
    ["too few integers", makeNpy("<i8", "(3,)", big([1n, 2n, 3n]))],
    ["too few objects", makeNpy("|O", "(3,)", utf8("\x80\x04]\x94."))],
  ])("%s: both counts are named", async (_, ids) => {
    await refused(npz(["ids", ids]), "a.npz", '"ids" has 3 entries', '"emb" has 4 rows');
  });

  test("too many IDs, and too few titles", async () => {
    await refused(
      npz(["item_id", makeNpy("<i4", "(5,)", Int32Array.of(1, 2, 3, 4, 5))]),
      "a.npz",
      "5 entries",
      "4 rows",
    );
    await refused(
      npz(["titles", makeNpy("<U1", "(2,)", ucs4(["a", "b"], 1))]),
      "a.npz",
      '"titles" has 2 entries',
      "4 rows",
    );
  });

  test("an array of another matrix, and the names of the columns, are none of this one's", async () => {
    const users = makeNpy("<f4", "(2, 3)", Float32Array.of(1, 2, 3, 4, 5, 6));
    const other = npz(["users", users], ["ids", makeNpy("<i4", "(2,)", Int32Array.of(7, 8))]);
    expect((await read(other, "a.npz", { embedding: "emb" })).itemIds).toBeUndefined();
    expect((await read(other, "a.npz", { embedding: "users" })).itemIds).toEqual(["7", "8"]);
    const names = npz(["names", makeNpy("<U1", "(3,)", ucs4(["x", "y", "z"], 1))]);
    expect((await read(names)).itemIds).toBeUndefined();
  });
});

describe("safetensors", () => {
  const emb = { name: "emb", dtype: "F16", shape: [4, 3], bytes: bytesOf(HALVES) };
  const withIds = (dtype: string, shape: number[], data: ArrayBufferView) =>
    makeSafetensors([emb, { name: "item_ids", dtype, shape, bytes: bytesOf(data) }]);
  test.each<[string, ArrayBufferView, string[]]>([
    ["U8", Uint8Array.of(1, 2, 3, 255), ["1", "2", "3", "255"]],
    ["I8", Int8Array.of(-1, 2, 3, 4), ["-1", "2", "3", "4"]],
    ["I16", Int16Array.of(-300, 2, 3, 4), ["-300", "2", "3", "4"]],
    ["U16", Uint16Array.of(65535, 2, 3, 4), ["65535", "2", "3", "4"]],
    ["I64", big([9007199254740993n, 2n, 3n, 4n]), ["9007199254740993", "2", "3", "4"]],
    ["U64", BigUint64Array.of(2n ** 64n - 1n, 2n, 3n, 4n), ["18446744073709551615", "2", "3", "4"]],
  ])("IDs of %s are used", async (dtype, data, itemIds) => {
    for (const shape of [[4], [4, 1]]) {
      const items = await read(withIds(dtype, shape, data), "a.safetensors");
      const { itemIds: found } = items;
      expect([items.rows, items.dim, found]).toEqual([MATRIX.rows, MATRIX.dim, itemIds]);
    }
  });

  test("other lengths and types are refused by name", async () => {
    await refused(withIds("I64", [3], big([1n, 2n, 3n])), "a.safetensors", '"item_ids" has 3 entries', "4 rows");
    await refused(withIds("F32", [4], Float32Array.of(1, 2, 3, 4)), "a.safetensors", '"item_ids" holds F32');
  });
});
