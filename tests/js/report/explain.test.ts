import { readFileSync } from "node:fs";
import { InvalidInputError, RQVAE, residualKMeans, SemanticIds } from "rqvae";
import { readLabels } from "rqvae/formats";
import { type Explainer, explainIds } from "rqvae/report";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { halfValues } from "../../../bindings/js/items/half.ts";
import { squaredDistance } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const folder = new URL("../../../examples/data/emoji/", import.meta.url);
const items = readNpy(readFileSync(new URL("emoji-glovesif100.f16.npy", folder)));
const labels = readLabels(readFileSync(new URL("emoji.labels.json", folder), "utf8"));
const [n, dim] = [items.rows, items.dim];

let model: RQVAE;
let explainer: Explainer;
let ids: SemanticIds;
beforeAll(async () => {
  model = await RQVAE.create({
    inputDim: dim,
    latentDim: 12,
    hiddenDims: [16],
    codebookSize: [16, 8, 8],
    encodeBeam: 4,
  });
  await model.kmeansInitCodebooks(items);
  explainer = await explainIds(model, items, { labels });
  ids = model.encode(items, { margins: true });
});
afterAll(() => model.dispose());

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => Math.sqrt(squaredDistance(a, b));

test("a source gives the same answers, also to several questions at once, and is read for what they need", async () => {
  const data = Float32Array.from(items.data, (half) => halfValues()[half]!);
  const source = sourceOf({ data, rows: n, dim });
  for (const nearest of [0, 5]) {
    const held = await explainIds(model, items, { ids, labels, nearest });
    const streamed = await explainIds(model, source, { ids, labels, nearest });
    source.reads.length = 0;
    const asked = [3, 1900, 3, 44];
    const answers = await Promise.all(asked.map((i) => streamed.explain(i)));
    const expected = await Promise.all(asked.map((i) => held.explain(i)));
    expect(answers.map(String)).toEqual(expected.map(String));
    expect(answers.map(({ levels }) => levels)).toEqual(expected.map(({ levels }) => levels));
    // One at a time, each for its own rows; which comes first is not told.
    if (nearest === 0) expect(source.reads.toSorted()).toEqual(asked.map((i) => [i, 1]).toSorted());
    expect(String(await streamed.whyCollide(9, 2))).toBe(String(await held.whyCollide(9, 2)));
    await expect(streamed.explain(n)).rejects.toThrow(InvalidInputError);
    await expect(streamed.whyCollide(5, 5)).rejects.toThrow(/two different items/);
    expect(String(await streamed.explain(0))).toBe(String(await held.explain(0))); // after an error too
  }
});

describe("explain", () => {
  test("distances and margins are those of encode, also where the beam took a farther code", async () => {
    const out = model.getSemanticIds(items);
    const codebooks = model.codebooks();
    const width = model.config.latentDim;
    let farther = 0;
    for (let i = 0; i < n; i += 13) {
      const explanation = await explainer.explain(i);
      expect(explanation).toMatchObject({ item: i, codes: ids.at(i), id: ids.toTokens(i), title: labels.titles[i] });
      explanation.levels.forEach((each, level) => {
        const at = (i * 3 + level) * width;
        const residual = out.residuals.subarray(at, at + width);
        const centre = out.embeddings.subarray(at, at + width);
        expect(each.residualNorm).toBeCloseTo(distance(residual, new Float32Array(width)), 4);
        expect(each.distance).toBeCloseTo(distance(residual, centre), 4);
        const margin = ids.margins![i * 3 + level]!;
        expect(Math.abs(each.margin - margin)).toBeLessThan(1e-3 * Math.max(1, Math.abs(margin)));
        if (margin < 0) farther++;
        const others = Array.from({ length: codebooks[level]!.length / width }, (_, code) => ({
          code,
          distance: distance(residual, codebooks[level]!.subarray(code * width, (code + 1) * width)),
        })).filter(({ code }) => code !== each.code);
        const best = others.reduce((a, b) => (b.distance < a.distance ? b : a));
        expect(each.runnerUp!.code).toBe(best.code);
        expect(each.runnerUp!.distance).toBeCloseTo(best.distance, 4);
      });
      expect(explanation.leftOver).toBe(explanation.levels[2]!.distance);
    }
    expect(farther).toBeGreaterThan(0);
  });

  test("items near a code's centre, and what is known of its items, equal brute force", async () => {
    const { residuals } = model.getSemanticIds(items);
    const codebooks = model.codebooks();
    const width = model.config.latentDim;
    for (const i of [0, 700, 1900]) {
      (await explainer.explain(i)).levels.forEach((each, level) => {
        const rows = Array.from({ length: n }, (_, row) => row);
        const members = rows.filter((row) => ids.at(row)[level] === each.code);
        expect(each.itemsWithCode).toBe(members.length);
        const prefix = ids
          .at(i)
          .slice(0, level + 1)
          .join();
        expect(each.itemsWithPrefix).toBe(
          rows.filter(
            (row) =>
              ids
                .at(row)
                .slice(0, level + 1)
                .join() === prefix,
          ).length,
        );
        const centre = codebooks[level]!.subarray(each.code * width, (each.code + 1) * width);
        const distances = members.map((row) =>
          distance(residuals.subarray((row * 3 + level) * width, (row * 3 + level + 1) * width), centre),
        );
        const nearest = distances.toSorted((a, b) => a - b).slice(0, 5);
        expect(each.nearest).toHaveLength(Math.min(5, members.length));
        each.nearest.forEach(({ item, title, distance: own }, k) => {
          expect(own).toBeCloseTo(nearest[k]!, 4);
          expect(members).toContain(item);
          expect(title).toBe(labels.titles[item]);
        });
        for (const { name, value, items: count, share } of each.labels) {
          const values = labels.labels![name]!;
          expect(count).toBe(members.filter((row) => values[row] === value).length);
          expect(share).toBe(count / members.length);
        }
        expect(each.labels.filter(({ name }) => name === "group").length).toBeGreaterThan(0);
        const counts = each.labels.filter(({ name }) => name === "subgroup").map((label) => label.items);
        expect(counts).toEqual(counts.toSorted((a, b) => b - a));
      });
    }
  });

  test("in words", async () => {
    const { text, title, id, levels } = await explainer.explain(7);
    expect(String(await explainer.explain(7))).toBe(text);
    const lines = text.split("\n");
    expect(lines[0]).toBe(`Item 7 (${title}) has the ID ${id}.`);
    expect(lines[1]).toMatch(
      new RegExp(
        `^  level 1: ${levels[0]!.token} at distance [\\d.]+ \\(residual [\\d.]+\\); next best is <a_\\d+> at [\\d.]+`,
      ),
    );
    expect(text).toMatch(/nearest to its centre: .*\n {4}group: smileys-emotion [\d.]+%/);
    expect(lines.at(-1)).toMatch(/^ {2}residual at the end: [\d.]+$/);
  });

  test("a level of one code has no runner-up", async () => {
    const one = await residualKMeans([[1], [2]], { codebookSize: [1, 2] });
    const explaining = await explainIds(one, [[1], [2]]);
    const [level] = (await explaining.explain(0)).levels;
    expect(level!.runnerUp).toBeUndefined();
    expect(level!.margin).toBe(Number.POSITIVE_INFINITY);
    expect(level!.labels).toEqual([]);
    one.dispose();
  });
});

describe("whyCollide", () => {
  test("every pair that shares an ID has the reason that its definition gives", async () => {
    const latents = model.latents(items);
    const values = Array.from({ length: n }, (_, i) => items.data.subarray(i * dim, (i + 1) * dim));
    const width = model.config.latentDim;
    const last = model.codebooks()[2]!;
    const centres = Array.from({ length: 8 }, (_, code) => last.subarray(code * width, (code + 1) * width));
    expect(new Set([...ids].map((row) => row[2])).size).toBe(8); // all in use
    const smallest = Math.min(...centres.flatMap((a, i) => centres.slice(0, i).map((b) => distance(a, b))));
    const groups = new Map<string, number[]>();
    for (let i = 0; i < n; i++) groups.set(ids.toTokens(i), [...(groups.get(ids.toTokens(i)) ?? []), i]);
    const seen = { identical: 0, near: 0, capacity: 0 };
    for (const rows of groups.values()) {
      for (const b of rows.slice(1)) {
        const a = rows[0]!;
        const collision = await explainer.whyCollide(a, b);
        const apart = distance(
          latents.subarray(a * width, (a + 1) * width),
          latents.subarray(b * width, (b + 1) * width),
        );
        const isSame = values[a]!.every((x, j) => x === values[b]![j]);
        const reason = isSame ? "identical" : apart < smallest ? "near" : "capacity";
        expect(collision).toMatchObject({ items: [a, b], reason, sharedCodes: 3, itemsWithId: rows.length });
        expect(collision.latentDistance).toBeCloseTo(apart, 4);
        expect(collision.smallestCell).toBeCloseTo(smallest, 5);
        seen[reason]++;
      }
    }
    for (const [reason, count] of Object.entries(seen)) expect(count, reason).toBeGreaterThan(0);
  });

  test("answers in words", async () => {
    // Four codes a unit apart hold these: 0, 0, 0.1 | 10 | 20 | 30, 34.
    const line = [[0], [0], [0.1], [10], [20], [30], [34]];
    const own = await residualKMeans(line, { nQuantizationLayers: 1, codebookSize: 4 });
    const given = SemanticIds.from([[0], [0], [0], [1], [2], [3], [3]], { codebookSizes: [4] });
    const encoded = own.encode(line);
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [5, 6],
    ] as const)
      expect(encoded.at(a)).toEqual(encoded.at(b));
    expect(new Set([...encoded].map(String)).size).toBe(given.at(6)[0]! + 1);
    const why = await explainIds(own, line, { labels: { titles: ["a", "b", "c", "d", "e", "f", "g"] } });
    expect((await why.whyCollide(0, 1)).text).toMatch(
      /^Item 0 \(a\) and item 1 \(b\) have the same vector, so every model gives them the same ID, <a_\d>\. Only a suffix can tell them apart\.$/,
    );
    expect(await why.whyCollide(0, 2)).toMatchObject({ reason: "near" });
    expect((await why.whyCollide(0, 2)).text).toContain("differ only slightly");
    expect(await why.whyCollide(0, 3)).toMatchObject({ reason: "different", sharedCodes: 0 });
    expect(String(await why.whyCollide(0, 3))).toBe(
      "Item 0 (a) and item 3 (d) do not collide: their first codes differ.",
    );
    own.dispose();

    // One code at the last level tells nothing apart, however far: there is too little room.
    const narrow = await residualKMeans([[0], [1], [8]], { codebookSize: [2, 1] });
    const [a, b] = [0, 1];
    const { reason, text, smallestCell } = await (await explainIds(narrow, [[0], [1], [8]])).whyCollide(a, b);
    expect([reason, smallestCell]).toEqual(["capacity", Number.POSITIVE_INFINITY]);
    expect(text).toMatch(
      /the last level uses only one code\. There are too few codes in their region: 2 items have the ID/,
    );
    narrow.dispose();
  });
});

test("refuses what does not belong together", async () => {
  for (const [call, message] of [
    [
      () =>
        explainIds(model, items, {
          ids: model.encode({ data: items.data.subarray(0, dim), rows: 1, dim }),
        }),
      "items has 1,914 rows, but there is 1 ID:",
    ],
    [() => explainIds(model, items, { labels: { titles: ["one"] } }), "titles has 1 entry"],
    [() => explainIds(model, items, { nearest: -1 }), "explainIds: nearest must be a whole number from 0"],
    [() => explainIds(model, items, { near: 1 } as object), 'unknown option "near"'],
    [
      () => explainIds(model, items, { ids: SemanticIds.from([[0]], { codebookSizes: [4] }) }),
      "ids has codebook sizes [4], the model [16, 8, 8]",
    ],
    [async () => explainer.explain(n), `item ${n} is out of range`],
    [async () => explainer.whyCollide(0, -1), "item -1 is out of range"],
    [async () => explainer.whyCollide(3, 3), "3 is given twice"],
  ] as const) {
    const error = await call().catch((each: Error) => each);
    expect(error, message).toMatchObject({ name: "InvalidInputError" });
    expect((error as Error).message).toContain(message);
  }
});
