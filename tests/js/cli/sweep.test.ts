import { appendFileSync, existsSync, rmSync, truncateSync } from "node:fs";
import { RQVAE } from "rqvae";
import { describe, expect, it } from "vitest";
import type { RunRecord } from "../../../bindings/js/sweep/record.ts";
import {
  called,
  expectError,
  files,
  inFolder,
  interruptOnce,
  npy,
  read,
  readBytes,
  rqvae,
  start,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

/** Settings that train in a blink. */
const quick = ["--set", "epochs=2", "--set", "hidden=8", "--set", "latent=3"];
const grid = ["--set", "codebookSize=4,8/4/4", "--set", "commitment=.1,0.25", ...quick];
const results = (name = "sweep.jsonl"): RunRecord[] =>
  read(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
/** What decides a run and what came of it, without what the clock says. */
const timeless = (name?: string) => results(name).map(({ seconds: _, ...record }) => record);

describe("rqvae sweep", () => {
  it("trains every combination with every seed, and compares them in one table", () => {
    const { status, stdout, stderr } = rqvae("sweep", "items.npy", ...grid, "--seeds", "2");
    expect(status, stderr).toBe(0);
    const records = results();
    expect(records).toHaveLength(2 * (4 + 2));
    expect(records.filter(({ method }) => method === "rqvae").map(({ setting, seed }) => [setting, seed])).toEqual(
      [0, 1].flatMap((seed) =>
        [4, [8, 4, 4]].flatMap((codebookSize) =>
          [0.1, 0.25].map((commitmentWeight) => [
            { codebookSize, commitmentWeight, epochs: 2, hiddenDims: [8], latentDim: 3 },
            seed,
          ]),
        ),
      ),
    );
    for (const { method, setting, seed, config, train, ...record } of records) {
      expect(config.seed).toBe(seed);
      expect(config.codebookSize).toEqual(
        [setting.codebookSize].flat().length === 1 ? [4, 4, 4] : setting.codebookSize,
      );
      expect(record.heldOut).toEqual({ share: 0.2, seed: 0, rows: 12 });
      expect(record.perplexity).toHaveLength(3);
      expect(record.fingerprint).toMatch(/^[0-9a-f]{16}$/);
      if (method === "rqvae") expect(train).toMatchObject({ epochs: 2 });
    }
    // Other seeds, other models.
    const [one, other] = [0, 1].map((seed) => records.find((each) => each.seed === seed)!);
    expect(one!.fingerprint).not.toBe(other!.fingerprint);
    expect(new Set(records.map(({ data }) => data.fingerprint)).size).toBe(1);
    const table = stdout.split("\n").filter((line) => line.startsWith("|"));
    expect(table).toHaveLength(2 + 4 + 2);
    expect(table[0]).toMatch(/^\| method +\| codebookSize \| commitmentWeight \| held-out variance/);
    expect(table.slice(6).join()).toMatch(/residual k-means \| (4|8\/4\/4) /);
    expect(stdout).toContain("Held out of every run: 12 of 60 items.");
    expect(stderr).toMatch(/^12 runs\. Results go to sweep\.jsonl\.\n( ?\d+\/12 {2}[^\n]+\n){12}$/);
  });

  it("has the figures that the model has", async () => {
    expect(rqvae("sweep", "items.npy", ...quick, "--set", "codes=4", "--keep-models", "kept", "-q").status).toBe(0);
    for (const { model: file, fingerprint, config, distinctIds } of results()) {
      const model = await RQVAE.load(readBytes(file!));
      expect({ ...model.config }).toEqual(config);
      expect(model.fingerprint).toBe(fingerprint);
      const items = new Float32Array(npy().slice(-60 * 5 * 4).buffer);
      expect(new Set([...model.encode(items)].map(String)).size).toBe(distinctIds);
      model.dispose();
    }
    // The model that rqvae train would make of the same items has the same settings.
    expect(results().map(({ method }) => method)).toEqual(["residualKMeans", "rqvae"]);
  });

  it("takes the base of rqvae train, or of a recipe", () => {
    const own = ["--set", "epochs=1", "--set", "codes=4"];
    expect(rqvae("sweep", "items.npy", ...own, "--no-baseline", "-q").status).toBe(0);
    expect(results()[0]).toMatchObject({ base: { recipe: "fit" }, config: { encodeBeam: 8, reconstructionWeight: 5 } });
    const preset = ["--preset", "lcrec", "--set", "epochs=1", "--set", "codes=4/4/4/4", "-o", "lcrec.jsonl", "-q"];
    expect(rqvae("sweep", "items.npy", ...preset).status).toBe(0);
    expect(results("lcrec.jsonl")[1]).toMatchObject({
      base: { recipe: "lcrec" },
      config: { activation: "relu", codebookSize: [4, 4, 4, 4], hiddenDims: [2048, 1024, 512, 256, 128, 64] },
      train: { epochs: 1, optimizer: "adamw", weightDecay: 1e-4 },
    });
  }, 300_000);

  it("lists the runs, and touches nothing, with --dry-run", () => {
    const before = files();
    const { status, stdout, stderr } = rqvae("sweep", "items.npy", ...grid, "--seeds", "10:12", "--dry-run");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(12);
    expect(lines[0]).toBe(" 1  residual k-means codebookSize=4/4/4 encodeBeam=8 seed=10");
    expect(lines[5]).toBe(" 6  codebookSize=8/4/4 commitmentWeight=0.25 epochs=2 hiddenDims=8 latentDim=3 seed=10");
    expect(files()).toEqual(before);
  });

  it("tells of a training that diverged, and goes on", () => {
    const { status, stdout, stderr } = rqvae(
      ..."sweep items.npy --set lr=1e30,.001 --set optimizer=sgd --set codes=4 --set epochs=2".split(" "),
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/learningRate=1e\+30 [^\n]*: training diverged, /);
    expect(stdout).toMatch(/RQ-VAE, 1 of 1 diverged \| 1e\+30/);
    expect(results().map(({ failed }) => failed !== undefined)).toEqual([false, true, false]);
    // It is a result: it is not tried again.
    expect(
      rqvae(..."sweep items.npy --set lr=1e30 --set optimizer=sgd --set codes=4 --set epochs=2".split(" ")).stderr,
    ).toContain("2 runs, 2 of which are in sweep.jsonl already.");
  });

  it("prints Markdown, LaTeX or JSON, sorted as asked", () => {
    const sweep = ["sweep", "items.npy", "--set", "codes=2,8", ...quick, "-q"];
    expect(rqvae(...sweep).stdout).toMatch(/^\| method/);
    expect(rqvae(...sweep, "--format", "latex").stdout).toMatch(/\\toprule\n(.*\\\\\n)\\midrule/);
    const sorted = (by: string) =>
      JSON.parse(rqvae(...sweep, "--format", "json", "--sort", by).stdout).rows.map(
        ({ setting }: RunRecord) => [setting.codebookSize].flat()[0],
      );
    expect(sorted("distinct")).toEqual([8, 2, 8, 2]);
    expect(sorted("setting")).toEqual([2, 8, 2, 8]);
    expect(results()).toHaveLength(4); // nothing was trained again
  });
});

describe("a sweep that was stopped", () => {
  const sweep = ["sweep", "items.npy", ...grid, "--seeds", "2"];

  it.skipIf(process.platform === "win32")("by Ctrl-C says how to resume, and gives the same results then", async () => {
    expect(rqvae(...sweep, "-o", "whole.jsonl", "-q").status).toBe(0);
    const stderr = await interruptOnce(start(...sweep, "--force"), "2/12");
    expect(stderr).toContain("Stopping: the run that is under way is dropped.");
    expect(stderr).toMatch(
      /\nStopped: \d+ of 12 runs are finished, in sweep\.jsonl\. To resume:\n {2}node .* sweep items\.npy /,
    );
    const command = stderr.trimEnd().split("\n").at(-1)!;
    expect(command).toBe(`  ${called} ${sweep.join(" ")}`);
    const finished = results().length;
    expect(finished).toBeGreaterThanOrEqual(2);
    expect(finished).toBeLessThan(12);
    expect(files()).toEqual(["items.npy", "labels.json", "sweep.jsonl", "whole.jsonl"]);
    const resumed = rqvae(...sweep);
    expect(resumed.stderr).toContain(`12 runs, ${finished} of which are in sweep.jsonl already.`);
    expect(resumed.stderr.match(/\/12 {2}/g)).toHaveLength(12 - finished);
    expect(timeless()).toEqual(timeless("whole.jsonl"));
  });

  it.skipIf(process.platform === "win32")("by kill -9 repeats no finished run", async () => {
    const child = start(...sweep);
    await new Promise<void>((resolve) => {
      let seen = "";
      child.stderr!.setEncoding("utf8").on("data", (chunk) => {
        seen += chunk;
        if (seen.includes("3/12")) child.kill("SIGKILL");
      });
      child.on("close", () => resolve());
    });
    const before = read("sweep.jsonl");
    const { status, stderr } = rqvae(...sweep);
    expect(status, stderr).toBe(0);
    expect(read("sweep.jsonl").startsWith(before.slice(0, before.lastIndexOf("\n") + 1))).toBe(true);
    expect(results()).toHaveLength(12);
  });

  it("repeats a run whose line was cut off, and no other", () => {
    const small = ["sweep", "items.npy", "--set", "codes=4,8", ...quick];
    expect(rqvae(...small).status).toBe(0);
    const [whole, known] = [read("sweep.jsonl"), timeless()];
    truncateSync(inFolder("sweep.jsonl"), whole.length - 40);
    const { status, stderr } = rqvae(...small);
    expect(status).toBe(0);
    expect(stderr).toContain("sweep.jsonl: the last line was cut off while it was written, and is removed.");
    expect(stderr).toContain("4 runs, 3 of which are in sweep.jsonl already.");
    expect(timeless()).toEqual(known);
    // Cut off at the very end, nothing is missing.
    truncateSync(inFolder("sweep.jsonl"), read("sweep.jsonl").length - 1);
    expect(rqvae(...small, "--set", "batch=16", "--no-baseline").stderr).toContain("4 runs are not part of this sweep");
    expect(results()).toHaveLength(6);
  });

  it("repeats nothing for zeros that a power cut left behind, or for blank lines", () => {
    const small = ["sweep", "items.npy", "--set", "codes=4", ...quick];
    expect(rqvae(...small, "-q").status).toBe(0);
    const whole = read("sweep.jsonl");
    appendFileSync(inFolder("sweep.jsonl"), "\0".repeat(500));
    const zeros = rqvae(...small).stderr;
    expect(zeros).toContain("the last line was cut off while it was written, and is removed.");
    expect(zeros).toContain("2 runs, 2 of which are in sweep.jsonl already.");
    expect(zeros).not.toContain("repeated");
    expect(read("sweep.jsonl")).toBe(whole);
    appendFileSync(inFolder("sweep.jsonl"), "\n \n");
    expect(rqvae(...small).stderr).toBe("2 runs, 2 of which are in sweep.jsonl already.\n");
    const { status, stderr } = rqvae(...small, "--seeds", "2", "-q");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("says which line to delete when one is damaged, so that the other runs are kept", () => {
    const small = ["sweep", "items.npy", "--set", "codes=4", ...quick];
    expect(rqvae(...small, "-q").status).toBe(0);
    const [first, second] = read("sweep.jsonl").split("\n");
    write("sweep.jsonl", `${first!.slice(0, 200)}\n${second}\n`);
    expectError(rqvae(...small), 1, "sweep.jsonl: line 1 is not a run of a sweep (it is not JSON): delete that line, ");
    write("sweep.jsonl", `${second}\n`);
    expect(rqvae(...small).stderr).toContain("2 runs, 1 of which is in sweep.jsonl already.");
  });

  it("keeps what it had when it starts again, and says where", () => {
    const small = ["sweep", "items.npy", "--set", "codes=4", ...quick];
    expect(rqvae(...small, "-q").status).toBe(0);
    const before = read("sweep.jsonl");
    const dry = rqvae(...small, "-f", "--dry-run");
    expect(dry).toMatchObject({ status: 0, stderr: "sweep.jsonl: 2 lines would be moved to sweep.jsonl.old.\n" });
    expect(files()).toEqual(["items.npy", "labels.json", "sweep.jsonl"]);
    const again = rqvae(...small, "--force", "--no-baseline");
    expect(again.stderr).toContain(
      "sweep.jsonl: 2 lines are kept in sweep.jsonl.old.\n1 run. Results go to sweep.jsonl.",
    );
    expect(read("sweep.jsonl.old")).toBe(before);
    expect(results()).toHaveLength(1);
    // Nor does it replace what was kept before.
    expect(rqvae(...small, "-f").stderr).toContain("sweep.jsonl: 1 line is kept in sweep.jsonl.old2.");
    expect(read("sweep.jsonl.old")).toBe(before);
    write("notes.jsonl", "precious");
    expect(rqvae(...small, "-f", "-o", "notes.jsonl").stderr).toContain(
      "notes.jsonl: 1 line is kept in notes.jsonl.old.",
    );
    expect(read("notes.jsonl.old")).toBe("precious");
  });

  it("says which finished runs have no model where models are to be kept", () => {
    const small = ["sweep", "items.npy", "--set", "codes=4", ...quick];
    expect(rqvae(...small, "-q").status).toBe(0);
    expect(rqvae(...small, "--keep-models", "kept", "-q")).toMatchObject({
      status: 0,
      stderr: "2 finished runs have no model in kept; --force trains all runs again.\n",
    });
    expect(rqvae(...small, "--keep-models", "kept/here", "-q", "--force").stderr).toBe("");
    expect(rqvae(...small, "--keep-models", "kept/here", "-q").stderr).toBe("");
    // Kept in another folder, or removed.
    expect(rqvae(...small, "--keep-models", "other", "-q").stderr).toContain("2 finished runs have no model in other");
    rmSync(inFolder(results()[0]!.model!));
    expect(rqvae(...small, "--keep-models", "kept/here", "-q").stderr).toContain("1 finished run has no model");
  });

  it("takes more values and seeds, and settings in another order", () => {
    const names = (...args: string[]) => ["sweep", "items.npy", ...args, "--no-baseline"];
    expect(rqvae(...names("--set", "codes=4", "--set", "latent=2,3", "--set", "epochs=1")).status).toBe(0);
    const { stderr } = rqvae(
      ...names("--set", "epochs=1", "--set", "latentDim=3,2", "--set", "codebook-size=4,8", "--seeds", "2"),
    );
    expect(stderr).toContain("8 runs, 2 of which are in sweep.jsonl already.");
    expect(results()).toHaveLength(8);
  });

  it("is not mixed with other items, other held-out rows or another base", () => {
    const small = ["--set", "codes=4", ...quick, "--no-baseline"];
    expect(rqvae("sweep", "items.npy", ...small, "-q").status).toBe(0);
    const before = read("sweep.jsonl");
    write("other.npy", npy({ at: 7, by: 0.5 }));
    const advice = "name another file with --output, or start again with --force";
    expectError(rqvae("sweep", "other.npy", ...small), 1, "sweep.jsonl: line 1 is about other items (60 items", advice);
    expectError(rqvae("sweep", "items.npy", ...small, "--seed", "1"), 1, "holds out other rows", "--seed 1", advice);
    expectError(rqvae("sweep", "items.npy", ...small, "--held-out", ".3"), 1, "--held-out 0.3", advice);
    expectError(
      rqvae("sweep", "items.npy", ...small, "--preset", "tiger"),
      1,
      "another base",
      "--preset tiger",
      advice,
    );
    const changed = before.replace(/("base":\{"recipe":"fit","fingerprint":)"\w+"/, '$1"0123456789abcdef"');
    write("changed.jsonl", changed);
    expectError(rqvae("sweep", "items.npy", ...small, "-o", "changed.jsonl"), 1, "is not the same in this release");
    expect(read("sweep.jsonl")).toBe(before);
    expect(rqvae("sweep", "other.npy", ...small, "-q", "--force").status).toBe(0);
    expect(results()).toHaveLength(1);
  });

  it("leaves files alone that are none of its own", () => {
    for (const content of ["a,b\n1,2\n", "precious", '{"sweep":9}\n']) {
      write("notes.jsonl", content);
      expectError(rqvae("sweep", "items.npy", ...quick, "-o", "notes.jsonl"), 1, "notes.jsonl: line 1", "--force");
      expect(read("notes.jsonl")).toBe(content);
    }
    expectError(rqvae("sweep", "items.npy", "-o", "items.npy"), 2, "JSON lines");
    write("items.jsonl", `${JSON.stringify([1, 2])}\n`.repeat(9));
    expectError(rqvae("sweep", "items.jsonl", "-o", "items.jsonl"), 1, "is an input of this command");
    expectError(rqvae("sweep", "items.npy", ...quick, "-o", "none/x.jsonl"), 1, "none", "does not exist");
    expectError(rqvae("sweep", "items.npy", "-o", "-"), 2, "--output");
  });

  it.skipIf(process.platform === "win32")("has its results to itself", async () => {
    const long = ["sweep", "items.npy", "--set", "epochs=5000", "--set", "codes=4", "-o", "shared.jsonl"];
    const child = start(...long);
    const closed = new Promise((resolve) => child.on("close", resolve));
    await new Promise<void>((resolve) =>
      child.stderr!.on("data", (chunk) => String(chunk).includes("1/2") && resolve()),
    );
    expectError(rqvae(...long), 1, "shared.jsonl: another run is at work on it");
    child.kill("SIGINT");
    await closed;
    expect(existsSync(inFolder("shared.jsonl.lock"))).toBe(false);
  });
});

describe("what is wrong with a sweep", () => {
  it("is told all at once, before anything runs", () => {
    const { status, stdout, stderr } = rqvae(
      ..."sweep items.npy --set codes=x,8 --set latent=,3 --set nope=1 --set optimizer=adan --set seed=1 --set layerNorm=yes --set".split(
        " ",
      ),
      "codes",
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      '--set codebookSize: "x" is not a whole number or a list with slashes, such as 64/256/1024',
      "--set latentDim: a value is missing between two commas, or at the end",
      "--set nope: there is no such option",
      expect.stringContaining('--set optimizer: "adan" is not one of adam, adamw'),
      "--set seed: the seeds of the runs are given by --seeds",
      '--set layerNorm: "yes" is not true or false',
      '--set needs name=value,value, such as --set codebookSize=64,256, but is "codes"',
      expect.stringMatching(
        /^rqvae: 7 mistakes in the settings, listed above: nothing was run \(see .* sweep --help\)$/,
      ),
      "",
    ]);
    expect(files()).toEqual(["items.npy", "labels.json"]);
  });

  it("is told of values that do not go together, with their settings", () => {
    const { status, stderr } = rqvae(
      ..."sweep items.npy --set codes=0,4,4/8 --set levels=3,2 --set patience=1 --set select=last,loss".split(" "),
    );
    expect(status).toBe(2);
    expect(stderr).toContain("codebookSize=0: codebookSize must be");
    expect(stderr).toContain("codebookSize has 2 entries but nQuantizationLayers is 3");
    expect(stderr).toContain("patience stops training without improvement");
    expect(stderr).toMatch(/\nrqvae: 3 mistakes in the settings/);
    expect(files()).toEqual(["items.npy", "labels.json"]);
  });

  it("is told all at once: what cannot be read, what is out of range and what excludes each other", () => {
    const problems = (...args: string[]) => rqvae("sweep", "items.npy", "--dry-run", ...args).stderr.split("\n");
    const range = (value: string, received = value) =>
      `codebookSize=${value}: codebookSize must be a whole number from 1 to 16777216, received ${received}`;
    expect(problems("--set", "codes=0,-1,1e9,2.5")).toEqual([
      expect.stringContaining('--set codebookSize: "2.5" is not a whole number'),
      ...["0", "-1", "1000000000"].map((value) => range(value)),
      expect.stringContaining("rqvae: 4 mistakes"),
      "",
    ]);
    expect(problems("--set", "codes=abc,0", "--set", "lr=0")).toEqual([
      expect.stringContaining('"abc" is not'),
      range("0"),
      expect.stringContaining("learningRate=0: learningRate must be"),
      expect.stringContaining("rqvae: 3 mistakes"),
      "",
    ]);
    const exclusive = ["--set", "patience=1", "--set"];
    expect(problems("--set", "lr=abc,.1", ...exclusive, "select=last")).toEqual([
      expect.stringContaining('"abc" is not a number'),
      expect.stringContaining("learningRate=0.1 patience=1 select=last: patience stops training"),
      expect.stringContaining("rqvae: 2 mistakes"),
      "",
    ]);
    // What was meant by a word that is not one of the choices is not guessed.
    expect(problems(...exclusive, "select=lost")).toHaveLength(3);
    // A list for as many levels as another option says is in range.
    expect(problems("--set", "levels=4", "--set", "sinkhornEpsilon=0.1/0.1/0.1/0.1")).toEqual([""]);
    // Mistakes are told although the items cannot be read.
    expect(rqvae("sweep", "none.npy", "--set", "codes=x").stderr).toContain('"x" is not a whole number');
  });

  it("is told of a setting that is given twice in other words", () => {
    const twice = rqvae("sweep", "items.npy", "--set", "codes=4,8,4/4/4", "--set", "epochs=1,2");
    expect(twice).toMatchObject({ status: 2, stdout: "" });
    expect(twice.stderr).toMatch(
      /^codebookSize=4\/4\/4 is the same setting as codebookSize=4: leave out one of them\nrqvae: 1 mistake /,
    );
    expect(rqvae("sweep", "items.npy", "--set", "codes=4,4/4/4/4", "--dry-run").status).toBe(0);
  });

  it("is told in the words of the command line, not the library's", () => {
    for (const [given, said] of [
      ["threads=2", "--set threads: give --threads"],
      ["num_workers=2", "--set num_workers: give --threads"],
      ["resume=2", "--set resume: to resume a sweep, run its command again"],
      ["in_dim=2", "--set in_dim: the dimension is that of the items"],
      ["device=gpu", "everything runs on the CPU\n"],
    ]) {
      const { status, stderr } = rqvae("sweep", "items.npy", "--set", given!);
      expect(status).toBe(2);
      expect(stderr).toContain(said);
      expect(stderr).not.toMatch(/initialize|RQVAE\.|train or/);
    }
    write("foreign.jsonl", '{"a":1}\n');
    expectError(
      rqvae("sweep", "items.npy", "-o", "foreign.jsonl"),
      1,
      'line 1 is not a run of a sweep (it has no "sweep")',
    );
  });

  it("is told of a folder for models that cannot be", () => {
    const keep = (folder: string) => rqvae("sweep", "items.npy", ...quick, "--keep-models", folder);
    expectError(keep("labels.json"), 1, "--keep-models labels.json: ", "labels.json is a file; name a folder");
    expectError(keep("labels.json/models"), 1, "labels.json is a file; name a folder");
    if (process.platform === "linux") {
      expectError(keep("/proc/none/models"), 1, "--keep-models /proc/none/models: no folder can be made there");
    }
    expect(files()).toEqual(["items.npy", "labels.json"]);
  });

  it("is told in the words of what was typed", () => {
    expectError(
      rqvae("sweep", "items.npy", "--codes", "4"),
      2,
      "unknown option --codes: in a sweep",
      "--set codes=...",
    );
    const twice = rqvae("sweep", "items.npy", "--set", "codes=4", "--set", "codebookSize=8");
    expect(twice.stderr).toContain("--set codebookSize is given twice: write all its values in one --set");
    expect(rqvae("sweep", "items.npy", "--set", "lr=.1,0.1").stderr).toContain(
      "--set learningRate: 0.1 is given twice",
    );
    expect(rqvae("sweep", "items.npy", "--set", "num_codebooks=3").stderr).toContain(
      "it is called nQuantizationLayers",
    );
    for (const seeds of ["0", "x", "3:3", "1,1", "1:2:3", "-1", "1e9"]) {
      expectError(rqvae("sweep", "items.npy", `--seeds=${seeds}`), 2, "--seeds must be how many", `"${seeds}"`);
    }
    expectError(rqvae("sweep", "items.npy", "--held-out", "0.6"), 2, "--held-out must be above 0 and at most 0.5");
    expectError(
      rqvae("sweep", "items.npy", "--set", "codes=4", "--sort", "speed"),
      2,
      "--sort must be one of held-out",
    );
    const many = ["a", "b"].map((_, i) => `${i ? "latent" : "epochs"}=${Array.from({ length: 200 }, (_, k) => k + 1)}`);
    expectError(
      rqvae("sweep", "items.npy", "--set", many[0]!, "--set", many[1]!),
      2,
      "40,000 settings x 1 seed are 40,000 runs; a sweep has at most 10,000",
    );
  });

  it("is told of items that are too few, all the same, or none", () => {
    write("few.npy", npy(undefined, 3, 5));
    expectError(rqvae("sweep", "few.npy", ...quick), 1, "few.npy: --held-out 0.2", "1 held out and 4 to train on");
    write("same.csv", `a,b\n${"1,2\n".repeat(50)}`);
    const same = rqvae("sweep", "same.csv", ...quick);
    expect(same).toMatchObject({ status: 1, stdout: "" });
    expect(same.stderr).toContain("0 held out and 50 to train on; at least 2 of each are needed");
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    expectError(rqvae("sweep", "nan.npy", ...quick), 1, "nan.npy", "row 3, column 2 is NaN");
    appendFileSync(inFolder("cut.npy"), npy().subarray(0, 300));
    expectError(rqvae("sweep", "cut.npy", ...quick), 1, "cut.npy");
  });
});
