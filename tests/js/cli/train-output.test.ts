/** What rqvae train says about its outcome: as JSON, as a history, in the report, with --quiet, and in a dry run. */
import { RQVAE } from "rqvae";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../../bindings/js/base/version.ts";
import { dim, expectError, files, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const held = ["--validation", "0.25", "--validation-until", "1", "--evaluate-every", "1"];

describe("--json", () => {
  it("has on standard output what the report and the model say", async () => {
    const { status, stdout, stderr } = rqvae("train", "items.npy", ...quick, ...held, "--seed", "5", "--json");
    expect(status).toBe(0);
    expect(stderr).toContain("epoch 3 of 3"); // progress stays where it was
    const told = JSON.parse(stdout);
    const model = await RQVAE.load(readBytes("model.safetensors"));
    const { fingerprint, config } = model;
    model.dispose();
    expect(told).toMatchObject({
      version: VERSION,
      seed: 5,
      fingerprint,
      configuration: { model: config, train: { epochs: 3, validationShare: 0.25, evaluateEvery: 1 } },
      items: { file: "items.npy", rows, dim },
      epochs: 3,
      stoppedEarly: false,
      heldOut: { items: 15 },
      start: { epoch: 0, heldOut: { items: 15 } },
      ids: { items: rows },
      outputs: {
        model: { file: "model.safetensors", bytes: readBytes("model.safetensors").length },
        ids: { file: "model.ids.csv", rows, bytes: readBytes("model.ids.csv").length },
      },
    });
    expect(told.ids.distinctIds).toBe(
      new Set(
        read("model.ids.csv")
          .trimEnd()
          .split("\n")
          .slice(1)
          .map((line) => line.split(",").at(-1)),
      ).size,
    );
    expect(told.seconds).toBeGreaterThan(0);
    expect(told.selected.isStart).toBe(told.selected.epoch === 0);
    expect(told.heldOut.epoch).toBe(told.selected.epoch);

    // The same in words.
    const text = rqvae("train", "items.npy", ...quick, ...held, "--seed", "5", "-f").stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain(`rqvae ${VERSION}, seed 5, fingerprint ${fingerprint}`);
    expect(text).toContain(`Kept: ${told.selected.because}.`);
    expect(text).toContain(`Validation: explained variance ${(100 * told.heldOut.explainedVariance).toFixed(1)}%`);
    expect(text).toMatch(/Configuration .*--codes 8,4 .*--latent 3 .*--validation 0\.25/);
    // What is printed makes the same model again.
    const flags = /Configuration (.*?) Written/.exec(text)![1]!.trim().split(" ");
    expect(rqvae("train", "items.npy", ...flags, "--seed", "5", "-o", "again.safetensors", "-q").status).toBe(0);
    expect(readBytes("again.safetensors").equals(readBytes("model.safetensors"))).toBe(true);
    // And in the other reports.
    const report = rqvae("report", "model.safetensors", "items.npy", "--json");
    expect(JSON.parse(report.stdout).model).toMatchObject({
      version: VERSION,
      seed: 5,
      fingerprint,
      configuration: { model: config },
    });
    const encoded = rqvae("encode", "model.safetensors", "items.npy", "-o", "ids.csv");
    expect(encoded.stderr).toContain(`(rqvae ${VERSION}, seed 5, fingerprint ${fingerprint})`);
  });

  it("is one object for kmeans too, and shares standard output with nothing", () => {
    const { stdout } = rqvae("kmeans", "items.npy", "--codes", "8", "--levels", "2", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      seed: 0,
      selected: null,
      configuration: { model: { codebookSize: [8, 8] }, train: null },
      ids: { items: rows, usedCodes: [8, expect.any(Number)] },
    });
    for (const command of ["train", "kmeans"]) {
      expectError(rqvae(command, "items.npy", "--json", "--ids", "-"), 2, "--json and --ids - both write to standard");
    }
  });
});

describe("--history", () => {
  it("has a row for each epoch, as csv and as JSON lines", () => {
    const run = (name: string) =>
      expect(
        rqvae("train", "items.npy", ...quick, "--epochs", "6", ...held, "-f", "-q", "--history", name).status,
      ).toBe(0);
    run("h.csv");
    const [header, ...lines] = read("h.csv")
      .trimEnd()
      .split("\n")
      .map((line) => line.split(","));
    const table = lines.map((cells) => Object.fromEntries(header!.map((name, i) => [name, cells[i]])));
    run("h.jsonl");
    const records = read("h.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(table.map(({ epoch }) => epoch)).toEqual(records.map(({ epoch }) => String(epoch)));
    expect(records.map(({ epoch }) => epoch)).toEqual(Array.from(records, (_, i) => i + 1));
    expect(records.length).toBeGreaterThan(0);
    for (const [i, record] of records.entries()) {
      const row = table[i]!;
      expect(Number(row.loss)).toBe(record.loss);
      expect(Number(row.level_2_quantization_error)).toBe(record.perLevel[1].quantizationError);
      expect(row.evaluated).toBe(String(record.evaluated));
      if (!record.evaluated) continue;
      expect(Number(row.distinct_ids)).toBe(record.ids.distinctIds);
      expect(Number(row.held_out_explained_variance)).toBe(record.heldOut.explainedVariance);
    }
  });

  it("leaves out what was not evaluated", () => {
    const some = ["--epochs", "5", "--validation", "0", "--evaluate-every", "4", "-q", "--history", "h.csv"];
    expect(rqvae("train", "items.npy", ...quick, ...some).status).toBe(0);
    const rowsOf = read("h.csv")
      .trimEnd()
      .split("\n")
      .map((line) => line.split(","));
    const [evaluated, distinct] = ["evaluated", "distinct_ids"].map((name) => rowsOf[0]!.indexOf(name)) as [
      number,
      number,
    ];
    const lines = rowsOf.slice(1);
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line[distinct] === "").toBe(line[evaluated] === "false");
    expect(new Set(lines.map((line) => line[evaluated])).size).toBe(2);
  });

  it("is not the same file as another output", () => {
    const same = ["--history", "x.csv", "--ids", "x.csv"];
    expectError(rqvae("train", "items.npy", ...quick, ...same), 2, "--history and --ids are the same file, x.csv");
    expectError(rqvae("train", "items.npy", ...quick, "--history", "none/x.csv"), 1, "none does not exist");
  });
});

it("--quiet still says that the start was kept", () => {
  const options = [...quick, ...held, "--lr", "0.5", "-q", "-f"];
  const { status, stdout, stderr } = rqvae("train", "items.npy", ...options);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(/^rqvae: training found nothing better than the start, which was kept: [^\n]+\n$/);
  const json = rqvae("train", "items.npy", ...options, "--json");
  expect(json.stderr).toBe(stderr);
  expect(JSON.parse(json.stdout).selected).toMatchObject({ epoch: 0, isStart: true });
  const last = rqvae("train", "items.npy", ...options, "--select", "last");
  expect(last).toEqual({ status: 0, stdout: "", stderr: "" });
});

it("--threads changes no result", () => {
  for (const threads of ["1", "2"]) {
    const options = ["--threads", threads, "-q", "-o", `${threads}.safetensors`];
    expect(rqvae("train", "items.npy", ...quick, ...options).status).toBe(0);
  }
  expect(readBytes("1.safetensors").equals(readBytes("2.safetensors"))).toBe(true);
});

describe("--dry-run", () => {
  it("says what would be read, chosen, written and taken, and writes nothing", () => {
    const table = Array.from({ length: 300 }, (_, i) => `sku-${i},thing ${i},${i % 4},${(i * 7) % 5},${i % 3}`);
    write("items.csv", ["item_id,title,e0,e1,e2", ...table].join("\n"));
    const before = files();
    const { status, stdout } = rqvae("train", "items.csv", "--dry-run", "--epochs", "9", "--history", "h.csv");
    expect(status).toBe(0);
    expect(files()).toEqual(before);
    const text = stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain("A dry run: nothing was trained and no file was written.");
    expect(text).toContain("items.csv: 300 rows of 3 numbers");
    expect(text).toContain("vectors: e0, e1, e2 · item IDs: item_id · titles: title");
    expect(text).toContain("Options that you gave --epochs 9");
    expect(text).toMatch(/Options chosen from the items .*--codes 32 .*--codes: about twice the square root/);
    expect(text).toMatch(/model\.safetensors the model .*model\.ids\.csv the IDs .*h\.csv the history/);
    expect(text).toMatch(/time: (about )?[\d.]+ (s|min)/);
    expect(text).toMatch(/memory: [\d.]+ MB to [\d.]+ MB/);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("chooses what a training then has, in JSON as well", () => {
    const plan = JSON.parse(rqvae("train", "items.npy", "--dry-run", "--json", "--seed", "3").stdout);
    expect(plan).toMatchObject({ dryRun: true, seed: 3, items: { rows, dim }, columns: null });
    expect(plan.expected.seconds[0]).toBeLessThanOrEqual(plan.expected.seconds[1]);
    expect(plan.outputs["the model"]).toEqual({ file: "model.safetensors", exists: false });
    const trained = JSON.parse(rqvae("train", "items.npy", "--json", "--seed", "3").stdout);
    expect(plan.configuration).toEqual(trained.configuration);
    const tiger = JSON.parse(rqvae("train", "items.npy", "-f", "--dry-run", "--json", "--preset", "tiger").stdout);
    expect(tiger.choices).toContainEqual({ name: "learningRate", value: 0.4, by: "the preset", reason: null });
  });

  it("fails where the training would", () => {
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    expectError(rqvae("train", "nan.npy", "--dry-run"), 1, "nan.npy", "row 3, column 2 is NaN");
    write("model.safetensors", "precious");
    expectError(rqvae("train", "items.npy", "--dry-run"), 1, "model.safetensors: exists already", "--force");
    expectError(
      rqvae("train", "items.npy", "--dry-run", "-f", "--codes", "8,4", "--levels", "3"),
      2,
      "--codes has 2 entries",
    );
  });
});
