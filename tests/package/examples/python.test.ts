/** examples/python, run as a user would: beside the packed package, by a Python that has what it needs. */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findPython, hasPackages } from "../../../tools/python-packages.mjs";
import { makeProject, type Project, ROOT } from "../project.ts";
import { snippets } from "../snippets.ts";

const PACKAGES = { numpy: ">=1.26", pandas: ">=2.1", safetensors: ">=0.4" };

/** Undefined where there is none, which is said. */
function pythonForNotebooks(): string | undefined {
  const found = findPython("notebook", PACKAGES, { install: Boolean(process.env.CI) });
  if ("python" in found) return found.python;
  if (process.env.CI) throw new Error(found.missing);
  console.warn(`examples/python is skipped: ${found.missing}`);
  return undefined;
}

const python = pythonForNotebooks();
const torch = python !== undefined && hasPackages(python, ["torch"]);
if (python !== undefined && !torch)
  console.warn("examples/python: this Python has no PyTorch, so that only NumPy is tested");

describe.skipIf(python === undefined)("examples/python", () => {
  let project: Project;
  beforeAll(() => {
    project = makeProject();
    for (const part of ["python", "data/emoji"]) {
      cpSync(join(ROOT, "examples", part), join(project.folder, "examples", part), { recursive: true });
    }
  });
  afterAll(() => project?.remove());

  function run(...args: string[]) {
    const env = { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", PYTHONDONTWRITEBYTECODE: "1" };
    const { status, stdout, stderr } = spawnSync(python!, args, { cwd: project.folder, encoding: "utf8", env });
    return { status, stdout, stderr };
  }
  const equal = (stdout: string, reader: string) =>
    Number(new RegExp(`^${reader}: ([\\d.]+)% of the IDs are those of rqvae$`, "m").exec(stdout)?.[1]);

  it.each([
    ["with a beam", ["--epochs", "12"]],
    [
      "greedily, with ReLU and a scale for each dimension",
      "--epochs 4 --beam 1 --activation relu --input-scaling perDimension".split(" "),
    ],
  ])("trains in Node and computes the same IDs %s", (_, options) => {
    const { status, stdout, stderr } = run("examples/python/emoji.py", ...options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // Joined by key to a table in another order.
    expect(stdout).toMatch(/^ +key +title +code_1 +code_2 +code_3 +tokens\n/);
    expect(stdout).toMatch(/emoji-01638 +🔺 red triangle pointed up +\d+ +\d+ +\d+ +<a_\d+><b_\d+><c_\d+>\n/);
    expect(stdout).toMatch(/\n epoch +reconstructionLoss +quantizeLoss +distinctIds\n/);
    expect(equal(stdout, "NumPy")).toBeGreaterThanOrEqual(99.9);
    if (torch) expect(equal(stdout, "PyTorch")).toBeGreaterThanOrEqual(99.9);
    else expect(stdout).toContain("PyTorch is not installed: only NumPy encodes");
    expect(stdout).toContain("\nprefix features are those of rqvae: True\n");
    const kept = Number(/keep ([\d.]+)% of their variance/.exec(stdout)?.[1]);
    expect(kept).toBeGreaterThan(40);
    expect(stdout).toMatch(/\ntrained on items\.npy: True, fingerprint [0-9a-f]{16}\n$/);
  });

  it("says what rqvae says when it refuses", () => {
    const { status, stderr } = run("examples/python/emoji.py", "--epochs", "none");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^rqvae: --epochs .*\nrqvae train ended with exit code 2\n$/);
  });

  it("refuses models that need more than its lines", () => {
    const train = "--epochs 1 --codes 4 -q -f --layer-norm -o normed.safetensors";
    const command = [join(project.installed, "dist/cli/main.js"), "train", "items.npy", ...train.split(" ")];
    expect(spawnSync(process.execPath, command, { cwd: project.folder }).status).toBe(0);
    for (const reader of ["rqvae_numpy", ...(torch ? ["rqvae_torch"] : [])]) {
      const script = `import sys; sys.path.append("examples/python"); import ${reader}; ${reader}.Model("normed.safetensors")`;
      expect(run("-c", script).stderr).toContain(
        "ValueError: normed.safetensors: a model with layerNorm needs more than these lines",
      );
    }
  });
});

it("what the guide quotes of the examples is in them", () => {
  const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
  const sources = ["emoji", "rqvae_numpy", "rqvae_torch"].map((name) => read(`examples/python/${name}.py`));
  // Indentation is the guide's own.
  const lines = (text: string) =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join("\n");
  const quoted = snippets(read("docs/guides/python.md")).filter(({ run }) => run === "quoted");
  expect(quoted.length).toBeGreaterThan(2);
  for (const { code, line } of quoted) {
    expect(
      sources.some((source) => lines(source).includes(lines(code))),
      `the block at line ${line}`,
    ).toBe(true);
  }
});
