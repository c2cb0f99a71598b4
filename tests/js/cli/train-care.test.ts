/** What a training from the command line must not lose, and figures that must be those of the report. */

import { expect, it } from "vitest";
import { expectError, quick, read, readBytes, rqvae, start, useFolder, write } from "./harness.ts";

useFolder();

/** Heavy-tailed items with keys, of which a part that is held out varies otherwise than the rest. */
const keyed = (key = "k7") =>
  `id,a,b,c,d\n${Array.from({ length: 60 }, (_, i) => {
    const values = Array.from({ length: 4 }, (_, j) => Math.tan(((i * 37 + j * 11) % 59) / 40));
    return `${i === 7 ? key : `k${i}`},${values.map((value) => value.toFixed(4)).join(",")}`;
  }).join("\n")}\n`;

it("ends, with all its files, though nobody reads its progress", async () => {
  const child = start("train", "items.npy", ...quick, "--epochs", "200", "-o", "m.safetensors", "--ids", "m.csv");
  child.stderr!.destroy();
  child.stdout!.resume();
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
  expect(readBytes("m.safetensors").length).toBeGreaterThan(1000);
  expect(read("m.csv").split("\n")).toHaveLength(62);
});

it("names the share of the variance that the report measures, held-out items among them", () => {
  write("keyed.csv", keyed());
  const outputs = ["-o", "m.safetensors", "--ids", "ids.csv"];
  const held = ["--validation", "0.5", "--validation-until", "1"];
  const trained = rqvae("train", "keyed.csv", ...quick, ...held, ...outputs, "--json");
  const reported = rqvae("report", "m.safetensors", "keyed.csv", "--json");
  const { losses } = JSON.parse(trained.stdout);
  expect(losses.explainedVariance).toBeCloseTo(JSON.parse(reported.stdout).reconstruction.explainedVariance, 12);
});

it("does not take a finished training for another with other item IDs, and writes a history that was not there", () => {
  const command = ["train", "keyed.csv", "--epochs", "2", "--codes", "4", "-o", "m.safetensors", "--ids", "ids.csv"];
  const resumable = [...command, "--checkpoint", "m.checkpoint", "--resume"];
  write("keyed.csv", keyed());
  expect(rqvae(...resumable, "--history", "first.csv").status).toBe(0);
  const again = rqvae(...resumable, "--history", "second.csv");
  expect(again.stderr).toContain("has finished before");
  expect(read("second.csv")).toBe(read("first.csv"));
  write("keyed.csv", keyed("renamed"));
  const other = rqvae(...resumable);
  expect(other.stderr).not.toContain("has finished before");
  expect(read("ids.csv")).toContain("renamed");
});

it("counts the epochs that were trained when it ends early", () => {
  const held = ["--validation", "0.2", "--patience", "1", "--evaluate-every", "1", "--select", "loss"];
  const { stdout, stderr } = rqvae("train", "items.npy", ...quick, "--epochs", "80", "--lr", "0.3", ...held, "--json");
  const { epochs } = JSON.parse(stdout);
  expect(epochs).toBeLessThan(80);
  expect(stderr).not.toContain(`epoch ${epochs + 1} of 80`);
});

it("gives standard output to one result only", () => {
  expectError(rqvae("train", "items.npy", "--json", "--history", "-"), 2, "--json and --history - both write");
  expectError(rqvae("train", "items.npy", "--ids", "-", "--history", "-"), 2, "--ids - and --history - both write");
});

it("says that a training which diverged left no model", () => {
  expectError(
    rqvae("train", "items.npy", ...quick, "-q", "--lr", "1e9", "-o", "x.safetensors"),
    1,
    "No model was written",
  );
});
