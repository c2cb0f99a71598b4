import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { RQVAE, residualKMeans } from "rqvae";
import { readItems } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { displayWidth } from "../../../bindings/js/cli/text.ts";
import {
  called,
  dim,
  expectError,
  files,
  inFolder,
  interruptOnce,
  npy,
  quick,
  read,
  readBytes,
  rows,
  rqvae,
  start,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

describe("rqvae train", () => {
  it("writes model and IDs, and tells what was learned", () => {
    const { status, stdout, stderr } = rqvae("train", "items.npy", "--labels", "labels.json", ...quick);
    expect(status).toBe(0);
    expect(files()).toEqual(["items.npy", "labels.json", "model.ids.csv", "model.safetensors"]);
    expect(stdout).toContain("Learned 60 items of dimension 5: 2 codes each, 8 x 4");
    expect(stdout).toMatch(/3 epochs in .* {3}reconstruction loss [\d.]+ \(scaled\)\s+quantisation loss/);
    const unscaled = rqvae("train", "items.npy", ...quick, "--input-scaling", "center", "-o", "center.safetensors");
    expect(unscaled.stdout).toMatch(/ {3}reconstruction loss [\d.]+ {3}quantisation loss/);
    expect(stdout).toMatch(/level 1 .* of 8 codes used/);
    expect(stdout).toMatch(/<a_\d><b_\d> {2}item \d+, of kind \d/);
    expect(stdout).toMatch(/model.safetensors +the model, [\d.]+ kB/);
    expect(stdout).toContain(`Next: ${called} encode model.safetensors`);
    expect(stdout).not.toContain("\x1b");
    // The command of "Next:" is as long as the program's path.
    for (const line of stdout.replaceAll(called, "rqvae").split("\n")) {
      expect(displayWidth(line)).toBeLessThanOrEqual(80);
    }
    // Lines, not a block, since stderr is no terminal.
    expect(stderr).toMatch(
      /^Joined by position, since neither .*\n(preparing the codebooks.*\n)?((epoch \d of 3|warning in epoch \d:).*\n)*epoch 3 of 3, loss .*distinct IDs.*\n$/,
    );

    const lines = read("model.ids.csv").trimEnd().split("\n");
    expect(lines).toHaveLength(rows + 1);
    expect(lines[0]).toBe("item,title,code_1,code_2,id");
    expect(lines[1]).toMatch(/^0,"item 0, of kind 0",\d,\d,<a_\d><b_\d>$/);
  });

  it("gives the same files for the same seed, others for another", () => {
    for (const [name, seed] of [
      ["a", "7"],
      ["b", "7"],
      ["c", "8"],
    ] as const) {
      expect(rqvae("train", "items.npy", "-o", `${name}.safetensors`, "--seed", seed, "-q", ...quick).status).toBe(0);
    }
    expect(read("a.safetensors")).toBe(read("b.safetensors"));
    expect(read("a.ids.csv")).toBe(read("b.ids.csv"));
    expect(read("a.safetensors")).not.toBe(read("c.safetensors"));
  });

  it("says nothing with --quiet", () => {
    const result = rqvae("train", "items.npy", "--quiet", "--ids", "x.csv", ...quick);
    expect(result).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(existsSync(inFolder("x.csv"))).toBe(true);
  });

  it("reads csv with titles in it, and every training option", () => {
    const table = Array.from({ length: rows }, (_, i) => `thing ${i},${i % 4},${(i * 7) % 5},${i % 3}`);
    write("items.csv", ["title,x,y,z", ...table].join("\n"));
    const { status, stdout } = rqvae(
      ..."train items.csv --levels 2 --codes 4 --latent 2 --hidden none --epochs 2 --batch 16 --lr 0.01".split(" "),
      ..."--optimizer adamw --schedule linear --warmup 0.1 --weight-decay 0.1 --commitment 0.5 --noise 0.1 --seed 5".split(
        " ",
      ),
    );
    expect(status).toBe(0);
    expect(stdout).toContain("2 codes each, 4 x 4");
    expect(stdout).toMatch(/<a_\d><b_\d> {2}thing \d+/);
    expect(rqvae("train", "items.npy", "--compat", "hopwise", "--epochs", "1", "--codes", "4", "-f").status).toBe(0);
  });

  it("overwrites only what was named", () => {
    write("model.safetensors", "precious");
    expectError(rqvae("train", "items.npy", ...quick), 1, "model.safetensors", "exists already", "--force");
    expect(read("model.safetensors")).toBe("precious");
    expect(rqvae("train", "items.npy", "-o", "model.safetensors", "-q", ...quick).status).toBe(0);
    expectError(rqvae("train", "items.npy", "-o", "model.safetensors", ...quick), 1, "model.ids.csv", "exists already");
    expect(rqvae("train", "items.npy", "--force", "-q", ...quick).status).toBe(0);
    expectError(rqvae("train", "items.npy", "-o", "items.npy", ...quick), 2, "unknown extension .npy");
    symlinkSync("items.npy", inFolder("link"));
    expectError(rqvae("train", "items.npy", "-o", "link", ...quick), 1, "link", "input");
    expectError(rqvae("train", "items.npy", "-o", "none/model.safetensors", ...quick), 1, "none", "does not exist");
    expectError(rqvae("train", "items.npy", "-o", ".", ...quick), 1, "folder");
    expect(files().filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("refuses items that are none, in one line that names the file", () => {
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    write("infinite.npy", npy({ at: 0, by: Number.NEGATIVE_INFINITY }));
    write("cut.npy", npy().subarray(0, 300));
    write("empty.npy", "");
    write("text.csv", "hello\nworld\n");
    write("short.json", JSON.stringify({ titles: ["one"] }));
    mkdirSync(inFolder("folder.npy"));
    expectError(rqvae("train", "nan.npy", ...quick), 1, "nan.npy", "row 3, column 2 is NaN");
    expectError(rqvae("train", "infinite.npy", ...quick), 1, "infinite.npy", "row 0, column 0 is -Infinity");
    for (const name of ["cut.npy", "empty.npy", "text.csv"]) expectError(rqvae("train", name, ...quick), 1, name);
    expectError(rqvae("train", "none.npy"), 1, "none.npy: no such file");
    expectError(rqvae("train", "folder.npy"), 1, "folder.npy: is a folder");
    expectError(rqvae("train", "items.npy/x"), 1, "items.npy/x");
    expectError(rqvae("train", "items.npy", "-l", "short.json"), 1, "short.json", "60 items");
    expectError(rqvae("train", "items.npy", "-l", "none.json"), 1, "none.json: no such file");
    expect(files().filter((name) => name.startsWith("model"))).toEqual([]);
  });

  it.skipIf(process.platform === "win32")("keeps the model so far on Ctrl-C", async () => {
    const child = start("train", "items.npy", ...quick, "--epochs", "1000000");
    const stderr = await interruptOnce(child, "epoch ");
    expect(child.exitCode).toBe(130);
    expect(stderr).toMatch(/Stopped in epoch \d+ of 1,000,000\. The model so far is in model\.safetensors/);
    expect(rqvae("encode", "model.safetensors", "items.npy").stdout).toBe(read("model.ids.csv"));
  });
});

describe("the options of rqvae train", () => {
  const configOf = async (name: string) => {
    const model = await RQVAE.load(readBytes(name));
    model.dispose();
    return model.config;
  };

  it("follow a preset, with single ones on top", async () => {
    const fast = ["items.npy", "--epochs", "2", "-q", "--hidden", "8"];
    expect(rqvae("train", ...fast, "--preset", "tiger", "--codes", "8,4", "-o", "tiger").status).toBe(0);
    expect(await configOf("tiger")).toMatchObject({
      activation: "relu",
      linearSkip: "none",
      latentDim: 32,
      hiddenDims: [8],
      codebookSize: [8, 4],
    });
    const beam = ["--beam", "2", "--first-code-weight", "0.5"];
    expect(rqvae("train", ...fast, "--preset", "lcrec", "--codes", "8", ...beam, "-o", "lcrec").status).toBe(0);
    expect(await configOf("lcrec")).toMatchObject({
      codebookSize: [8, 8, 8, 8],
      sinkhornEpsilon: [0, 0, 0, 0.003],
      reconstructionWeight: (4 * 32) / dim,
      encodeBeam: 2,
      firstCodeWeight: 0.5,
    });
    expect(rqvae("train", ...fast, "--preset", "hopwise", "--codes", "8", "-o", "hopwise").status).toBe(0);
    expect(await configOf("hopwise")).toMatchObject({ compat: "hopwise", codebookSimVq: true });
    expectError(
      rqvae("train", ...fast, "--preset", "lcrec", "--levels", "2", "-o", "x"),
      2,
      "--sinkhorn-epsilon must be",
      "(2)",
      "it comes from --preset lcrec",
    );
  });

  it("are those of the library by --set", async () => {
    const set = (...assignments: string[]) => assignments.flatMap((assignment) => ["--set", assignment]);
    const given = set(
      "gradientEstimator=rotation",
      "sinkhornEpsilon=0,0.003",
      "layerNorm=true",
      "emaDecay=9e-1",
      "latentDim=2",
      "hiddenDims=8",
      "epochs=2",
      "evaluateEvery=1",
      "validationShare=0.2",
    );
    const { status, stdout } = rqvae("train", "items.npy", "--codes", "8,4", ...given);
    expect(status).toBe(0);
    expect(await configOf("model.safetensors")).toMatchObject({
      gradientEstimator: "rotation",
      sinkhornEpsilon: [0, 0.003],
      layerNorm: true,
      emaDecay: 0.9,
      latentDim: 2,
      hiddenDims: [8],
    });
    expect(stdout).toMatch(/the\s+12\s+validation\s+items/);
    // The same in both spellings.
    const named = ["--latent", "2", "--hidden", "8", "--epochs", "2", "--validation", "0.2"];
    const rest = set("gradientEstimator=rotation", "sinkhornEpsilon=0,0.003", "layerNorm=true", "emaDecay=0.9");
    const both = [
      "train",
      "items.npy",
      "--codes",
      "8,4",
      ...named,
      ...rest,
      ...set("evaluateEvery=1"),
      "-q",
      "-o",
      "c",
    ];
    expect(rqvae(...both).status).toBe(0);
    expect(readBytes("c").equals(readBytes("model.safetensors"))).toBe(true);
  });

  it("go by the library's names as well", () => {
    const short = ["--codes", "8,4", "--levels", "2", "--batch", "20", "--lr", "0.01", "--commitment", "0.5"];
    const long = [
      ...["--codebook-size", "8,4", "--n-quantization-layers", "2", "--batch-size", "20"],
      ...["--learning-rate=0.01", "--commitment-weight", "0.5"],
    ];
    const both = ["--epochs", "2", "--layer-norm", "--codebook-kmeans-init=false", "-q"];
    expect(rqvae("train", "items.npy", ...short, ...both, "-o", "short").status).toBe(0);
    expect(rqvae("train", "items.npy", ...long, ...both, "-o", "long").status).toBe(0);
    expect(readBytes("long").equals(readBytes("short"))).toBe(true);
    expectError(
      rqvae("train", "items.npy", "--layer-norm=perhaps"),
      2,
      '--layer-norm must be true or false, but is "perhaps"',
    );
  });

  it("choose the epoch that is kept, and the summary tells why", () => {
    const run = (...options: string[]) => {
      const { status, stdout } = rqvae("train", "items.npy", ...quick, "--force", ...options);
      expect(status).toBe(0);
      return stdout.replaceAll(/\s+/g, " ");
    };
    const held = ["--epochs", "6", "--validation", "0.25", "--validation-until", "1", "--set", "evaluateEvery=1"];
    const byLoss = run(...held, "--lr", "1e-3");
    expect(byLoss).toMatch(
      /Kept: (epoch [1-6]|the start, .*,) has the lowest reconstruction loss on the \d+ validation/,
    );
    expect(byLoss).toMatch(/Validation: explained variance -?[\d.]+%(, from -?[\d.]+% by residual k-means alone|; tr)/);
    expect(run(...held, "--select", "collision")).toMatch(/has the most distinct IDs \(\d+ of 60\)/);
    expect(run(...held, "--select", "last")).toContain("Kept: epoch 6 is the last one.");
    expect(run(...held, "--lr", "0.5", "--patience", "2")).toMatch(/training stopped early, after 2 evaluations/);
    const joined = run(...held, "--lr", "1e-3", "--validation-until", "0.5");
    expect(joined).toMatch(
      /Kept: (epoch 6 is the last one; up to epoch 3 the 15 validation items were held out, then they joined the training|the start, .*, is back, .* on the 15 validation items)\./,
    );
    expect(run(...held, "--lr", "0.5", "--validation-until", "0.5")).toMatch(
      /Kept: the start, before any training, was restored with its codebooks fitted to all items: 3 epochs of training gained too little on the 15 validation items to be worth leaving them out\. Validation: explained variance -?[\d.]+%; training found nothing better/,
    );
    expect(run("--validation", "0")).not.toContain("Validation:");
  });

  it("include all those of training", () => {
    const { status, stderr } = rqvae(
      ...["train", "items.npy", ...quick, "--clip", "1", "--restart-dead-codes", "--beam", "4", "-q"],
    );
    expect(status, stderr).toBe(0);
    // Two epochs may not be worth the items that they leave out.
    expect(stderr).toMatch(/^(rqvae: training found nothing better than the start, which was kept: [^\n]+\n)?$/);
  });

  it("are warned of when training goes wrong, in their own words", () => {
    const wild = ["--lr", "0.4", "--optimizer", "adagrad", "--validation", "0", "--set", "hiddenDims=32"];
    const { status, stdout, stderr } = rqvae("train", "items.npy", "--codes", "16", "--epochs", "8", ...wild);
    expect(status).toBe(0);
    const warnings = stderr.split("\n").filter((line) => line.startsWith("warning in epoch "));
    expect(warnings.length).toBeGreaterThan(0);
    // One of a kind and level, which their first words tell.
    const kinds = warnings.map((line) => line.replace(/^warning in epoch \d+: /, "").slice(0, 12));
    expect(new Set(kinds).size, stderr).toBe(kinds.length);
    const summary = stdout.slice(stdout.indexOf("Warnings\n"), stdout.indexOf("The IDs"));
    expect(summary).toMatch(/^Warnings\n {2}epoch \d+: /);
    expect(stderr + summary).toMatch(/--lr \(it is 0\.4\)|--restart-dead-codes/);
    expect(stderr + summary).not.toMatch(/learningRate|deadCodeRestart|codebookSize/);
    for (const line of summary.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const diverged = rqvae("train", "items.npy", ...quick, "-q", "--lr", "1e9", "-o", "x");
    expectError(diverged, 1, "training diverged in epoch ", "Lower --lr");
    expect(diverged.stderr).toMatch(/in epoch [1-3],/);
    expect(files()).not.toContain("x");
  });
});

describe("rqvae kmeans", () => {
  it("gives the bytes that the library gives, and IDs for items", async () => {
    const options = ["--levels", "2", "--codes", "8", "--latent", "3", "--beam", "2", "--seed", "4"];
    const { status, stdout, stderr } = rqvae("kmeans", "items.npy", "-l", "labels.json", ...options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^Joined by position, [^\n]*\n$/) });
    expect(stdout).toContain("Learned 60 items of dimension 5: 2 codes each, 8 x 8");
    expect(stdout).toMatch(/residual k-means in .*reconstruction loss/);
    const items = await readItems(npy(), { fileName: "items.npy" });
    const model = await residualKMeans(items, {
      nQuantizationLayers: 2,
      codebookSize: 8,
      latentDim: 3,
      encodeBeam: 2,
      seed: 4,
    });
    expect(readBytes("model.safetensors").equals(Buffer.from(model.save()))).toBe(true);
    model.dispose();
    expect(rqvae("encode", "model.safetensors", "items.npy", "-l", "labels.json").stdout).toBe(read("model.ids.csv"));
    expectError(rqvae("kmeans", "items.npy", ...options), 1, "model.safetensors", "exists already", "--force");
    expect(rqvae("kmeans", "items.npy", "--codes", "8,4", "-q", "--force")).toMatchObject({ status: 0, stdout: "" });
  });

  it.skipIf(process.platform === "win32")("writes nothing on Ctrl-C", async () => {
    write("big.npy", npy(undefined, 16, 20_000));
    const child = start("kmeans", "big.npy", "--levels", "60");
    const stderr = await interruptOnce(child, "fitting");
    expect(child.exitCode).toBe(130);
    expect(stderr).toMatch(/^(fitting the codebooks \d+%\n)+Stopped before [^\n]*: nothing was written\.\n$/);
    expect(files()).toEqual(["big.npy", "items.npy", "labels.json"]);
  });

  it("refuses what does not fit", () => {
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    expectError(rqvae("kmeans", "nan.npy"), 1, "nan.npy", "row 3, column 2 is NaN");
    expectError(rqvae("kmeans", "items.npy", "--latent", "6"), 2, "--latent must be at most the items' dimension 5");
    expectError(rqvae("kmeans", "items.npy", "--beam", "0"), 2, "--beam must be at least 1");
    expectError(rqvae("kmeans", "items.npy", "--codes", "none"), 2, "--codes needs at least one number");
    expectError(rqvae("kmeans", "items.npy", "--epochs", "3"), 2, "unknown option --epochs");
    expect(files()).toEqual(["items.npy", "labels.json", "nan.npy"]);
  });
});

describe("rqvae encode", () => {
  beforeEach(() => {
    expect(rqvae("train", "items.npy", "-o", "m.safetensors", "-l", "labels.json", "-q", ...quick).status).toBe(0);
  });

  it("writes IDs to standard output or a file", () => {
    const toStdout = rqvae("encode", "m.safetensors", "items.npy", "--labels", "labels.json");
    expect(toStdout.status).toBe(0);
    expect(toStdout.stdout).toBe(read("m.ids.csv"));
    expect(toStdout.stderr).toMatch(/^Joined by position, [^\n]*\n$/);
    const toFile = rqvae("encode", "m.safetensors", "items.npy", "-o", "ids.csv");
    expect(toFile).toMatchObject({ status: 0, stdout: "" });
    expect(toFile.stderr).toContain("Gave 60 items their IDs: ids.csv");
    expect(read("ids.csv")).toMatch(/^item,code_1,code_2,id\n0,\d,\d,<a_\d><b_\d>\n/);
  });

  it("refuses what does not fit", () => {
    write("wide.npy", npy(undefined, 7));
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    write("damaged.safetensors", readBytes("m.safetensors").subarray(0, 999));
    expectError(rqvae("encode", "m.safetensors", "wide.npy"), 1, "wide.npy", "5", "7");
    expectError(rqvae("encode", "m.safetensors", "nan.npy", "-o", "x.csv"), 1, "nan.npy", "row 3, column 2");
    expectError(rqvae("encode", "damaged.safetensors", "items.npy"), 1, "damaged.safetensors");
    expectError(rqvae("encode", "items.npy", "items.npy"), 1, "items.npy");
    expectError(rqvae("encode", "none", "items.npy"), 1, "none: no such file");
    expectError(rqvae("encode", "m.safetensors"), 2, "<items> is missing");
    expect(existsSync(inFolder("x.csv"))).toBe(false);
  });
});

describe("the command line", () => {
  it("helps", () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { status, stdout } = rqvae(...args);
      expect(status).toBe(0);
      expect(stdout).toMatch(/train .*\n(.*\n)?.*kmeans .*\n.*encode/);
      expect(stdout).toContain("Examples:");
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
    for (const command of ["embed", "train", "kmeans", "encode", "convert", "hopwise"]) {
      const { status, stdout } = rqvae(command, "--help");
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: rqvae ${command} <`);
      expect(stdout).toMatch(new RegExp(`Examples?:\n  rqvae ${command} `));
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
    expect(rqvae("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [[], "a command is missing"],
    [["trian"], "did you mean train?"],
    [["train"], "<items> is missing"],
    [["train", "items.npy", "--epoch", "3"], "unknown option --epoch: it is called --epochs here"],
    [["train", "items.npy", "-z"], "unknown option -z"],
    [["train", "items.npy", "--epochs"], "--epochs needs a value"],
    [["train", "items.npy", "--epochs", "many"], '--epochs must be a whole number, but is "many"'],
    [["train", "items.npy", "--lr", "fast"], "--lr must be a number"],
    [["train", "items.npy", "--codes", "8,x"], "--codes"],
    [["train", "items.npy", "--optimizer", "adamm"], 'must be one of adam, adamw, adagrad, sgd, but is "adamm" ('],
    [["train", "items.npy", "--epochs", "0"], "--epochs must be at least 1"],
    [["train", "items.npy", "--batch", "0"], "--batch must be"],
    [["train", "items.npy", "--codes", "8,4", "--levels", "3"], "--codes has 2 entries but --levels is 3"],
    [["train", "items.npy", "--quiet=yes"], "--quiet takes no value"],
    [["train", "items.npy", "more.npy"], 'unexpected argument "more.npy"'],
    [["train", "items.npy", "--resume"], "--resume needs --checkpoint FILE"],
    [["train", "items.npy", "--checkpoint-every", "3"], "--checkpoint-every needs --checkpoint FILE"],
    [["train", "items.npy", "--checkpoint", "c", "--checkpoint-every", "-1"], "--checkpoint-every must be"],
    [["train", "items.npy", "--preset", "tigr"], "did you mean tiger?"],
    [["train", "items.npy", "--set", "evaluateEvery"], "--set needs name=value, such as --set evaluateEvery=5, but is"],
    [
      ["train", "items.npy", "--set", "evaluateEvry=3"],
      'unknown option "evaluateEvry"; did you mean --evaluate-every?',
    ],
    [["train", "items.npy", "--set", "gradientEstimator=x"], "--set gradientEstimator must be one of"],
    [["train", "items.npy", "--set", "deadCodeRestart=maybe"], "--set deadCodeRestart must be true, false or"],
    [["train", "items.npy", "--set", "lr=3"], "--set lr: this is an option of its own, --lr"],
    [["train", "items.npy", "--set", "resume=3"], "this is an option of its own, --resume"],
    [["train", "items.npy", "--set", "inputDim=3"], "the items tell their dimension"],
    [["train", "items.npy", "--set", "onProgress=3"], 'unknown option "onProgress"'],
    [["train", "items.npy", "--set", "learningRate=fast"], '--set learningRate must be a number, but is "fast"'],
    [["train", "items.npy", "--set", "learningRate=1", "--lr", "2"], "--lr and --set learningRate are the same option"],
    [["train", "items.npy", "--set", "epochs=2", "--set", "epochs=3"], "--set epochs is given twice: give it once"],
    [
      ["train", "items.npy", "--lr", "1", "--learning-rate", "2"],
      "--lr and --learning-rate are the same option: give one",
    ],
    [["train", "items.npy", "--learning-rate", "fast"], '--learning-rate must be a number, but is "fast"'],
    [
      ["train", "items.npy", "--codebook-size", "8,4", "--n-quantization-layers", "3"],
      "--codebook-size has 2 entries but",
    ],
    [["train", "items.npy", "--threads", "0"], "--threads must be at least 1"],
    [["train", "items.npy", "--threads", "65"], "--threads must be at most 64"],
    [["help", "trian"], 'unknown command "trian"; did you mean train?'],
    [["train", "items.npy", "--validation", "0.7"], "--validation must be a number from 0 to 0.5"],
    [["train", "items.npy", "--validation", "0", "--patience", "2"], "set --validation, or --select loss"],
    [
      ["train", "items.npy", "--compat", "hopwise", "--set", "linearSkip=pca"],
      "--compat hopwise needs --set linearSkip=none",
    ],
    [["train", "items.npy", "-o", "same", "--ids", "same"], "same file"],
  ])("refuses %j with exit code 2", (args, message) => {
    expectError(rqvae(...args), 2, message, "--help");
  });
});
