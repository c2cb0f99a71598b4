/** Reports, explanations and indexes with a model that answers later: one in a worker. */
import { assessIds, BusyError, InvalidInputError, RQVAE, SemanticIdIndex, type SemanticIds } from "rqvae";
import { explainIds } from "rqvae/report";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const DIM = 6;
const items = catalogue(300, DIM);
const names = Array.from({ length: 300 }, (_, i) => `item ${i}`);
const labels = { titles: names, labels: { kind: names.map((_, i) => i % 7) } };
let model: RQVAE;
let worker: RQVAEWorker;
let ids: SemanticIds;

beforeAll(async () => {
  model = await RQVAE.create({ inputDim: DIM, latentDim: 4, hiddenDims: [8], codebookSize: [4, 8, 16], seed: 2 });
  await model.train(items, { epochs: 3 });
  worker = await RQVAEWorker.load(model.save());
  ids = model.encode(items);
});
afterAll(async () => {
  model.dispose();
  await worker.dispose();
});

describe("a report", () => {
  it("is the same with a model in a worker, and made in the worker", async () => {
    const options = { items, labels, baseline: true, columnNames: ["a", "b", "c", "d", "e", "f"] };
    const expected = await assessIds(ids, { ...options, model });
    expect(expected.reconstruction).toBeDefined();
    for (const report of [
      await assessIds(ids, { ...options, model: worker }),
      await worker.assessIds(ids, options),
      await worker.assessIds(ids, { ...options, items: sourceOf(items) }),
      await worker.assessIds(ids, { ...options, items: items.data.slice(), transfer: true }),
    ]) {
      expect(JSON.stringify(report)).toBe(JSON.stringify(expected));
      expect(report.text).toBe(expected.text);
      expect(report.titles).toEqual(names);
      expect(report.ids).toBe(ids);
      expect(report.baselines!.residualKMeans.text).toBe(expected.baselines!.residualKMeans.text);
      expect(report.baselines!.randomHash.ids).toEqual(expected.baselines!.randomHash.ids);
    }
    expect(JSON.stringify(await worker.assessIds(ids))).toBe(JSON.stringify(await assessIds(ids)));
  });

  it("refuses what is wrong as here, and can be aborted", async () => {
    await expect(worker.assessIds([] as never)).rejects.toThrow(InvalidInputError);
    await expect(worker.assessIds(ids, { item: items } as never)).rejects.toThrow(/did you mean "items"/);
    await expect(worker.assessIds(ids, { baseline: true })).rejects.toThrow(/baseline needs items/);
    await expect(worker.assessIds(ids, { items: catalogue(3, DIM) })).rejects.toThrow(/items has 3 rows/);
    const controller = new AbortController();
    const source = sourceOf(items, { before: () => controller.abort("enough") });
    await expect(worker.assessIds(ids, { items: source, signal: controller.signal })).rejects.toBe("enough");
    await expect(assessIds(ids, { items, model: {} as never })).rejects.toThrow(/RQVAEWorker/);
    expect(ids.codes).toHaveLength(900);
  });
});

it("an explanation is the same", async () => {
  const [here, there] = [await explainIds(model, items, { labels }), await explainIds(worker, items, { labels })];
  for (const i of [0, 17, 299]) expect((await there.explain(i)).text).toBe((await here.explain(i)).text);
  expect(String(await there.whyCollide(3, 40))).toBe(String(await here.whyCollide(3, 40)));
});

describe("an index", () => {
  const more = catalogue(340, DIM);
  const news = { data: more.data.slice(300 * DIM), rows: 40, dim: DIM };
  const newNames = Array.from({ length: 40 }, (_, i) => `new ${i}`);

  it("is the same, built and added to by a model in a worker", async () => {
    const options = { collisions: "reassign", items } as const;
    const here = SemanticIdIndex.build(names, ids, { ...options, model });
    const there = await SemanticIdIndex.buildAsync(names, ids, { ...options, model: worker });
    expect(there.toJSON()).toEqual(here.toJSON());
    const newIds = model.encode(news);
    const update = here.add(newNames, newIds, { items: news });
    expect(await there.addAsync(newNames, newIds, { items: news })).toEqual(update);
    expect(there.toJSON()).toEqual(here.toJSON());
    expect(there.drift).toEqual(here.drift);
    for (const codes of [
      [0, 0, 0],
      [3, 7, 15],
      [1, 2, 3],
    ]) {
      expect(there.nearestValid(codes)).toEqual(here.nearestValid(codes));
    }
    // What is not asked of the model is there at once.
    there.remove(["new 3"]);
    expect(there.get("new 3")).toBeUndefined();
  });

  it("says so where the answer would come later", async () => {
    const options = { collisions: "reassign", items, model: worker } as const;
    expect(() => SemanticIdIndex.build(names, ids, options)).toThrow(/in a worker.*buildAsync or addAsync/);
    const index = await SemanticIdIndex.buildAsync(names, ids, options);
    const before = index.toJSON();
    expect(() => index.add(newNames, model.encode(news), { items: news })).toThrow(InvalidInputError);
    expect(index.toJSON()).toEqual(before);
  });

  it("is changed by one call at a time, and by none that fails", async () => {
    const index = await SemanticIdIndex.buildAsync(names, ids, { collisions: "reassign", items, model: worker });
    const adding = index.addAsync(newNames, model.encode(news), { items: news });
    expect(() => index.remove(["item 1"])).toThrow(BusyError);
    await expect(index.addAsync(["x"], [[0, 0, 0]])).rejects.toThrow(/addAsync is changing this index/);
    expect((await adding).added).toBe(40);
    const before = index.toJSON();
    const others = { data: news.data.map((x) => -x), rows: 40, dim: DIM };
    await expect(
      index.addAsync(
        newNames.map((name) => `${name}!`),
        model.encode(news),
        { items: others },
      ),
    ).rejects.toThrow(/the model gives row/);
    expect(index.toJSON()).toEqual(before);
    index.remove(["item 1"]);
  });
});

describe("RQVAE itself", () => {
  it("has the long calls of a worker: awaited, or iterated", async () => {
    const own = await RQVAE.create({ inputDim: DIM, codebookSize: 8 });
    const phases = new Set<string>();
    const training = own.train(items, { epochs: 3 });
    for await (const { phase } of training) phases.add(phase);
    expect((await training).epochs).toHaveLength(3);
    expect([...phases]).toContain("train");
    for await (const { progress } of own.encodeAsync(items)) expect(progress).toBeLessThanOrEqual(1);
    for await (const { phase } of own.kmeansInitCodebooks(items)) expect(phase).toBe("initialize");
    const endless = own.train(items, { epochs: 1e6 });
    for await (const _ of endless) break;
    await expect(endless).rejects.toHaveProperty("name", "AbortError");
    expect(own.encode(items)).toHaveLength(300); // usable behind the loop
    const fitting = RQVAE.fit(items, { epochs: 2, codebookSize: 4 });
    for await (const { epochs } of fitting) expect(epochs).toBe(2);
    (await fitting).dispose();
    own.dispose();
  });
});
