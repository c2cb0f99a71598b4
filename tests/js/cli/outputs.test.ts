/** Where the command line writes: standard output, names that say no format, folders without permission; and how it names itself. */
import { spawnSync } from "node:child_process";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import {
  called,
  environment,
  expectError,
  files,
  inFolder,
  program,
  quick,
  read,
  rqvae,
  rqvaeBeside,
  start,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

beforeEach(() => {
  expect(rqvae("train", "items.npy", "-o", "m.safetensors", "-q", ...quick).status).toBe(0);
});

describe("- as an output", () => {
  it.each([
    ["csv", []],
    ["csv", ["--format", "csv"]],
    ["jsonl", ["--format", "jsonl"]],
    ["trie.json", ["--format", "trie"]],
    ["index.json", ["--format", "lcrec"]],
  ])("of encode and merge is standard output: %s %j", (ending, format) => {
    expect(rqvae("encode", "m.safetensors", "items.npy", "-q", "-o", `ids.${ending}`).status).toBe(0);
    const before = files();
    const encoded = rqvae("encode", "m.safetensors", "items.npy", "-o", "-", ...format);
    expect(encoded).toEqual({ status: 0, stdout: read(`ids.${ending}`), stderr: "" });
    expect(files()).toEqual(before);
    expect(rqvae("encode", "m.safetensors", "items.npy", "--shard", "1/1", "-o", "s.shard", "-q").status).toBe(0);
    const merged = rqvae("merge", "s.shard", "--output", "-", ...format);
    expect(merged).toEqual({ status: 0, stdout: read(`ids.${ending}`), stderr: "" });
  });

  it("of convert is standard output, of the format that --to names", () => {
    const { status, stdout, stderr } = rqvae("convert", "m.ids.csv", "-", "--to", "jsonl");
    expect(status).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).codes.length),
    ).toEqual(Array(60).fill(2));
    expect(stderr).toContain("wrote standard output (jsonl, ");
    expectError(rqvae("convert", "m.ids.csv", "-"), 2, "<out> -: the name says no format; name it with --to");
    expect(files()).not.toContain("-");
  });

  it.each(["train", "kmeans"])("of %s --ids is standard output, and all else is told on standard error", (command) => {
    const options = command === "train" ? quick : ["--codes", "8,4", "--levels", "2"];
    expect(rqvae(command, "items.npy", "-o", "n.safetensors", "-q", ...options).status).toBe(0);
    const { status, stdout, stderr } = rqvae(command, "items.npy", "-o", "n.safetensors", "--ids", "-", ...options);
    expect(status).toBe(0);
    expect(stdout).toBe(read("n.ids.csv"));
    expect(stderr).toMatch(/Learned 60 items[\s\S]*\n {2}standard output +the IDs, 60 rows[\s\S]*\nNext: /);
    expect(files()).not.toContain("-");
  });

  it("of report --html is standard output, and the text is told on standard error", () => {
    const { status, stdout, stderr } = rqvae("report", "m.safetensors", "items.npy", "--html", "-");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^<!doctype html>/i);
    expect(stdout).toMatch(/<\/html>\s*$/);
    expect(stderr).toContain("60 items");
    expectError(rqvae("report", "m.safetensors", "items.npy", "--html", "-", "--json"), 2, "--json and --html -");
    expect(files()).not.toContain("-");
  });

  it.each([
    [["train", "items.npy", "-o", "-"], "-o: a model is binary and cannot go to standard output (-); name a file"],
    [["kmeans", "items.npy", "-o", "-"], "-o: a model is binary"],
    [["train", "items.npy", "--checkpoint", "-"], "--checkpoint: a checkpoint is binary"],
    [["train", "items.npy", "--checkpoint", "c", "--ids", "-"], "--ids - does not go with --checkpoint"],
    [["convert", "--plain", "m.safetensors", "-o", "-"], "-o: a model is binary"],
    [["convert", "m.ids.csv", "-", "--to", "npy"], "<out>: npy is binary"],
    [["encode", "m.safetensors", "items.npy", "-o", "-", "--format", "parquet"], "-o: parquet is binary"],
    [["encode", "m.safetensors", "items.npy", "-o", "-", "--format", "shard"], "-o: shard is binary"],
    [["encode", "m.safetensors", "items.npy", "--latents", "-"], "--latents: a file of latents is binary"],
    [["merge", "x.shard", "-o", "-", "--format", "npy"], "-o: npy is binary"],
    [["embed", "items.csv", "-t", "text", "-m", "x", "-o", "-"], "-o: npy is binary"],
  ])("is refused for what is no text: %j", (args, message) => {
    const before = files();
    expectError(rqvae(...args), 2, message);
    expect(files()).toEqual(before);
  });

  it("is no folder", () => {
    mkdirSync(inFolder("d"));
    write("d/d.item", "item_id:token\tname:token_seq\n1\ta\n");
    expectError(rqvae("hopwise", "d", "-e", "items.npy", "-o", "-"), 2, "-o is a folder");
  });
});

describe("a name whose ending is that of no format", () => {
  const known = ".trie.json, .json, .jsonl, .ndjson, .npy, .item, .semanticids, .csv";

  it.each([
    [["encode", "m.safetensors", "items.npy", "-o", "enc.pdf"], "-o enc.pdf", "--format"],
    [["encode", "m.safetensors", "items.npy", "-o", "ids.csv.gz"], "-o ids.csv.gz", "unknown extension .gz"],
    [
      ["encode", "m.safetensors", "items.npy", "--rows", "0:9", "-o", "enc.pdf"],
      "-o enc.pdf",
      ".parquet or .shard, or",
    ],
    [["encode", "m.safetensors", "items.npy", "-o", "enc.shard"], "-o enc.shard", "--format"],
    [["merge", "s.shard", "-o", "enc.pdf"], "-o enc.pdf", "--format"],
    [["convert", "m.ids.csv", "enc.pdf"], "<out> enc.pdf", "--to"],
    [["train", "items.npy", "-o", "n.safetensors", "--ids", "enc.pdf"], "--ids enc.pdf", "use "],
    [["kmeans", "items.npy", "-o", "n.safetensors", "--ids", "enc.txt"], "--ids enc.txt", "use "],
  ])("is refused: %j", (args, ...parts) => {
    const before = files();
    expectError(rqvae(...args), 2, "unknown extension .", known, ...parts);
    expect(files()).toEqual(before);
  });

  it("of embeddings is refused as well", () =>
    expectError(
      rqvae("embed", "t.csv", "-t", "text", "-m", "x", "-o", "e.parquet"),
      2,
      "-o e.parquet: unknown extension .parquet; use .npy",
    ));

  it.each([
    [["train", "items.npy", "-o", "n.pt"], "-o n.pt: unknown extension .pt; use .safetensors"],
    [["kmeans", "items.npy", "--output", "n.pt"], "--output n.pt: unknown extension .pt; use .safetensors"],
    [["convert", "--plain", "m.safetensors", "-o", "n.pth"], "-o n.pth: unknown extension .pth; use .safetensors"],
    [
      ["train", "items.npy", "--history", "h.xls"],
      "--history h.xls: unknown extension .xls; use .jsonl, .ndjson or .csv",
    ],
    [["report", "m.safetensors", "items.npy", "--html", "r.pdf"], "--html r.pdf: unknown extension .pdf; use .html or"],
    [
      ["encode", "m.safetensors", "items.npy", "--latents", "l.pdf"],
      "--latents l.pdf: unknown extension .pdf; use .npy",
    ],
    [["encode", "m.safetensors", "items.npy", "--latents", "l"], "--latents l: the name has no extension"],
  ])("is refused in the same words for every other output: %j", (args, message) => {
    const before = files();
    // Before anything is read: the items need not even be there.
    expectError(rqvae(...args.map((arg) => (arg === "items.npy" ? "none.npy" : arg))), 2, message);
    expect(files()).toEqual(before);
  });

  it("is taken when the format is named, and names without an ending have the default", () => {
    for (const args of [["enc.pdf", "--format", "csv"], ["ids"], ["ids.2"]]) {
      expect(rqvae("encode", "m.safetensors", "items.npy", "-q", "-o", ...args).status).toBe(0);
      expect(read(args[0]!)).toBe(read("m.ids.csv"));
    }
  });
});

describe("numbers out of range", () => {
  it.each([
    [["train", "items.npy", "--epochs", "-3"], "--epochs must be at least 1, but is -3"],
    [["train", "items.npy", "--epochs=0"], "--epochs must be at least 1, but is 0"],
    [["train", "items.npy", "--set", "epochs=-3"], "--set epochs must be at least 1, but is -3"],
    [["train", "items.npy", "--epochs", "2.5"], '--epochs must be a whole number, but is "2.5"'],
    [["train", "items.npy", "--batch", "-1"], "--batch must be at least 1, but is -1"],
    [["train", "items.npy", "--seed", "-1"], "--seed must be at least 0, but is -1"],
    [["train", "items.npy", "--patience", "-1"], "--patience must be at least 0, but is -1"],
    [["train", "items.npy", "--codes", "-8"], '--codes must be at least 1, but is "-8"'],
    [["train", "items.npy", "--codes", "8,0"], '--codes must be at least 1 everywhere, but is "8,0"'],
    [["train", "items.npy", "--hidden", "-8"], '--hidden must be at least 1, but is "-8"'],
    [["train", "items.npy", "--codes", "8,,4"], "--codes must be whole numbers separated by commas"],
    [["train", "items.npy", "--lr", "1e400"], "--lr must be a finite number, but is 1e400"],
    [["train", "items.npy", "--lr", " "], '--lr must be a number, but is " "'],
    [["train", "items.npy", "--noise", "-1"], "--noise must be a number of at least 0"],
    [
      ["train", "items.npy", "--checkpoint", "c", "--checkpoint-every", "-1"],
      "--checkpoint-every must be at least 0 (it is in seconds)",
    ],
    [["kmeans", "items.npy", "--levels", "-1"], "--levels must be at least 1, but is -1"],
    [["kmeans", "items.npy", "--seed", "-1"], "--seed must be at least 0, but is -1"],
    [["report", "--capacity", "-5"], "--capacity must be at least 1, but is -5"],
    [["merge", "s.shard", "--collisions", "suffix", "--capacity", "0"], "--capacity must be at least 1, but is 0"],
    [["embed", "t.csv", "-t", "a", "-m", "x", "--batch", "-2"], "--batch must be at least 1, but is -2"],
  ])("%j", (args, message) => expectError(rqvae(...args), 2, message));
});

describe("a folder without write permission", () => {
  const faulty = pathToFileURL(join(import.meta.dirname, "faulty-fs.mjs")).href;
  const failing = (pattern: string, ...args: string[]) =>
    rqvaeBeside({ NODE_OPTIONS: `--import=${faulty}`, FAULTY_FAIL: `EACCES,${pattern}` }, ...args);

  it("is what an error names, before the work and after it", async () => {
    mkdirSync(inFolder("out"));
    const encode = ["encode", "m.safetensors", "items.npy", "-o", "out/ids.csv"];
    const before = await failing("out$", ...encode);
    expectError(before, 1, "out/ids.csv: no permission to write in the folder out\n");
    const here = await failing("^\\.$", ...encode.slice(0, -1), "ids.csv");
    expectError(here, 1, `ids.csv: no permission to write in the folder ${realpathSync(inFolder("."))}\n`);
    for (const pattern of ["out/.*\\.tmp$", "out/ids\\.csv$"]) {
      const later = await failing(pattern, ...encode);
      expectError(later, 1, "out/ids.csv: no permission to write in the folder out. It is kept in ");
    }
  });

  it("is not confused with a file without it", async () =>
    expectError(
      await failing("/dev/null$", "encode", "m.safetensors", "items.npy", "-o", "/dev/null"),
      1,
      "/dev/null: permission denied",
    ));
});

describe("the name of the program in what it prints", () => {
  function run(script: string, path: string, ...args: string[]) {
    const { stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
      cwd: inFolder("."),
      encoding: "utf8",
      env: { ...environment, PATH: path },
    });
    return stdout + stderr;
  }
  const kmeans = ["kmeans", "items.npy", "--codes", "4", "-f"];

  it("is how it was started", () => {
    const bin = inFolder("node_modules/.bin");
    const own = inFolder("bin");
    for (const folder of [bin, own]) {
      mkdirSync(folder, { recursive: true });
      symlinkSync(program, join(folder, "rqvae"));
    }
    const next = "encode model.safetensors new-items.npy";
    expect(run(join(own, "rqvae"), own, ...kmeans)).toContain(`Next: rqvae ${next}`);
    expect(run(program, own, ...kmeans)).toContain(`Next: rqvae ${next}`);
    expect(run(join(bin, "rqvae"), bin, ...kmeans)).toContain(`Next: npx rqvae ${next}`);
    expect(run(program, "", ...kmeans)).toContain(`Next: node ${program} ${next}`);
    symlinkSync(join(program, "../.."), inFolder("dist"));
    expect(run("dist/cli/main.js", "", ...kmeans)).toContain(`Next: node dist/cli/main.js ${next}`);
    expect(run(join(bin, "rqvae"), bin, "trian")).toContain("(see npx rqvae --help)");
    expect(run(join(bin, "rqvae"), bin, "train")).toContain("(see npx rqvae train --help)");
    expect(called).toBe(`node ${program}`);
  });
});

it.skipIf(process.platform === "win32")(
  "the first Ctrl-C says what it does, and that a second one ends at once",
  async () => {
    const child = start("train", "items.npy", "-o", "n.safetensors", ...quick, "--epochs", "100000000");
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (chunk) => {
      if (!stderr.includes("epoch ") && (stderr + chunk).includes("epoch ")) child.kill("SIGINT");
      stderr += chunk;
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).toMatch(
      /\nStopping, then saving the model so far\. A second Ctrl-C ends at once, without saving\.\n[\s\S]*Stopped in epoch /,
    );
  },
);

it("train --help says what the printed loss is made of", () => {
  expect(rqvae("train", "--help").stdout.replaceAll("\n", " ")).toContain(
    "The printed loss is reconstructionWeight x reconstruction + quantisation + the separation of items",
  );
});
