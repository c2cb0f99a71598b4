/** `rqvae align` and `rqvae migrate`: a new model under old IDs. */
import { existsSync } from "node:fs";
import { RQVAE, SemanticIdIndex } from "rqvae";
import { expect, it } from "vitest";
import {
  dim,
  expectError,
  files,
  inFolder,
  npy,
  quick,
  read,
  readBytes,
  rows,
  rqvae,
  rqvaeBeside,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

const names = Array.from({ length: rows }, (_, i) => `item-${i}`);
/** A model, another one, and the published index of the first. */
async function twoModels(): Promise<void> {
  write("names.txt", `${names.join("\n")}\n`);
  for (const [name, seed] of [
    ["old", "1"],
    ["new", "2"],
  ] as const) {
    expect(
      rqvae(
        "train",
        "items.npy",
        "--item-ids",
        "names.txt",
        ...quick,
        "--seed",
        seed,
        "-o",
        `${name}.safetensors`,
        "-q",
      ).status,
    ).toBe(0);
  }
  const model = await RQVAE.load(readBytes("old.safetensors"));
  const data = vectors();
  write(
    "old.index",
    SemanticIdIndex.build(names, model.encode(data), { collisions: "suffix", model, items: data }).save(),
  );
  model.dispose();
}

/** What is in items.npy. */
function vectors(): Float32Array {
  const bytes = npy();
  return new Float32Array(bytes.slice(bytes.length - 4 * rows * dim).buffer);
}

it("aligns a model with old IDs, and makes the next generation of their index", async () => {
  await twoModels();
  const aligned = rqvae(
    "align",
    "new.safetensors",
    "old.ids.csv",
    "items.npy",
    "--item-ids",
    "names.txt",
    "-o",
    "aligned.safetensors",
  );
  expect(aligned.status).toBe(0);
  expect(aligned.stdout).toMatch(
    /^60 items of old\.ids\.csv and items\.npy\n {2}unchanged by number of first codes, as the model was: .*%\n/,
  );
  const same = rqvae(
    "align",
    "old.safetensors",
    "old.index",
    "items.npy",
    "--item-ids",
    "names.txt",
    "-o",
    "same.safetensors",
    "--json",
  );
  const { perDepth, renaming, items } = JSON.parse(same.stdout);
  expect([items, perDepth.at(-1)]).toEqual([rows, { depth: 2, before: 1, after: 1 }]);
  expect(renaming.map((codes: number[]) => codes.length)).toEqual([8, 4]);

  const migrated = rqvae(
    "migrate",
    "old.index",
    "aligned.safetensors",
    "items.npy",
    "--item-ids",
    "names.txt",
    "--keep",
    "0.5",
    "-o",
    "new.index",
  );
  expect(migrated.status).toBe(0);
  expect(migrated.stdout).toMatch(/^\d+ items keep their ID, .*\nGeneration 2 is in new\.index\n$/);
  const index = await SemanticIdIndex.load(readBytes("new.index"));
  const old = await SemanticIdIndex.load(readBytes("old.index"));
  const before = await index.earlier();
  expect(names.map((name) => before.get(name))).toEqual(names.map((name) => old.get(name)));
  expect(rqvae("inspect", "new.index").stdout).toMatch(/generation +2\n/);

  // An index is a file of IDs like any other.
  const churn = rqvae("churn", "old.index", "new.index", "-o", "map.csv");
  expect(churn.status).toBe(0);
  const [head, ...lines] = read("map.csv").trimEnd().split("\n");
  expect([head, lines.length]).toEqual(["item,old,new", rows]);
  const told = JSON.parse(
    rqvae(
      "migrate",
      "old.index",
      "aligned.safetensors",
      "items.npy",
      "--item-ids",
      "names.txt",
      "-o",
      "strict.index",
      "--json",
      "--keep",
      "0",
    ).stdout,
  );
  expect(told).toMatchObject({ generation: 2, added: 0, removed: 0 });
  expect(told.unchanged + told.moved).toBe(rows);
});

it("names what is wrong", async () => {
  await twoModels();
  expectError(rqvae("align", "new.safetensors", "old.ids.csv", "items.npy"), 2, "--output");
  expectError(
    rqvae("align", "new.safetensors", "old.ids.csv", "items.npy", "-o", "x.safetensors"),
    1,
    "no item in common",
  );
  expectError(rqvae("migrate", "old.index", "new.safetensors", "items.npy"), 2, "--output");
  expectError(rqvae("migrate", "new.safetensors", "old.index", "items.npy", "-o", "x"), 2, "swap the two");
  expectError(
    rqvae("migrate", "old.ids.csv", "new.safetensors", "items.npy", "-o", "x"),
    1,
    "an index of published IDs",
  );
  expectError(rqvae("migrate", "old.index", "new.safetensors", "items.npy", "-o", "x"), 1, "lacks 60 items");
  expectError(
    rqvae("migrate", "old.index", "new.safetensors", "items.npy", "-o", "x", "--missing", "lose"),
    2,
    "--missing",
  );
  expect(files()).not.toContain("x");
});

it("loses nothing when it is killed at any change of a file", async () => {
  await twoModels();
  const before = readBytes("old.index");
  const command = (output: string) => [
    "migrate",
    "old.index",
    "new.safetensors",
    "items.npy",
    "--item-ids",
    "names.txt",
    "-o",
    output,
  ];
  expect(rqvae(...command("whole.index")).status).toBe(0);
  const whole = readBytes("whole.index");
  const faulty = new URL("./faulty-fs.mjs", import.meta.url).href;
  let killed = 0;
  for (let change = 1; ; change++) {
    for (const behind of ["", "+"]) {
      const { status } = await rqvaeBeside(
        { NODE_OPTIONS: `--import ${faulty}`, FAULTY_KILL: `${change}${behind}` },
        ...command("next.index"),
      );
      if (status === null) killed++;
      expect(readBytes("old.index")).toEqual(before);
      if (existsSync(inFolder("next.index"))) expect(readBytes("next.index")).toEqual(whole);
      if (status === 0) {
        // What the killed ones left is swept up.
        expect(files().filter((name) => name.includes("next.index"))).toEqual(["next.index"]);
        expect(killed).toBeGreaterThan(4);
        return;
      }
    }
  }
});
