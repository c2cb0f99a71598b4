/** `rqvae fuse`, and models of several fields on the command line. */
import { expect, it } from "vitest";
import { dim, expectError, files, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

/** Users who stay among every third item. */
const histories = Array.from(
  { length: 90 },
  (_, u) =>
    `u${u},${[...new Set([0, 1, 2, 3].map((i) => (u % 3) + 3 * ((u + i * (1 + (u % 4))) % (rows / 3 - 1))))].join(" ")}`,
);
const prepare = () => {
  write("images.npy", npy({ at: 3 * 4, by: Number.NaN }, 4));
  write("shop.csv", `user,items\n${histories.join("\n")}\n`);
};

it("fuses files into one with its layout, which train reads and encode uses", async () => {
  prepare();
  const made = rqvae("fuse", "title=items.npy", "images.npy", "--weight", "images=0.5", "--histories", "shop.csv");
  expect(made.stderr).toMatch(/title: 5 numbers, weight 1/);
  expect(made.stderr).toMatch(/images: 4 numbers, weight 0?\.50*; 1 of 60 items \(1.7%\) have none, so the mean/);
  expect(made.stderr).toMatch(
    /behaviour: \d+ numbers, weight 1\S*; 3 of 60 items \(5.0%\) have none, so it is guessed/,
  );
  expect(made.stderr).toMatch(/leave out what is to be found there: --held-out both/);
  expect(made.stderr).toMatch(/Fused 60 items into vectors of \d+ numbers: fused.npy, the fields in fused.fields.json/);
  expect([made.status, made.stdout]).toEqual([0, ""]);
  expectError(rqvae("fuse", "items.npy", "images.npy"), 1, "fused.npy", "--force");

  const trained = rqvae("train", "fused.npy", "-o", "model.safetensors", ...quick);
  expect(trained.stderr).toMatch(/fused.npy: the fields title, images, behaviour, as fused.fields.json says/);
  expect(trained.status).toBe(0);
  expect(rqvae("inspect", "model.safetensors").stdout.replaceAll(/\s+/g, " ")).toMatch(
    /fields title \(5 numbers, weight 1\S*, 60 items had it\); images \(4 numbers, weight 0?.5\S*, 59 items had it\); behaviour .*guessed where missing\) made from \d+ choices of 90 users/,
  );
  expect(JSON.parse(rqvae("inspect", "model.safetensors", "--json").stdout).fields).toMatchObject([
    { name: "title", dim, items: 60 },
    { name: "images" },
    { name: "behaviour", guessed: true },
  ]);
  // The same vectors, fused by the model, and before.
  for (const like of ["model.safetensors", "fused.fields.json"]) {
    expect(rqvae("fuse", "title=items.npy", "images=images.npy", "--like", like, "-o", "again.npy").status).toBe(0);
    const [a, b] = [
      rqvae("encode", "model.safetensors", "again.npy"),
      rqvae("encode", "model.safetensors", "items.npy", "--field", "images=images.npy"),
    ];
    expect(b.stderr).toMatch(/behaviour: .* no item has it, so it is guessed from the other fields/);
    expect(a.stdout).toBe(b.stdout);
    expect(a.stdout).toMatch(/^item,code_1/);
  }
  expectError(
    rqvae("encode", "model.safetensors", "fused.npy", "--field", "images=images.npy"),
    2,
    "fused.npy has all fields already",
  );
  expectError(
    rqvae("encode", "model.safetensors", "items.npy", "--field", "title=items.npy"),
    2,
    "<items> is the field title",
  );
  const alone = rqvae("encode", "model.safetensors", "items.npy");
  expect(alone.stderr).toMatch(/images: .*no item has it, so the mean stands for it/);
  expectError(
    rqvae("encode", "model.safetensors", "items.npy", "--field", "image=items.npy"),
    1,
    'no field "image"',
    "title, images",
  );
});

it("fuses and trains in one, by key, and warns of an evaluation of what was seen", () => {
  prepare();
  const skus = Array.from({ length: rows }, (_, i) => `sku${i}`);
  write("skus.txt", skus.join("\n"));
  const list = histories.map((line) =>
    line.replace(
      /,.*/,
      (all) =>
        `,${all
          .slice(1)
          .split(" ")
          .map((i) => skus[Number(i)])
          .join(" ")}`,
    ),
  );
  write("shop.csv", `user,items\n${list.join("\n")}\n`);
  const turned = skus.map((_, i) => rows - 1 - i);
  write("images.csv", `id,a,b\n${turned.map((i) => `${skus[i]},${1 + (i % 7)},${i % 5}`).join("\n")}\nsku99,1,2\n`);
  const fused = ["--item-ids", "skus.txt", "--field", "image=images.csv", "--histories", "shop.csv"];
  const trained = rqvae("train", "items.npy", ...fused, "-o", "seen.safetensors", ...quick);
  expect(trained.stderr).toMatch(/image: 2 numbers, weight 1\S*; 1 row of other items is left out/);
  expect(trained.status).toBe(0);
  expect(rqvae("train", "items.npy", ...fused, "--held-out", "both", "-o", "fair.safetensors", ...quick).status).toBe(
    0,
  );
  const { stdout } = rqvae("evaluate", "seen.ids.csv", "fair.ids.csv", "--histories", "shop.csv");
  expect(stdout).toMatch(/Warning: seen was made of what users chose, the choices that are to be found here included/);
  expect(stdout).toMatch(/fair was made of what users chose, but not of the choices/);
  expect(
    rqvae("kmeans", "items.npy", ...fused, "--weight", "auto", "-o", "k.safetensors", "--codes", "8,4").stderr,
  ).toMatch(/Recall@10 of the last choices[\s\S]*content 1, image 1, behaviour 1: 0\.\d{4}/);
  expect(rqvae("fuse", "items.npy", "--item-ids", "skus.txt", "-q").stderr).toBe("");
  expect(files()).toEqual(expect.arrayContaining(["fused.npy", "fused.fields.json", "fused.items.json"]));
  expect(JSON.parse(read("fused.items.json")).titles).toEqual(skus);
});

it("refuses files that were fused otherwise than the model's, whole or in part", () => {
  prepare();
  for (const [file, weight] of [
    ["fused.npy", "1"],
    ["other.npy", "9"],
  ] as const) {
    expect(rqvae("fuse", "title=items.npy", "images.npy", "--weight", `images=${weight}`, "-o", file).status).toBe(0);
  }
  expect(rqvae("train", "fused.npy", "-o", "model.safetensors", ...quick, "--index", "items.index").status).toBe(0);
  for (const command of [
    ["encode", "model.safetensors", "FILE", "-o", "out.csv"],
    ["encode", "model.safetensors", "FILE", "--rows", "0:9", "-o", "out.csv"],
    ["report", "model.safetensors", "FILE"],
    ["migrate", "items.index", "model.safetensors", "FILE", "-o", "next.index"],
    ["align", "model.safetensors", "model.ids.csv", "FILE", "-o", "aligned.safetensors"],
  ]) {
    const run = (file: string) => rqvae(...command.map((word) => (word === "FILE" ? file : word)));
    expect(run("fused.npy"), command.join(" ")).toMatchObject({ status: 0 });
    expectError(run("other.npy"), 1, "other statistics", "rqvae fuse --like MODEL");
  }
});

it("refuses what does not go together", () => {
  prepare();
  const wrong: [string[], number, ...string[]][] = [
    [["train", "items.npy", "--field", "images.npy"], 2, "--field must be NAME=FILE"],
    [["train", "items.npy", "--weight", "content=2"], 2, "--weight needs a second field: give --field or"],
    [["fuse", "items.npy", "--weight", "items=2"], 2, "--weight needs a second field: give another file or"],
    [
      ["fuse", "items.npy", "images.npy", "--weight", "items=2", "--weight", "items=3"],
      2,
      "--weight items is given twice",
    ],
    [["fuse", "items.npy", "images.npy", "--weight", "items=0"], 2, "above 0", 'is "items=0"'],
    [["fuse", "data=items.npy", "images.npy"], 2, '"data" cannot be the name of a field'],
    [["fuse", "items.npy", "--histories", "shop.csv", "--dim", "5000"], 2, "--dim must be at most 1,024, but is 5000"],
    [["train", "items.npy", "--field", "a=images.npy", "--field", "a=images.npy"], 2, "--field a is given twice"],
    [["train", "items.npy", "--field", "content=images.npy"], 2, "<items> is the field content"],
    [["train", "items.npy", "--histories", "shop.csv", "--weight", "content=x"], 2, "--weight must be NAME=X"],
    [["train", "items.npy", "--field", "image=items.npy", "--weight", "auto"], 2, "--weight auto needs --histories"],
    [
      ["train", "items.npy", "--field", "image=items.npy", "--weight", "sound=2"],
      2,
      "--weight sound",
      "content, image",
    ],
    [["train", "items.npy", "--held-out", "last"], 2, "--held-out goes with --histories"],
    [
      ["train", "items.npy", "--histories", "shop.csv", "--held-out", "first"],
      2,
      "--held-out must be one of last, time, both",
    ],
    [["train", "items.npy", "--field", "image=none.npy"], 1, "none.npy"],
    [["fuse", "items.npy", "x/items.npy"], 2, "two fields are called items"],
    [["fuse", "items.npy", "--dim", "8"], 2, "--dim goes with --histories"],
    [["fuse", "items.npy", "--like", "shop.csv"], 1, "shop.csv"],
    [["fuse", "items.npy", "-o", "fused.csv"], 2, ".npy"],
  ];
  for (const [args, status, ...words] of wrong) expectError(rqvae(...args), status, ...words);
  write("fused.npy", npy({ at: -1, by: 0 }, 3));
  rqvae("fuse", "items.npy", "images.npy", "-o", "other.npy");
  write("fused.fields.json", readBytes("other.fields.json"));
  expectError(rqvae("train", "fused.npy"), 1, "fused.fields.json", "belongs to another file");
  rqvae("kmeans", "items.npy", "-o", "plain.safetensors", "--codes", "8,4");
  expectError(
    rqvae("encode", "plain.safetensors", "items.npy", "--field", "a=images.npy"),
    2,
    "this one has no fields",
  );
});
