/** Parts of the tree, the search and "How it works" that need no page. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE, SemanticIds } from "rqvae";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { MOST_BARS, stepsOf } from "../../web/src/explore/anatomy-steps.ts";
import { CatalogueIndex } from "../../web/src/explore/catalogue-index.ts";
import type { CodeNames } from "../../web/src/explore/code-names.ts";
import { Exploration } from "../../web/src/explore/exploration.ts";
import { readQuery, whyNoId } from "../../web/src/explore/query.ts";
import { bestFirst, countEverywhere, filterRows, type RowFilter } from "../../web/src/explore/row-filter.ts";
import { CodeStudy } from "../../web/src/lab/code-study.ts";
import { countCodes } from "../../web/src/lab/count-codes.ts";
import type { HeldItems } from "../../web/src/lab/items.ts";
import { Vectors } from "../../web/src/lab/vectors.ts";
import { catalogue, squaredDistance } from "../js/support/catalogue.ts";
import { sourceOf } from "../js/support/embedding-sources.ts";
import { ROOT } from "./server.mjs";

describe("what somebody types into a search", () => {
  it.each([
    ["", { kind: "none" }],
    ["  ", { kind: "none" }],
    ["<a_17>", { kind: "tokens", tokens: "<a_17>" }],
    ["<A_17> <b_4>", { kind: "tokens", tokens: "<a_17><b_4>" }],
    ["<a_1", { kind: "tokens", tokens: "<a_1" }],
    ["<a_17><b_", { kind: "tokens", tokens: "<a_17><b_" }],
    ["a_17, b_4", { kind: "tokens", tokens: "<a_17><b_4>" }],
    ["17 4", { kind: "numbers", words: "17 4", codes: [17, 4] }],
    ["7", { kind: "numbers", words: "7", codes: [7] }],
    ["<b> bold", { kind: "words", words: "<b> bold" }],
    ["<br>", { kind: "words", words: "<br>" }],
    ["<3", { kind: "words", words: "<3" }],
    ["<", { kind: "words", words: "<" }],
    ["Red Heart", { kind: "words", words: "red heart" }],
    ["b_", { kind: "words", words: "b_" }],
  ])("%j is what it should be", (text, query) => {
    expect(readQuery(text)).toEqual(query);
  });

  it("is told why codes are no ID", () => {
    const ids = { levels: 2, codebookSizes: [8, 4] };
    expect(whyNoId([7, 3], ids)).toBeUndefined();
    expect(whyNoId([7, 4], ids)).toEqual({ beyond: 1, largest: 3 });
    expect(whyNoId([1, 1, 1], ids)).toEqual({ tooMany: 3 });
  });
});

const titles = ["red heart", "<b> tag", "heart of gold", "unhearty", "7 samurai", "sweetheart", "blue"];
const ids = SemanticIds.from(
  [...titles.keys()].map((i) => [i % 2, i % 3]),
  { codebookSizes: [8, 8] },
);
const data = { labels: { titles } } as unknown as Parameters<typeof filterRows>[0];
const none = () => new AbortController().signal;
const all: RowFilter = { prefix: [], query: "", sharedOnly: false, sort: "item" };

describe("the rows of the table", () => {
  const found = async (filter: Partial<RowFilter>) => {
    const index = await CatalogueIndex.build(ids, none());
    return [...(await filterRows(data, index, { ...all, ...filter }, none()))];
  };

  it("are found by words, by tokens, and by plain numbers where no title has them", async () => {
    expect(await found({ query: "heart" })).toEqual([0, 2, 3, 5]);
    expect(await found({ query: "<B>" })).toEqual([1]);
    expect(await found({ query: "<a_1><b_1>" })).toEqual([1]);
    expect(await found({ query: "<b_2" })).toEqual([2, 5]);
    expect(await found({ query: "7" })).toEqual([4]); // a title has it, so it is no code
    expect(await found({ query: "1" })).toEqual([1, 3, 5]);
    expect(await found({ query: "1 2" })).toEqual([5]);
    expect(await found({ query: "9 9" })).toEqual([]);
    expect(await found({ query: "heart", sharedOnly: true })).toEqual([0]);
    expect(await found({ sharedOnly: true })).toEqual([0, 6]);
  });

  it("are counted in the whole catalogue, too, when a branch is open", async () => {
    const index = await CatalogueIndex.build(ids, none());
    const filter: RowFilter = { ...all, prefix: [1], query: "heart" };
    expect([...(await filterRows(data, index, filter, none()))]).toEqual([3, 5]);
    expect(await countEverywhere(data, index, filter, none())).toBe(4);
  });

  it("have a best one: the name itself, then its beginning, then whole words", () => {
    expect([...bestFirst(data, Uint32Array.of(3, 5, 2, 0), "heart")]).toEqual([2, 0, 3, 5]);
    const emoji = { labels: { titles: ["😻 heart-eyes", "💛 heart", "(heart) +"] } };
    expect([...bestFirst(emoji, Uint32Array.of(0, 1, 2), "Heart")]).toEqual([1, 0, 2]);
    expect([...bestFirst(emoji, Uint32Array.of(2), "(heart) +")]).toEqual([2]);
  });
});

describe("the place of the visitor", () => {
  it("holds a code of a later level until somebody walks", () => {
    const exploration = new Exploration();
    const seen: unknown[] = [];
    exploration.watch(({ code }) => seen.push(code));
    exploration.go({ code: { level: 1, code: 5 } });
    exploration.go({ code: { level: 1, code: 5 } }); // the same place
    exploration.go({ item: 3 });
    expect(exploration.place.code).toEqual({ level: 1, code: 5 });
    exploration.go({ prefix: [2] });
    expect(seen).toEqual([{ level: 1, code: 5 }, { level: 1, code: 5 }, undefined]);
  });
});

describe("the names of codes", () => {
  const stored = new Map<string, string>();
  let Names: new () => CodeNames;

  beforeAll(async () => {
    vi.stubGlobal("self", { name: "/here/" });
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
    });
    Names = (await import("../../web/src/explore/code-names.ts")).CodeNames;
  });
  afterEach(() => stored.clear());

  const many = Array.from({ length: 40 }, (_, i) => (i % 2 ? `green tree ${i}` : `blue sea ${i}`));
  const codes = many.map((_, i) => [i % 2, Math.floor(i / 2) % 4]);
  const start = async (fingerprint = "0123456789abcdef") => {
    const own = SemanticIds.from(codes, { codebookSizes: [4, 4], fingerprint });
    const names = new Names();
    names.setCatalogue({ labels: { titles: many } }, await CatalogueIndex.build(own, none()));
    return names;
  };

  it("are those of the titles until the visitor gives others, which stay with the model", async () => {
    const names = await start();
    let told = 0;
    names.watch(() => told++);
    expect(names.nameOf([0])).toBe("");
    await names.prepareWay([0, 1]);
    expect(told).toBe(2);
    expect(names.nameOf([0])).toMatch(/blue/);
    expect(names.nameOf([1])).toMatch(/green/);

    expect(names.give([0], "  water ")).toBe(true);
    expect(names.nameOf([0])).toBe("water");
    expect(names.suggestionFor([0])).toMatch(/blue/);
    expect(told).toBe(3);
    // A code of a later level has its name wherever no branch has another.
    names.give({ level: 1, code: 2 }, "third");
    names.give([1, 2], "trees");
    expect([names.nameOf([0, 2]), names.nameOf([1, 2])]).toEqual(["third", "trees"]);

    expect((await start()).nameOf([0])).toBe("water");
    expect((await start("fedcba9876543210")).nameOf([0])).toBe("");
    names.give([0], "");
    expect((await start()).nameOf([0])).toBe("");
    expect((await start()).nameOf([1, 2])).toBe("trees");
  });

  it("are listed for the visitor to take away", async () => {
    const names = await start();
    await names.prepare([]);
    names.give([0], "water");
    names.give({ level: 1, code: 2 }, "third");
    expect(names.list()).toEqual([
      { codes: [0], name: "water", by: "you", items: 20 },
      { codes: [null, 2], name: "third", by: "you", items: 10 },
      { codes: [1], name: names.suggestionFor([1]), by: "titles", items: 20 },
    ]);
  });

  it("do without a store, and with a spoilt one", async () => {
    stored.set("rqvae-names /here/", "not JSON");
    const names = await start();
    vi.stubGlobal("localStorage", {
      getItem: () => null,
      setItem: () => {
        throw new Error("full");
      },
    });
    expect(names.give([1], "kept nowhere")).toBe(false);
    expect(names.nameOf([1])).toBe("kept nowhere");
  });
});

describe("inside the model", () => {
  const [rows, dim] = [300, 8];
  const items = catalogue(rows, dim);
  /** Places in the order of a number, the smallest first. */
  const ranked = (places: readonly number[], by: (place: number) => number) =>
    [...places].sort((a, b) => by(a) - by(b));

  async function prepare() {
    const model = await RQVAE.create({ inputDim: dim, latentDim: 6, codebookSize: 8, nQuantizationLayers: 3 });
    await model.train(items, { epochs: 3 });
    const own = model.encode(items);
    const held = { vectors: new Vectors(sourceOf(items)) } as HeldItems;
    const d = model.config.latentDim;
    const latents = model.latents(items);
    const { residuals } = model.getSemanticIds(items);
    return {
      model,
      own,
      study: new CodeStudy(model, held, own, async () => 0.25),
      latentOf: (i: number) => latents.subarray(i * d, (i + 1) * d),
      residualOf: (i: number, level: number) => residuals.subarray((i * 3 + level) * d, (i * 3 + level + 1) * d),
      centre: (level: number, code: number) => model.codebooks()[level]!.subarray(code * d, (code + 1) * d),
    };
  }

  it("a code has the items nearest to its centre, its nearest neighbours and its parents", async () => {
    const { model, own, study, residualOf, centre } = await prepare();
    using _ = model;
    const codes = [...own];
    const [first, second] = codes[0]! as [number, number, number];
    const page = await study.code({ level: 1, code: second });
    const members = [...codes.keys()].filter((i) => codes[i]![1] === second);
    expect(page).toMatchObject({ level: 1, code: second, items: members.length, itemsBelow: members.length });
    const near = (i: number) => squaredDistance(residualOf(i, 1), centre(1, second));
    expect(page.typical.map(near)).toEqual(ranked(members, near).slice(0, 8).map(near));

    const used = [...new Set(codes.map((each) => each[1]!))].filter((code) => code !== second);
    const apart = (code: number) => squaredDistance(centre(1, code), centre(1, second));
    expect(page.siblings.map(({ code }) => code)).toEqual(ranked(used, apart).slice(0, 6));
    for (const { code, items: count } of page.siblings)
      expect(count).toBe(codes.filter((each) => each[1] === code).length);

    expect(page.parents.reduce((sum, { items: count }) => sum + count, 0)).toBe(members.length);
    expect(page.otherParents).toBe(0);
    for (const { prefix, items: count } of page.parents)
      expect(count).toBe(members.filter((i) => codes[i]![0] === prefix[0]).length);

    const below = await study.code({ level: 1, code: second, before: [first] });
    const inBranch = members.filter((i) => codes[i]![0] === first);
    expect(below).toMatchObject({ items: members.length, itemsBelow: inBranch.length });
    expect(below.typical.map(near)).toEqual(ranked(inBranch, near).slice(0, 8).map(near));
    expect((await study.code({ level: 0, code: first })).parents).toEqual([]);
  });

  it("an item is the sum of its codes and what is missing, and its nearest items are those of the sum", async () => {
    const { model, own, study, latentOf } = await prepare();
    using _ = model;
    const anatomy = await study.anatomy(17);
    expect(anatomy.codes).toEqual([...own.at(17)]);
    expect([...anatomy.vector]).toEqual([...latentOf(17)]);
    const everyone = [...Array(rows).keys()];
    const toItem = (i: number) => squaredDistance(latentOf(i), latentOf(17));
    const others = everyone.filter((i) => i !== 17);
    expect(anatomy.nearest.map(toItem)).toEqual(ranked(others, toItem).slice(0, 6).map(toItem));
    const said = new Float32Array(6);
    for (const { adds, nearest } of anatomy.steps) {
      adds.forEach((x, j) => {
        said[j]! += x;
      });
      const toSum = (i: number) => squaredDistance(latentOf(i), said);
      expect(nearest.map(toSum)).toEqual(ranked(everyone, toSum).slice(0, 6).map(toSum));
    }
    expect(anatomy.rebuilt).toMatchObject({ error: 0.25 });
    expect([...anatomy.rebuilt!.restored]).toEqual([...model.reconstruct(items).subarray(17 * dim, 18 * dim)]);

    const steps = stepsOf(anatomy);
    expect(steps.map(({ kind }) => kind)).toEqual(["vector", "code", "code", "code", "rebuilt"]);
    for (const { kind, target, said: sum, missing, most } of steps) {
      target.forEach((x, j) => {
        if (kind !== "vector") expect(sum[j]! + missing[j]!).toBeCloseTo(x, 5);
        expect(Math.abs(x)).toBeLessThanOrEqual(most);
      });
    }
    expect(steps[0]).toMatchObject({ share: 0 });
    const length = anatomy.vector.reduce((sum, x) => sum + x * x, 0);
    expect(steps[3]!.share).toBeCloseTo(1 - squaredDistance(anatomy.vector, said) / length, 5);
    expect(steps[4]!.share).toBe(0.75);
  });

  it("shows the largest numbers of a wide vector, in their order, and counts them all", () => {
    const wide = Float32Array.from({ length: 100 }, (_, j) => (j % 2 ? j : -0.001));
    const steps = stepsOf({ codes: [0], vector: wide, nearest: [], steps: [{ adds: wide, nearest: [] }] });
    expect([...steps[0]!.target]).toEqual([...wide].filter((x) => x >= 100 - 2 * MOST_BARS));
    expect(steps).toHaveLength(2);
    expect(steps[1]).toMatchObject({ share: 1, numbers: 100, most: 99 });
  });

  it("codes are counted level by level", () => {
    const { items: count, perLevel } = countCodes(ids);
    expect(count).toBe(7);
    expect(perLevel.map((each) => [...each])).toEqual([
      [4, 3, 0, 0, 0, 0, 0, 0],
      [3, 2, 2, 0, 0, 0, 0, 0],
    ]);
  });
});

describe("the result that the page opens with", () => {
  it("is what the defaults learn from the emoji", async () => {
    const { FILE, heroTree } = await import("../../tools/hero-tree.mjs");
    expect(readFileSync(FILE, "utf8")).toBe(await heroTree());
  });

  it("has a code for every title, and is small", () => {
    const file = JSON.parse(readFileSync(join(ROOT, "web/src/explore/hero-tree.json"), "utf8"));
    const { titles: names } = JSON.parse(readFileSync(join(ROOT, "examples/data/emoji/emoji.labels.json"), "utf8"));
    expect(Buffer.from(file.codes, "base64").length).toBe(names.length * file.codebookSizes.length);
  });
});
