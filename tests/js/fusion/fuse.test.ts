/** Several vectors made one: against the formula, joined by key, with missing ones; models that remember how. */
import { type ItemMatrix, RQVAE } from "rqvae";
import { readHistories } from "rqvae/formats";
import { type Fused, fuse, leaveOut, type NamedField, readLayout, writeLayout } from "rqvae/fusion";
import { describe, expect, it } from "vitest";
import { catalogue, generator, sameBits, small } from "../support/catalogue.ts";

const n = 40;
const title = catalogue(n, 6, 1);
const image = catalogue(n, 4, 2);
const names = Array.from({ length: n }, (_, i) => `item ${i}`);
const rowsOf = ({ data, dim }: { data: Float32Array; dim: number }, row: number) =>
  Array.from(data.subarray(row * dim, (row + 1) * dim));
const table = (matrix: typeof title) => Array.from({ length: matrix.rows }, (_, row) => rowsOf(matrix, row));

/** The formula in its plainest form: unit length, less the mean, times the root of weight / mean squared length. */
function naive(vectors: (number[] | null)[], weight: number): number[][] {
  const units = vectors.map((v) => {
    const length = Math.sqrt((v ?? []).reduce((sum, x) => sum + x * x, 0));
    return v && length > 0 ? v.map((x) => x / length) : null;
  });
  const there = units.filter((v) => v !== null);
  const mean = there[0]!.map((_, j) => there.reduce((sum, v) => sum + v[j]!, 0) / there.length);
  const centred = units.map((v) => v?.map((x, j) => x - mean[j]!));
  const squared = centred.reduce((sum, v) => sum + (v ?? []).reduce((s, x) => s + x * x, 0), 0) / there.length;
  return centred.map((v) => (v ?? mean.map(() => 0)).map((x) => x * Math.sqrt(weight / squared)));
}

/** Users who stay among every fourth item; the last four items are chosen by nobody. */
const lines = Array.from({ length: 60 }, (_, u) => {
  const next = generator(u + 1);
  const list = Array.from({ length: 5 }, () => (u % 4) + 4 * Math.floor(((next() + 1) / 2) * (n / 4 - 1)));
  return `u${u},${[...new Set(list)].map((i) => names[i]).join(",")}`;
});
const histories = await readHistories(new TextEncoder().encode(lines.join("\n")), { itemIds: names });

function expectClose(fused: Fused, expected: number[][]) {
  for (let row = 0; row < n; row++) {
    rowsOf(fused, row).forEach((x, j) => {
      expect(x).toBeCloseTo(expected[row]![j]!, 4);
    });
  }
}

describe("fuse", () => {
  it("is the formula, by weight, with zeros for what is missing", async () => {
    const images: (number[] | null)[] = table(image);
    images[3] = null;
    images[5] = [0, 0, 0, 0];
    const withNaN = { ...image, data: image.data.slice() };
    withNaN.data.fill(Number.NaN, 12, 16).fill(0, 20, 24);
    const a = naive(table(title), 1);
    const b = naive(images, 0.25);
    for (const vectors of [images, withNaN]) {
      const fused = await fuse([
        { name: "title", vectors: title },
        { name: "image", vectors, weight: 0.25 },
      ]);
      expect([fused.rows, fused.dim]).toEqual([n, 10]);
      expectClose(
        fused,
        a.map((v, i) => [...v, ...b[i]!]),
      );
      expect(fused.report).toMatchObject([{ missing: 0 }, { name: "image", missing: 2, guessed: 0, extra: 0 }]);
      expect(fused.text).toMatch(/image: 4 numbers, weight .*2 of 40 items \(5.0%\) have none, so the mean/);
    }
    const half = {
      data: Uint16Array.from({ length: 2 * n }, (_, i) => (i === 2 || i === 3 ? 0x7e00 : 0x3c00 + i)),
      rows: n,
      dim: 2,
    };
    const halves = await fuse([
      { name: "title", vectors: title },
      { name: "half", vectors: half },
    ]);
    expect(halves.report[1]).toMatchObject({ missing: 1 });
  });

  it("joins by key, never by place, and counts what is missing and extra", async () => {
    const order = names.map((_, i) => (i * 7 + 3) % n).filter((i) => i !== 8);
    const vectors = [...order.map((i) => rowsOf(image, i)), [1, 2, 3, 4]];
    const itemIds = [...order.map((i) => names[i]!), "unknown"];
    const named: NamedField[] = [
      { name: "title", vectors: title, itemIds: names },
      { name: "image", vectors, itemIds },
    ];
    const fused = await fuse(named);
    const expected = naive(
      table(image).map((v, i) => (i === 8 ? null : v)),
      1,
    );
    const a = naive(table(title), 1);
    expectClose(
      fused,
      a.map((v, i) => [...v, ...expected[i]!]),
    );
    expect(fused.report[1]).toMatchObject({ missing: 1, extra: 1 });
    expect(fused.itemIds).toEqual(names);
    // Another order of the catalogue gives the same vectors in that order.
    const turned = [...names].reverse();
    const other = await fuse(named, { itemIds: turned });
    turned.forEach((_, row) => {
      rowsOf(other, row).forEach((x, j) => {
        expect(x).toBeCloseTo(rowsOf(fused, n - 1 - row)[j]!, 5);
      });
    });
    await expect(
      fuse([named[0]!, { ...named[1]!, itemIds: undefined as never, vectors: table(image).slice(1) }]),
    ).rejects.toThrow(/image.*39.*title.*40/s);
  });

  it("refuses what has no meaning, naming it", async () => {
    const ok = { name: "title", vectors: title };
    const refused: [NamedField[], object, RegExp][] = [
      [[], {}, /fields must be a list/],
      [[{ ...ok, name: "data" }], {}, /fields\[0\].name must be a name/],
      [[ok, ok], {}, /fields: two are called title/],
      [[{ ...ok, weight: 0 }], {}, /title.weight must be a number above 0/],
      [[ok], { weights: { titel: 2 } }, /there is no field "titel"; the fields are title/],
      [[ok], { weights: "auto" }, /chosen by histories/],
      [[ok], { historys: histories }, /historys/],
      [[{ name: "behaviour", vectors: title }], { histories }, /behaviour, but one of that name is given/],
      [[{ name: "title", vectors: [[1, 2], null, [Number.NaN, 1]] }], {}, /title.vectors: row 2, column 0 is NaN/],
      [[{ name: "title", vectors: [[1, 2], null, [3]] }], {}, /title.vectors: row 2 has 1 value/],
      [[{ name: "title", vectors: [[1, 2], null, [3, 1]] }], {}, /row 1 has no vector in any field/],
      [[{ name: "title", vectors: [null, null] }], {}, /there is no vector: leave the field out/],
      [[{ name: "title", vectors: table(title).slice(1) }], { histories }, /40 items/],
    ];
    for (const [fields, options, words] of refused) await expect(fuse(fields, options)).rejects.toThrow(words);
  });

  it("reads sources as it reads matrices, with missing rows, and stops when it is told to", async () => {
    const { rows, dim } = image;
    const data = image.data.slice().fill(Number.NaN, 12, 16);
    const read = async (first: number, count: number) => data.slice(first * dim, (first + count) * dim);
    const fields = (vectors: NamedField["vectors"]) => [
      { name: "title", vectors: title },
      { name: "image", vectors },
    ];
    const nulls = table(image).map((row, i) => (i === 3 ? null : row));
    const nans = table(image).map((row, i) => (i === 3 ? row.map(() => Number.NaN) : row));
    const [expected, ...same] = await Promise.all(
      [nulls, { data, rows, dim }, nans, { rows, dim, read }].map((v) => fuse(fields(v))),
    );
    for (const each of same) expect(sameBits(each.data, expected!.data)).toBe(true);
    const broken = { rows, dim, read: async () => data.slice(0, 2) };
    await expect(fuse(fields(broken))).rejects.toThrow(/image.vectors: read\(0, 40\) must give/);
    const partly = image.data.slice().fill(Number.NaN, 12, 13);
    const some = { rows, dim, read: async () => partly };
    await expect(fuse(fields(some))).rejects.toThrow(/image.vectors: row 3, column 0 is NaN/);
    const stop = new AbortController();
    const never = fuse(fields({ rows, dim, read: () => new Promise<never>(() => {}) }), { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(never).rejects.toThrow("enough");
  });

  it("says that a field whose vectors are all the same says nothing", async () => {
    const fused = await fuse([
      { name: "title", vectors: title },
      { name: "same", vectors: { data: new Float32Array(3 * n).fill(0.7), rows: n, dim: 3 } },
    ]);
    expect(fused.text).toMatch(/^same: .*all its vectors are the same, so that it says nothing/m);
    expect(fused.fields.fields[1]!.scale).toBe(0);
    for (let row = 0; row < n; row++) expect(rowsOf(fused, row).slice(6)).toEqual([0, 0, 0]);
  });

  it("takes options that mean something only", async () => {
    const one = [{ name: "title", vectors: title }];
    for (const name of ["dim", "window", "smoothing"]) {
      await expect(fuse(one, { [name]: 1 })).rejects.toThrow(new RegExp(`${name} is of the field behaviour`));
    }
    const { fields: like } = await fuse(one);
    await expect(fuse([{ ...one[0]!, weight: 2 }], { like })).rejects.toThrow(/title.weight: like fuses/);
    const numbers = names.map((_, i) => i) as never;
    await expect(fuse([{ ...one[0]!, itemIds: numbers }])).rejects.toThrow(/title.itemIds must be an array of strings/);
    await expect(fuse([{ name: "title", vectors: title.data as never }])).rejects.toThrow(
      /^title.vectors must be .* received Float32Array/,
    );
    await expect(fuse([{ name: "title", vectors: null as never }])).rejects.toThrow(/^title.vectors must be .* null/);
    await expect(fuse(one, { histories: { ...histories, catalogueItems: 41 } })).rejects.toThrow(/there are 40 items/);
    // Names that every object has.
    const odd = await fuse([...one, { name: "constructor", vectors: image }], { weights: { title: 2 } });
    expect(odd.report.map(({ weight }) => weight)).toEqual([2, 1]);
    await expect(RQVAE.fit({ title, image } as never)).rejects.toThrow(/several vectors per item.*fuse/);
  });

  it("adds behaviour, guesses it where nobody chose an item, and brings items of one user together", async () => {
    const fused = await fuse([{ name: "title", vectors: title, itemIds: names }], { histories, dim: 8 });
    const chosen = new Set(histories.items);
    const cold = names.map((_, i) => i).filter((i) => !chosen.has(i));
    expect(cold.length).toBeGreaterThan(3);
    const [, behaviour] = fused.report;
    expect(behaviour).toMatchObject({ name: "behaviour", missing: cold.length, guessed: cold.length });
    const part = (row: number) => rowsOf(fused, row).slice(6);
    const guess = fused.fields.fields[1]!.guess!;
    for (const row of cold) {
      const content = rowsOf(fused, row).slice(0, 6);
      part(row).forEach((x, j) => {
        expect(x).toBeCloseTo(
          content.reduce((sum, c, k) => sum + c * guess[j * 6 + k]!, 0),
          4,
        );
      });
    }
    const cosine = (a: number[], b: number[]) =>
      a.reduce((sum, x, j) => sum + x * b[j]!, 0) /
      Math.sqrt(a.reduce((s, x) => s + x * x, 0) * b.reduce((s, x) => s + x * x, 0));
    const means = [0, 0];
    const counts = [0, 0];
    const warm = [...chosen];
    for (const a of warm)
      for (const b of warm) {
        if (a === b) continue;
        const same = Number(a % 4 === b % 4);
        means[same]! += cosine(part(a), part(b));
        counts[same]!++;
      }
    expect(means[1]! / counts[1]!).toBeGreaterThan(means[0]! / counts[0]! + 0.5);
  });

  it("gives the same bits for the same seed, and says what it tried with weights auto", async () => {
    const fields = [{ name: "title", vectors: title, itemIds: names }];
    const [a, b] = [
      await fuse(fields, { histories, dim: 8, seed: 3 }),
      await fuse(fields, { histories, dim: 8, seed: 3 }),
    ];
    expect(sameBits(a.data, b.data)).toBe(true);
    const chosen = await fuse(fields, { histories, dim: 8, weights: "auto" });
    expect(chosen.trials).toHaveLength(5);
    expect(chosen.trials!.map(({ weights }) => weights.behaviour)).toEqual([1, 0.25, 0.5, 2, 4]);
    expect(chosen.report[1]!.weight).toBeGreaterThan(0);
  });
});

describe("a model that is fitted to fields", () => {
  const make = async () => {
    const fused = await fuse([
      { name: "title", vectors: title },
      { name: "image", vectors: image },
    ]);
    return { fused, model: await RQVAE.fit(fused, { ...small, epochs: 2 }) };
  };

  it("encodes them by name, before and after its file, with an encoder part too", async () => {
    const { fused, model } = await make();
    const expected = model.encode(fused).codes;
    const full = await RQVAE.load(model.save());
    const part = await RQVAE.load(model.save({ part: "encoder" }));
    for (const each of [model, full, part]) {
      expect(each.encode({ image, title: table(title) }).codes).toEqual(expected);
      expect((await each.encodeAsync({ title, image })).codes).toEqual(expected);
      expect(each.fields!.fields.map(({ name, dim, rows }) => [name, dim, rows])).toEqual([
        ["title", 6, n],
        ["image", 4, n],
      ]);
    }
    expect(Buffer.compare(full.save(), model.save())).toBe(0);
    // A missing field is its mean: zeros.
    const zeros = { ...fused, data: fused.data.slice() };
    for (let row = 0; row < n; row++) zeros.data.fill(0, row * 10 + 6, row * 10 + 10);
    const expectedAlone = model.encode(zeros).codes;
    expect(full.encode({ title }).codes).toEqual(expectedAlone);
    expect(
      full.encode({ title, image: [...Array(n - 1).fill(null), rowsOf(image, n - 1)] }).codes.slice(0, -3),
    ).toEqual(expectedAlone.slice(0, -3));
    // So it is where each of its rows is null: one new item without an image.
    const none = Array(n).fill(null);
    expect(full.encode({ title, image: none }).codes).toEqual(expectedAlone);
    const alike = await fuse(
      [
        { name: "title", vectors: title },
        { name: "image", vectors: none },
      ],
      { like: full.fields! },
    );
    expect(full.encode(alike).codes).toEqual(expectedAlone);
    const streamed = [];
    for await (const ids of full.encodeStream([{ title, image }] as never)) streamed.push(...ids.codes);
    expect(streamed).toEqual([...expected]);
  });

  it("refuses other fields, and says what to do", async () => {
    const { model } = await make();
    const items = (given: object) => () => model.encode(given as never);
    expect(items({ tilte: title })).toThrow(
      /there is no field "tilte": the model was fitted to the fields title, image/,
    );
    expect(items({ title: image })).toThrow(/vectors of title have 6 values, received 4/);
    expect(items({ title, image: table(image).slice(1) })).toThrow(/title has 40 rows, but image has 39.*null/);
    expect(items({})).toThrow(/there are no fields: expected title, image/);
    expect(items(title)).toThrow(/dimension 6, but the model was fitted to the fields title, image/);
    expect(items({ title: [[1, 2, 3, 4, 5, 6], null], image: [null, null] })).toThrow(
      /row 1 has no vector in any field/,
    );
    expect(items({ title: [[1, 2, 3, 4, 5, 6], null] })).toThrow(/row 1 has no vector in any field/);
    const one = [1, 2, 3, 4, 5, 6];
    for (const vector of [one, Float32Array.from(one)]) {
      expect(items({ title: vector })).toThrow(
        /^items.title must be .* or an array of rows, received .*: pass \[items.title\] for one vector$/,
      );
    }
    const others = await fuse([
      { name: "title", vectors: table(title).slice(9) },
      { name: "image", vectors: table(image).slice(9) },
    ]);
    expect(items(others)).toThrow(/other statistics.*like: model.fields/);
    const alike = await fuse(
      [
        { name: "image", vectors: table(image).slice(9) },
        { name: "title", vectors: table(title).slice(9) },
      ],
      { like: model.fields! },
    );
    expect(model.encode(alike).codes).toEqual(model.encode({ title, image }).codes.slice(27));
    await expect(fuse([{ name: "sound", vectors: title }], { like: model.fields! })).rejects.toThrow(
      /there is no field "sound"/,
    );
    await expect(model.train(others, { epochs: 1 })).rejects.toThrow(/other statistics/);
    expect(model.fields!.fields).toHaveLength(2);
  });

  it("guesses behaviour of new items from its file", async () => {
    const fused = await fuse([{ name: "title", vectors: title, itemIds: names }], { histories, dim: 8 });
    const model = await RQVAE.load((await RQVAE.fit(fused, { ...small, epochs: 2 })).save());
    const cold = names.map((_, i) => i).filter((i) => !new Set(histories.items).has(i));
    const codes = model.encode({ title: cold.map((i) => rowsOf(title, i)) });
    const all = model.encode(fused);
    cold.forEach((row, i) => {
      expect(codes.at(i)).toEqual(all.at(row));
    });
    expect(model.fields!.madeFrom).toMatchObject({ users: 60, choices: histories.items.length });
  });
});

describe("a layout as text", () => {
  it("comes back as it was, and is checked", async () => {
    const { fields } = await fuse([{ name: "title", vectors: title, itemIds: names }], { histories, dim: 8 });
    expect(readLayout(writeLayout(fields))).toEqual(fields);
    const stored = JSON.parse(writeLayout(fields));
    const broken: [object, RegExp][] = [
      [{ ...stored, format: 2 }, /format must be 1, as in a file of rqvae fuse, received 2/],
      [{ ...stored, fields: [] }, /at least one field/],
      [{ ...stored, fields: [{ ...stored.fields[0], mean: "AAAA" }] }, /fields\[0\].mean must be 6 float32/],
      [{ ...stored, fields: [{ ...stored.fields[0], dim: -1 }] }, /dim/],
      [{ ...stored, madeFrom: { users: 1 } }, /madeFrom/],
      [{ ...stored, fields: [{ ...stored.fields[0], name: "data" }] }, /fields\[0\].name must be a name .* "data"/],
      [{ ...stored, fields: [{ ...stored.fields[0], scale: 1e300 }] }, /fields\[0\].scale must be/],
      [{ ...stored, fields: [stored.fields[0], stored.fields[0]] }, /fields of different names/],
    ];
    for (const [json, words] of broken) expect(() => readLayout(JSON.stringify(json))).toThrow(words);
    expect(() => readLayout("{")).toThrow(/no layout of fields/);
  });
});

describe("leaveOut", () => {
  const usersOf = ({ items, offsets, userIds }: typeof histories) =>
    new Map(userIds.map((userId, u) => [userId, [...items.subarray(offsets[u]!, offsets[u + 1]!)]]));

  it("leaves out the last choice, or the last share, of each user", async () => {
    const [all, last, time, both] = [
      usersOf(histories),
      usersOf(await leaveOut(histories, "last")),
      usersOf(await leaveOut(histories, "time", 0.4)),
      usersOf(await leaveOut(histories, "both", 0.4)),
    ];
    for (const [userId, list] of all) {
      expect(last.get(userId) ?? []).toEqual(list.length > 1 ? list.slice(0, -1) : list);
      const held = Math.min(list.length - 1, Math.max(1, Math.round(0.4 * list.length)));
      expect(time.get(userId) ?? []).toEqual(list.slice(0, list.length - held));
      expect(both.get(userId) ?? []).toEqual(list.slice(0, list.length - held));
    }
  });

  it("goes by time where there are times, and drops users of whom nothing is left", async () => {
    const text = "user,item,time\na,item 0,1\na,item 1,2\nb,item 2,9\nb,item 3,10\nc,item 4,3\nc,item 5,4\n";
    const timed = await readHistories(new TextEncoder().encode(text), { itemIds: names });
    const seen = await leaveOut(timed, "time", 0.3);
    expect([...usersOf(seen)]).toEqual([
      ["a", [0, 1]],
      ["c", [4, 5]],
    ]);
    expect([...seen.times!]).toEqual([1, 2, 3, 4]);
    await expect(leaveOut(timed, "first" as never)).rejects.toThrow(/"last", "time" or "both"/);
  });
});

it("is refused as the fields of other items", async () => {
  const { fields } = await fuse([
    { name: "title", vectors: title },
    { name: "image", vectors: image },
  ]);
  await expect(RQVAE.fit({ ...catalogue(n, 9), fields } as ItemMatrix)).rejects.toMatchObject({
    code: "ITEMS_DIMENSION",
    message: expect.stringMatching(/title, image have 10 numbers together, but the items have 9/),
  });
});
