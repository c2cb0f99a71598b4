/** Whether an evaluation sees that IDs were made of what is to be found. */
import { SemanticIds } from "rqvae";
import { evaluateIds, evaluationTable } from "rqvae/evaluate";
import { readHistories } from "rqvae/formats";
import { fuse, leaveOut } from "rqvae/fusion";
import { expect, it } from "vitest";
import { shareSeen, sketchOf } from "../../../bindings/js/evaluate/history-sketch.ts";
import { catalogue } from "../support/catalogue.ts";

const n = 50;
const names = Array.from({ length: n }, (_, i) => `item ${i}`);
const text = (users: number, first = 0) =>
  Array.from(
    { length: users },
    (_, u) => `u${u + first},${[0, 1, 2, 3].map((i) => names[(7 * u + i * (1 + (u % 5))) % n]).join(",")}`,
  ).join("\n");
const read = (lines: string, itemIds: readonly string[] = names) =>
  readHistories(new TextEncoder().encode(lines), { itemIds });

it("knows the share of choices that two files have in common, also of a large one by a sample", async () => {
  for (const users of [40, 2000]) {
    const [all, none] = [await read(text(users)), await read(text(users, users))];
    const every = Uint32Array.from(all.items.keys());
    const sketch = sketchOf(all, names);
    expect(sketch.hashes.length).toBeLessThanOrEqual(512);
    expect(shareSeen(sketch, all, names, every)).toBe(1);
    expect(shareSeen(sketch, none, names, every) ?? 0).toBeLessThan(0.02);
    const half = await read(text(users / 2));
    expect(shareSeen(sketchOf(half, names), all, names, every)).toBeCloseTo(0.5, 0.8);
    // Another order of the catalogue and of the users is the same.
    const turned = [...names].reverse();
    const other = await read(text(users).split("\n").reverse().join("\n"), turned);
    expect(sketchOf(other, turned).hashes).toEqual(sketch.hashes);
  }
});

it("warns where IDs have seen what is to be found, and only there", async () => {
  const histories = await read(text(200));
  const ids = SemanticIds.from(
    names.map((_, i) => [i % 5, Math.floor(i / 5)]),
    { codebookSizes: [5, 10] },
  );
  const fused = async (seen: typeof histories) =>
    (await fuse([{ name: "title", vectors: catalogue(n, 4), itemIds: names }], { histories: seen, dim: 4 })).fields;
  const shares = async (seen: typeof histories) => {
    const { splits, text: words } = await evaluateIds(
      { made: { ids, itemIds: names, fields: await fused(seen) }, plain: ids },
      { histories, itemIds: names },
    );
    return { shares: splits.map(({ seen: of }) => of), words, splits };
  };
  const leaky = await shares(histories);
  expect(leaky.shares).toEqual([[{ set: "made", share: 1 }], [{ set: "made", share: 1 }]]);
  expect(leaky.words).toMatch(
    /Warning: made was made of what users chose, the choices .* included: its figures are too high/,
  );
  const fair = await shares(await leaveOut(histories, "both"));
  expect(fair.shares).toEqual([[{ set: "made", share: 0 }], [{ set: "made", share: 0 }]]);
  expect(fair.words).not.toMatch(/Warning/);
  expect(fair.words).toMatch(/made was made of what users chose, but not of the choices that are to be found here/);
  const evaluation = await evaluateIds(
    { made: { ids, fields: await fused(histories) } },
    { histories, itemIds: names },
  );
  expect(evaluationTable(evaluation, "markdown")).toMatch(/Warning: made/);
  expect(JSON.parse(evaluationTable(evaluation, "json")).splits[0].seen).toHaveLength(1);
  await expect(evaluateIds({ made: { ids, fields: {} as never } }, { histories })).rejects.toThrow(
    /sets.made.fields must be what fuse gives/,
  );
});
