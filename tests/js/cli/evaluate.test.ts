/** `rqvae evaluate`: what IDs are worth for recommendation. */
import { SemanticIds } from "rqvae";
import { expect, it } from "vitest";
import { writeIdsCsv } from "../support/formats.ts";
import { expectError, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const n = 12;
const csv = (codes: number[][], itemIds?: string[]) =>
  writeIdsCsv(SemanticIds.from(codes, { codebookSizes: [3, n] }), undefined, itemIds);
const right = Array.from({ length: n }, (_, i) => [i % 3, Math.floor(i / 3)]);
const wrong = Array.from({ length: n }, (_, i) => [Math.floor((i * 5) / 7) % 3, i]);
/** Users who stay among every third item. */
const histories = (name: (item: number) => string) =>
  Array.from(
    { length: 60 },
    (_, u) => `u${u}x ${[0, 1, 2].map((i) => name((u % 3) + 3 * ((u + i * (1 + (u % 2))) % 4))).join(" ")}`,
  ).join("\n");
const names = Array.from({ length: n }, (_, i) => `item${i}`);

it("compares sets by name, in words, as a table and as data", () => {
  write("right.ids.csv", csv(right, names));
  write("wrong.csv", csv(wrong, [...names]));
  write(
    "histories.txt",
    histories((item) => names[item]!),
  );
  const { status, stdout, stderr } = rqvae("evaluate", "right.ids.csv", "wrong.csv", "--histories", "histories.txt");
  expect([status, stderr]).toEqual([
    0,
    "histories.txt: one line per user, starting with the user: 180 choices of 60 users\n",
  ]);
  expect(stdout).toMatch(
    /^12 items, 180 choices of 60 users; IDs of 3 x \d+ codes \(right\), 3 x \d+ codes \(wrong\)\n/,
  );
  expect(stdout).toMatch(/\n {2}right, shuffled +\.\d/);
  expect(stdout).toMatch(/\n {4}right over wrong +\+/);
  const shared = ["--histories", "histories.txt", "--held-out", "0.4"];
  const json = JSON.parse(
    rqvae("evaluate", "best=right.ids.csv,right.ids.csv", ...shared, "--format", "json", "-q").stdout,
  );
  expect(json).toMatchObject({
    sets: [{ name: "best", seeds: 2 }],
    splits: [{ name: "leaveOneOut" }, { name: "position" }],
  });
  expect(rqvae("evaluate", "best=right.ids.csv", ...shared, "--format", "latex").stdout).toMatch(/\\begin\{tabular\}/);
});

it("joins by item ID or row number, and refuses numbers that begin elsewhere", () => {
  write("rows.csv", csv(right));
  write(
    "from1.txt",
    histories((item) => String(item + 1)),
  );
  expect(rqvae("evaluate", "rows.csv", "--histories", "from1.txt", "--first-row", "1").status).toBe(0);
  expectError(rqvae("evaluate", "rows.csv", "--histories", "from1.txt"), 1, "from1.txt", "--first-row 1");
  write("named.csv", csv(right, names));
  write("fewer.csv", csv(right.slice(2), names.slice(2)));
  write(
    "histories.txt",
    histories((item) => names[item]!),
  );
  expectError(rqvae("evaluate", "named.csv", "--histories", "histories.txt", "--first-row", "1"), 2, "--first-row");
  const { stdout } = rqvae("evaluate", "named.csv", "fewer.csv", "--histories", "histories.txt");
  expect(stdout).toContain("Only 10 of 12 items have an ID in all sets");
});

it("says what is missing or wrong", () => {
  write("a.csv", csv(right, names));
  write(
    "histories.txt",
    histories((item) => names[item]!),
  );
  expectError(rqvae("evaluate", "a.csv"), 2, "--histories is missing");
  expectError(rqvae("evaluate", "--histories", "histories.txt"), 2, "<ids>");
  expectError(rqvae("evaluate", "a.csv", "./a.csv", "--histories", "histories.txt"), 2, "two sets are called a");
  expectError(rqvae("evaluate", "a=,", "--histories", "histories.txt"), 2, "names no file");
  expectError(rqvae("evaluate", "items.npy", "--histories", "histories.txt"), 1, "items.npy");
  expectError(rqvae("evaluate", "a.csv", "--histories", "histories.txt", "--held-out", "1"), 2, "--held-out");
  expectError(
    rqvae("evaluate", "a.csv", "--histories", "histories.txt", "--held-out", "both"),
    2,
    "--held-out is a share here, such as 0.2",
  );
});
