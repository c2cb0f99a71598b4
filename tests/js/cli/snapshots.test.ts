/** `rqvae train --snapshots`: files of earlier IDs next to the file of the IDs. */
import { SemanticIds } from "rqvae";
import { readIds } from "rqvae/formats";
import { expect, test } from "vitest";
import { expectError, files, quick, readBytes, rows, rqvae, useFolder } from "./harness.ts";

useFolder();

test("writes the IDs of the epochs before the last, published like the IDs themselves", async () => {
  const { status, stdout } = rqvae("train", "items.npy", ...quick, "--snapshots", "2", "--collisions", "suffix");
  expect(status).toBe(0);
  expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/model\.ids\.snapshot-1\.csv the IDs after epoch 2/);
  const final = (await readIds(readBytes("model.ids.csv"))).ids;
  for (const name of ["model.ids.snapshot-1.csv", "model.ids.snapshot-2.csv"]) {
    const { ids } = await readIds(readBytes(name));
    expect(ids).toBeInstanceOf(SemanticIds);
    expect([ids.length, ids.levels]).toEqual([rows, final.levels]);
  }
  expect(files()).not.toContain("model.ids.snapshot-3.csv");
  const few = rqvae("train", "items.npy", ...quick, "-o", "few.safetensors", "--snapshots", "50");
  expect(few.stderr).toMatch(/--snapshots 50: only \d+ written, since there were no more epochs before the last/);
  // What stands there is not overwritten without being asked.
  const again = rqvae(
    "train",
    "items.npy",
    ...quick,
    "-o",
    "b.safetensors",
    "--ids",
    "model.ids.csv",
    "--snapshots",
    "1",
  );
  expect(again.status).not.toBe(0);
});

test("refuses numbers and options that make no sense", () => {
  expectError(rqvae("train", "items.npy", "--snapshots", "0"), 2, "--snapshots must be a whole number from 1 to 100");
  expectError(
    rqvae("train", "items.npy", "--snapshots", "2", "--checkpoint", "a.checkpoint"),
    2,
    "--snapshots and --checkpoint do not go together",
  );
  expectError(rqvae("train", "items.npy", "--snapshots", "2", "--ids", "-"), 2, "--snapshots needs --ids FILE");
});
