/** A good file of every kind that is read, what reads it, and where in it JSON stands. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";
import { readNpy } from "../../../../bindings/js/formats/arrays/npy.ts";
import { readHopwise } from "../../../../bindings/js/formats/ids/hopwise.ts";
import { readIdTrie } from "../../../../bindings/js/formats/ids/id-trie.ts";
import { idsCsvChunks, readIdsCsv } from "../../../../bindings/js/formats/ids/ids.ts";
import { readIdsJsonl } from "../../../../bindings/js/formats/ids/ids-jsonl.ts";
import { readLcRec } from "../../../../bindings/js/formats/ids/lcrec.ts";
import { readAtomicFile, readRecBole } from "../../../../bindings/js/formats/ids/recbole.ts";
import {
  openItems,
  readIdShard,
  readIds,
  readItems,
  readLabels,
  streamItems,
  writeIdShard,
  writeIds,
} from "../../../../bindings/js/formats/index.ts";
import { readLayout, writeLayout } from "../../../../bindings/js/fusion/layout-file.ts";
import { RQVAE, SemanticIdIndex, SemanticIds } from "../../../../bindings/js/index.ts";
import { checksumPosition } from "../../../../bindings/js/model-file/read-model-file.ts";
import { hashOf } from "../../../../bindings/js/runtime/hash.ts";
import { native } from "../../../../bindings/js/runtime/native.ts";
import { Vocabulary } from "../../../../bindings/js/tokens/vocabulary.ts";
import { openWords, writeWords } from "../../../../bindings/js/words/index.ts";
import { catalogue, generator } from "../../support/catalogue.ts";
import {
  bytesOf,
  columnMajor,
  HALVES,
  MATRIX,
  makeNpy,
  makeSafetensors,
  makeZip,
  npy,
  utf8,
} from "../../support/format-files.ts";
import { withImpatientClock } from "../../support/impatient-clock.ts";

/** A kind of file. */
export interface Kind {
  name: string;
  bytes: Uint8Array;
  /** Whether it is text with cells, not JSON. */
  isTable?: boolean;
  /** The JSON in it: its text, and the file with another one in its place, checksum and lengths made right. */
  documents?: { text: string; close: (text: string) => Uint8Array }[];
  /** Makes the checksum right. */
  seal?: (bytes: Uint8Array) => Uint8Array;
  read: (bytes: Uint8Array) => unknown;
  /** Throws when something was left half-changed by a file that was refused. */
  checkUnchanged?: () => void;
  /** Called when all is over. */
  close?: () => void;
}

const decoder = new TextDecoder();
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/formats/${name}`, import.meta.url)));

/** A file that is JSON and nothing else. */
const json = (text: string) => ({ bytes: utf8(text), documents: [{ text, close: utf8 }] });

/** The JSON header of a safetensors file. */
function header(file: Uint8Array, seal: (file: Uint8Array) => Uint8Array = (bytes) => bytes) {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = decoder.decode(file.subarray(8, 8 + length));
  const close = (other: string) => {
    const bytes = utf8(other);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(bytes.length), true);
    return seal(new Uint8Array(Buffer.concat([size, bytes, file.subarray(8 + length)])));
  };
  /** JSON that stands as a string in the metadata. */
  const within = (key: string) => {
    const outer = JSON.parse(text) as { __metadata__: Record<string, string> };
    return {
      text: outer.__metadata__[key]!,
      close: (inner: string) =>
        close(JSON.stringify({ ...outer, __metadata__: { ...outer.__metadata__, [key]: inner } })),
    };
  };
  return { whole: { text, close }, within };
}

function sealIndex(file: Uint8Array): Uint8Array {
  const bytes = file.slice();
  if (bytes.length >= 16) new DataView(bytes.buffer).setUint32(12, crc32(bytes.subarray(16)), true);
  return bytes;
}

function indexKinds(): Kind[] {
  const fingerprint = "0123456789abcdef";
  const sizes = { codebookSizes: [300, 3], fingerprint };
  const rows = [[299, 2], [299, 2], [0, 1], [5, 0]]; // biome-ignore format: a table
  const index = SemanticIdIndex.build(["ü shoe", -7, 2 ** 53 - 1, ""], SemanticIds.from(rows, sizes), {
    collisions: "suffix",
    capacity: 9,
  });
  index.add(["x", 0], [[299, 2], [5, 0]]); // biome-ignore format: a table
  index.remove([-7]);
  index.replace([0], [[6, 2]]);
  const file = index.save();
  // The length of the header takes two bytes.
  const length = (file[16]! & 127) + 128 * file[17]!;
  const text = decoder.decode(file.subarray(18, 18 + length));
  const close = (other: string) => {
    const bytes = utf8(other);
    const size: number[] = [];
    let left = bytes.length;
    for (; left > 127; left = Math.floor(left / 128)) size.push((left % 128) | 128);
    return sealIndex(
      new Uint8Array(
        Buffer.concat([file.subarray(0, 16), Uint8Array.of(...size, left), bytes, file.subarray(18 + length)]),
      ),
    );
  };
  const use = async (loaded: SemanticIdIndex) => {
    for (const item of loaded.items([])) loaded.get(item);
    // What was read can be written, and read again.
    const text = JSON.stringify(loaded);
    const others = [await SemanticIdIndex.load(loaded.save()), SemanticIdIndex.fromJSON(text)].map((index) =>
      JSON.stringify(index),
    );
    for (const other of others) {
      const at = [...text].findIndex((char, i) => char !== other[i]);
      if (at >= 0)
        throw new Error(
          `it is another index now: ${text.slice(at - 20, at + 80)} and ${other.slice(at - 20, at + 80)}`,
        );
    }
  };
  return [
    {
      name: "index",
      bytes: file,
      documents: [{ text, close }],
      seal: sealIndex,
      read: async (bytes) => use(await SemanticIdIndex.load(bytes)),
    },
    {
      name: "index as JSON",
      ...json(JSON.stringify(index)),
      read: (bytes) => use(SemanticIdIndex.fromJSON(decoder.decode(bytes))),
    },
  ];
}

async function modelKinds(): Promise<Kind[]> {
  const module = await native();
  const seal = (file: Uint8Array) => {
    const bytes = file.slice();
    try {
      const at = checksumPosition(bytes);
      bytes.fill(0x30, at, at + 16);
      bytes.set(utf8(hashOf(module, bytes)), at);
    } catch {} // it has no place any more
    return bytes;
  };
  const items = catalogue(40, 6);
  const options = { inputDim: 6, latentDim: 3, hiddenDims: [5], codebookSize: [4, 3] };
  const model = await RQVAE.create(options);
  let checkpoint = new Uint8Array();
  await withImpatientClock(() =>
    model.train(items, {
      epochs: 2,
      batchSize: 20,
      checkpoint: {
        everyMs: 0,
        write: (bytes) => {
          checkpoint = bytes;
        },
      },
    }),
  );
  const file = model.save();
  const documents = (of: Uint8Array) => {
    const { whole, within } = header(of, seal);
    return [within("rqvae"), ...(of === file ? [within("rqvae_history")] : []), whole];
  };
  const load = async (bytes: Uint8Array) => {
    using loaded = await RQVAE.load(bytes);
    if (loaded.initialized) loaded.encode(new Float32Array(loaded.config.inputDim));
  };
  const state = () => Buffer.concat([model.save(), model.saveCheckpoint()]);
  let trained = state();
  let own: RQVAE | undefined = await RQVAE.create(options);
  let before = own.save();
  return [
    { name: "model", bytes: file, documents: documents(file), seal, read: load, close: () => model.dispose() },
    {
      name: "checkpoint",
      bytes: checkpoint,
      documents: documents(checkpoint),
      seal,
      read: async (bytes) => {
        if (!own) {
          own = await RQVAE.create(options);
          before = own.save();
        }
        await own.train(items, { resume: bytes });
        own.dispose(); // it is another one now
        own = undefined;
      },
      checkUnchanged: () => {
        if (own && Buffer.compare(own.save(), before) !== 0) throw new Error("the model was changed");
      },
      close: () => own?.dispose(),
    },
    {
      name: "checkpoint, into a trained model",
      bytes: checkpoint,
      documents: documents(checkpoint).slice(0, 1),
      seal,
      read: async (bytes) => {
        await model.train(items, { resume: bytes });
        trained = state();
      },
      checkUnchanged: () => {
        if (Buffer.compare(state(), trained) !== 0) throw new Error("the model was changed");
      },
    },
  ];
}

/** A state_dict of random weights under a program's names. */
function stateDict(shapes: Record<string, number[]>, metadata?: object): Uint8Array {
  const next = generator(5);
  return makeSafetensors(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const isCounter = name.endsWith("num_batches_tracked");
      const data = isCounter ? BigInt64Array.of(1n) : Float32Array.from({ length: size }, next).map(Math.abs);
      return { name, dtype: isCounter ? "I64" : "F32", shape, bytes: bytesOf(data) };
    }),
    metadata,
  );
}

function stateDictKinds(): Kind[] {
  const hopwise = stateDict(
    {
      "encoder.network.0.weight": [4, 5],
      "encoder.network.0.bias": [4],
      "encoder.network.2.weight": [2, 4],
      "encoder.network.2.bias": [2],
      "quantization_layers.0.embedding.weight": [6, 2],
      "quantization_layers.1.embedding.weight": [6, 2],
      "decoder.network.0.weight": [4, 2],
      "decoder.network.0.bias": [4],
      "decoder.network.2.weight": [5, 4],
      "decoder.network.2.bias": [5],
    },
    { format: "pt" },
  );
  const lcRec = stateDict({
    "encoder.mlp_layers.1.weight": [4, 5],
    "encoder.mlp_layers.1.bias": [4],
    ...Object.fromEntries(
      ["weight", "bias", "running_mean", "running_var"].map((part) => [`encoder.mlp_layers.2.${part}`, [4]]),
    ),
    "encoder.mlp_layers.2.num_batches_tracked": [],
    "encoder.mlp_layers.5.weight": [2, 4],
    "encoder.mlp_layers.5.bias": [2],
    "rq.vq_layers.0.embedding.weight": [6, 2],
  });
  const recommender = stateDict({
    "encoder.mlp.0.weight": [4, 5],
    "encoder.mlp.2.weight": [2, 4],
    "layers.0.embedding.weight": [6, 2],
    "layers.0.out_proj.0.weight": [2, 2],
  });
  const load = async (source: Uint8Array | string) => {
    using loaded = await RQVAE.load(source);
    loaded.encode(new Float32Array(5));
  };
  const folder = mkdtempSync(join(tmpdir(), "rqvae hostile "));
  writeFileSync(join(folder, "model.safetensors"), hopwise);
  const config = JSON.stringify({
    input_dim: 5,
    latent_dim: 2,
    hidden_dims: [4],
    codebook_size: 6,
    n_quantization_layers: 2,
    codebook_kmeans_init: true,
    distance_mode: "l2",
    commitment_weight: 0.25,
    layers: null,
  });
  return [
    ...Object.entries({ Hopwise: hopwise, "LC-Rec": lcRec, "RQ-VAE-Recommender": recommender }).map(
      ([program, bytes]): Kind => ({
        name: `state_dict of ${program}`,
        bytes,
        documents: [header(bytes).whole],
        read: load,
      }),
    ),
    {
      name: "config.json",
      ...json(config),
      read: async (bytes) => {
        writeFileSync(join(folder, "config.json"), bytes);
        await load(join(folder, "model.safetensors"));
      },
      close: () => rmSync(folder, { recursive: true }),
    },
  ];
}

function idKinds(): Kind[] {
  const codes = [[17, 203, 9], [17, 203, 8], [0, 1, 2], [3, 255, 15]]; // biome-ignore format: a table
  const ids = SemanticIds.from(codes, { codebookSizes: [256, 256, 16], fingerprint: "0123456789abcdef" });
  const itemIds = ["B004756YJA", "ü", "12345678901234567890", "x y"];
  const written = (format: Parameters<typeof writeIds>[0]) => {
    const parts = [...writeIds(format, { ids, itemIds })].map((part) => (typeof part === "string" ? utf8(part) : part));
    return new Uint8Array(Buffer.concat(parts));
  };
  const any = (name: string) => async (bytes: Uint8Array) => {
    const { ids, itemIds } = await readIds(bytes, { fileName: name });
    if (itemIds.length !== ids.length) throw new Error("items and IDs differ in number");
  };
  const table = (name: string, format: Parameters<typeof writeIds>[0], read: (text: string) => unknown): Kind[] => [
    { name: `IDs, ${name}`, bytes: written(format), isTable: true, read: any("ids") },
    {
      name: `IDs, ${name}, by its reader`,
      bytes: written(format),
      isTable: true,
      read: (b) => read(decoder.decode(b)),
    },
  ];
  const line = decoder.decode(written("jsonl")).split("\n");
  const wordTable = writeWords(
    ["the", "cat", "straße"],
    Float32Array.from({ length: 9 }, (_, i) => i - 4),
  );
  const shard = writeIdShard({ ids, first: 4, rows: 9, itemIds });
  const shardHeader = header(shard);
  // The list of item IDs stands behind the codes.
  const names = JSON.stringify(itemIds);
  const named = (text: string) => {
    const { __metadata__, codes } = JSON.parse(shardHeader.whole.text);
    const bytes = utf8(text);
    const size = ids.codes.byteLength;
    return new Uint8Array(
      Buffer.concat([
        header(makeSafetensors([])).whole.close(
          JSON.stringify({
            __metadata__,
            codes,
            item_ids: { dtype: "U8", shape: [bytes.length], data_offsets: [size, size + bytes.length] },
          }),
        ),
        bytesOf(ids.codes),
        bytes,
      ]),
    );
  };
  const mean = Float32Array.of(0.1, -0.2);
  const title = { name: "title", dim: 2, weight: 1, rows: 3, mean, scale: 1.5 };
  const layout = {
    fields: [title, { ...title, name: "behaviour", guess: Float32Array.of(1, 0, 0.5, 2) }],
    madeFrom: { users: 2, choices: 3, hashes: [1, 5, 7] },
  };
  const vocabulary = new Vocabulary([4, 3], { baseOffset: 10, special: { end: { token: "</s>", id: 2 } } });
  return [
    ...table("csv", "csv", readIdsCsv),
    {
      name: "IDs, csv without item IDs",
      bytes: utf8([...idsCsvChunks({ ids: ids })].join("")),
      isTable: true,
      read: (bytes) => readIdsCsv(decoder.decode(bytes), { codebookSizes: ids.codebookSizes }),
    },
    ...table("RecBole", "recbole", (text) => [readRecBole(text), readAtomicFile(text)]),
    ...table("semanticids", "semanticids", readHopwise),
    {
      name: "IDs, jsonl",
      bytes: written("jsonl"),
      documents: [{ text: line[0]!, close: (text) => utf8([text, ...line.slice(1)].join("\n")) }],
      read: any("ids"),
    },
    {
      name: "IDs, jsonl, by its reader",
      bytes: written("jsonl"),
      documents: [{ text: line[1]!, close: (text) => utf8([line[0], text, ...line.slice(2)].join("\n")) }],
      read: (bytes) => readIdsJsonl(decoder.decode(bytes)),
    },
    { name: "IDs, LC-Rec", ...json(decoder.decode(written("lcrec"))), read: any("ids") },
    {
      name: "IDs, LC-Rec, by its reader",
      ...json(decoder.decode(written("lcrec"))),
      read: (b) => readLcRec(decoder.decode(b)),
    },
    { name: "IDs, trie", ...json(decoder.decode(written("trie"))), read: any("ids") },
    {
      name: "IDs, trie, by its reader",
      ...json(decoder.decode(written("trie"))),
      read: (b) => readIdTrie(decoder.decode(b)),
    },
    {
      name: "IDs, npy",
      bytes: written("npy"),
      read: async (bytes) => [await readIds(bytes, { fileName: "ids" }), any("ids")(bytes)][1],
    },
    { name: "IDs, Parquet", bytes: written("parquet"), read: any("ids") },
    ...["levels", "tokens", "token-list", "fixed-size-list"].map(
      (name): Kind => ({ name: `IDs, Parquet, ${name}`, bytes: fixture(`ids-${name}.parquet`), read: any("ids") }),
    ),
    {
      name: "IDs, shard",
      bytes: shard,
      documents: [shardHeader.within("rqvae.ids"), shardHeader.whole, { text: names, close: named }],
      read: readIdShard,
    },
    {
      name: "words",
      bytes: wordTable,
      documents: [header(wordTable).within("rqvae.words"), header(wordTable).whole],
      read: (bytes) => openWords(bytes),
    },
    {
      name: "layout of fields",
      ...json(writeLayout(layout)),
      read: (bytes) => readLayout(decoder.decode(bytes)),
    },
    {
      name: "vocabulary",
      ...json(JSON.stringify(vocabulary)),
      read: (bytes) => Vocabulary.fromJSON(parsed(bytes) as never),
    },
    {
      name: "IDs, toJSON",
      ...json(JSON.stringify(ids)),
      read: (bytes) => {
        const { codes, ...options } = (parsed(bytes) ?? {}) as never as { codes: number[][]; codebookSizes: number[] };
        return SemanticIds.from(codes, options);
      },
    },
  ];
}

/** JSON that a program has parsed itself; text that is none is no file for it. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return {};
  }
}

function itemKinds(): Kind[] {
  const f32 = { name: "emb", dtype: "F32", shape: [4, 3], bytes: bytesOf(MATRIX.data) };
  const ids = { name: "ids", dtype: "I64", shape: [4], bytes: bytesOf(BigInt64Array.of(1n, 2n, 3n, 4n)) };
  const tensors = makeSafetensors([ids, f32]);
  const embeddings = '{"data":[{"id":"a","embedding":[1,2]},{"id":"b","embedding":[3,4]}],"model":"m"}';
  const lines = ['{"id":"a","t":"x","embedding":[1,2]}', '{"id":"b","t":"y","embedding":[3,4]}'];
  const items = (file: string) => async (bytes: Uint8Array) => {
    const outcomes = await Promise.allSettled([
      readItems(bytes, { fileName: file }).then((items) => {
        if (items.data.length !== items.rows * items.dim) throw new Error("rows x dim is another number");
      }),
      openItems(bytes, { fileName: file }).then(async (source) => {
        try {
          await source.read(0, source.rows);
        } finally {
          await source.close();
        }
      }),
      (async () => {
        for await (const _ of streamItems(bytes, { fileName: file }));
      })(),
    ]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    // The one that is no error of ours, if there is one.
    const worst = refused.find(({ reason }) => reason?.name !== "InvalidInputError") ?? refused[0];
    if (worst) throw worst.reason;
  };
  const table = (name: string, text: string): Kind => ({
    name: `items, ${name}`,
    bytes: utf8(text),
    isTable: true,
    read: items(`a.${name}`),
  });
  const binary = (name: string, bytes: Uint8Array): Kind => ({ name: `items, ${name}`, bytes, read: items(name) });
  const labels = (name: string, text: string): Kind => ({
    name: `labels, ${name}`,
    ...(name === "json" || name === "map" || name === "records" ? json(text) : { bytes: utf8(text), isTable: true }),
    read: (bytes) => readLabels(decoder.decode(bytes), `a.${name}`),
  });
  return [
    binary("a.npy", npy),
    { name: "items, npy, by its reader", bytes: npy, read: readNpy },
    binary("fortran.npy", makeNpy(">f4", "(4, 3)", columnMajor, true, 2)),
    binary("half.npy", makeNpy("<f2", "(4, 3)", HALVES)),
    binary("stored.npz", makeZip([{ name: "x.npy", bytes: npy, stored: true }], true)),
    binary("deflated.npz", makeZip([{ name: "x.npy", bytes: npy }])),
    binary("a.npy.gz", gzipSync(npy)),
    binary("a.csv.gz", gzipSync("id,title,x,y\na,A,1,2\nb,B,3,4\n")),
    ...["split", "half", "snappy", "gzip", "delta", "encodings", "fixed-size-list", "wide-names"].map((name) =>
      binary(`${name}.parquet`, fixture(`${name}.parquet`)),
    ),
    { ...binary("a.safetensors", tensors), documents: [header(tensors).whole] },
    { ...table("json", embeddings), ...json(embeddings) },
    {
      ...table("jsonl", lines.join("\n")),
      documents: [{ text: lines[1]!, close: (text) => utf8([lines[0], text].join("\n")) }],
    },
    table("csv", 'id,title,x,y\na,"A, a",1,2\nb,B,3,4\nc,C,5,6\n'),
    table("tsv", 'id\te\na\t"[1, 2.5]"\nb\t"[3, 4]"\n'),
    table("item", "item_id:token\ttitle:token_seq\temb:float_seq\n1\ta b\t1 2\n2\tc\t3 4\n"),
    labels("item", "item_id:token\ttitle:token_seq\tyear:float\n1\ta b\t1999\n2\tc\t2000\n"),
    labels("csv", 'id,title,brand\na,"A, a",x\nb,B,y\n'),
    labels("json", '{"titles":["a","b"],"labels":{"brand":["x",1]},"itemIds":["i","j"]}'),
    labels("map", '{"B01":{"title":"a","brand":"x"},"B02":{"title":"b","brand":"y"}}'),
    labels("records", '[{"item_id":1,"title":"a","year":1999},{"item_id":2,"title":"b","year":2000}]'),
  ];
}

/** All kinds. */
export async function allKinds(): Promise<Kind[]> {
  return [...indexKinds(), ...(await modelKinds()), ...stateDictKinds(), ...idKinds(), ...itemKinds()];
}
