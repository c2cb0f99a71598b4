/** One valid call of everything public, by its name in public-surface.ts: what hostile-values.test.ts begins with. */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import * as rqvae from "rqvae";
import * as behaviour from "rqvae/behaviour";
import * as decoding from "rqvae/decoding";
import * as evaluations from "rqvae/evaluate";
import * as features from "rqvae/features";
import * as formats from "rqvae/formats";
import * as fusion from "rqvae/fusion";
import * as report from "rqvae/report";
import * as vocabularies from "rqvae/vocabulary";
import * as words from "rqvae/words";
import * as workers from "rqvae/worker";
import { catalogue } from "../support/catalogue.ts";

export interface ValidCall {
  /** The object, class or module. */
  on?: () => object | Promise<object>;
  args: () => unknown[];
  /** It starts worker threads, or trains: fewer are made. */
  isCostly?: true;
  /** Other words that name what is wrong, where the parameter goes by another name in the field. */
  names?: string[];
}

export const DIM = 4;
const ROWS = 40;
const items = () => catalogue(ROWS, DIM);
const options = { inputDim: DIM, latentDim: 4, hiddenDims: [8], codebookSize: 4, nQuantizationLayers: 2 };
const few = { ...options, epochs: 1, batchSize: 16 };
const wasm = () => readFileSync(new URL("../../../dist/wasm/rqvae.wasm", import.meta.url));

/** @returns the calls, and what ends what they hold */
export async function validCalls(): Promise<{ calls: Record<string, ValidCall>; end: () => Promise<void> }> {
  const model = await rqvae.RQVAE.fit(items(), few);
  const bytes = model.save();
  const sizes = model.config.codebookSize;
  const itemIds = Array.from({ length: ROWS }, (_, i) => `item ${i}`);
  const ids = model.encode(items());
  const labels = () => ({ titles: [...itemIds], labels: { colour: itemIds.map((_, i) => i % 3) } });
  const table = () => ({ ids, itemIds: [...itemIds] });
  const index = rqvae.SemanticIdIndex.build(itemIds, ids, { collisions: "suffix" });
  const { index: migrated } = await index.migrate(model, itemIds, items());
  const newIndex = () => rqvae.SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model, items: items() });
  /** With raw IDs, a retired one and a journal. */
  const twelve = { data: items().data.slice(0, 12 * DIM), rows: 12, dim: DIM };
  const changed = rqvae.SemanticIdIndex.build(itemIds.slice(0, 12), model.encode(twelve), {
    collisions: "reassign",
    model,
    items: twelve,
  });
  changed.remove(["item 3"]);
  const other = { data: items().data.slice(-DIM), rows: 1, dim: DIM };
  changed.replace(["item 4"], model.encode(other), { items: other });
  const vocabulary = new vocabularies.Vocabulary(ids);
  const indexVocabulary = new vocabularies.Vocabulary(index);
  const assessed = await rqvae.assessIds(ids, { items: items(), model, baseline: false });
  const explainer = await report.explainIds(model, items());
  const worker = await workers.RQVAEWorker.load(bytes);
  const pupilWorker = await workers.RQVAEWorker.load(bytes);
  const workerOptimizer = await pupilWorker.createOptimizer();
  const pool = await workers.EncodePool.create(bytes, { workers: 1 });
  /** What learns: nothing else is made with it. */
  const pupil = await rqvae.RQVAE.fit(items(), few);
  const optimizer = pupil.createOptimizer();
  const mask = new decoding.LogitsMask(index, indexVocabulary);
  const filter = await index.filter(itemIds.slice(4, 12));
  const code = () => [...index.get("item 0")!];
  const text = {
    csv: "id,title,e0,e1\na,A,1,2\nb,B,3,4\n",
    json: '[{"id": "a", "embedding": [1, 2]}, {"id": "b", "embedding": [3, 4]}]',
    atomic: "item_id:token\ttitle:token_seq\na\tA\nb\tB\n",
  };
  const three = () => ({
    ids: rqvae.SemanticIds.from(
      [
        [1, 2],
        [0, 3],
      ],
      { codebookSizes: [4, 4] },
    ),
    itemIds: ["a", "b"],
  });
  const parse = { codebookSizes: sizes, fingerprint: "0123456789abcdef" };
  const shard = () => ({ ids, first: 0, rows: ROWS, itemIds });
  const columns = { vector: ["e0"], itemId: "id", title: "title", labels: ["colour"], ignored: ["price"] };
  const joined = (name: string) => ({ name, rows: 2, itemIds: ["a", "b"], fileRows: [0, 1], rowsInFile: 2 });
  const rows = (n: number) => Array.from({ length: n }, (_, i) => [1, 2, 3, 4 + i]);
  const aNumber = { codebookSizes: [4, 4], template: "<{letter}_{code}>", baseOffset: 10, special: { pad: "<pad>" } };
  const logits = () => new Float32Array(indexVocabulary.size + 100);

  const calls: Record<string, ValidCall> = {};
  const add = (
    entry: string,
    on: ValidCall["on"],
    members: Record<string, Omit<ValidCall, "on"> | (() => unknown[])>,
  ) => {
    for (const [name, call] of Object.entries(members)) {
      calls[`${entry} ${name}`] = { ...(on ? { on } : {}), ...(typeof call === "function" ? { args: call } : call) };
    }
  };
  const costly = (args: () => unknown[]) => ({ args, isCostly: true as const });

  add("rqvae", () => rqvae, {
    adviseCapacity: () => [100, { nQuantizationLayers: 2, codebookSize: [4, 4] }],
    assessIds: {
      args: () => [
        ids,
        { items: items(), labels: labels(), model, baseline: false, columnNames: ["a", "b", "c", "d"] },
      ],
      names: ["titles"],
    },
    codeTree: () => [ids, { maxDepth: 2, itemsPerNode: 2 }],
    initialize: costly(() => [{ threads: 1 }]),
    residualKMeans: costly(() => [
      items(),
      { nQuantizationLayers: 2, codebookSize: 4, latentDim: 2, encodeBeam: 1, inputDim: DIM, seed: 1 },
    ]),
    measureSpectrum: costly(() => [items(), { nQuantizationLayers: 2, codebookSize: 4, inputDim: DIM, seed: 1 }]),
    suggestConfig: () => [
      { n: 100, inputDim: DIM, nQuantizationLayers: 2, codebookSize: [4, 4], seed: 1, compat: "none" },
    ],
  });
  add("rqvae", () => rqvae.presets, {
    "presets.tiger": () => [{ inputDim: DIM, seed: 1 }],
    "presets.lcrec": () => [{ inputDim: DIM, seed: 1 }],
    "presets.hopwise": () => [{ inputDim: DIM, seed: 1 }],
  });
  add("rqvae", () => rqvae.RQVAE, {
    "RQVAE.create": costly(() => [{ ...options }]),
    "RQVAE.fit": costly(() => [items(), { ...few }]),
    "RQVAE.load": costly(() => [bytes, { config: {} }]),
  });
  add("rqvae", () => model, {
    "RQVAE#fields": () => [],
    "RQVAE#history": () => [],
    "RQVAE#initialized": () => [],
    "RQVAE#fingerprint": () => [],
    "RQVAE#saveCheckpoint": () => [],
    "RQVAE#encode": () => [items(), { margins: true }],
    "RQVAE#encodeAsync": costly(() => [items(), {}]),
    "RQVAE#encodeStream": () => [[items()], {}],
    "RQVAE#getSemanticIds": () => [items()],
    "RQVAE#latents": () => [items()],
    "RQVAE#decode": { args: () => [ids], names: ["codes", "row \\d+"] },
    "RQVAE#reconstruct": () => [items()],
    "RQVAE#codebooks": () => [{ space: "input" }],
    "RQVAE#forward": () => [items()],
    "RQVAE#createOptimizer": () => [{ optimizer: "adam" }],
    "RQVAE#save": () => [{ part: "full" }],
  });
  add("rqvae", () => pupil, {
    "RQVAE#kmeansInitCodebooks": costly(() => [items(), {}]),
    "RQVAE#train": costly(() => [items(), { epochs: 1, batchSize: 16 }]),
    "RQVAE#select": () => ["loss"],
    "RQVAE#trainStep": () => [items(), optimizer],
  });
  calls["rqvae RQVAE#dispose"] = { on: () => rqvae.RQVAE.create(options), args: () => [], isCostly: true };
  calls["rqvae RQVAE#[Symbol.dispose]"] = calls["rqvae RQVAE#dispose"];
  calls["rqvae Optimizer#dispose"] = { on: () => model.createOptimizer(), args: () => [] };
  calls["rqvae Optimizer#[Symbol.dispose]"] = calls["rqvae Optimizer#dispose"];
  add("rqvae", () => assessed, {
    "IdReport#ids": () => [],
    "IdReport#titles": () => [],
    "IdReport#text": () => [],
    "IdReport#toString": () => [],
  });
  add("rqvae", () => rqvae.SemanticIdIndex, {
    "SemanticIdIndex.build": {
      args: () => [
        [...itemIds],
        ids,
        { collisions: "suffix", capacity: 64, model, items: items(), priority: itemIds.map((_, i) => i) },
      ],
      names: ["codes"],
    },
    "SemanticIdIndex.buildAsync": {
      args: () => [[...itemIds], ids, { collisions: "suffix", capacity: 64, model, items: items() }],
      names: ["codes"],
    },
    "SemanticIdIndex.load": () => [index.save(), { model }],
    "SemanticIdIndex.fromJSON": () => [changed.toJSON(), { model }],
  });
  add("rqvae", () => index, {
    "SemanticIdIndex#size": () => [],
    "SemanticIdIndex#root": () => [],
    "SemanticIdIndex#journal": () => [],
    "SemanticIdIndex#drift": () => [],
    "SemanticIdIndex#get": () => ["item 0"],
    "SemanticIdIndex#getRaw": () => ["item 0"],
    "SemanticIdIndex#table": () => [["item 0"]],
    "SemanticIdIndex#[Symbol.iterator]": () => [],
    "SemanticIdIndex#items": { args: () => [code()], names: ["codes", "prefix"] },
    "SemanticIdIndex#siblings": () => ["item 0", 1],
    "SemanticIdIndex#similar": {
      args: () => ["item 0", { limit: 3, filter: () => true }],
      names: ["item", "codes"],
    },
    "SemanticIdIndex#filter": { args: () => [["item 0"], { unknown: "skip" }], names: ["itemIds"] },
    "SemanticIdIndex#isValid": { args: () => [code()], names: ["codes", "prefix"] },
    "SemanticIdIndex#isLeaf": { args: () => [code()], names: ["codes", "prefix"] },
    "SemanticIdIndex#allowedNext": { args: () => [code().slice(0, 1)], names: ["codes"] },
    "SemanticIdIndex#mask": {
      args: () => [code().slice(0, 1), new Uint8Array(index.codebookSizes[1]! + 1)],
      names: ["codes"],
    },
    "SemanticIdIndex#state": { args: () => [code().slice(0, 1)], names: ["codes"] },
    "SemanticIdIndex#step": () => [index.root, code()[0]],
    "SemanticIdIndex#prefix": () => [index.root],
    "SemanticIdIndex#nearestValid": () => [code()],
    "SemanticIdIndex#save": () => [{ compact: true }],
    "SemanticIdIndex#generation": () => [],
    "SemanticIdIndex#toJSON": () => [],
  });
  add("rqvae", newIndex, {
    "SemanticIdIndex#add": {
      args: () => [["new"], model.encode(rows(1)).toJSON().codes, { items: rows(1), replace: true }],
      names: ["row \\d+", "codes"],
    },
    "SemanticIdIndex#addAsync": {
      args: () => [["new"], model.encode(rows(1)).toJSON().codes, { items: rows(1), replace: true }],
      names: ["row \\d+", "codes"],
    },
    "SemanticIdIndex#replace": {
      args: () => [["item 0"], model.encode(rows(1)).toJSON().codes, { items: rows(1) }],
      names: ["row \\d+", "codes"],
    },
    "SemanticIdIndex#remove": () => [["item 0"], { reuse: true }],
    "SemanticIdIndex#migrate": costly(() => [model, [...itemIds], items(), { keep: 0.1, missing: "keep" }]),
  });
  add("rqvae", () => index.filter(itemIds.slice(0, 8)), {
    "IdFilter#size": () => [],
    "IdFilter#has": () => ["item 0"],
    "IdFilter#count": { args: () => [code()], names: ["codes", "prefix"] },
    "IdFilter#items": { args: () => [code()], names: ["codes", "prefix"] },
    "IdFilter#state": { args: () => [code().slice(0, 1)], names: ["codes"] },
    "IdFilter#step": () => [index.root, code()[0]],
    "IdFilter#prefix": () => [index.root],
    "IdFilter#isLeaf": { args: () => [code()], names: ["codes", "prefix"] },
    "IdFilter#allowedNext": { args: () => [code().slice(0, 1)], names: ["codes"] },
    "IdFilter#mask": {
      args: () => [code().slice(0, 1), new Uint8Array(index.codebookSizes[1]! + 1)],
      names: ["codes"],
    },
    "IdFilter#add": { args: () => [["item 9"]], names: ["itemIds"] },
    "IdFilter#remove": { args: () => [["item 0"]], names: ["itemIds"] },
    "IdFilter#union": { args: () => [filter], names: ["other"] },
    "IdFilter#intersection": { args: () => [filter], names: ["other"] },
    "IdFilter#complement": () => [],
  });
  add("rqvae", () => migrated, { "SemanticIdIndex#earlier": () => [1] });
  add("rqvae", () => rqvae.SemanticIds, {
    "SemanticIds.from": {
      args: () => [[[1, 2]], { codebookSizes: [4, 4], fingerprint: "0123456789abcdef", hasInferredSizes: true }],
      names: ["codes", "row \\d+"],
    },
  });
  add("rqvae", () => ids, {
    "SemanticIds#hasInferredSizes": () => [],
    "SemanticIds#at": { args: () => [0], names: ["item"] },
    "SemanticIds#toTokens": { args: () => [0], names: ["item"] },
    "SemanticIds#[Symbol.iterator]": () => [],
    "SemanticIds#toJSON": () => [],
  });

  add("rqvae/worker", () => workers.EncodePool, {
    "EncodePool.create": costly(() => [bytes, { workers: 1, wasm: wasm() }]),
  });
  add("rqvae/worker", () => pool, {
    "EncodePool#config": () => [],
    "EncodePool#fingerprint": () => [],
    "EncodePool#size": () => [],
    "EncodePool#encode": costly(() => [items(), {}]),
  });
  const newPool = {
    on: () => workers.EncodePool.create(bytes, { workers: 1 }),
    args: () => [],
    isCostly: true as const,
  };
  const newWorker = { on: () => workers.RQVAEWorker.load(bytes), args: () => [], isCostly: true as const };
  for (const end of ["dispose", "[Symbol.dispose]", "[Symbol.asyncDispose]"]) {
    calls[`rqvae/worker EncodePool#${end}`] = newPool;
    calls[`rqvae/worker RQVAEWorker#${end}`] = newWorker;
  }
  add("rqvae/worker", () => workers.RQVAEWorker, {
    "RQVAEWorker.create": costly(() => [{ ...options }, { threads: 1 }]),
    "RQVAEWorker.fit": costly(() => [items(), { ...few }, { threads: 1 }]),
    "RQVAEWorker.residualKMeans": costly(() => [items(), { nQuantizationLayers: 2, codebookSize: 4 }, { threads: 1 }]),
    "RQVAEWorker.measureSpectrum": costly(() => [
      items(),
      { nQuantizationLayers: 2, codebookSize: 4, inputDim: DIM, seed: 1 },
      { threads: 1 },
    ]),
    "RQVAEWorker.load": costly(() => [bytes, { config: {} }, { threads: 1 }]),
  });
  add("rqvae/worker", () => worker, {
    "RQVAEWorker#config": () => [],
    "RQVAEWorker#fields": () => [],
    "RQVAEWorker#fingerprint": () => [],
    "RQVAEWorker#initialized": () => [],
    "RQVAEWorker#part": () => [],
    "RQVAEWorker#history": () => [],
    "RQVAEWorker#train": costly(() => [items(), { epochs: 1, batchSize: 16 }]),
    "RQVAEWorker#encode": costly(() => [items(), { margins: true }]),
    "RQVAEWorker#encodeAsync": costly(() => [items(), {}]),
    "RQVAEWorker#encodeStream": costly(() => [[items()], {}]),
    "RQVAEWorker#getSemanticIds": costly(() => [items(), { transfer: true }]),
    "RQVAEWorker#latents": costly(() => [items(), { transfer: true }]),
    "RQVAEWorker#decode": { ...costly(() => [[[0, 1]]]), names: ["codes", "row \\d+"] },
    "RQVAEWorker#reconstruct": costly(() => [items(), { transfer: true }]),
    "RQVAEWorker#codebooks": costly(() => [{ space: "input" }]),
    "RQVAEWorker#forward": costly(() => [items(), { transfer: true }]),
    "RQVAEWorker#createOptimizer": costly(() => [{ optimizer: "adam" }]),
    "RQVAEWorker#save": costly(() => [{ part: "full" }]),
    "RQVAEWorker#saveCheckpoint": () => [],
    "RQVAEWorker#select": costly(() => ["loss"]),
    "RQVAEWorker#assessIds": costly(() => [ids, { items: items() }]),
  });
  add("rqvae/worker", () => pupilWorker, {
    "RQVAEWorker#kmeansInitCodebooks": costly(() => [items(), {}]),
    "RQVAEWorker#trainStep": costly(() => [items(), workerOptimizer, { transfer: true }]),
  });
  calls["rqvae/worker WorkerOptimizer#dispose"] = { on: () => worker.createOptimizer(), args: () => [] };
  for (const end of ["[Symbol.dispose]", "[Symbol.asyncDispose]"]) {
    calls[`rqvae/worker WorkerOptimizer#${end}`] = calls["rqvae/worker WorkerOptimizer#dispose"];
  }
  const script = new workers.ScriptWorker(() => new Worker(new URL("../worker/own-script.mjs", import.meta.url)));
  add("rqvae/worker", () => script, {
    "ScriptWorker#call": costly(() => ["echo", { text: "a" }, {}]),
    "ScriptWorker#started": () => [],
    "ScriptWorker#dispose": costly(() => []),
    "ScriptWorker#[Symbol.dispose]": costly(() => []),
    "ScriptWorker#[Symbol.asyncDispose]": costly(() => []),
  });
  add("rqvae/worker", () => workers, {
    "new ScriptWorker": () => [() => new Worker(new URL("../worker/own-script.mjs", import.meta.url))],
  });

  const idFile = new TextEncoder().encode([...formats.writeIds("jsonl", table())].join(""));
  const itemOptions = {
    fileName: "a.csv",
    embedding: ["e0", "e1"],
    itemId: "id",
    delimiter: ",",
    header: true,
    labelColumns: ["title"],
    skipInvalid: false,
  };
  const csvFile = () => new TextEncoder().encode(text.csv);
  add("rqvae/formats", () => formats, {
    describeColumns: { args: () => [{ ...columns }], names: ["columns"] },
    joinItems: () => [joined("left"), joined("right"), "row"],
    joinLabels: () => [joined("left"), { titles: ["A", "B"], itemIds: ["a", "b"] }, "right"],
    mergeIdShards: () => [[shard()], ["a.shard"]],
    openItems: () => [csvFile(), { ...itemOptions, uniqueIds: false }],
    readHistories: () => [
      new TextEncoder().encode("u\ta\nv\tb\n"),
      { itemIds: ["a", "b"], startsWithUser: true, fileName: "histories.txt" },
    ],
    readIdShard: () => [formats.writeIdShard(shard())],
    readIds: () => [
      idFile.slice(),
      { ...parse, fileName: "ids.jsonl", format: "jsonl", template: "<{letter}_{code}>", separator: "\t" },
    ],
    readItems: () => [csvFile(), { ...itemOptions, checkValues: true }],
    readLabels: () => ["title\nA\nB\n", "titles.csv"],
    streamItems: () => [csvFile(), { ...itemOptions, batchRows: 16 }],
    writeAddedTokens: () => [vocabulary, "list"],
    writeIdShard: { args: () => [shard()], names: ["shard"] },
    writeIdMap: () => ["csv", three(), three()],
    writeIds: {
      args: () => [
        "recbole",
        three(),
        {
          labels: { titles: ["A", "B"] },
          vectors: { embeddings: new Float32Array(16) },
          template: "<{letter}_{code}>",
          type: "int16",
          separator: "\t",
          content: "token",
          into: text.atomic,
          missing: "empty",
        },
      ],
      names: ["column"],
    },
    writePlainModel: () => [model, { greedy: true }],
    writeVectors: () => ["npy", items(), { itemIds }],
  });

  const histories = () => [
    [["item 0", "item 1"]],
    index,
    indexVocabulary,
    { maxItems: 2, unknown: "token", begin: true, end: true, separator: true, padding: "right", padTo: "longest" },
  ];
  add("rqvae/vocabulary", () => vocabularies, {
    encodeHistories: histories,
    "new Vocabulary": () => [
      { codebookSizes: [4, 4] },
      { template: "<{letter}_{code}>", baseOffset: 10, special: { pad: "<pad>" } },
    ],
  });
  add("rqvae/vocabulary", () => vocabularies.Vocabulary, { "Vocabulary.fromJSON": () => [{ ...aNumber }] });
  add("rqvae/vocabulary", () => vocabulary, {
    "Vocabulary#tokenOf": () => [1, 2],
    "Vocabulary#codeOf": () => [3],
    "Vocabulary#textOf": () => [3],
    "Vocabulary#encode": () => [[1, 2]],
    "Vocabulary#encodeIds": () => [ids],
    "Vocabulary#decode": () => [vocabulary.encode([1, 2])],
    "Vocabulary#decodeAll": () => [vocabulary.encode([1, 2])],
    "Vocabulary#format": () => [[1, 2]],
    "Vocabulary#parse": () => [vocabulary.format([1, 2])],
    "Vocabulary#parseAll": () => [vocabulary.format([1, 2])],
    "Vocabulary#addedTokens": () => [],
    "Vocabulary#toJSON": () => [],
  });

  const wordFile = words.writeWords(["red", "shoe"], Float32Array.of(1, 2, 3, 4));
  const wordTable = await words.openWords(wordFile.slice());
  const embedder = words.TitleEmbedder.fit(wordTable, ["red shoe"]);
  add("rqvae/words", () => words, {
    openWords: {
      args: () => [wordFile.slice(), { fileName: "words.safetensors" }],
      names: ["not a table of word vectors"],
    },
    writeWords: () => [["red", "shoe"], Float32Array.of(1, 2, 3, 4), { licence: "PDDL" }],
  });
  add("rqvae/words", () => words.TitleEmbedder, {
    "TitleEmbedder.fit": () => [wordTable, ["red shoe", "blue boot"]],
  });
  add("rqvae/words", () => embedder, { "TitleEmbedder#embed": () => [["red boot"]] });
  add("rqvae/words", () => wordTable, {
    "WordTable#rank": () => ["red"],
    "WordTable#vector": () => [1],
  });
  add("rqvae/report", () => report, {
    checkItems: () => [items(), {}],
    alignCodes: {
      ...costly(() => [model, ids, items(), { itemIds: { before: [...itemIds], after: [...itemIds] } }]),
      names: ["itemIds"],
    },
    compareIds: () => [ids, ids, { itemIds: { before: [...itemIds], after: [...itemIds] } }],
    explainIds: costly(() => [model, items(), { ids, labels: labels(), nearest: 2 }]),
    reportHtml: {
      args: () => [assessed, { title: "Title", labels: labels(), churn: report.compareIds(ids, ids) }],
      names: ["titles"],
    },
  });
  const lines = Array.from({ length: 12 }, (_, u) => `u${u},item ${u},item ${u + 3},item ${(7 * u) % ROWS}`);
  const chosen = await formats.readHistories(new TextEncoder().encode(lines.join("\n")), { itemIds: [...itemIds] });
  const evaluation = await evaluations.evaluateIds(ids, { histories: chosen });
  const bigrams = await evaluations.PrefixBigrams.count(ids, chosen);
  add("rqvae/behaviour", () => behaviour, {
    behaviourVectors: costly(() => [
      { ...chosen },
      { rows: ROWS, dim: 4, window: 2, smoothing: 0.5, seed: 1, onProgress: () => {} },
    ]),
    coldMap: costly(() => [
      items(),
      { data: new Float32Array(2 * ROWS).fill(1), rows: ROWS, dim: 2 },
      new Uint8Array(ROWS).fill(1, 5),
    ]),
  });
  add("rqvae/evaluate", () => evaluations, {
    evaluateIds: costly(() => [
      { own: table(), ids },
      { histories: { ...chosen }, itemIds: [...itemIds], heldOut: 0.2 },
    ]),
    evaluationTable: () => [structuredClone(evaluation), "markdown"],
  });
  add("rqvae/evaluate", () => evaluations.PrefixBigrams, {
    "PrefixBigrams.count": () => [ids, { ...chosen }, {}],
  });
  add("rqvae/evaluate", () => bigrams, { "PrefixBigrams#recommend": () => [[1, 2], 3] });
  const named = () => [
    { name: "title", vectors: items(), itemIds: [...itemIds], weight: 1 },
    { name: "image", vectors: catalogue(ROWS, 3), itemIds: [...itemIds] },
  ];
  const { fields } = await fusion.fuse(named());
  add("rqvae/fusion", () => fusion, {
    fuse: {
      ...costly(() => [
        named(),
        {
          histories: { ...chosen },
          itemIds: [...itemIds],
          dim: 4,
          window: 3,
          smoothing: 0.5,
          seed: 1,
          weights: { image: 2 },
        },
      ]),
      names: ["vectors", "name"],
    },
    leaveOut: () => [{ ...chosen }, "time", 0.2],
    readLayout: () => [fusion.writeLayout(fields)],
    writeLayout: () => [structuredClone(fields)],
  });
  add("rqvae/report", () => explainer, {
    "Explainer#explain": { args: () => [0], names: ["item"] },
    "Explainer#whyCollide": { args: () => [0, 1], names: ["item"] },
  });
  add("rqvae/features", () => features, {
    prefixFeatures: () => [ids, { depths: [1, 2], buckets: 8, hasSuffix: false }],
  });
  add("rqvae/decoding", () => decoding, {
    "new LogitsMask": () => [index, indexVocabulary],
    ...Object.fromEntries(
      ["beamSearch", "beamSearchSteps"].map((name) => [
        name,
        () => [
          {
            step: (prefixes: unknown[]) => new Float32Array(prefixes.length * (indexVocabulary.size + 100)),
            index,
            vocabulary: indexVocabulary,
            filter: ["item 0", "item 1", "item 2"],
            topK: 2,
            width: 2,
            probabilities: "valid",
            lengthPenalty: 1,
            suffix: "needed",
            state: 0,
            signal: new AbortController().signal,
          },
        ],
      ]),
    ),
    tokenEmbeddings: () => [model, { dim: 3, norm: 2, vocabulary: indexVocabulary }],
    trieArrays: () => [index, indexVocabulary],
    allowedTokenTable: () => [index, indexVocabulary, { depth: 1 }],
    logitsProcessor: () => [index, indexVocabulary, { promptLength: 1 }],
  });
  add("rqvae/decoding", () => mask, {
    "LogitsMask#start": () => [],
    "LogitsMask#next": () => [mask.start, indexVocabulary.tokenOf(0, code()[0]!)],
    "LogitsMask#apply": () => [logits(), mask.start],
  });
  return {
    calls,
    async end() {
      await script.dispose();
      await Promise.all([worker.dispose(), pupilWorker.dispose(), pool.dispose()]);
      model.dispose();
      pupil.dispose();
    },
  };
}
