import { readFileSync } from "node:fs";
import { join } from "node:path";
import { adviseCapacity, assessIds, RQVAE, SemanticIdIndex } from "rqvae";
import { readItems } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { VERSION } from "../../../bindings/js/base/version.ts";
import { displayWidth } from "../../../bindings/js/cli/text.ts";
import { inCliWords } from "../../../bindings/js/cli/words.ts";
import { expectError, files, npy, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();
beforeEach(() => {
  expect(rqvae("kmeans", "items.npy", "--codes", "8,4", "--labels", "labels.json", "-q").status).toBe(0);
});

describe("rqvae report", () => {
  it("says what the library says, in lines that fit", async () => {
    const { status, stdout, stderr } = rqvae("report", "model.safetensors", "items.npy");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const model = await RQVAE.load(readBytes("model.safetensors"));
    const items = await readItems(readBytes("items.npy"), { fileName: "items.npy" });
    const report = await assessIds(model.encode(items), { items, model });
    const { fingerprint } = model;
    model.dispose();
    const words = (text: string) => text.split(/\s+/).filter(Boolean);
    const [text, about] = stdout.split("\nThe model:\n") as [string, string];
    expect(words(text)).toEqual(words(report.textIn(inCliWords)));
    expect(about).toContain(`rqvae ${VERSION}, seed 0, fingerprint ${fingerprint}\n`);
    expect(about).toContain("configuration: --");
    for (const line of stdout.split("\n")) {
      expect(displayWidth(line)).toBeLessThanOrEqual(80);
      expect(line).not.toMatch(/^\s+%/);
    }
  });

  it("says what changed since earlier IDs, published ones with a suffix too", async () => {
    const model = await RQVAE.load(readBytes("model.safetensors"));
    const items = await readItems(readBytes("items.npy"), { fileName: "items.npy" });
    const names = Array.from({ length: rows - 1 }, (_, i) => String(i));
    const known = { ...items, data: items.data.slice(0, (rows - 1) * items.dim), rows: rows - 1 };
    const index = SemanticIdIndex.build(names, model.encode(known), { collisions: "suffix" });
    model.dispose();
    write("before.index", index.save());
    const { status, stdout } = rqvae(
      ..."report model.safetensors items.npy --before before.index --html p.html".split(" "),
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/Since the earlier IDs:\nAll 59 items have the same ID as before\.\n/);
    expect(stdout).toMatch(/1 item was added, 0 removed/);
    expect(read("p.html")).toContain("What changed since the earlier IDs");
    const json = JSON.parse(
      rqvae(..."report model.safetensors items.npy --before before.index --json".split(" ")).stdout,
    );
    expect(json.churn).toMatchObject({ items: 59, unchanged: 59, added: ["59"], moved: [] });
    write("others.csv", "item,code_1,code_2,id\nx,0,0,<a_0><b_0>\n");
    expectError(
      rqvae(..."report model.safetensors items.npy --before others.csv".split(" ")),
      1,
      "others.csv",
      "no item in common",
    );
  });

  it("writes the page with titles, and the figures as JSON, with both baselines", () => {
    write(
      "kinds.json",
      JSON.stringify({
        titles: Array.from({ length: rows }, (_, i) => `item ${i}`),
        labels: { kind: Array.from({ length: rows }, (_, i) => i % 4) },
      }),
    );
    const { status, stdout, stderr } = rqvae(
      ..."report model.safetensors items.npy --labels kinds.json --baseline --json --html page.html --title".split(" "),
      "Our <shop>",
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^Joined by position, since neither items.npy nor kinds.json has item IDs: .*\nThe page is in page.html\n$/,
    );
    const figures = JSON.parse(stdout);
    expect(figures).toMatchObject({
      items: rows,
      labels: [{ name: "kind", values: 4 }],
      baselines: { residualKMeans: { items: rows } },
    });
    expect(figures.reconstruction.explainedVariance).toBe(
      figures.baselines.residualKMeans.reconstruction.explainedVariance,
    );
    const page = read("page.html");
    expect(page).toContain("<h1>Our &lt;shop&gt;</h1>");
    expect(page).toContain(`<p>rqvae ${VERSION}, seed 0, fingerprint ${figures.model.fingerprint}</p>`);
    expect(page).toMatch(/item \d+, item \d+/);
    expect(rqvae("report", "model.safetensors", "items.npy", "--html", "page.html", "-q")).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(read("page.html")).toContain("<h1>items.npy</h1>");
  });

  it("names no release for a model whose file does not say which one made it", async () => {
    const old = readFileSync(join(import.meta.dirname, "../../fixtures/hopwise_state_dict.safetensors"));
    write("old.safetensors", old);
    using model = await RQVAE.load(old);
    write("old.npy", npy(undefined, model.config.inputDim));
    const { stdout } = rqvae("report", "old.safetensors", "old.npy");
    expect(stdout).toContain(`\nThe model:\n  seed ${model.config.seed}, fingerprint ${model.fingerprint}\n`);
    expect(JSON.parse(rqvae("report", "old.safetensors", "old.npy", "--json").stdout).model.version).toBe(null);
  });

  it("takes the IDs that were written", () => {
    const own = rqvae("report", "model.safetensors", "items.npy", "--json").stdout;
    expect(rqvae("report", "model.safetensors", "items.npy", "--json", "--ids", "model.ids.csv").stdout).toBe(own);
    for (const name of ["ids.parquet", "ids.jsonl"]) {
      expect(rqvae("convert", "model.ids.csv", name, "-q").status).toBe(0);
      expect(rqvae("report", "model.safetensors", "items.npy", "--json", "--ids", name).stdout).toBe(own);
    }
    const table = read("model.ids.csv").trimEnd().split("\n");
    write("fewer.csv", `${table.slice(0, -1).join("\n")}\n`);
    write("broken.csv", "item,id\n");
    expectError(
      rqvae("report", "model.safetensors", "items.npy", "--ids", "fewer.csv"),
      1,
      "fewer.csv: has 59 IDs, but items.npy has 60 rows",
    );
    expectError(
      rqvae("report", "model.safetensors", "items.npy", "--ids", "broken.csv"),
      1,
      'broken.csv starts with "item,id", which is in none of the formats of IDs',
    );
  });

  it("before training, says whether codes are enough, without any file", async () => {
    const { status, stdout } = rqvae(..."report --capacity 5000 --levels 3 --codes 16".split(" "));
    expect(status).toBe(0);
    expect(stdout.replaceAll(/\s+/g, " ").trim()).toBe(
      (await adviseCapacity(5000, { codebookSize: 16 })).text.replaceAll("\n", " "),
    );
    expect(stdout).toContain("16 x 16 x 16 = 4,096 IDs, fewer than 5,000 items");
    expect(JSON.parse(rqvae("report", "--capacity", "900", "--codes", "8,16", "--json").stdout)).toMatchObject({
      codebookSizes: [8, 16],
      verdict: "impossible",
    });
  });

  it("refuses what makes no sense, and leaves files alone", () => {
    write("wide.npy", npy({ at: -1, by: 0 }, 7));
    write("items.html", npy());
    const before = files();
    for (const [args, status, ...parts] of [
      ["report", 2, "<model> is missing"],
      ["report model.safetensors", 2, "<items> is missing"],
      ["report model.safetensors items.npy --levels 3", 2, "--levels goes with --capacity"],
      ["report model.safetensors items.npy --title x", 2, "--title goes with --html"],
      ["report --capacity many", 2, "--capacity must be a whole number"],
      ["report --capacity 0", 2, "--capacity must be at least 1"],
      ["report --capacity 9 --codes 0", 2, "--codes must be at least 1"],
      ["report --capacity 9 --html page.html", 2, "--html and --capacity do not go together"],
      ["report --capacity 9 model.safetensors", 2, 'unexpected argument "model.safetensors"'],
      ["report items.npy items.npy", 1, "items.npy", "but <model> must be a model"],
      ["report model.safetensors wide.npy", 1, "wide.npy", "inputDim 5", "dimension 7"],
      ["report model.safetensors none.npy", 1, "none.npy: no such file"],
      ["report model.safetensors items.html --html items.html", 1, "is an input of this command"],
      ["report model.safetensors items.npy --html none/page.html", 1, "does not exist"],
    ] as const) {
      expectError(rqvae(...args.split(" ")), status, ...parts);
    }
    expect(files()).toEqual(before);
  });

  it("explains itself", () => {
    const { stdout } = rqvae("report", "--help");
    expect(stdout).toContain("Usage: rqvae report <model> <items> [options]");
    expect(stdout).toContain("rqvae report --capacity 12000 --levels 3 --codes 256");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(rqvae("--help").stdout).toContain("report     Report whether semantic IDs are good");
  });
});
