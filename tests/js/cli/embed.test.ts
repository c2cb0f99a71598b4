/** rqvae embed, with @huggingface/transformers and a model that is made here: an embedding a word, and tanh. */
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  FLOAT,
  FLOAT16,
  INT8,
  INT64,
  initializer,
  modelFile,
  node,
  value,
} from "../../../bench/speed/contenders/onnx.mjs";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { npmFolder, TRANSFORMERS } from "../../../tools/npm-folder.mjs";
import { generator } from "../support/catalogue.ts";
import {
  called,
  expectError,
  files,
  inFolder,
  read,
  readBytes,
  rqvae,
  rqvaeBeside,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

const transformers = (() => {
  try {
    return npmFolder("transformers", TRANSFORMERS);
  } catch (error) {
    console.warn(`rqvae embed is not tested: ${(error as Error).message}`);
    return undefined;
  }
})();

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
const WORDS = ["red", "blue", "shoe", "boot", "for", "winter", "walks", ",", "passage", ":"];
const VOCABULARY = [...SPECIAL, ...WORDS];
const WIDTH = 6;
const next = generator(9);
const table = Float32Array.from({ length: VOCABULARY.length * WIDTH }, () => 2 * next());
/** Other weights, as halfs from 0.5 to just below 1, and as whole numbers: so that it shows which file was taken. */
const halfs = Uint16Array.from(table, (_, k) => 0x3800 + ((k * 7919) % 1024));
const bytes = Int8Array.from(table, (_, k) => ((k * 7919) % 256) - 128);
const [ofHalfs, ofBytes] = [
  Float32Array.from(halfs, (bits) => 0.5 + (bits & 1023) / 2048),
  Float32Array.from(bytes, (byte) => byte / 64),
];

/** What transformers.js needs of a model, in a folder. */
function makeModel(folder: string): void {
  mkdirSync(inFolder(join(folder, "onnx")), { recursive: true });
  const shape = ["batch", "tokens"];
  const weights = { shape: [VOCABULARY.length, WIDTH] };
  const gather = (output: string) => node("Gather", ["table", "input_ids"], output, { axis: 0 });
  const graphs = {
    "model.onnx": [initializer("table", { ...weights, data: table }), gather("embedded")],
    "model_fp16.onnx": [
      initializer("table", { ...weights, data: halfs }, FLOAT16),
      gather("half"),
      node("Cast", ["half"], "embedded", { to: FLOAT }),
    ],
    "model_quantized.onnx": [
      initializer("table", { ...weights, data: bytes }, INT8),
      initializer("scale", { shape: [], data: Float32Array.of(1 / 64) }),
      gather("byte"),
      node("DequantizeLinear", ["byte", "scale"], "embedded"),
    ],
  };
  for (const [name, parts] of Object.entries(graphs)) {
    const graph = modelFile("words", [
      ...parts,
      node("Tanh", ["embedded"], "last_hidden_state"),
      value(11, "input_ids", INT64, shape),
      value(11, "attention_mask", INT64, shape),
      value(12, "last_hidden_state", FLOAT, [...shape, WIDTH]),
    ]);
    write(join(folder, "onnx", name), graph);
  }
  const json = (name: string, content: object) => write(join(folder, name), JSON.stringify(content));
  json("config.json", {
    model_type: "bert",
    architectures: ["BertModel"],
    hidden_size: WIDTH,
    vocab_size: VOCABULARY.length,
  });
  json("tokenizer_config.json", {
    tokenizer_class: "BertTokenizer",
    do_lower_case: true,
    model_max_length: 8,
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
  });
  const special = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } });
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  json("tokenizer.json", {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), sequence("A"), special("[SEP]")],
      pair: [special("[CLS]"), sequence("A"), special("[SEP]"), sequence("B"), special("[SEP]")],
      special_tokens: Object.fromEntries(
        ["[CLS]", "[SEP]"].map((token) => [token, { id: token, ids: [SPECIAL.indexOf(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(VOCABULARY.map((word, id) => [word, id])),
    },
  });
}

/** What the model makes of a text: the mean of its words' vectors between [CLS] and [SEP], of unit length; or that of [CLS]. */
function embedding(text: string, pooling = "mean", weights = table): number[] {
  const words = text.toLowerCase().match(/\w+|[^\w\s]/g) ?? [];
  // transformers.js cuts at model_max_length, [SEP] with the rest.
  const tokens = ["[CLS]", ...words, "[SEP]"].slice(0, 8).map((word) => Math.max(VOCABULARY.indexOf(word), 1));
  const used = pooling === "cls" ? tokens.slice(0, 1) : tokens;
  const sum = Array.from({ length: WIDTH }, (_, j) =>
    used.reduce((total, token) => total + Math.tanh(weights[token * WIDTH + j]!), 0),
  );
  const length = Math.hypot(...sum);
  return sum.map((x) => x / length);
}

const products = [
  ["A1", "Red shoe", "for walks"],
  ["A2", "Blue boot", ""],
  ["A3", "red, red boot", "for winter walks, for winter walks"], // longer than the model reads
  ["A4", "Unheard words", "for winter"],
  ["A5", "boot", "shoe"],
];
const csv = `id,title,description\n${products.map((row) => row.map((cell) => `"${cell}"`).join(",")).join("\n")}\n`;
const textOf = ([, title, description]: string[]) => `${title} ${description}`;

function expectEmbeddings(name: string, expected: number[][]): void {
  const { data, rows, dim } = readNpy(readBytes(name));
  expect([rows, dim]).toEqual([expected.length, WIDTH]);
  for (const [row, vector] of expected.entries()) {
    for (const [j, x] of vector.entries()) expect(data[row * WIDTH + j], `row ${row}`).toBeCloseTo(x, 5);
  }
}

describe("rqvae embed, without its package or its input", () => {
  beforeEach(() => write("items.csv", csv));
  const embed = (...args: string[]) => rqvae("embed", "items.csv", "-f", ...args);

  it("says what to install", () => {
    mkdirSync(inFolder("model"));
    const result = embed("--text", "title", "--model", "model");
    expectError(result, 1, "@huggingface/transformers is not installed", "npm install @huggingface/transformers@4");
    expect(files()).not.toContain("items.labels.json");
  });

  it("refuses what it cannot use", () => {
    expectError(embed("--text", "title"), 2, "--model is missing");
    expectError(embed("--model", "m"), 2, "--text is missing");
    expectError(embed("--model", "m", "--text", "titel"), 1, 'items.csv: has no column "titel"', '"title"');
    expectError(embed("--model", "m", "--text", "title", "--keep", "price"), 1, 'no column "price"');
    expectError(embed("--model", "m", "--text", "description"), 1, "row 1 has no text in description");
    expectError(embed("--model", "m", "--text", "title", "--batch", "0"), 2, "--batch must be at least 1");
    expectError(embed("--model", "m", "--text", "title", "--pooling", "max"), 2, "--pooling must be one of mean, cls");
    expectError(
      embed("--model", "m", "--text", "title", "-o", "items.csv"),
      2,
      "-o items.csv: unknown extension .csv; use .npy",
    );
    write("short.csv", "id,title\n1,a\n2\n");
    expectError(rqvae("embed", "short.csv", "-m", "m", "-t", "title"), 1, "short.csv: row 1 (line 3) has 1 column");
    write("empty.csv", "id,title\n");
    expectError(rqvae("embed", "empty.csv", "-m", "m", "-t", "title"), 1, "empty.csv: has no rows");
    write("bad.jsonl", '{"title":"a"}\n{"title"');
    expectError(rqvae("embed", "bad.jsonl", "-m", "m", "-t", "title"), 1, "bad.jsonl: line 2 is not JSON");
  });
});

describe("rqvae embed --model words", () => {
  const WORDS_FILE = fileURLToPath(new URL("../../../examples/data/words/glove-50k.safetensors", import.meta.url));
  const titles = ["red apple", "green apple", "tennis racket", "soccer ball", "violin", "guitar", "kitten", "cat", "★"];
  beforeEach(() => write("titles.csv", `title\n${titles.join("\n")}\n`));
  const embed = (...args: string[]) => rqvae("embed", "titles.csv", "--text", "title", "--model", "words", ...args);

  it("makes embeddings of a table of words, and says what it knows of them", () => {
    const result = embed("--words", WORDS_FILE);
    expect(result).toMatchObject({ status: 0, stdout: "" });
    expect(result.stderr).toContain("Embedded 9 items in 100 dimensions: titles.npy");
    expect(result.stderr).toContain("100% of the 12 words are known. 1 row has no words and is all zeros: row 8.");
    expect(JSON.parse(read("titles.labels.json"))).toEqual({ titles });
    const { data, dim } = readNpy(readBytes("titles.npy"));
    const cosine = (a: number, b: number) =>
      Array.from({ length: dim }, (_, j) => data[a * dim + j]! * data[b * dim + j]!).reduce((sum, x) => sum + x);
    expect(cosine(0, 0)).toBeCloseTo(1, 5);
    expect(cosine(0, 1)).toBeGreaterThan(cosine(0, 4) + 0.2);
    expect(cosine(6, 7)).toBeGreaterThan(cosine(6, 2) + 0.2);
    expect(cosine(8, 8)).toBe(0);
  });

  it("refuses what it cannot use", () => {
    expectError(embed(), 2, "--words is missing", "glove-50k.safetensors");
    expectError(embed("--words", "absent.safetensors"), 1, "absent.safetensors: no such file");
    expectError(embed("--words", "titles.csv"), 1, "titles.csv: this is not a table of word vectors");
    expectError(embed("--words", WORDS_FILE, "--pooling", "cls"), 2, "--pooling is for language models");
    const other = rqvae("embed", "titles.csv", "--text", "title", "--model", "m", "--words", WORDS_FILE);
    expectError(other, 2, "--words is the file of --model words");
  });
});

describe.skipIf(!transformers)("rqvae embed", () => {
  beforeEach(() => {
    write("items.csv", csv);
    symlinkSync(join(transformers!, "node_modules"), inFolder("node_modules"));
    makeModel("tiny model");
  });

  it("makes embeddings of the columns, a batch at a time, and keeps titles", () => {
    const { status, stdout, stderr } = rqvae(
      ...["embed", "items.csv", "--text", "title,description", "--model", "tiny model", "-o", "vectors.npy"],
      ...["--batch", "2", "--keep", "id"],
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("Embedded 5 items in 6 dimensions: vectors.npy");
    expect(stderr).toContain(`${called} train vectors.npy --labels vectors.labels.json`);
    expectEmbeddings(
      "vectors.npy",
      products.map((row) => embedding(textOf(row))),
    );
    expect(JSON.parse(read("vectors.labels.json"))).toEqual({
      titles: products.map(([, title]) => title),
      labels: { id: products.map(([id]) => id) },
    });
  });

  it("takes other tables, another pooling and a prefix", () => {
    const run = (name: string, ...args: string[]) =>
      expect(rqvae("embed", name, "-m", "./tiny model", "-q", ...args)).toEqual({ status: 0, stdout: "", stderr: "" });
    write(
      "a.tsv",
      products
        .map((row) => row.join("\t"))
        .join("\n")
        .replace(/^/, "id\ttitle\tdescription\n"),
    );
    run("a.tsv", "-t", "title", "--pooling", "cls", "--titles", "id");
    expectEmbeddings(
      "a.npy",
      products.map(([, title]) => embedding(title!, "cls")),
    );
    expect(JSON.parse(read("a.labels.json"))).toEqual({ titles: products.map(([id]) => id) });
    write("b.jsonl", products.map(([id, title]) => JSON.stringify({ id, title, tags: ["for", "winter"] })).join("\n"));
    run("b.jsonl", "-t", "title,tags", "--prefix", "passage: ");
    expectEmbeddings(
      "b.npy",
      products.map(([, title]) => embedding(`passage: ${title} for winter`)),
    );
    write("c.item", "item_id:token\ttitle:token_seq\n1\tred shoe\n2\tblue boot\n");
    run("c.item", "-t", "title");
    expectEmbeddings(
      "c.npy",
      ["red shoe", "blue boot"].map((text) => embedding(text)),
    );
  });

  it.each([
    ["fp32", table],
    ["fp16", ofHalfs],
    ["q8", ofBytes],
  ] as const)("takes the weights of --dtype %s", (dtype, weights) => {
    const args = ["-t", "title", "-m", "tiny model", "--dtype", dtype, "-q", "-f"];
    expect(rqvae("embed", "items.csv", ...args)).toEqual({ status: 0, stdout: "", stderr: "" });
    expectEmbeddings(
      "items.npy",
      products.map(([, title]) => embedding(title!, "mean", weights)),
    );
  });

  describe("from a hub", () => {
    /** Paths that were asked for, and whether all answers are errors. */
    const asked: string[] = [];
    let isDown = false;
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, "http://hub");
      asked.push(pathname);
      const file = /^\/mirror\/tests\/tiny\/resolve\/main\/(.+)$/.exec(pathname)?.[1];
      const path = file && inFolder(join("tiny model", file));
      if (isDown || !path || !existsSync(path)) {
        response.writeHead(isDown ? 503 : 404).end();
        return;
      }
      response.writeHead(200, { "content-length": statSync(path).size });
      response.end(request.method === "HEAD" ? undefined : readFileSync(path));
    });
    let hub: Record<string, string>;
    beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
    afterAll(() => server.close());
    beforeEach(() => {
      asked.length = 0;
      isDown = false;
      const { port } = server.address() as AddressInfo;
      hub = { HF_ENDPOINT: `http://127.0.0.1:${port}/mirror/`, HF_HOME: inFolder("hf home") };
    });
    const embed = (...args: string[]) => rqvaeBeside(hub, "embed", "items.csv", "-f", "-t", "title", ...args);

    it("fetches a model by its name, keeps it, and needs no network then", async () => {
      const first = await embed("-m", "tests/tiny", "--dtype", "q8");
      expect(first).toMatchObject({ status: 0, stdout: "" });
      expect(first.stderr).toContain("Embedded 5 items in 6 dimensions");
      const expected = products.map(([, title]) => embedding(title!, "mean", ofBytes));
      expectEmbeddings("items.npy", expected);
      const base = "/mirror/tests/tiny/resolve/main";
      for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model_quantized.onnx"]) {
        expect(asked).toContain(`${base}/${file}`);
      }
      expect(asked.filter((path) => /model(_fp16)?\.onnx/.test(path))).toEqual([]);
      expect(existsSync(inFolder("hf home/transformers.js/tests/tiny/onnx/model_quantized.onnx"))).toBe(true);

      isDown = true;
      asked.length = 0;
      expect((await embed("-m", "tests/tiny", "--dtype", "q8", "--offline", "-o", "again.npy", "-q")).status).toBe(0);
      expect(asked).toEqual([]);
      expect(readBytes("again.npy")).toEqual(readBytes("items.npy"));
      expectError(
        await embed("-m", "tests/tiny", "--offline", "-q"),
        1,
        "tests/tiny: the model could not",
        "--offline",
      );
    });

    it("says what is wrong", async () => {
      const host = hub.HF_ENDPOINT!.slice(0, -1);
      expectError(
        await embed("-m", "tests/none", "-q"),
        1,
        "tests/none: the model could not be",
        `name on ${host} right`,
      );
      isDown = true;
      expectError(await embed("-m", "tests/tiny", "-q"), 1, "tests/tiny: the model could not be loaded");
      hub.HF_ENDPOINT = "hub.example";
      expectError(await embed("-m", "tests/tiny", "-q"), 1, "HF_ENDPOINT must be the URL of a hub", '"hub.example"');
      hub.HF_ENDPOINT = "http://127.0.0.1:9"; // where nothing answers
      expectError(await embed("-m", "tests/tiny", "-q"), 1, "tests/tiny: the model could not be loaded", "network");
      expect(files()).not.toContain("items.labels.json");
    });
  });

  it("overwrites outputs with default names only with --force", () => {
    const args = ["-t", "title", "-m", "tiny model", "-q"];
    expectError(rqvae("embed", "items.csv", ...args), 1, "items.npy: exists already", "--force");
    write("v.labels.json", "precious");
    expectError(rqvae("embed", "items.csv", ...args, "-o", "v.npy"), 1, "v.labels.json: exists already", "--force");
    expect(read("v.labels.json")).toBe("precious");
    write("items.labels.json", "old");
    expect(rqvae("embed", "items.csv", ...args, "--force").status).toBe(0);
    expect(JSON.parse(read("items.labels.json")).titles).toHaveLength(5);
  });

  it("leads from a table without vectors to IDs in two commands", () => {
    const many = Array.from(
      { length: 60 },
      (_, i) => `${i},${WORDS[i % 7]} ${WORDS[(i * 3) % 7]} ${WORDS[(i >> 3) % 7]}`,
    );
    write("many.csv", `id,title\n${many.join("\n")}\n`);
    expect(rqvae("embed", "many.csv", "-t", "title", "-m", "tiny model", "-q").status).toBe(0);
    const trained = rqvae("train", "many.npy", "--labels", "many.labels.json", "--epochs", "3", "--codes", "4", "-q");
    expect(trained.status).toBe(0);
    const ids = read("model.ids.csv").trim().split("\n");
    expect(ids).toHaveLength(61);
    expect(ids[1]).toContain(many[0]!.split(",")[1]);
  });

  it("says what is wrong with a model", () => {
    mkdirSync(inFolder("hollow"));
    // Quiet: after a second, which a busy machine may take, progress is shown.
    const embed = (...args: string[]) => rqvae("embed", "items.csv", "-f", "-q", "-t", "title", ...args);
    expectError(embed("-m", "hollow"), 1, "hollow: the model could not be loaded", "onnx/model.onnx");
    expectError(embed("-m", "tiny model", "--dtype", "q4"), 1, "tiny model: the model could not", "--dtype q4");
    expectError(embed("-m", "./nowhere"), 1, "./nowhere: no such folder");
    expectError(embed("-m", "nobody/nothing", "--offline"), 1, "nobody/nothing: the model could not", "--offline");
    expect(files()).not.toContain("items.labels.json");
  });
});
