// Puts the library's objects, items and options into the stores of Vue, MobX, Valtio and Immer, and uses what comes out again.
// Prints { store: { use: "right" | "wrong" | the error } }.
import { produce } from "immer";
import { configure, observable } from "mobx";
import { RQVAE, SemanticIdIndex } from "rqvae";
import { assessIds } from "rqvae/report";
import { Vocabulary } from "rqvae/vocabulary";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { proxy, snapshot, ref as valtioRef } from "valtio/vanilla";
import { markRaw, reactive, readonly, ref, shallowRef } from "vue";

configure({ enforceActions: "never" });

const stores = {
  "Vue reactive": (object) => reactive(object),
  "Vue reactive, nested": (object) => reactive({ held: object }).held,
  "Vue ref": (object) => ref(object).value,
  "Vue readonly": (object) => readonly(reactive({ held: object })).held,
  "Vue shallowRef": (object) => shallowRef(object).value,
  "Vue markRaw": (object) => reactive({ held: markRaw(object) }).held,
  "MobX observable": (object) => observable(object),
  "MobX observable, nested": (object) => observable({ held: object }).held,
  "MobX box": (object) => observable.box(object).get(),
  "Valtio proxy": (object) => proxy({ held: object }).held,
  "Valtio snapshot": (object) => snapshot(proxy({ held: object })).held,
  "Valtio ref": (object) => proxy({ held: valtioRef(object) }).held,
  "Immer produce": (object) => produce({ held: [] }, (draft) => void draft.held.push(object)).held[0],
};

const rows = () => Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i), i % 5]);
const flat = () => Float32Array.from(rows().flat());
const matrix = () => ({ data: flat(), rows: 60, dim: 3 });
const shape = () => ({ inputDim: 3, codebookSize: [4, 4], hiddenDims: [8] });
const keys = () => Array.from({ length: 60 }, (_, i) => `item ${i}`);

const model = await RQVAE.fit(rows(), { epochs: 1, codebookSize: 4, hiddenDims: [8] });
const file = model.save();
const worker = await RQVAEWorker.load(file);
const expected = String(model.encode(rows()).codes);
const ids = () => model.encode(rows());
const isRight = (found) => String(found.codes) === expected;

const uses = {
  "a model encodes": async (store) => isRight(store(model).encode(rows())),
  "a model trains": async (store) => {
    const own = store(await RQVAE.create(store(shape())));
    await own.train(store(rows()), store({ epochs: 1 }));
    return own.trainStep(rows(), store(own.createOptimizer(store({ learningRate: 0.01 })))).loss > 0;
  },
  "rows of items": async (store) => isRight(model.encode(store(rows()))),
  "rows of typed arrays": async (store) => isRight(model.encode(store(rows().map((row) => Float64Array.from(row))))),
  "a matrix of items": async (store) => isRight(await model.encodeAsync(store(matrix()))),
  "a flat array of items": async (store) => isRight(model.encode(store(flat()))),
  "bytes of a model": async (store) => (await RQVAE.load(store(file.slice()))).fingerprint === model.fingerprint,
  "a Blob of a model": async (store) => (await RQVAE.load(store(new Blob([file])))).fingerprint === model.fingerprint,
  "IDs are decoded": async (store) => model.decode(store(ids())).length === 180,
  "an index": async (store) => {
    const index = store(
      SemanticIdIndex.build(store(keys()), store(ids()), { model: store(model), collisions: "suffix" }),
    );
    const same = SemanticIdIndex.fromJSON(store(index.toJSON()));
    return (
      index.items(index.get("item 7"))[0] === "item 7" && (await SemanticIdIndex.load(index.save())).size === same.size
    );
  },
  "a vocabulary": async (store) => store(new Vocabulary(store(ids()))).encode(ids().at(0)).length > 0,
  "a report": async (store) =>
    (await assessIds(store(ids()), { items: store(rows()), model: store(model) })).text.length > 0,
  "a worker encodes": async (store) => isRight(await store(worker).encode(store(rows()))),
  "a worker takes a matrix": async (store) => isRight(await worker.encode(store(matrix()))),
  "a worker takes a flat array": async (store) => isRight(await worker.encode(store(flat()))),
  "a worker decodes": async (store) => (await worker.decode(store(ids()))).length === 180,
  "a worker trains": async (store) => {
    const own = store(await RQVAEWorker.create(store(shape()), store({ threads: 1 })));
    try {
      await own.train(store(rows()), store({ epochs: 1 }));
      return (await own.trainStep(rows(), store(await own.createOptimizer(store({ learningRate: 0.01 }))))).loss > 0;
    } finally {
      await own.dispose();
    }
  },
  "a pool encodes": async (store) => {
    const pool = store(await EncodePool.create(store(file.slice()), store({ workers: 1 })));
    try {
      return isRight(await pool.encode(store(rows())));
    } finally {
      await pool.dispose();
    }
  },
};

const outcomes = {};
for (const [name, store] of Object.entries(stores)) {
  outcomes[name] = {};
  for (const [use, body] of Object.entries(uses)) {
    outcomes[name][use] = await body(store).then(
      (right) => (right === true ? "right" : "wrong"),
      (error) => `${error.name}: ${error.message}`,
    );
  }
}

// A draft is a Proxy only while its recipe runs.
let draft;
produce({ rows: rows(), matrix: matrix(), model }, (state) => {
  draft = [state.model.encode(state.rows), state.model.encode(state.matrix)].every(isRight) ? "right" : "wrong";
});
outcomes["Immer draft"] = { "a model encodes": draft };

await worker.dispose();
console.log(JSON.stringify(outcomes));
