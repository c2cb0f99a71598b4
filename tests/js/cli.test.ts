import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { trainView } from "../../bindings/js/cli/progress.ts";
import { describeTraining } from "../../bindings/js/cli/show.ts";
import { displayWidth, duration, listed, paletteFor, percent, short, shorten } from "../../bindings/js/cli/text.ts";
import { writeNpy } from "../../bindings/js/formats/index.ts";
import { SemanticIds } from "../../bindings/js/semantic-ids.ts";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const rows = 60;
const dim = 5;
const titles = Array.from({ length: rows }, (_, i) => `item ${i}, of kind ${i % 4}`);
const quick = ["--epochs", "3", "--codes", "8,4", "--hidden", "8", "--latent", "3"];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rqvae-cli-"));
  writeFileSync(join(folder, "items.npy"), npy());
  writeFileSync(join(folder, "labels.json"), JSON.stringify({ titles }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Rows around four centres as an npy file; one number may be replaced. */
function npy(replace: { at: number; by: number } = { at: -1, by: 0 }, columns = dim): Uint8Array {
  const data = Float32Array.from({ length: rows * columns }, (_, k) => {
    const [i, j] = [Math.floor(k / columns), k % columns];
    return k === replace.at ? replace.by : (((i % 4) * (j + 1)) % 5) + ((k * 7919) % 101) / 300;
  });
  return writeNpy({ data, rows, dim: columns });
}

const environment = { ...process.env, NO_COLOR: "", COLUMNS: "80" };

function rqvae(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: environment,
  });
  return { status, stdout, stderr };
}

const read = (name: string) => readFileSync(join(folder, name), "utf8");
const files = () => readdirSync(folder).sort();

/** One line that names the program, and nothing on standard output. */
function expectError(result: ReturnType<typeof rqvae>, status: number, ...parts: string[]) {
  expect(result.stderr).toMatch(/^rqvae: [^\n]+\n$/);
  for (const part of parts) expect(result.stderr).toContain(part);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result).toMatchObject({ status, stdout: "" });
}

describe("rqvae train", () => {
  it("writes model and IDs, and tells what was learned", () => {
    const { status, stdout, stderr } = rqvae("train", "items.npy", "--labels", "labels.json", ...quick);
    expect(status).toBe(0);
    expect(files()).toEqual(["items.npy", "labels.json", "model.ids.csv", "model.safetensors"]);
    expect(stdout).toContain("Learned 60 items of dimension 5: 2 codes each, 8 x 4");
    expect(stdout).toMatch(/3 epochs in .* {3}reconstruction loss .* {3}quantisation loss/);
    expect(stdout).toMatch(/level 1 .* of 8 codes used/);
    expect(stdout).toMatch(/<a_\d><b_\d> {2}item \d+, of kind \d/);
    expect(stdout).toMatch(/model.safetensors +the model, [\d.]+ kB/);
    expect(stdout).toContain("Next: rqvae encode model.safetensors");
    expect(stdout).not.toContain("\x1b");
    for (const line of stdout.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    // Lines, not a block, since stderr is no terminal.
    expect(stderr).toMatch(
      /^(preparing the codebooks.*\n)?(epoch \d of 3, .*\n)*epoch 3 of 3, loss .*distinct IDs.*\n$/,
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
    expect(existsSync(join(folder, "x.csv"))).toBe(true);
  });

  it("reads csv with titles in it, and every training option", () => {
    const table = Array.from({ length: rows }, (_, i) => `thing ${i},${i % 4},${(i * 7) % 5},${i % 3}`);
    writeFileSync(join(folder, "items.csv"), ["title,x,y,z", ...table].join("\n"));
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
    writeFileSync(join(folder, "model.safetensors"), "precious");
    expectError(rqvae("train", "items.npy", ...quick), 1, "model.safetensors", "exists already", "--force");
    expect(read("model.safetensors")).toBe("precious");
    expect(rqvae("train", "items.npy", "-o", "model.safetensors", "-q", ...quick).status).toBe(0);
    expectError(rqvae("train", "items.npy", "-o", "model.safetensors", ...quick), 1, "model.ids.csv", "exists already");
    expect(rqvae("train", "items.npy", "--force", "-q", ...quick).status).toBe(0);
    expectError(rqvae("train", "items.npy", "-o", "items.npy", ...quick), 1, "items.npy", "input");
    symlinkSync("items.npy", join(folder, "link"));
    expectError(rqvae("train", "items.npy", "-o", "link", ...quick), 1, "link", "input");
    expectError(rqvae("train", "items.npy", "-o", "none/model.safetensors", ...quick), 1, "none", "does not exist");
    expectError(rqvae("train", "items.npy", "-o", ".", ...quick), 1, "folder");
    expect(files().filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("refuses items that are none, in one line that names the file", () => {
    writeFileSync(join(folder, "nan.npy"), npy({ at: 17, by: Number.NaN }));
    writeFileSync(join(folder, "infinite.npy"), npy({ at: 0, by: Number.NEGATIVE_INFINITY }));
    writeFileSync(join(folder, "cut.npy"), npy().subarray(0, 300));
    writeFileSync(join(folder, "empty.npy"), "");
    writeFileSync(join(folder, "text.csv"), "hello\nworld\n");
    writeFileSync(join(folder, "short.json"), JSON.stringify({ titles: ["one"] }));
    mkdirSync(join(folder, "folder.npy"));
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
    const child = spawn(process.execPath, [program, "train", "items.npy", ...quick, "--epochs", "1000000"], {
      cwd: folder,
      env: environment,
    });
    const stderr = await interruptOnce(child, "epoch ");
    expect(child.exitCode).toBe(130);
    expect(stderr).toMatch(/Stopped in epoch \d+ of 1000000\. The model so far is in model\.safetensors/);
    expect(rqvae("encode", "model.safetensors", "items.npy").stdout).toBe(read("model.ids.csv"));
  });
});

/** Sends SIGINT when `text` was seen, and waits for the end. @returns what came on stderr. */
function interruptOnce(child: ChildProcess, text: string): Promise<string> {
  let stderr = "";
  let sent = false;
  child.stderr?.setEncoding("utf8").on("data", (chunk) => {
    stderr += chunk;
    if (!sent && stderr.includes(text)) sent = child.kill("SIGINT");
  });
  return new Promise((resolve) => child.on("close", () => resolve(stderr)));
}

describe("rqvae encode", () => {
  beforeEach(() => {
    expect(rqvae("train", "items.npy", "-o", "m.safetensors", "-l", "labels.json", "-q", ...quick).status).toBe(0);
  });

  it("writes IDs to standard output or a file", () => {
    const toStdout = rqvae("encode", "m.safetensors", "items.npy", "--labels", "labels.json");
    expect(toStdout.status).toBe(0);
    expect(toStdout.stdout).toBe(read("m.ids.csv"));
    expect(toStdout.stderr).toBe("");
    const toFile = rqvae("encode", "m.safetensors", "items.npy", "-o", "ids.csv");
    expect(toFile).toMatchObject({ status: 0, stdout: "" });
    expect(toFile.stderr).toContain("Gave 60 items their IDs: ids.csv");
    expect(read("ids.csv")).toMatch(/^item,code_1,code_2,id\n0,\d,\d,<a_\d><b_\d>\n/);
  });

  it("refuses what does not fit", () => {
    writeFileSync(join(folder, "wide.npy"), npy(undefined, 7));
    writeFileSync(join(folder, "nan.npy"), npy({ at: 17, by: Number.NaN }));
    writeFileSync(join(folder, "damaged.safetensors"), readFileSync(join(folder, "m.safetensors")).subarray(0, 999));
    expectError(rqvae("encode", "m.safetensors", "wide.npy"), 1, "wide.npy", "5", "7");
    expectError(rqvae("encode", "m.safetensors", "nan.npy", "-o", "x.csv"), 1, "nan.npy", "row 3, column 2");
    expectError(rqvae("encode", "damaged.safetensors", "items.npy"), 1, "damaged.safetensors");
    expectError(rqvae("encode", "items.npy", "items.npy"), 1, "items.npy");
    expectError(rqvae("encode", "none", "items.npy"), 1, "none: no such file");
    expectError(rqvae("encode", "m.safetensors"), 2, "<items> is missing");
    expect(existsSync(join(folder, "x.csv"))).toBe(false);
  });
});

describe("the command line", () => {
  it("helps", () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { status, stdout } = rqvae(...args);
      expect(status).toBe(0);
      expect(stdout).toMatch(/train .*\n.*encode/);
      expect(stdout).toContain("Example:");
    }
    for (const command of ["train", "encode"]) {
      const { status, stdout } = rqvae(command, "--help");
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: rqvae ${command} <`);
      expect(stdout).toContain(`Example:\n  rqvae ${command} `);
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    }
    expect(rqvae("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [[], "a command is missing"],
    [["trian"], "did you mean train?"],
    [["train"], "<items> is missing"],
    [["train", "items.npy", "--epoch", "3"], "unknown option --epoch; did you mean --epochs?"],
    [["train", "items.npy", "-z"], "unknown option -z"],
    [["train", "items.npy", "--epochs"], "--epochs needs a value"],
    [["train", "items.npy", "--epochs", "many"], '--epochs must be a whole number, but is "many"'],
    [["train", "items.npy", "--lr", "fast"], "--lr must be a number"],
    [["train", "items.npy", "--codes", "8,x"], "--codes"],
    [["train", "items.npy", "--optimizer", "adamm"], "did you mean adam?"],
    [["train", "items.npy", "--epochs", "0"], "--epochs must be a whole number from 1"],
    [["train", "items.npy", "--batch", "0"], "--batch must be"],
    [["train", "items.npy", "--codes", "8,4", "--levels", "3"], "--codes has 2 entries but levels is 3"],
    [["train", "items.npy", "--quiet=yes"], "--quiet takes no value"],
    [["train", "items.npy", "more.npy"], 'unexpected argument "more.npy"'],
    [["train", "items.npy", "-o", "same", "--ids", "same"], "same file"],
  ])("refuses %j with exit code 2", (args, message) => {
    expectError(rqvae(...args), 2, message, "--help");
  });
});

describe("on a terminal", () => {
  const event = {
    phase: "train" as const,
    progress: 0.5,
    initializeProgress: 1,
    epoch: 4,
    epochs: 10,
    step: 5,
    totalSteps: 10,
    newEpochs: [],
    elapsedSeconds: 1.5,
    remainingSeconds: 75,
    itemsPerSecond: 12345,
  };

  function terminal(columns: number) {
    let written = "";
    const write = (text: string) => {
      written += text;
      return true;
    };
    return { stream: { isTTY: true, columns, write } as unknown as NodeJS.WriteStream, text: () => written };
  }

  it("draws one block over itself and takes it away", () => {
    const { stream, text } = terminal(80);
    const view = trainView(stream);
    view.update({ ...event, phase: "initialize", initializeProgress: 0.25 });
    view.update(event);
    view.end();
    expect(text()).toContain("Preparing");
    expect(text()).toContain("25 %");
    expect(text()).toContain("epoch 5 of 10");
    expect(text()).toContain("12,345 items/s   1.5 s so far   1 min 15 s left");
    expect(text().split("\x1b[2A\x1b[0J")).toHaveLength(2);
    expect(text().endsWith("\x1b[4A\x1b[0J")).toBe(true);
  });

  it("never lets a line of the block wrap", () => {
    for (const columns of [40, 80, 120]) {
      const { stream, text } = terminal(columns);
      trainView(stream).update({ ...event, epoch: 99_999, epochs: 100_000 });
      const lines = stripVTControlCharacters(text()).split("\n");
      for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
    }
  });

  it("has colours only where they are wanted", () => {
    const { stream } = terminal(80);
    const { NO_COLOR } = process.env;
    try {
      delete process.env.NO_COLOR;
      expect(paletteFor(stream).bold("x")).toBe("\x1b[1mx\x1b[22m");
      process.env.NO_COLOR = "1";
      expect(paletteFor(stream).bold("x")).toBe("x");
    } finally {
      if (NO_COLOR === undefined) delete process.env.NO_COLOR;
      else process.env.NO_COLOR = NO_COLOR;
    }
    expect(paletteFor({ isTTY: false } as NodeJS.WriteStream).code("x")).toBe("x");
  });

  it("fits the summary into the width, emoji and all", async () => {
    const ids = SemanticIds.from(
      Array.from({ length: 300 }, (_, i) => [i % 3, (i * i) % 11, i % 7]),
      { codebookSizes: [4, 11, 7] },
    );
    const summary = {
      ids,
      dim: 3,
      labels: { titles: Array.from({ length: 300 }, (_, i) => `👩‍🚀 ${"漢字".repeat(i % 40)}\x1b[2J\n${i}`) },
      effort: "1 epoch in 0.1 s",
      losses: { reconstruction: 1, quantization: 2 },
      explainedVariance: 0.5,
      files: [{ path: "m", what: "the model", size: "1 kB" }],
      next: "rqvae",
    };
    for (const columns of [80, 120, 200]) {
      const text = await describeTraining(summary, columns, paletteFor({ isTTY: false } as NodeJS.WriteStream));
      for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(Math.min(columns, 120));
      expect(text).not.toContain("\x1b");
    }
  });

  it("words numbers", () => {
    expect([0, 0.5, 0.99999, 1].map((share) => percent(share))).toEqual(["0 %", "50.0 %", "99.9 %", "100 %"]);
    expect([0.04, 59.6, 75, 4000].map(duration)).toEqual(["0.0 s", "1 min 0 s", "1 min 15 s", "1 h 6 min"]);
    expect([0, 1.23456, 123.456, 12345.6, 1.5e-7].map(short)).toEqual([
      "0.000",
      "1.235",
      "123.5",
      "12,346",
      "1.500e-7",
    ]);
    expect(["a", "é", "漢", "❤️", "🇩🇪", "👍"].map(displayWidth)).toEqual([1, 1, 2, 2, 2, 2]);
    expect(shorten("👍👍👍", 5)).toBe("👍👍…");
    expect(listed(["aa", "bb", "cc"], 20)).toBe("aa, bb, cc");
    expect(listed(["aa", "bb", "cc"], 9)).toBe("aa, bb, …");
    expect(listed(["aa"], 20, 5)).toBe("aa, …");
  });
});
