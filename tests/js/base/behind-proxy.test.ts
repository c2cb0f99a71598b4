/** Objects behind a Proxy, as Vue's ref and reactive or Valtio make them of whatever is put in. */
import { InvalidInputError, RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { LogitsMask } from "rqvae/decoding";
import { openItems, readItems } from "rqvae/formats";
import { assessIds, explainIds } from "rqvae/report";
import { Vocabulary } from "rqvae/vocabulary";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { VectorClasses } from "../../../bindings/js/items/vector-classes.ts";

const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i), i % 5]);
const options = { epochs: 1, codebookSize: 4, hiddenDims: [8] };

/** Hands out what was put in, and nothing else. */
const shallow = <T extends object>(target: T): T => new Proxy(target, {});

/** Like Vue: plain objects, arrays and objects of classes come out as a Proxy, however deep; typed arrays and functions as they are. */
function deep<T extends object>(target: T): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value: unknown = Reflect.get(object, key, receiver);
      const isWrapped =
        Array.isArray(value) ||
        (typeof value === "object" && /^\[object Object\]$/.test(Object.prototype.toString.call(value)));
      const { configurable = true } = Reflect.getOwnPropertyDescriptor(object, key) ?? {};
      return isWrapped && configurable && Object.isExtensible(value) ? deep(value as object) : value;
    },
  });
}

/** Like Valtio: a copy with the same prototype, behind a Proxy. */
const copied = <T extends object>(target: T): T =>
  new Proxy(
    (Array.isArray(target)
      ? [...target]
      : Object.create(Object.getPrototypeOf(target), Object.getOwnPropertyDescriptors(target))) as T,
    {},
  );

let model: RQVAE;
let ids: SemanticIds;
beforeAll(async () => {
  model = await RQVAE.fit(rows, options);
  ids = model.encode(rows);
});
afterAll(() => model.dispose());

/** One object of every public class that has private fields. */
async function objects(): Promise<Record<string, object>> {
  const index = SemanticIdIndex.build(
    [...ids].map((_, i) => i),
    ids,
  );
  const vocabulary = new Vocabulary(ids);
  return {
    RQVAE: model,
    Optimizer: model.createOptimizer(),
    SemanticIds: ids,
    SemanticIdIndex: index,
    Vocabulary: vocabulary,
    LogitsMask: new LogitsMask(index, { tokenOf: (level, code) => 4 * level + code, eos: 99 }),
    IdReport: await assessIds(ids, { items: rows, model }),
    Explainer: await explainIds(model, rows),
    VectorClasses: new VectorClasses(4),
    OpenFile: await openItems(writeNpy({ data: Float32Array.from(rows.flat()), rows: 60, dim: 3 })),
  };
}

const names = [
  "RQVAE",
  "Optimizer",
  "SemanticIds",
  "SemanticIdIndex",
  "Vocabulary",
  "LogitsMask",
  "IdReport",
  "Explainer",
  "VectorClasses",
  "OpenFile",
];

describe.each([
  ["a bare Proxy", shallow],
  ["a deep Proxy", deep],
  ["a Proxy of a copy", copied],
])("behind %s", (_name, wrap) => {
  it.each(names)("every accessor and method of %s finds its object", async (name) => {
    const object = (await objects())[name]!;
    const proxied = wrap(object) as Record<PropertyKey, unknown>;
    const prototype = Object.getPrototypeOf(object);
    for (const key of Reflect.ownKeys(prototype)) {
      if (key === "constructor" || ["dispose", "close", Symbol.dispose].includes(key as string)) continue;
      const { get } = Object.getOwnPropertyDescriptor(prototype, key)!;
      if (get) {
        expect(JSON.stringify(proxied[key]), String(key)).toBe(
          JSON.stringify((object as Record<PropertyKey, unknown>)[key]),
        );
        continue;
      }
      // Without arguments most are refused, but never because a private field was not found.
      const outcome = await (async () => (proxied[key] as () => unknown)())().catch((error: Error) => error);
      if (outcome instanceof Error)
        expect(outcome.message, String(key)).not.toMatch(/private|Receiver|was called on a copy/);
    }
  });

  it("a model trains, encodes, saves and is disposed", async () => {
    const own = await RQVAE.create({ inputDim: 3, codebookSize: 4, hiddenDims: [8] });
    const proxied = wrap(own);
    await proxied.train(wrap(rows), wrap({ epochs: 2, checkpoint: wrap({ write() {} }) }));
    expect(proxied.encode(wrap({ data: Float64Array.from(rows.flat()), rows: 60, dim: 3 }))).toEqual(own.encode(rows));
    const optimizer = wrap(proxied.createOptimizer(wrap({ learningRate: 0.01 })));
    expect(proxied.trainStep(rows, optimizer).loss).toBeGreaterThan(0);
    expect(proxied.decode(wrap(proxied.encode(rows))).length).toBe(180);
    optimizer.dispose();
    expect(() => own.trainStep(rows, optimizer)).toThrow(/disposed/);
    const again = await RQVAE.load(proxied.save());
    expect(again.fingerprint).toBe(proxied.fingerprint);
    proxied[Symbol.dispose]();
    expect(() => own.encode(rows)).toThrow("the model was disposed");
  });

  it("a worker takes proxied items, options and IDs", async () => {
    const fitted = await RQVAEWorker.fit(
      wrap(rows.map((row) => wrap(row))),
      wrap({ ...options, hiddenDims: wrap([8]) }),
      wrap({ threads: 1 as const }),
    );
    const worker = wrap(fitted);
    expect(worker.config.hiddenDims).toEqual([8]);
    await worker.train(wrap(rows), wrap({ epochs: 1, checkpoint: wrap({ everyMs: 1, write() {} }) }));
    const found = await worker.encode(
      wrap({ data: Float32Array.from(rows.flat()), rows: 60, dim: 3 }),
      wrap({ margins: true }),
    );
    expect((await worker.decode(wrap(found))).length).toBe(180);
    expect((await worker.decode(wrap([...found].map((id) => wrap(id))))).length).toBe(180);
    const optimizer = wrap(await worker.createOptimizer(wrap({ learningRate: 0.01 })));
    expect((await worker.trainStep(rows, optimizer)).loss).toBeGreaterThan(0);
    await optimizer.dispose();
    await expect(worker.encode(wrap([wrap([1, 2, 3]), wrap([1, 2])]))).rejects.toThrow(/row 1 has 2 values/);
    const loaded = wrap(await RQVAEWorker.load(await worker.save(), wrap({ config: wrap({ encodeBeam: 2 }) })));
    expect(loaded.config.encodeBeam).toBe(2);
    await Promise.all([loaded.dispose(), worker.dispose()]);
    await expect(fitted.encode(rows)).rejects.toThrow("disposed");
  });

  it("a pool encodes and ends", async () => {
    const pool = wrap(await EncodePool.create(model.save(), wrap({ workers: 1 })));
    expect((await pool.encode(wrap(rows))).codes).toEqual(ids.codes);
    await pool.dispose();
  });

  it("an index of a proxied model and proxied IDs answers and grows", () => {
    const index = wrap(
      SemanticIdIndex.build(
        wrap([...ids].map((_, i) => `item ${i}`)),
        wrap(ids),
        wrap({ model: wrap(model), collisions: "suffix" as const }),
      ),
    );
    index.add(wrap(["new"]), wrap(model.encode([rows[0]!])));
    expect(index.items(index.get("new")!)).toEqual(["new"]);
  });
});

/** Like those of browsers, which tell nothing through a Proxy; Node's do. */
class BrowserObject {
  readonly tag: string;
  readonly #size = 1;
  constructor(tag: string) {
    this.tag = tag;
  }
  get [Symbol.toStringTag]() {
    return this.tag;
  }
  get size() {
    return this.#size;
  }
  get ok() {
    return this.#size > 0;
  }
}

describe("a Proxy of an array or of another object of the platform is refused and toRaw named", () => {
  const data = Float32Array.from(rows.flat());
  const file = () => model.save();
  const inRows = (Type: typeof Float32Array | typeof Float64Array) =>
    rows.map((row, i) => (i === 7 ? shallow(Type.from(row)) : Type.from(row)));
  const decoding = () => {
    const index = SemanticIdIndex.build([...rows.keys()], ids);
    return { index, mask: new LogitsMask(index, { tokenOf: (level, code) => 4 * level + code, eos: 99 }) };
  };
  const worker = (use: (worker: RQVAEWorker) => Promise<unknown>) => async () => {
    const own = await RQVAEWorker.load(file());
    try {
      return await use(own);
    } finally {
      expect((await own.encode(rows)).codes).toEqual(ids.codes); // it lives on
      await own.dispose();
    }
  };
  it.each<[string, () => unknown]>([
    ["a flat array", () => model.encode(shallow(data))],
    ["the data of a matrix", () => model.encode({ data: shallow(data), rows: 60, dim: 3 })],
    ["a row", () => model.encode(inRows(Float32Array))],
    ["a row of doubles", () => model.encodeAsync(inRows(Float64Array))],
    ["items of fit", () => RQVAE.fit(shallow(data), { inputDim: 3 })],
    ["items of fit without inputDim", () => RQVAE.fit(shallow(data))],
    ["the data of fit's matrix", () => RQVAE.fit({ data: shallow(data), rows: 60, dim: 3 })],
    ["a row of fit", () => RQVAE.fit([shallow(Float32Array.of(1, 2, 3))])],
    ["items of a worker", worker((own) => own.encode(shallow(data)))],
    ["a matrix of a worker", worker((own) => own.encode({ data: shallow(data), rows: 60, dim: 3 }))],
    ["a row of a worker", worker((own) => own.encode(inRows(Float32Array)))],
    ["codes", () => model.decode({ codes: shallow(ids.codes), levels: 3 } as never)],
    ["codes of a worker", worker((own) => own.decode({ codes: shallow(ids.codes), levels: 3 } as never))],
    ["codes of IDs", () => SemanticIds.from({ codes: shallow(ids.codes), levels: 3 }, ids)],
    ["hiddenDims", () => RQVAE.create({ inputDim: 3, hiddenDims: shallow(Int32Array.of(8)) as never })],
    ["bytes of a model", () => RQVAE.load(shallow(file()))],
    ["an ArrayBuffer of a model", () => RQVAE.load(shallow(file().buffer))],
    ["a Blob", () => RQVAE.load(shallow(new BrowserObject("Blob")) as never)],
    ["a Response", () => RQVAE.load(shallow(new BrowserObject("Response")) as never)],
    ["a URL", () => RQVAE.load(shallow(new URL("file:///model.safetensors")))],
    ["bytes of a worker's model", () => RQVAEWorker.load(shallow(file()))],
    ["bytes of a pool's model", () => EncodePool.create(shallow(file()), { workers: 1 })],
    ["a worker's wasm", () => RQVAEWorker.create({ inputDim: 3 }, { wasm: shallow(file()) })],
    ["a worker's wasm as an ArrayBuffer", () => RQVAEWorker.create({ inputDim: 3 }, { wasm: shallow(file().buffer) })],
    [
      "a worker's wasm as a URL",
      () => RQVAEWorker.create({ inputDim: 3 }, { wasm: shallow(new URL("file:///w.wasm")) }),
    ],
    ["resume", () => model.train(rows, { resume: shallow(file()) })],
    ["resume as an ArrayBuffer", () => model.train(rows, { resume: shallow(file().buffer) as never })],
    ["resume of a worker", worker((own) => own.train(rows, { resume: shallow(file()) }))],
    ["an index's bytes", () => SemanticIdIndex.load(shallow(decoding().index.save()))],
    ["an index's mask", () => decoding().index.mask([], shallow(new Uint8Array(5)))],
    ["logits", () => decoding().mask.apply(shallow(new Float32Array(100)), 0)],
    ["bytes of items", () => readItems(shallow(writeNpy({ data, rows: 60, dim: 3 })))],
    ["bytes of an opened file", () => openItems(shallow(writeNpy({ data, rows: 60, dim: 3 })))],
    ["a File of items", () => openItems(shallow(new BrowserObject("File")) as never)],
    [
      "a worker's wasm as a Response",
      () => RQVAEWorker.create({ inputDim: 3 }, { wasm: shallow(new BrowserObject("Response")) as never }),
    ],
    ["a URL of items", () => openItems(shallow(new URL("file:///items.npy")))],
    ["items that are written", () => writeNpy({ data: shallow(data), rows: 60, dim: 3 })],
    ["items of a report", () => assessIds(ids, { items: { data: shallow(data), rows: 60, dim: 3 }, model })],
    ["what a source reads", () => model.encodeAsync({ rows: 60, dim: 3, read: () => shallow(data) })],
  ])("%s", async (_name, use) => {
    const error = await (async () => use())().then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error?.message).toMatch(/Proxy of an? .*toRaw/);
  });
});

it("names markRaw and toRaw where the object cannot be reached, and what a method without its object needs", () => {
  const hidden = new Proxy(model, {
    get: (object, key) => (typeof key === "symbol" ? undefined : Reflect.get(object, key)),
  });
  expect(() => hidden.encode(rows)).toThrow(InvalidInputError);
  expect(() => hidden.encode(rows)).toThrow(/encode was called on a copy of its RQVAE.*markRaw.*toRaw/);
  const { encode } = model;
  expect(() => encode(rows)).toThrow(/Call it as object\.encode\(/);
});

it("leaves no trace on an object that is printed, compared or copied", () => {
  expect(Object.keys(model)).toEqual(["config", "part"]);
  expect({ ...new Vocabulary([4, 4]) }).toEqual({ ...new Vocabulary([4, 4]) });
});
