/** The bench of speed without its clock: statistics, checks of results, what it prints and writes, what it refuses. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, describe, expect, test, vi } from "vitest";
import { atLeast, reported } from "../figures.mjs";
import { Bench } from "./bench.mjs";
import { compareIds, compareLosses } from "./checks.mjs";
import { agrees, contest } from "./compare.mjs";
import { Contender } from "./contender.mjs";
import { encoderGraph } from "./contenders/onnx.mjs";
import { readWeights } from "./contenders/tensors.mjs";
import { complaintAbout } from "./fit.mjs";
import { FIELD_TRAIN, fieldModel, loadShape, SHAPES } from "./fit-shapes.mjs";
import { FLOPS } from "./inputs.mjs";
import { alternate, logSlope, quantile, ratio } from "./measure.mjs";
import { bestOf, secondsTo, timeToQuality } from "./time-to-quality.mjs";

const folder = mkdtempSync(join(tmpdir(), "rqvae-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the program", () => {
  const run = (...args: string[]) => spawnSync(process.execPath, ["bench/speed.mjs", ...args], { encoding: "utf8" });

  test("prints a table and writes what it measured", () => {
    const json = join(folder, "figures.json");
    const { status, stdout } = run("--peer", "none", "--only", "sizes", "--json", json);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nSizes \(\d+ s\)\n {2}WebAssembly, gzipped +[\d.]+ +KB +<= 100 +(holds|MISSES)\n/);
    const figures = JSON.parse(readFileSync(json, "utf8"));
    expect(figures).toHaveLength(4);
    for (const figure of figures) {
      expect(Object.keys(figure)).toEqual(["name", "value", "unit", "target", "holds"]);
      expect(figure.holds).toBe(figure.value <= Number(figure.target.replace("<= ", "")));
    }
  });

  test.each([
    [["--peer", "numpy"], 'unknown peer "numpy"; there are tfjs, tfjs-tuned, onnxruntime-web'],
    [["--only", "everything"], 'unknown part "everything"; there are ceiling, products, train'],
    [["--peer", "none", "--peer", "tfjs"], '"none" stands alone'],
    [["--repeat", "3"], "Unknown option '--repeat'"],
    [["train"], "Unexpected argument 'train'"],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("statistics", () => {
  test("contenders take turns, and the first turn does not count", async () => {
    const order: string[] = [];
    const contender = (name: string) => () => order.push(name);
    expect(await alternate([contender("a"), contender("b")], 2)).toEqual([
      [3, 5],
      [4, 6],
    ]);
    expect(order.join("")).toBe("ababab");
  });

  test("a ratio is taken turn by turn", () => {
    expect(ratio([10, 20, 5], [5, 10, 2])).toBe(2); // the machine was slow in one turn: both were
  });

  test("quantiles", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100]);
  });

  test("slopes", () => {
    const xs = [10, 100, 1000];
    expect(logSlope(xs, [7, 7, 7])).toBeCloseTo(0, 12);
    expect(
      logSlope(
        xs,
        xs.map((x) => 3 * x ** 1.5),
      ),
    ).toBeCloseTo(1.5, 12);
  });

  test("operations at the reference shape", () => {
    expect(FLOPS.train / 1e6).toBeCloseTo(2.56, 2);
    expect(FLOPS.encode / 1e6).toBeCloseTo(0.57, 2);
  });
});

describe("results", () => {
  test("losses", () => {
    expect(compareLosses([2, 1], [2.0019, 0.9991])).toBeUndefined();
    expect(compareLosses([2, 1], [2, 1.002])).toMatch(/^loss of step 1 is 1.002, ours 1;/);
    expect(compareLosses([2, 1], [2, Number.NaN])).toMatch("step 1 is NaN");
    expect(compareLosses([2, 1], [2])).toBe("1 losses instead of 2");
  });

  test("IDs", () => {
    const ours = Array.from({ length: 2000 }, (_, i) => i % 7);
    expect(compareIds(ours, ours.with(5, 9), 2)).toBeUndefined();
    expect(compareIds(ours, ours.with(5, 9).with(4, 9), 2)).toBeUndefined(); // one item, both levels
    expect(compareIds(ours, ours.with(5, 9).with(9, 9), 2)).toBe("99.80% of the IDs are the same; 99.9% must be");
    expect(compareIds(ours, ours.slice(2), 2)).toBe("999 IDs instead of 1000");
  });
});

describe("time to quality", () => {
  const curve = [
    { seconds: 0, variance: 0.5 },
    { seconds: 2, variance: 0.7 },
    { seconds: 4, variance: 0.6 },
    { seconds: 6, variance: 0.8 },
  ];

  test("is when a curve first reaches what is wanted", () => {
    expect([0.4, 0.5, 0.6, 0.7, 0.75, 0.81].map((wanted) => secondsTo(curve, wanted))).toEqual([0, 0, 2, 2, 6, null]);
    expect(bestOf(curve.slice(0, 3))).toBe(0.7);
  });

  test("counts the start apart, for every mark and training", () => {
    const trainings = { fit: { curve, before: 10 }, other: { curve: curve.slice(0, 3), before: 1 } };
    expect(timeToQuality(trainings, { low: 0.7, high: 0.8 })).toEqual([
      { mark: "low", training: "fit", seconds: 2, withStart: 12 },
      { mark: "low", training: "other", seconds: 2, withStart: 3 },
      { mark: "high", training: "fit", seconds: 6, withStart: 16 },
      { mark: "high", training: "other", seconds: null, withStart: null },
    ]);
  });

  test("compares programs that compute the same only", () => {
    const ours = { variance: 0.5, losses: [2, 1] };
    expect(complaintAbout(ours, { variance: 0.5009, losses: [2.001, 1] })).toBeUndefined();
    expect(complaintAbout(ours, { variance: 0.502, losses: [2, 1] })).toBe(
      "its start explains 0.502 of the unseen items, ours 0.5",
    );
    expect(complaintAbout(ours, { variance: 0.5, losses: [2, 1.1] })).toMatch("loss of step 1");
    expect(complaintAbout(ours, { variance: Number.NaN, losses: [2, 1] })).toMatch("its start explains NaN");
  });

  test("shares no item between those to fit and those to judge by", () => {
    const { items, unseen } = loadShape("12k")!;
    expect([items.rows, items.dim, unseen.rows]).toEqual([...(SHAPES["12k"] as number[]), 1211]);
    expect(unseen.data.byteOffset).toBe(items.data.byteOffset + items.data.byteLength);
  });

  test("the field's recipe is one that the library takes", async () => {
    using model = await RQVAE.create(fieldModel(6, [8, 8, 8]));
    expect(model.config.hiddenDims).toEqual([512, 256, 128]);
    expect(model.config.encodeBeam).toBe(1);
    expect(FIELD_TRAIN(12_101).epochs).toBe(30);
  });
});

/** A contender that answers from a table. */
const stub = (name: string, answers: Record<string, unknown>) =>
  ({ name, ask: async (command: string) => answers[command] }) as unknown as Contender;

describe("a comparison", () => {
  const work = { what: "train", batch: 4 } as const;
  const ours = stub("ours", { losses: [1], rate: 30 });

  test("gives a ratio", async () => {
    const bench = new Bench([]);
    const peer = stub("theirs", { losses: [1], rate: 10 });
    const same = await agrees(bench, "train", ours, peer);
    await contest(bench, "plain", work, { ours, peer, same, target: 2 });
    expect(bench.figures).toEqual([
      { name: "plain: theirs", value: 10, unit: "items/s", target: null, holds: null },
      { name: "plain: ours / theirs", value: 3, unit: "x", target: ">= 2", holds: true },
    ]);
  });

  test("gives no figure when the results differ, and says so", async () => {
    const bench = new Bench([]);
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const run = async () => {
      const peer = stub("theirs", { losses: [1.1], rate: 10 });
      const same = await agrees(bench, "train", ours, peer);
      await contest(bench, "plain", work, { ours, peer, same, target: 2 });
    };
    await bench.part("train", { title: "Training", run });
    const text = log.mock.calls.flat().join("\n");
    log.mockRestore();
    expect(bench.figures).toEqual([
      { name: "train: plain: ours / theirs", value: null, unit: "x", target: ">= 2", holds: false },
    ]);
    expect(text).toContain("* theirs: no figure, for its results differ: loss of step 0 is 1.1, ours 1;");
  });
});

test("a part that breaks off leaves the others alone", async () => {
  const bench = new Bench([]);
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const fail = () => {
    throw new Error("no luck");
  };
  await bench.part("first", { title: "First", run: fail });
  const run = (self: Bench) => self.add(reported("speed", 1234.5, "m/s"), atLeast("share", 0.5, 1));
  await bench.part("second", { title: "Second", run });
  const text = log.mock.calls.flat().join("\n");
  log.mockRestore();
  expect(bench.hasFailed).toBe(true);
  expect(bench.figures.map(({ name }) => name)).toEqual(["second: speed", "second: share"]);
  expect(text).toContain("* broken off: Error: no luck");
  expect(text).toMatch(/\n {2}speed {2}1,235 {2}m\/s\n {2}share {4}0\.5 +>= 1 {2}MISSES/);
});

describe("a contender", () => {
  const start = (code: string) =>
    new Contender("peer", [
      process.execPath,
      "--input-type=module",
      "--eval",
      `import { serve } from "./bench/speed/contenders/serve.mjs"; ${code}`,
    ]);

  test("answers, whatever its libraries print, and ends when told", async () => {
    const peer = start(
      `serve({ double: ({ x }) => { console.log("{"); return 2 * x; }, fail() { throw new Error("no"); } });`,
    );
    expect(await peer.ask("double", { x: 4 })).toBe(8);
    await expect(peer.ask("fail")).rejects.toThrow("peer: no");
    expect(await peer.ask("double", { x: 5 })).toBe(10);
    await peer.close();
    await expect(peer.ask("double", { x: 6 })).rejects.toThrow("peer has ended");
  });

  test("that dies says its last words", async () => {
    const peer = start(`console.error("out of luck"); serve({ die: () => process.exit(3) });`);
    await expect(peer.ask("die")).rejects.toThrow(/^peer ended: status 3\n {2}out of luck$/);
  });

  test("that does not exist", async () => {
    await expect(new Contender("peer", ["/nowhere/python3"]).ask("load")).rejects.toThrow(/ENOENT/);
  });
});

test("weights of a model file, and their graph", async () => {
  const path = join(folder, "model.safetensors");
  using model = await RQVAE.create({
    inputDim: 6,
    latentDim: 3,
    hiddenDims: [5],
    codebookSize: [4, 7],
    codebookKmeansInit: false,
    linearSkip: "none",
    inputScaling: "none",
  });
  writeFileSync(path, model.save());
  const weights = readWeights(path);
  expect(weights.encoder.map(({ weight }) => weight.shape)).toEqual([
    [5, 6],
    [3, 5],
  ]);
  expect(weights.decoder.map(({ bias }) => bias.shape)).toEqual([[5], [6]]);
  expect(weights.commitmentWeight).toBe(0.25);
  model.codebooks().forEach((codebook, level) => {
    expect(weights.codebooks[level]?.data).toEqual(codebook);
  });
  const graph = Buffer.from(encoderGraph(weights));
  for (const name of ["items", "Gemm", "ArgMin", "codes.0", "codes.1"]) expect(graph.includes(name)).toBe(true);
});
