/** From torch.save over examples/from-pytorch/convert.py to RQVAE.load: the IDs of PyTorch. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkoutFolder, hasTorch, python, ROOT, removeFolder } from "./torch.ts";

const convert = (...args: string[]) => python([join(ROOT, "examples/from-pytorch/convert.py"), ...args]);
const torch = hasTorch();

describe.skipIf(!torch)("examples/from-pytorch/convert.py", () => {
  let folder: string;
  let expected: { items: number[][]; ids: Record<string, { codes: number[][]; margins: number[] }> };
  const path = (name: string) => join(folder, name);
  beforeAll(async () => {
    folder = await checkoutFolder("from-pytorch");
    const made = python([join(ROOT, "tests/fixtures/programs.py"), folder]);
    expect(made.stderr).toBe("");
    expected = JSON.parse(readFileSync(path("expected.json"), "utf8"));
  });
  afterAll(() => removeFolder(folder));

  it.each([
    ["hopwise", { compat: "hopwise", codebookSimVq: true }],
    ["semantic-id-generation", { compat: "hopwise", codebookSimVq: true }],
    ["rq-vae-recommender", { compat: "none", codebookSimVq: true, activation: "silu" }],
    ["lc-rec", { compat: "none", activation: "relu", commitmentWeight: 0.5 }],
    ["lc-rec-bn", { compat: "none", activation: "relu", commitmentWeight: 0.5 }],
  ])("takes a checkpoint of %s over, with its IDs", async (name, config) => {
    // A folder of its own: config.json stands beside the file.
    const own = await checkoutFolder(name);
    const { status, stdout, stderr } = convert(path(`${name}.pt`), join(own, "model.safetensors"));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/model\.safetensors: \d+ tensors, \d+ numbers/);
    expect(existsSync(join(own, "config.json"))).toBe(/^(lc-rec|rq-vae)/.test(name));
    using model = await RQVAE.load(own);
    expect(model.config).toMatchObject(config);
    const { codes, margins } = expected.ids[name]!;
    const found = [...model.encode(expected.items)];
    expect(new Set(found.map(String)).size).toBeGreaterThan(50);
    // A near-tie may fall the other way in another order of summation; there are hardly any.
    const differing = codes.flatMap((row, i) => (String(row) === String(found[i]) ? [] : [margins[i]!]));
    expect(differing.filter((margin) => margin > 1e-4)).toEqual([]);
    expect(differing.length).toBeLessThanOrEqual(1);
    removeFolder(own);
  });

  it("names the output after the checkpoint, keeps a config.json, and takes half floats", async () => {
    writeFileSync(path("config.json"), "mine");
    const { status, stdout } = convert(path("lc-rec.pt"));
    expect(status).toBe(0);
    expect(stdout).toContain("config.json: is there already");
    expect(readFileSync(path("config.json"), "utf8")).toBe("mine");
    writeFileSync(path("config.json"), "{}");
    expect(convert(path("half.pt")).status).toBe(0);
    using half = await RQVAE.load(path("half.safetensors"));
    expect(half.config.compat).toBe("hopwise");
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it.each([
    ["a whole module", ["module.pt"], /module\.pt: holds more than tensors.*save the weights alone/],
    ["one tensor", ["tensor.pt"], /tensor\.pt: no state_dict found, it is one tensor of shape \[3, 4\].*--key/],
    [
      "a key that is not there",
      ["lc-rec.pt", "--key", "ema.model"],
      /has no ema\.model: a dict with the keys args, epoch/,
    ],
    ["a key of something else", ["lc-rec.pt", "--key", "epoch"], /epoch is no state_dict but a int/],
    ["no file of PyTorch", ["expected.json"], /expected\.json: (is no file of torch\.save|holds more)/],
    ["no file", ["nowhere.pt"], /nowhere\.pt: No such file/],
  ])("refuses %s", (_, [name, ...options], message) => {
    const { status, stderr } = convert(path(name!), path("refused.safetensors"), ...options);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("Traceback");
    expect(existsSync(path("refused.safetensors"))).toBe(false);
  });

  const checkpoints = join(ROOT, "../shared/data/test_only/checkpoints");
  it.skipIf(!existsSync(checkpoints))("reads checkpoints as they are published, and says what they are", async () => {
    for (const name of readdirSync(checkpoints)) {
      copyFileSync(join(checkpoints, name), path(name)); // what the toolchain sees
      const output = path(`${basename(name)}.safetensors`);
      const { status, stderr } = convert(path(name), output);
      expect(stderr).not.toContain("Traceback");
      if (/bare-tensor|fullmodule/.test(name)) {
        expect(stderr, name).toMatch(/no state_dict found, it is one tensor|holds more than tensors/);
        continue;
      }
      expect(status, `${name}: ${stderr}`).toBe(0);
      // Sequence models: well-formed files, and nothing that could be taken for an RQ-VAE.
      await expect(RQVAE.load(output), name).rejects.toThrow(/neither an rqvae model nor a state_dict of/);
    }
  });
});
