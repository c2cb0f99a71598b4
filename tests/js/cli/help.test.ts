/** The help pages, and the exit codes that they promise. */
import { describe, expect, it } from "vitest";
import { flagName } from "../../../bindings/js/cli/words.ts";
import { OPTIONS } from "../../../bindings/js/options/describe.ts";
import { suggestConfig } from "../../../bindings/js/options/suggest-config.ts";
import { called, expectError, interruptOnce, quick, rqvae, start, useFolder, write } from "./harness.ts";

useFolder();

const overview = rqvae("--help").stdout;
const commands = Array.from(
  /^Commands:\n((?: {2}\w.*\n)+)/m.exec(overview)![1]!.matchAll(/^ {2}(\w+)/gm),
  ([, name]) => name!,
);

describe("help", () => {
  it("lists the commands, and is the same in all spellings", () => {
    expect(commands).toEqual(
      expect.arrayContaining(["embed", "train", "kmeans", "encode", "merge", "report", "convert", "hopwise"]),
    );
    for (const args of [["-h"], ["help"], ["help", "--help"]]) expect(rqvae(...args).stdout).toBe(overview);
    expectError(rqvae("help", "trian"), 2, 'unknown command "trian"; did you mean train?');
  });

  it.each([undefined, ...commands])(
    "of %s fits into 80 columns and has files, exit codes and examples",
    async (command) => {
      const { status, stdout } = command === undefined ? rqvae("help") : rqvae("help", command);
      expect(status).toBe(0);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      if (command === undefined) expect(stdout).toContain("rqvae help <command>");
      else {
        expect(rqvae(command, "--help").stdout).toBe(stdout);
        expect(stdout).toContain(`Usage: rqvae ${command} `);
        expect(stdout).toMatch(/^General:\n/m);
      }
      const own = ["embed", "train", "kmeans", "encode", "merge", "report", "decode", "features", "convert", "hopwise"];
      if (command !== undefined && !own.includes(command)) return;
      expect(stdout).toMatch(/^Exit codes:\n {2}0 {4}done\n {2}1 .*\n {2}2 .*\n {2}130 /m);
      expect(stdout).toMatch(/^Examples?:\n( {2}.+\n)+$/m);
      expect(stdout).toMatch(/overwritten/);
      expect(stdout).toMatch(/- \(standard input/);
    },
  );

  it("of train has every option with its default", () => {
    const { stdout } = rqvae("train", "--help");
    const chosen = [
      { n: 500, inputDim: 32 },
      { n: 100_000, inputDim: 384 },
    ].map(suggestConfig);
    for (const option of OPTIONS) {
      const flag = `--${flagName(option)}`;
      const [, text = ""] = new RegExp(`^ {6}${flag}(?= |\\n)((?:.*\\n)(?: {20,}.*\\n)*)`, "m").exec(stdout) ?? [];
      expect(text, flag).not.toBe("");
      if (option.kind === "flag" && option.default === false && option.name !== "codebookRefine") continue;
      const [, value] = /\(default: ([^;)]+)/.exec(text.replaceAll(/\s+/g, " ")) ?? [];
      expect(value, flag).toBeDefined();
      const values = chosen.map((recipe) => (recipe[option.of] as Record<string, unknown>)[option.name]);
      if (value === "chosen") expect(values[0], flag).toBeDefined();
      else if (value === "on") expect(values[0] ?? option.default, flag).toBe(true);
      else if (option.name !== "select") {
        for (const each of values) expect(value, flag).toBe(String(each ?? option.default));
      }
    }
  });

  it("explains the three places of hopwise in the command's own", () => {
    const text = rqvae("hopwise", "--help").stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain('"hopwise" means one thing in three places: the original program.');
    for (const place of [
      "rqvae hopwise reads",
      "--preset hopwise trains as",
      "--compat hopwise takes its functions only",
    ]) {
      expect(text).toContain(place);
    }
  });
});

describe("the exit code", () => {
  it("is 0 when all is done, 1 for an error, 2 for wrong usage", () => {
    expect(rqvae("kmeans", "items.npy", "--codes", "4", "-q").status).toBe(0);
    write("broken.npy", "broken");
    expectError(rqvae("kmeans", "broken.npy", "-f"), 1, "broken.npy");
    expectError(rqvae("kmeans", "none.npy", "-f"), 1, "none.npy: no such file");
    for (const args of [
      [],
      ["tran"],
      ["kmeans"],
      ["kmeans", "items.npy", "--codez", "3"],
      ["kmeans", "items.npy", "--seed", "x"],
    ]) {
      expectError(rqvae(...args), 2, `(see ${called} `);
    }
  });

  it("is 0 when the reader of standard output has seen enough", async () => {
    expect(rqvae("kmeans", "items.npy", "--codes", "4", "-q").status).toBe(0);
    const child = start("encode", "model.safetensors", "items.npy", "-q");
    child.stdout!.destroy();
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
  });

  it.skipIf(process.platform === "win32")("is 130 after Ctrl-C and 143 after SIGTERM", async () => {
    const endless = ["train", "items.npy", ...quick, "--epochs", "100000000", "-f"];
    const interrupted = start(...endless);
    await interruptOnce(interrupted, "epoch ");
    expect(interrupted.exitCode).toBe(130);
    const terminated = start(...endless);
    let sent = false;
    terminated.stderr!.on("data", (text) => {
      if (!sent && String(text).includes("epoch ")) sent = terminated.kill("SIGTERM");
    });
    await new Promise((resolve) => terminated.on("close", resolve));
    expect(terminated.exitCode).toBe(143);
  });
});
