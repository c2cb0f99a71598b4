import { assessIds, type Items, RQVAE, residualKMeans } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const rows = Array.from({ length: 40 }, (_, i) => Array.from({ length: 6 }, (_, j) => Math.sin(i * (j + 1.3))));
const flat = rows.flat();
let model: RQVAE;
beforeAll(async () => {
  model = await RQVAE.fit(rows, { epochs: 1 });
});
afterAll(() => model.dispose());

/** What people have in their hands, and what they are to pass instead. */
const FORMS: [what: string, make: () => unknown, advice: string | RegExp][] = [
  ["a path", () => "items.npy", "await readItems(file)"],
  ["a URL", () => new URL("file:///items.npy"), "await readItems(file)"],
  ["a Blob", () => new Blob(["x"]), "await readItems(file)"],
  ["a promise", () => Promise.resolve(rows), "a promise: await it first"],
  [
    "an object with items",
    () => ({ items: { data: new Float32Array(12), rows: 2, dim: 6 }, labels: {} }),
    "items.items",
  ],
  ["records", () => rows.map((embedding, id) => ({ id, embedding })), "items.map((item) => item.embedding)"],
  [
    "records with two lists",
    () => rows.map((vector) => ({ tags: [1, 2], vector })),
    "items.map((item) => item.vector)",
  ],
  ["records without a vector", () => [{ id: 1 }], "with the field id: pass an array of vectors"],
  ["one record", () => ({ id: 1, embedding: rows[0] }), "pass [items.embedding]"],
  ["texts", () => ["a", "b"], "pass their embeddings"],
  ["numbers", () => flat, "pass [items] for one vector"],
  ["promises", () => [Promise.resolve(rows[0])], "await Promise.all(items)"],
  ["the bytes of a file", () => new Uint8Array([1, 2, 3]), "await readItems(file)"],
  ["an ArrayBuffer", () => new ArrayBuffer(8), "await readItems(file)"],
  ["whole numbers", () => new Int8Array(12), "Float32Array.from(items)"],
  ["a plain array as data", () => ({ data: flat, rows: 40, dim: 6 }), "Float32Array.from(items.data) as data"],
  ["rows as data", () => ({ data: rows, rows: 40, dim: 6 }), "pass items.data alone"],
  ["data without a shape", () => ({ data: new Float32Array(12) }), "data without rows and dim"],
  [
    "an answer of OpenAI",
    () => ({ data: rows.map((embedding) => ({ embedding })) }),
    "items.data.map((item) => item.embedding)",
  ],
  [
    "a tensor",
    () => ({ dims: [40, 6], data: Float32Array.from(flat) }),
    /rows: items\.dims\[0\], dim: items\.dims\[1\]|without rows and dim/,
  ],
  ["a tensor that has to be read", () => ({ shape: [40, 6], data() {} }), "await items.data()"],
  ["semantic IDs", () => model.encode(rows), "the vectors that they were made from"],
  ["a model", () => model, "received a model"],
  ["a Map", () => new Map([["a", rows[0]]]), "[...items.values()]"],
  ["a Set", () => new Set(rows), "[...items]"],
  ["null", () => null, "received null"],
  ["nothing", () => undefined, "received undefined"],
  ["no rows", () => [], "there are no rows"],
];

describe("what is no items says what to pass", () => {
  it.each(FORMS)("%s", async (_, make, advice) => {
    const calls = {
      fit: (items: Items) => RQVAE.fit(items),
      train: (items: Items) => model.train(items),
      encode: async (items: Items) => model.encode(items),
      encodeAsync: (items: Items) => model.encodeAsync(items),
      latents: async (items: Items) => model.latents(items),
      residualKMeans: (items: Items) => residualKMeans(items, { nQuantizationLayers: 1, codebookSize: 2 }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await call(make() as Items).then(
        () => new Error(`${name} took it`),
        (reason: Error) => reason,
      );
      expect(error.name, `${name}: ${error.message}`).toBe("InvalidInputError");
      expect(error.message, name).toMatch(advice instanceof RegExp ? advice : new RegExp(escaped(advice)));
    }
  });

  const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  it("a source where only vectors in memory are taken, in a worker too", async () => {
    const source = { rows: 40, dim: 6, read: () => Float32Array.from(flat) } as never;
    const said = "received a source of vectors: encodeAsync, encodeStream, train and fit read it";
    expect(() => model.encode(source)).toThrow(said);
    await using worker = await RQVAEWorker.load(model.save());
    await expect(worker.encode(source)).rejects.toMatchObject({ code: "ITEMS_FORM" });
    await expect(worker.encode(source)).rejects.toThrow(said);
    expect((await worker.encodeAsync(source)).length).toBe(40);
  });

  it("IDs that are none", async () => {
    const messageOf = (ids: unknown) => assessIds(ids as never).catch((error: Error) => error.message);
    expect(await messageOf([[1, 2]])).toContain("SemanticIds.from(rows, { codebookSizes })");
    expect(await messageOf(Promise.resolve())).toContain("a promise: await it first");
  });

  it("a model that is none", async () => {
    await expect(RQVAE.load(Promise.resolve(new Uint8Array(8)) as never)).rejects.toThrow("a promise: await it first");
  });
});
