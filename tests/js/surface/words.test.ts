import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { adviseCapacity, assessIds, RQVAE, residualKMeans, SemanticIdIndex, SemanticIds } from "rqvae";
import { readIds, readItems, readLabels, writeIds } from "rqvae/formats";
import { explainIds, reportHtml } from "rqvae/report";
import { Vocabulary } from "rqvae/vocabulary";
import { beforeAll, describe, expect, it } from "vitest";
import { counted, inNumber, thereAre } from "../../../bindings/js/base/words.ts";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { describeDrift } from "../../../bindings/js/index/drift.ts";
import { itemWarnings } from "../../../bindings/js/items/item-profile.ts";
import { checkLabels } from "../../../bindings/js/items/labels.ts";
import { diagnose } from "../../../bindings/js/model/health.ts";
import { resolveModelConfig } from "../../../bindings/js/options/model-config.ts";
import { rqvae, useFolder, write } from "../cli/harness.ts";

describe("a count and its noun and verb", () => {
  it.each([
    [0, "0 items", "0 rows have", "there are 0 entries"],
    [1, "1 item", "1 row has", "there is 1 entry"],
    [2, "2 items", "2 rows have", "there are 2 entries"],
    [1234, "1,234 items", "1,234 rows have", "there are 1,234 entries"],
  ])("of %i", (n, items, rows, entries) => {
    expect([counted(n, "item"), counted(n, "row", "has", "have"), thereAre(n, "entry")]).toEqual([
      items,
      rows,
      entries,
    ]);
  });

  it.each([
    ["epoch", "epochs"],
    ["batch", "batches"],
    ["category", "categories"],
    ["key", "keys"],
    ["index", "indexes"],
    ["distinct ID", "distinct IDs"],
  ])("%s: %s", (one, many) => {
    expect([inNumber(1, one), inNumber(0, one), inNumber(2, one)]).toEqual([one, many, many]);
  });
});

const NOUNS =
  "items|rows|columns|codes|levels|values|titles|labels|IDs|bytes|entries|lines|epochs|dimensions|numbers|tokens|shards|groups|evaluations|vectors|codes used|distinct IDs|item IDs|semantic IDs|embeddings";
const FAULTS: RegExp[] = [
  // "x 1 codes" and "of 1" in products are shapes; "level 1 uses" is a name.
  new RegExp(`(?<![\\d,.x] ?|level |row |line |column |item |epoch )\\b1 (${NOUNS})\\b`),
  /(?<!\d|level |row |column )\b1 [a-z]+ (have|are|were|share|need|hold)\b/,
  /\bthere are 1\b(?![\d,])/,
  /\b(0|[2-9]|\d\d+) (item|row|column|code|level|value|title|label|entry|epoch) (is|are|has|have)\b/,
  /\bPlease\b (embeddings|pickles|a |an |the |\w+s (are|run)\b)/,
  /\b(undefined|NaN|\[object)\b/,
  /: \.|(?<!\.)\.\.(?!\.)|;;|,,| {2}[a-z]|\s$/,
];
const faultsOf = (text: string) => FAULTS.filter((fault) => fault.test(text)).map((fault) => `${fault} in: ${text}`);

describe("the scan itself", () => {
  it("finds what it is for", () => {
    for (const bad of [
      "titles has 1 entries",
      "1 item have the ID",
      "there are 1 IDs",
      "2 item has",
      "Please embeddings are expected.",
      "Please pickles run code when read",
      "row is undefined",
    ]) {
      expect(faultsOf(bad), bad).not.toEqual([]);
    }
    for (const good of [
      "has 1 entry",
      "3 x 1 codes make",
      "level 1 uses 1 of its 8 codes",
      "row 1 has 2 values",
      "11 items have",
    ]) {
      expect(faultsOf(good), good).toEqual([]);
    }
  });
});

const caught = async (call: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(call)
    .then(
      (result) => (typeof result === "string" ? result : ""),
      (error: Error) => error.message,
    );
const bytes = (text: string) => new TextEncoder().encode(text);
/** Vectors of n items. */
const some = (n: number, dim = 3) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: dim }, (_, j) => Math.sin(i * (j + 2) + j)));
const ids = (n: number, levels = 2, size = 4) =>
  SemanticIds.from(
    Array.from({ length: n }, (_, i) => Array.from({ length: levels }, (_, l) => (i + l) % size)),
    { codebookSizes: new Array(levels).fill(size) },
  );

describe("messages with counts of none, one and two", () => {
  let model: RQVAE;
  beforeAll(async () => {
    model = await RQVAE.fit(some(30), { epochs: 1, codebookSize: 4 });
  });

  it.each([0, 1, 2])("complaints, with %i", async (n) => {
    const list = new Array(n).fill(0);
    const calls: (() => unknown)[] = [
      () => checkLabels({ titles: list.map(String) }, n + 1),
      () => checkLabels({ titles: new Array(n + 1).fill("x"), labels: { k: list } }, n + 1),
      () => readLabels(JSON.stringify({ titles: ["a", "b", "c"], labels: { k: list } })),
      () => SemanticIds.from({ codes: new Uint16Array(2 * n + 1), levels: 2 }, { codebookSizes: [4, 4] }),
      () => SemanticIds.from([list], { codebookSizes: [4, 4, 4] }),
      () => ids(Math.max(1, n)).at(7),
      () =>
        SemanticIdIndex.build(
          list.map((_, i) => i),
          ids(3),
        ),
      () => SemanticIdIndex.build(["a", "b", "c"], ids(3)).items(new Array(n + 3).fill(0)),
      () => new Vocabulary(new Array(Math.max(1, n)).fill(2)).tokenOf(9, 0),
      () => new Vocabulary([4, 4, 4]).encode(list),
      () => [...writeIds("csv", { ids: ids(3), itemIds: list.map(String) })],
      () => readIds(bytes(`item,code_1,id\n${list.map(() => "x").join()}\n`)),
      () => readIds(bytes(`items,semantic_ids\n${n}\n`)),
      () => model.encode(list.map(() => [1])),
      () => model.encode(new Float32Array(n + 4)),
      () => model.encode({ data: new Float32Array(n), rows: n + 1, dim: 3 }),
      () => model.train(some(5), { patience: n, select: "last", validationShare: 0 }),
      () => RQVAE.create({ inputDim: 3, codebookSize: new Array(n).fill(4), nQuantizationLayers: 3 }),
      () => RQVAE.create({ inputDim: 3, sinkhornEpsilon: new Array(n).fill(0.1), nQuantizationLayers: 3 }),
      () =>
        residualKMeans(
          list.map(() => [1, 2]),
          { nQuantizationLayers: 0 },
        ),
      () => assessIds(ids(3), { items: some(n) }),
      () => assessIds(ids(3), { labels: list }),
      () => RQVAE.load(new Uint8Array(n)),
      () => SemanticIdIndex.load(new Uint8Array(n)),
      () => readItems(new Uint8Array(n), { fileName: "x.npy" }),
      () => readItems(bytes(JSON.stringify([[1, 2, 3], list]))),
      () => readItems(writeNpy({ data: new Float32Array(3 * n + 3), rows: n + 1, dim: 3 }).subarray(0, -1 - n)),
    ];
    const messages = await Promise.all(calls.map(caught));
    expect(messages.filter((message) => message !== "").length).toBeGreaterThan(18);
    expect(messages.flatMap(faultsOf)).toEqual([]);
  });

  it.each([1, 2, 3])("reports and explanations of %i", async (n) => {
    const items = some(n);
    for (const same of [false, true]) {
      const vectors = same ? items.map(() => items[0]!) : items;
      const own = await residualKMeans(vectors, { nQuantizationLayers: 2, codebookSize: 2 });
      const given = own.encode(vectors);
      const report = await assessIds(given, {
        items: vectors,
        model: own,
        baseline: true,
        labels: items.map((_, i) => i % 2),
      });
      const texts = [report.text, String(report.baselines!.randomHash)];
      const explainer = await explainIds(own, vectors, { ids: given });
      texts.push((await explainer.explain(0)).text);
      if (n > 1) texts.push((await explainer.whyCollide(0, 1)).text);
      expect(texts.flatMap((text) => text.split("\n")).flatMap((line) => faultsOf(line.trim()))).toEqual([]);
      const visible = reportHtml(report)
        .replace(/<style[\s\S]*?<\/style>/g, "")
        .replace(/<title>([^<]*)<\/title>/g, " $1 ");
      expect(visible).not.toMatch(/(?<![\d,.x] ?|level )\b1 (items|rows|codes|levels|IDs|groups)\b/);
      own.dispose();
    }
  });

  it("capacities", async () => {
    for (const n of [1, 2, 10]) {
      for (const levels of [1, 2]) {
        for (const codebookSize of [1, 2, 256]) {
          const { text } = await adviseCapacity(n, { nQuantizationLayers: levels, codebookSize });
          expect(text.split("\n").flatMap(faultsOf)).toEqual([]);
        }
      }
    }
  });

  it("warnings", () => {
    for (const n of [1, 2, 3, 1000]) {
      for (const distinctIds of [1, 2]) {
        for (const size of [1, 2, 8]) {
          const context = {
            config: resolveModelConfig({ inputDim: 4, codebookSize: [size, size] }),
            ...{ learningRate: 1e-3, items: n, earlier: [], start: undefined, deadCodeRestart: false },
            profile: { rows: n, distinct: Math.max(1, n - 1), itemsWithTwin: n > 1 ? 2 : 0, evenVectors: n },
          };
          const level = { quantizationError: 1, codebookLoss: 1, commitmentLoss: 1, residualEnergy: 2 };
          const record = {
            ...{ epoch: 0, loss: 2, reconstructionLoss: 1, quantizeLoss: 1, perLevel: [level, level] },
            ...{ learningRate: 1e-3, evaluated: true, deadCodes: [], restartedCodes: [] },
            ids: {
              ...{ items: n, distinctIds, uniqueShare: distinctIds / n, itemsSharing: n, largestGroup: 1 },
              ...{ usedCodes: [1, 1], usage: [1 / size, 1 / size], perplexity: [1, 1] },
            },
          };
          const warnings = [...diagnose(record, context), ...itemWarnings(context.profile, n, "commonScale")];
          expect(warnings.flatMap(({ message }) => faultsOf(message))).toEqual([]);
        }
      }
      const { warning } = describeDrift(n, Math.min(n, 2));
      expect(warning ? faultsOf(warning) : []).toEqual([]);
    }
  });
});

describe("files that are something else", () => {
  const FILES: [name: string, bytes: number[] | string][] = [
    ["a.pdf", "%PDF-1.7 and so on"],
    ["a.png", [0x89, 0x50, 0x4e, 0x47, 13, 10]],
    ["a.jpg", [0xff, 0xd8, 0xff, 0xe0]],
    ["a.pkl", [0x80, 4, 0x95, 0, 0, 0]],
    ["a.zst", [0x28, 0xb5, 0x2f, 0xfd, 0]],
    ["a.h5", [0x89, 0x48, 0x44, 0x46, 13]],
    ["a.arrow", "ARROW1\0\0"],
    ["a.html", "<!doctype html><p>no"],
    ["a.bin", [1, 2, 0, 4, 0, 0, 9]],
    ["empty.npy", []],
    ["a.gz", [0x1f, 0x8b, 8, 0]],
    ["a.zip", [0x50, 0x4b, 5, 6, ...new Array(18).fill(0)]],
  ];

  it.each(FILES)("%s is refused in whole sentences", async (name, content) => {
    const file = typeof content === "string" ? bytes(content) : Uint8Array.from(content);
    const messages = await Promise.all([
      caught(() => readItems(file, { fileName: name })),
      caught(() => readIds(file, { fileName: name })),
    ]);
    for (const message of messages) {
      expect(message).not.toBe("");
      expect(faultsOf(message)).toEqual([]);
      // What comes after a full stop begins a sentence.
      expect(message).not.toMatch(/[a-z)]\. [a-z]/);
    }
  });
});

describe("the source", () => {
  const sources = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory()
        ? sources(join(folder, entry.name))
        : entry.name.endsWith(".ts")
          ? [join(folder, entry.name)]
          : [],
    );

  it("begins no sentence that something else ends", () => {
    const root = join(import.meta.dirname, "../../..");
    for (const file of [...sources(join(root, "bindings/js")), ...sources(join(root, "web/src"))]) {
      const text = readFileSync(file, "utf8");
      expect(text, file).not.toMatch(/\b(Please|Try|Use) \$\{(advice|hint|remedy)/);
      expect(text, file).not.toMatch(/\.replace\("(has|is|begins)", "(have|are|begin)"\)/);
    }
  });
});

describe("on the command line", () => {
  useFolder();

  it("one item, two items and items that are all the same", () => {
    for (const [name, rows] of [
      ["one", some(1)],
      ["two", some(2)],
      ["same", [...some(1), ...some(1), ...some(1)]],
    ] as const) {
      write(`${name}.npy`, writeNpy({ data: Float32Array.from(rows.flat()), rows: rows.length, dim: 3 }));
      const outputs = ["-o", `${name}.safetensors`, "--ids", `${name}.csv`];
      for (const result of [
        rqvae("train", `${name}.npy`, "--epochs", "1", ...outputs),
        rqvae("report", `${name}.safetensors`, `${name}.npy`, "--baseline"),
        rqvae("encode", `${name}.safetensors`, `${name}.npy`, "-o", `${name}.jsonl`),
        rqvae("report", `${name}.safetensors`, `${name}.npy`, "--ids", "ids-of-nobody.csv"),
      ]) {
        const lines = `${result.stdout}\n${result.stderr}`
          .split("\n")
          .map((line) => line.trim().replaceAll(/\s{2,}/g, " · "));
        expect(lines.flatMap(faultsOf)).toEqual([]);
      }
    }
  });
});
