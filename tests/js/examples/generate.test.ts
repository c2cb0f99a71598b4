/** examples/generate: a language model in onnxruntime-web gives ten items, and what is committed is what its scripts make. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { SemanticIdIndex } from "rqvae";
import { type BeamStep, beamSearch } from "rqvae/decoding";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Recommender } from "../../../examples/generate/recommender.js";
import { historiesOfEmoji } from "../support/emoji-histories.ts";

const EXAMPLE = "examples/generate";
const MODEL = `${EXAMPLE}/model/onnx/model.onnx`;
const folder = mkdtempSync(join(tmpdir(), "rqvae-generate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (program: string, ...args: string[]) =>
  spawnSync(process.execPath, [`${EXAMPLE}/${program}.mjs`, ...args], { encoding: "utf8" });

let session: ort.InferenceSession;
let index: SemanticIdIndex;
let recommender: Recommender;
beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  session = await ort.InferenceSession.create(readFileSync(MODEL));
  index = await SemanticIdIndex.load(readFileSync(`${EXAMPLE}/emoji.index`));
  recommender = new Recommender(ort, session, index);
});

const histories = historiesOfEmoji().map((user) => user.slice(0, -1));

describe("the recommender", () => {
  it("finds ten items that are in stock and not in the history", async () => {
    const [history] = histories;
    const inStock = await index.filter();
    const allowed = async () => inStock.intersection((await index.filter(history!)).complement());
    const first = await recommender.recommend(history!, { filter: await allowed() });
    const found = first.map(({ itemId }) => itemId);
    expect(new Set(found).size).toBe(10);
    for (const { itemId, codes } of first) expect(index.get(itemId)).toEqual(codes);
    expect(found.filter((itemId) => history!.includes(itemId as string))).toEqual([]);
    // What is sold out makes room for others, and comes back.
    inStock.remove(found.slice(0, 3));
    const then = await recommender.recommend(history!, { filter: await allowed() });
    expect(then.map(({ itemId }) => itemId).filter((itemId) => found.slice(0, 3).includes(itemId))).toEqual([]);
    expect(then).toHaveLength(10);
    inStock.add(found.slice(0, 3));
    expect(await recommender.recommend(history!, { filter: await allowed() })).toEqual(first);
  });

  it("keeps the caches in the order of the beam: the same as a model that reads every prefix anew", async () => {
    const vocabulary = new Vocabulary(index);
    for (const history of histories.slice(0, 5)) {
      const { tokens } = encodeHistories([history], index, vocabulary);
      const options = { index, vocabulary, width: 7 };
      const anew = await beamSearch({ ...options, step: withoutCaches(Array.from(tokens)) });
      const found = await recommender.recommend(history, options);
      expect(found.map(({ itemId }) => itemId)).toEqual(anew.map(({ itemId }) => itemId));
      found.forEach(({ logProbability }, i) => {
        expect(logProbability).toBeCloseTo(anew[i]!.logProbability, 4);
      });
    }
  });

  it("runs the model once for each code, and reads no more of a history than the model has positions for", async () => {
    const runs = recommender.runs;
    await recommender.recommend(histories.slice(0, 5).flat(), {});
    expect(recommender.runs - runs).toBe(index.levels);
  });

  /** Reads the whole of each prefix, with no caches. */
  function withoutCaches(prompt: number[]): BeamStep {
    return async (prefixes) => {
      const rows = prefixes.length;
      const sequences = prefixes.map((prefix) => [...prompt, ...prefix]);
      const width = sequences[0]!.length;
      const table = (values: number[]) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [rows, width]);
      const feeds: Record<string, ort.Tensor> = {
        input_ids: table(sequences.flat()),
        attention_mask: table(new Array(rows * width).fill(1)),
        position_ids: table(sequences.flatMap((sequence) => [...sequence.keys()])),
      };
      for (const name of session.inputNames.slice(3)) {
        feeds[name] = new ort.Tensor("float32", new Float32Array(0), [rows, 4, 0, 16]);
      }
      const { logits } = await session.run(feeds);
      const size = logits!.dims[2]!;
      const last = new Float32Array(rows * size);
      for (let row = 0; row < rows; row++) {
        const end = (row + 1) * width * size;
        last.set((logits!.data as Float32Array).subarray(end - size, end), row * size);
      }
      return last;
    };
  }
});

describe("what is committed", () => {
  it("is below 1 MB, names no folder, and says what transformers.js needs to know", () => {
    expect(statSync(MODEL).size).toBeLessThan(1_000_000);
    expect(readFileSync(MODEL, "latin1")).not.toMatch(/\.py|\/(?:home|tmp|usr|work)\//);
    const config = JSON.parse(readFileSync(`${EXAMPLE}/model/config.json`, "utf8"));
    const vocabulary = new Vocabulary(index);
    expect(config.vocab_size).toBe(vocabulary.size);
    expect([config.bos_token_id, config.eos_token_id]).toEqual([vocabulary.begin, vocabulary.end]);
    const { inputNames } = session;
    expect(inputNames.slice(0, 3)).toEqual(["input_ids", "attention_mask", "position_ids"]);
    expect(inputNames.length).toBe(3 + 2 * config.n_layer);
  });

  it("is what make-ids.mjs makes, and the held-out choices are not learned from", () => {
    const { status, stderr } = run("make-ids", folder);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(readFileSync(join(folder, "emoji.index")).equals(readFileSync(`${EXAMPLE}/emoji.index`))).toBe(true);
    const { tokens } = JSON.parse(readFileSync(join(folder, "training.json"), "utf8")) as { tokens: number[][] };
    const vocabulary = new Vocabulary(index);
    const learned = tokens.map((row) => vocabulary.decodeAll(row).map((codes) => index.items(codes)[0]));
    expect(learned).toEqual(histories);
  });
});

describe("the programs", () => {
  it("recommend.mjs prints what the README shows", () => {
    const { status, stdout } = run("recommend");
    expect(status).toBe(0);
    expect(readFileSync(`${EXAMPLE}/README.md`, "utf8")).toContain(stdout);
  });

  it("make-ids.mjs asks for a folder", () => {
    const { status, stderr } = run("make-ids");
    expect(status).toBe(2);
    expect(stderr).toMatch("name a folder");
  });
});
