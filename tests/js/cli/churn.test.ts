/** `rqvae churn`: what changed between two files of IDs. */
import { SemanticIds } from "rqvae";
import { expect, it } from "vitest";
import { writeIdsCsv } from "../support/formats.ts";
import { expectError, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const csv = (rows: Record<string, number[]>) =>
  writeIdsCsv(SemanticIds.from(Object.values(rows), { codebookSizes: [2, 2] }), undefined, Object.keys(rows));

it("says which items keep their IDs, in words and as JSON, whatever the formats", () => {
  write("old.csv", csv({ a: [0, 0], b: [0, 1], c: [1, 0], gone: [1, 1] }));
  write("new.json", JSON.stringify({ c: ["<a_1>", "<b_1>"], a: ["<a_0>", "<b_0>"], b: ["<a_0>", "<b_1>"], new: ["<a_1>", "<b_0>"] })); // biome-ignore format: one line
  const { status, stdout, stderr } = rqvae("churn", "old.csv", "new.json");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^2 of 3 items have the same ID as before \(66\.7%\)\./);
  expect(stdout).toMatch(/1 item was added, 1 removed/);
  expect(stdout).toMatch(/c: <a_1><b_0> is now <a_1><b_1>/);
  const json = JSON.parse(rqvae("churn", "old.csv", "new.json", "--json").stdout);
  expect(json).toMatchObject({ items: 3, unchanged: 2, added: ["new"], removed: ["gone"] });
  expect(json.moved).toEqual([{ itemId: "c", before: [1, 0], after: [1, 1], kept: 1 }]);
  expect(rqvae("churn", "old.csv", "new.json", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
});

it("names what cannot be compared", () => {
  write("old.csv", csv({ a: [0, 0] }));
  write("other.csv", csv({ b: [0, 0] }));
  expectError(rqvae("churn", "old.csv", "other.csv"), 1, "other.csv", "no item in common");
  expectError(rqvae("churn", "old.csv", "items.npy"), 1, "items.npy");
  expectError(rqvae("churn", "old.csv"), 2, "<new>");
});
