/** `rqvae train --from`: a model that is trained further, with the IDs that were published. */
import { RQVAE, SemanticIds } from "rqvae";
import { beforeEach, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { writeIdsCsv } from "../support/formats.ts";
import { dim, expectError, files, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const names = Array.from({ length: rows }, (_, i) => `item ${i}`).join("\n");
const further = ["--epochs", "4", "--stability", "1"];

/** The codes of the ID file by item. */
const idsOf = (file: string) =>
  new Map(
    read(file)
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => [line.split(",")[0]!, line.split(",").slice(1).join()]),
  );

/** The model of May. */
beforeEach(() => {
  write("may.txt", names);
  expect(rqvae("train", "items.npy", "--item-ids", "may.txt", ...quick, "-o", "may.safetensors", "-q")).toMatchObject({ status: 0, stderr: "" }); // biome-ignore format: one line
});

it("keeps known items where they are, and says in the model file from which one it went on", () => {
  const args = ["train", "items.npy", "--item-ids", "may.txt", "--from", "may.safetensors", "-o", "june.safetensors"];
  const before = readBytes("may.safetensors");
  const { status, stderr } = rqvae(...args, "--published", "may.ids.csv", ...further);
  expect(status, stderr).toBe(0);
  expect(readBytes("may.safetensors")).toEqual(before);
  const [may, june] = [idsOf("may.ids.csv"), idsOf("june.ids.csv")];
  const kept = [...may].filter(([item, id]) => june.get(item) === id).length;
  expect(kept).toBeGreaterThanOrEqual(0.9 * rows);
  const inspected = JSON.parse(rqvae("inspect", "june.safetensors", "--json").stdout);
  const old = JSON.parse(rqvae("inspect", "may.safetensors", "--json").stdout);
  expect(inspected.from).toBe(old.fingerprint);
  expect(inspected.config).toEqual(old.config);
  expect(rqvae("inspect", "june.safetensors").stdout).toMatch(`trained from`);
  expect(rqvae("inspect", "may.safetensors").stdout).not.toMatch("trained from");
  expect(rqvae("churn", "may.ids.csv", "june.ids.csv").stdout).toMatch(/ of 60 items have the same ID/);
});

it("resumes, and knows when it has finished", () => {
  const args = ["train", "items.npy", "--item-ids", "may.txt", "--from", "may.safetensors", ...further];
  const saving = ["--checkpoint", "run.checkpoint", "--resume", "-o", "june.safetensors"];
  expect(rqvae(...args, "-o", "whole.safetensors", "-q").status).toBe(0);
  expect(rqvae(...args, ...saving, "-q").status).toBe(0);
  expect(readBytes("june.safetensors")).toEqual(readBytes("whole.safetensors"));
  expect(rqvae(...args, ...saving).stderr).toMatch("This training has finished before");
  // From another model it is another training.
  expect(rqvae("train", "items.npy", ...quick, "--seed", "5", "-o", "other.safetensors", "-q").status).toBe(0);
  const other = args.map((arg) => (arg === "may.safetensors" ? "other.safetensors" : arg));
  expect(rqvae(...other, ...saving).stderr).not.toMatch("This training has finished before");
});

it("trains again for other published IDs, and does not go on with the checkpoint of another model", async () => {
  const args = ["train", "items.npy", "--item-ids", "may.txt", "--from", "may.safetensors", ...further];
  const saving = ["--published", "may.ids.csv", "--checkpoint", "run.checkpoint", "--resume", "-o", "june.safetensors"];
  expect(rqvae(...args, ...saving, "-q").status).toBe(0);
  expect(rqvae(...args, ...saving).stderr).toMatch("This training has finished before");
  const [head, ...lines] = read("may.ids.csv").trim().split("\n");
  const codes = lines.map((line) => line.split(",").slice(1).join());
  const turned = lines.map((line, i) => `${line.split(",")[0]},${codes[(i + 1) % codes.length]}`);
  write("may.ids.csv", [head, ...turned].join("\n"));
  expect(rqvae(...args, ...saving).stderr).not.toMatch("This training has finished before");

  const data = new Float32Array(npy().slice(-4 * rows * dim).buffer);
  using june = await RQVAE.fit({ data, rows, dim }, { from: readBytes("may.safetensors"), epochs: 4, stability: 1 });
  const checkpoint = june.saveCheckpoint();
  write("run.checkpoint", checkpoint);
  expect(rqvae("train", "items.npy", ...quick, "--seed", "5", "-o", "other.safetensors", "-q").status).toBe(0);
  const other = args.map((arg) => (arg === "may.safetensors" ? "other.safetensors" : arg));
  expectError(rqvae(...other, ...saving.slice(2)), 1, "the checkpoint was made with --from model");
  expect(readBytes("run.checkpoint")).toEqual(Buffer.from(checkpoint));
  expect(rqvae(...args, ...saving.slice(2), "-q").status).toBe(0);
});

it("--dry-run tells what it would do, and does nothing", () => {
  const there = files();
  const { status, stdout } = rqvae("train", "items.npy", "--from", "may.safetensors", "--dry-run", "-o", "june.safetensors"); // biome-ignore format: one line
  expect(status).toBe(0);
  expect(stdout).toMatch("Options chosen to train the model further");
  expect(stdout).toMatch("--stability 0.75");
  expect(stdout).not.toMatch("--codes");
  expect(files()).toEqual(there);
});

it("says that new items are of a new kind, and what that changes", () => {
  const known = new Float32Array(npy().slice(-4 * rows * dim).buffer);
  const data = Float32Array.from({ length: (rows + 10) * dim }, (_, i) => known[i] ?? 50 + (i % 7));
  write("june.npy", writeNpy({ data, rows: rows + 10, dim }));
  write("june.txt", `${names}\n${Array.from({ length: 10 }, (_, i) => `new ${i}`).join("\n")}`);
  const args = [
    "train",
    "june.npy",
    "--item-ids",
    "june.txt",
    "--from",
    "may.safetensors",
    "--published",
    "may.ids.csv",
  ];
  const said =
    "10 new items of a new kind: trained 2 times an epoch, with first codes that up to 3.6% of the known items had";
  const plan = rqvae(...args, "--dry-run", "-o", "june.safetensors");
  expect(plan.stdout).toMatch(/--new-item-repeats 2/);
  expect(plan.stdout).toMatch(/--freed-share 0.036/);
  expect(plan.stdout.replace(/\s+/g, " ")).toContain(said);
  expect(JSON.parse(rqvae(...args, "--dry-run", "--json", "-o", "june.safetensors").stdout).reasons).toEqual([said]);
  const told = rqvae(...args, "-o", "june.safetensors");
  expect(told).toMatchObject({ status: 0 });
  expect(told.stderr.replace(/\s+/g, " ")).toContain(`${said}.`);
  const json = rqvae(...args, "-o", "again.safetensors", "--json", "-q");
  expect(JSON.parse(json.stdout).reasons).toEqual([said]);

  const reasons = (...more: string[]) =>
    JSON.parse(rqvae(...args, "-o", "more.safetensors", "--json", "--force", "-q", "--epochs", "1", ...more).stdout)
      .reasons;
  const [kind, repeats] = said.split(/[:,] /);
  expect(reasons("--freed-share", "0")).toEqual([`${kind}: ${repeats}`]);
  expect(reasons("--freed-share", "0", "--new-item-repeats", "1")).toEqual([kind]);
  expect(reasons("--stability", "0")).toEqual([kind]);
});

it("resumes with the published IDs of the checkpoint only", async () => {
  const args = ["train", "items.npy", "--item-ids", "may.txt", "--from", "may.safetensors", ...further];
  const saving = ["--checkpoint", "run.checkpoint", "--resume", "-o", "june.safetensors"];
  const data = new Float32Array(npy().slice(-4 * rows * dim).buffer);
  const itemIds = names.split("\n");
  using may = await RQVAE.load(readBytes("may.safetensors"));
  const published = { itemIds, ids: may.encode({ data, rows, dim }) };
  using june = await RQVAE.fit({ data, rows, dim }, { from: may, itemIds, published, epochs: 4, stability: 1 });
  write("run.checkpoint", june.saveCheckpoint());
  const lines = read("may.ids.csv").trim().split("\n");
  write("fewer.ids.csv", lines.slice(0, -1).join("\n"));
  const refused = rqvae(...args, "--published", "fewer.ids.csv", ...saving);
  expectError(refused, 1, "the checkpoint was made with other --published IDs");
  expect(readBytes("run.checkpoint")).toEqual(Buffer.from(june.saveCheckpoint()));
  expect(rqvae(...args, "--published", "may.ids.csv", ...saving, "-q")).toMatchObject({ status: 0 });
  expect(readBytes("june.safetensors")).toEqual(Buffer.from(june.save()));
});

it("refuses what does not go together, by name", () => {
  const fail = (args: string[], status: number, ...words: string[]) =>
    expectError(rqvae("train", "items.npy", "-o", "june.safetensors", ...args), status, ...words);
  fail(["--published", "may.ids.csv"], 2, "--published goes with --from");
  fail(["--from", "may.safetensors", "--preset", "tiger"], 2, "--preset and --from");
  fail(["--from", "may.safetensors", "--codes", "16"], 2, "--codes", "[16, 16", "in --from", "without --from");
  fail(["--from", "may.safetensors", "--published", "may.ids.csv"], 2, "--published is joined by item IDs", "<items>");
  fail(["--from", "items.npy"], 1, "items.npy");
  fail(["--from", "absent.safetensors"], 1, "absent.safetensors");
  write("damaged.safetensors", readBytes("may.safetensors").subarray(0, 4000));
  fail(["--from", "damaged.safetensors"], 1, "damaged.safetensors");
  write("strange.ids.csv", writeIdsCsv(SemanticIds.from([[0, 0]], { codebookSizes: [8, 4] }), undefined, ["nobody"]));
  fail(
    ["--from", "may.safetensors", "--item-ids", "may.txt", "--published", "strange.ids.csv"],
    1,
    "--published has no item in common with --item-ids",
  );
  // The model that is read is not written over.
  expectError(rqvae("train", "items.npy", "--from", "may.safetensors", "-o", "may.safetensors"), 1, "may.safetensors");
});
