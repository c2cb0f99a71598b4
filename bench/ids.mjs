// How fast the index of semantic IDs is, and how much memory it takes, with a million items.
//
//   npm run bench:ids                  a million items
//   npm run bench:ids -- --items 100000
//   --json FILE    an array of { name, value, unit, target, holds }
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assessIds, RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { beamSearch, trieArrays } from "rqvae/decoding";
import { Vocabulary } from "rqvae/vocabulary";
import { alignColumns, atMost, describeTargets, reported } from "./figures.mjs";
import { hash, uniform } from "./quality/hash.mjs";
import { middle } from "./speed/measure.mjs";

const { values } = parseArgs({ options: { items: { type: "string", default: "1000000" }, json: { type: "string" } } });
const N = Number(values.items);
const DIM = 16;
const SIZES = [256, 256, 256];
const QUERIES = 200_000;
/** Share of the items whose raw ID another one has too. */
const COLLIDING = 0.1;

setFlagsFromString("--expose-gc");
const collectGarbage = /** @type {() => void} */ (runInNewContext("gc"));

/** @type {import("./figures.mjs").Figure[]} */
const figures = [];

/** Seconds that `work` takes, and what it gives. @type {<T>(work: () => T) => [number, T]} */
function timed(work) {
  const started = performance.now();
  const result = work();
  return [(performance.now() - started) / 1000, result];
}

/** @template T @param {() => Promise<T>} work @returns {Promise<[seconds: number, T]>} */
async function timedAsync(work) {
  const started = performance.now();
  const result = await work();
  return [(performance.now() - started) / 1000, result];
}

/** Memory of the process that is reachable; what lies outside the heap is given back a little after the collection. */
async function bytesInUse() {
  for (let pass = 0; pass < 3; pass++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Whether item i has all from the item before. */
const repeats = (/** @type {number} */ i, /** @type {number} */ share) => i % Math.round(2 / share) === 1;

/** Raw IDs of which the share COLLIDING collides; codes are used unevenly, as in a real catalogue. @param {number} n */
function unevenIds(n) {
  const key = hash(1, SIZES.length);
  const codes = new Uint16Array(n * SIZES.length);
  /** @type {Set<number>} */
  const seen = new Set();
  for (let i = 0, k = 0; i < n; i++) {
    if (repeats(i, COLLIDING)) {
      codes.copyWithin(i * SIZES.length, (i - 1) * SIZES.length, i * SIZES.length);
      continue;
    }
    for (let isNew = false; !isNew; k++) {
      const id = SIZES.map((size, l) =>
        Math.floor(size * uniform(key, 6 * k + 2 * l) * (0.5 + uniform(key, 6 * k + 2 * l + 1) / 2)),
      );
      const number = id.reduce((sum, code, l) => sum * SIZES[l] + code, 0);
      isNew = !seen.has(number);
      seen.add(number);
      codes.set(id, i * SIZES.length);
    }
  }
  return SemanticIds.from({ codes, levels: SIZES.length }, { codebookSizes: SIZES });
}

/** Vectors of bell-shaped components, a few of them twice, of which a tenth come to share an ID. @param {number} n */
function vectors(n) {
  const key = hash(2, DIM);
  const data = new Float32Array(n * DIM);
  for (let i = 0; i < n; i++) {
    if (repeats(i, COLLIDING / 3)) data.copyWithin(i * DIM, (i - 1) * DIM, i * DIM);
    else
      for (let j = i * DIM; j < (i + 1) * DIM; j++)
        data[j] = uniform(key, 3 * j) + uniform(key, 3 * j + 1) + uniform(key, 3 * j + 2);
  }
  return { data, rows: n, dim: DIM };
}

const itemIds = Array.from({ length: N }, (_, i) => `item-${i}`);

/** Building, memory and queries. @param {"share" | "suffix"} collisions @param {SemanticIds} raw */
async function measureIndex(collisions, raw) {
  const add = (/** @type {import("./figures.mjs").Figure[]} */ ...found) =>
    figures.push(...found.map((figure) => ({ ...figure, name: `${collisions}: ${figure.name}` })));
  const before = await bytesInUse();
  const [seconds, index] = timed(() => {
    const built = SemanticIdIndex.build(itemIds, raw, { collisions });
    built.allowedNext([]); // the tree is made at the first query
    return built;
  });
  add(atMost("build and first query", seconds, 3, "s"));
  add(atMost("memory beside the item IDs' text", ((await bytesInUse()) - before) / N, 48, "B/item"));

  // Each query by itself, at prefixes of every length, as a decoder asks.
  const prefixes = Array.from({ length: QUERIES }, (_, i) => {
    const id = /** @type {number[]} */ (index.get(itemIds[(i * 7919) % N]));
    return id.slice(0, i % (index.levels + 1));
  });
  for (const [name, places] of /** @type {const} */ ([
    ["prefix", prefixes],
    ["state", prefixes.map((prefix) => index.state(prefix))],
  ])) {
    const times = [];
    for (const place of places) {
      const started = performance.now();
      index.allowedNext(place);
      times.push(performance.now() - started);
    }
    const [all] = timed(() => {
      for (const place of places) index.allowedNext(place);
    });
    add(atMost(`allowedNext of a ${name}, median`, 1000 * middle(times), 2, "us"));
    add(reported(`allowedNext of a ${name}, mean`, (1e6 * all) / QUERIES, "us"));
  }
  await measureFilter(collisions, index, prefixes);
  const [looked] = timed(() => {
    for (const itemId of itemIds) index.get(itemId);
  });
  add(reported("get", (1e6 * looked) / N, "us"));
  const [added] = timed(() => {
    for (let i = 0; i < 100; i++) index.add([`new-${i}`], [raw.at(i)]);
  });
  add(reported("add one item", 10 * added, "ms"));
  add(reported("first query after that", 1000 * timed(() => index.allowedNext([]))[0], "ms"));
  const [saved, bytes] = timed(() => index.save());
  add(reported("save", saved, "s"), reported("file with item IDs", bytes.length / N, "B/item"));
  add(reported("load", (await timedAsync(() => SemanticIdIndex.load(bytes)))[0], "s"));
}

/** A filter that allows a tenth of the items, as a decoder asks it. @param {string} collisions @param {SemanticIdIndex} index @param {number[][]} prefixes */
async function measureFilter(collisions, index, prefixes) {
  const add = (/** @type {import("./figures.mjs").Figure[]} */ ...found) =>
    figures.push(...found.map((figure) => ({ ...figure, name: `${collisions}: filter: ${figure.name}` })));
  const few = itemIds.slice(0, 50);
  await index.filter(few); // the code is loaded
  const allowed = itemIds.filter((_, i) => i % 10 === 3);
  const before = await bytesInUse();
  const [seconds, filter] = await timedAsync(() => index.filter(allowed));
  const bytes = (await bytesInUse()) - before;
  const { offsets } = await trieArrays(index, { tokenOf: (level, code) => 1000 * level + code + 1, eos: 0 });
  add(atMost(`built from ${allowed.length} item IDs`, 1000 * seconds, 150, "ms"));
  add(atMost("memory", bytes / (offsets.length - 1), 12, "B/node"));
  const again = Array.from({ length: 9 }, () => 0);
  for (let i = 0; i < again.length; i++) again[i] = 1000 * (await timedAsync(() => index.filter(allowed)))[0];
  add(reported("built again, median", middle(again), "ms"));
  add(
    reported("of a function", 1000 * (await timedAsync(() => index.filter((id) => String(id).endsWith("3"))))[0], "ms"),
  );
  add(
    reported(
      "all but 50 items",
      1000 * (await timedAsync(async () => (await index.filter(few)).complement()))[0],
      "ms",
    ),
  );
  add(reported("complement", 1000 * timed(() => filter.complement())[0], "ms"));
  add(
    reported(
      "union with 50 items",
      1000 * (await timedAsync(async () => filter.union(await index.filter(few))))[0],
      "ms",
    ),
  );
  const states = prefixes.map((prefix) => index.state(prefix)).filter((state) => filter.count(state) > 0);
  const masks = [...index.codebookSizes, 1].map((size) => new Uint8Array(size + 1));
  const maskOf = new Map(states.map((state) => [state, masks[index.prefix(state).length]]));
  for (const [name, most, ask] of /** @type {const} */ ([
    ["allowedNext of a state", 2, (/** @type {number} */ state) => filter.allowedNext(state)],
    ["mask of a state", 20, (/** @type {number} */ state) => filter.mask(state, maskOf.get(state))],
  ])) {
    const times = [];
    for (const state of states) {
      const started = performance.now();
      ask(state);
      times.push(performance.now() - started);
    }
    add(atMost(`${name}, median`, 1000 * middle(times), most, "us"));
    const [all] = timed(() => {
      for (const state of states) ask(state);
    });
    add(reported(`${name}, mean`, (1e6 * all) / states.length, "us"));
  }
  const root = timed(() => {
    for (let i = 0; i < 1000; i++) filter.allowedNext(filter.root);
  })[0];
  add(reported("allowedNext of the root", 1000 * root, "us"));
  const others = itemIds.filter((_, i) => i % 10 === 4).slice(0, 10_000);
  add(reported("add an item", (1e6 * timed(() => filter.add(others))[0]) / others.length, "us"));
  add(reported("remove an item", (1e6 * timed(() => filter.remove(others))[0]) / others.length, "us"));
  // A model that answers at once: what is left is the search.
  const logits = Float32Array.from({ length: 40 * 256 }, (_, i) => Math.sin(i * 12.9898) * 4);
  const vocabulary = new Vocabulary(index);
  const step = (/** @type {readonly unknown[]} */ { length }) =>
    logits.length >= length * 256 ? logits.subarray(0, length * 256) : logits;
  const options = { step, index, vocabulary, filter, width: 20, topK: 10 };
  const searches = [];
  for (let i = 0; i < 50; i++) searches.push(1000 * (await timedAsync(() => beamSearch(options)))[0]);
  add(reported("beam search of width 20, without the model, median", middle(searches), "ms"));
}

/** In a function of its own, so that nothing holds on to the index afterwards. */
async function measureBuild(/** @type {import("rqvae").IndexOptions} */ options, /** @type {SemanticIds} */ ids) {
  const before = await bytesInUse();
  const [seconds, index] = timed(() => SemanticIdIndex.build(itemIds, ids, options));
  index.allowedNext([]); // makes the tree
  return { seconds, bytes: await keeping(index, before) };
}

/** What there is more than before, while the index is there. */
async function keeping(/** @type {SemanticIdIndex} */ index, /** @type {number} */ before) {
  const bytes = (await bytesInUse()) - before;
  if (index.size !== N) throw new Error("the index is not whole");
  return bytes;
}

/** What is most like items and vectors, by a model. @param {SemanticIdIndex} index @param {Float32Array} data */
async function measureSimilar(index, data) {
  const queries = Array.from({ length: 2000 }, (_, i) => (i * 7919) % N);
  const forms = {
    "an item": (/** @type {number} */ row) => itemIds[row],
    "a vector": (/** @type {number} */ row) => ({
      vector: data.subarray(row * DIM, (row + 1) * DIM).map((x) => x + 0.3),
    }),
  };
  for (const [form, query] of Object.entries(forms)) {
    for (const limit of [10, 1000]) {
      await index.similar(query(0), { limit }); // the tree is made, the code is loaded
      const times = [];
      for (const row of queries.slice(0, limit === 10 ? 2000 : 200)) {
        const started = performance.now();
        await index.similar(query(row), { limit });
        times.push(performance.now() - started);
      }
      figures.push(reported(`similar: ${limit} to ${form}, median`, middle(times), "ms"));
      figures.push(reported(`similar: ${limit} to ${form}, slowest`, Math.max(...times), "ms"));
    }
  }
  // A filter that lets nothing through has every branch searched.
  const started = performance.now();
  await index.similar(itemIds[0], { filter: () => false });
  figures.push(reported("similar: all items looked at in vain", performance.now() - started, "ms"));
}

/** Resolution, with a model and vectors whose IDs collide. */
async function measureResolution() {
  const items = vectors(N);
  const sample = Math.min(N, 50_000);
  const model = await RQVAE.create({ inputDim: DIM, latentDim: DIM, hiddenDims: [], codebookSize: SIZES });
  await model.kmeansInitCodebooks({ ...items, data: items.data.subarray(0, DIM * sample), rows: sample });
  const ids = model.encode(items);
  const { itemsSharing } = await assessIds(ids);
  figures.push(reported("resolution: share of items whose raw ID collides", itemsSharing / N));
  const keptBefore = await bytesInUse();
  for (const collisions of /** @type {const} */ (["suffix", "reassign"])) {
    const { seconds, bytes } = await measureBuild({ collisions, model, items }, ids);
    figures.push(atMost(`resolution by ${collisions}`, seconds, 10, "s"));
    figures.push(atMost(`resolution by ${collisions}: memory`, bytes / N, 48, "B/item"));
    // Else the next one's memory would be counted against that of this one.
    const left = Math.abs((await bytesInUse()) - keptBefore) / N;
    if (left > 1)
      throw new Error(`${collisions}: ${left.toFixed(1)} B/item are not given back: the memory figures are void`);
  }
  await measureSimilar(SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model }), items.data);
  model.dispose();
}

/** One prefix with 1,000 items and as many codes, a case that is hard to solve: the codes are those of other items. */
async function measureGroup() {
  const [size, dim] = [1000, 32];
  const key = hash(3, dim);
  const some = (/** @type {number} */ first, /** @type {number} */ rows) => ({
    data: Float32Array.from(
      { length: rows * dim },
      (_, i) => uniform(key, first * dim + i) - uniform(~key, first * dim + i),
    ),
    rows,
    dim,
  });
  const model = await RQVAE.create({ inputDim: dim, latentDim: dim, hiddenDims: [], codebookSize: [size] });
  await model.kmeansInitCodebooks(some(size, 4 * size));
  const items = some(0, size);
  const ids = model.encode(items);
  const { distinctIds } = await assessIds(ids);
  figures.push(reported("a prefix of 1,000 items: raw IDs among them", distinctIds));
  const options = /** @type {const} */ ({ collisions: "reassign", model, items });
  const started = process.cpuUsage();
  SemanticIdIndex.build(itemIds.slice(0, size), ids, options);
  figures.push(
    atMost("a prefix of 1,000 items, resolved by reassign, CPU", process.cpuUsage(started).user / 1e6, 2, "s"),
  );
  model.dispose();
}

const raw = unevenIds(N);
for (const collisions of /** @type {const} */ (["share", "suffix"])) await measureIndex(collisions, raw);
await measureResolution();
await measureGroup();

const show = (/** @type {number | null} */ value) => (value === null ? "-" : String(Number(value.toPrecision(3))));
console.log(`${N} items, ${SIZES.join(" x ")} codes, ${100 * COLLIDING}% of the items share their raw ID`);
console.log(alignColumns(figures.map(({ name, value, unit }) => [`  ${name}`, show(value), unit])));
const judged = figures.filter(({ target }) => target !== null);
console.log(describeTargets(judged));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
if (judged.some(({ holds }) => !holds)) process.exitCode = 1;
