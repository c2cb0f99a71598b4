/** What the tests of the command line share: a folder with a small catalogue, and the built program run in it. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";

export const program = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
export const environment = { ...process.env, NO_COLOR: "", COLUMNS: "80" };
/** What the program calls itself in the commands that it prints, as these tests start it. */
export const called = `node ${program}`;

export const rows = 60;
export const dim = 5;
/** Options of a model that trains in a blink. */
export const quick = ["--epochs", "3", "--codes", "8,4", "--hidden", "8", "--latent", "3"];

let folder: string;

/** Gives every test of a file a folder of its own, with items.npy and labels.json in it. */
export function useFolder(): void {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-cli-"));
    write("items.npy", npy());
    const titles = Array.from({ length: rows }, (_, i) => `item ${i}, of kind ${i % 4}`);
    write("labels.json", JSON.stringify({ titles }));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
}

export const inFolder = (name: string) => join(folder, name);
export const read = (name: string) => readFileSync(inFolder(name), "utf8");
export const readBytes = (name: string) => readFileSync(inFolder(name));
export const write = (name: string, content: string | Uint8Array) => writeFileSync(inFolder(name), content);
export const files = () => readdirSync(folder).sort();

/** Rows around four centres as an npy file; one number may be replaced. */
export function npy(replace: { at: number; by: number } = { at: -1, by: 0 }, columns = dim, count = rows): Uint8Array {
  const data = Float32Array.from({ length: count * columns }, (_, k) => {
    const [i, j] = [Math.floor(k / columns), k % columns];
    return k === replace.at ? replace.by : (((i % 4) * (j + 1)) % 5) + ((k * 7919) % 101) / 300;
  });
  return writeNpy({ data, rows: count, dim: columns });
}

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the program to its end. */
export function rqvae(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: environment,
  });
  return { status, stdout, stderr };
}

/** Runs the program with this on its standard input. */
export function rqvaeFed(input: string | Uint8Array, ...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: environment,
    input,
  });
  return { status, stdout, stderr };
}

/** Runs the program without keeping this process from answering it, and with more in its environment. */
export function rqvaeBeside(more: Record<string, string>, ...args: string[]): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: { ...environment, ...more } });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (chunk) => {
      said[stream] += chunk;
    });
  }
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, ...said })));
}

/** Starts the program. */
export const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [program, ...args], { cwd: folder, env: environment });

/** Sends SIGINT when `text` was seen, and waits for the end. @returns what came on stderr. */
export function interruptOnce(child: ChildProcess, text: string): Promise<string> {
  let stderr = "";
  let sent = false;
  child.stderr?.setEncoding("utf8").on("data", (chunk) => {
    stderr += chunk;
    if (!sent && stderr.includes(text)) sent = child.kill("SIGINT");
  });
  return new Promise((resolve) => child.on("close", () => resolve(stderr)));
}

/** One line that names the program, and nothing on standard output. */
export function expectError(result: Result, status: number, ...parts: string[]): void {
  // What the columns were taken for, and how files were joined, may have been said before.
  expect(result.stderr).toMatch(
    /^([^\n]*(: vectors: |: the fields |Joined by position|is taken as the ID of row)[^\n]*\n)*rqvae: [^\n]+\n$/,
  );
  for (const part of parts) expect(result.stderr).toContain(part);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result).toMatchObject({ status, stdout: "" });
}
