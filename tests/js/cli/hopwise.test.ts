import { mkdirSync, symlinkSync } from "node:fs";
import { RQVAE } from "rqvae";
import { readItems } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { readHopwise } from "../../../bindings/js/formats/ids/hopwise.ts";
import { readRecBole } from "../../../bindings/js/formats/ids/recbole.ts";
import {
  called,
  expectError,
  files,
  inFolder,
  interruptOnce,
  quick,
  read,
  readBytes,
  rows,
  rqvae,
  start,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

const header = "item_id:token\tmovie_title:token_seq\trelease_year:float\tclass:token_seq";
const line = (i: number) => `${3 * i}\tMovie "No ${i}"\t${i % 5 ? 1990 + i : ""}\tDrama ${i % 4}`;

function dataset(text = [header, ...Array.from({ length: rows }, (_, i) => line(i)), ""].join("\n")): void {
  mkdirSync(inFolder("ml-tiny"), { recursive: true });
  write("ml-tiny/ml-tiny.item", text);
}
const hopwise = (...args: string[]) => rqvae("hopwise", "ml-tiny", "--embeddings", "items.npy", ...args);

describe("rqvae hopwise", () => {
  it("prints a sentence per item, from the columns that are not empty", () => {
    dataset();
    const { status, stdout, stderr } = rqvae("hopwise", "ml-tiny", "--sentences");
    expect([status, stderr]).toEqual([0, ""]);
    const lines = stdout.split("\n");
    expect(lines).toHaveLength(rows + 1);
    expect(lines[0]).toBe('item_id: 0 movie_title: Movie "No 0" class: Drama 0');
    expect(lines[1]).toBe('item_id: 3 movie_title: Movie "No 1" release_year: 1991 class: Drama 1');
  });

  it("writes the reference's file, an .item with semantic_id and the model, and tells what they are", async () => {
    dataset();
    const before = read("ml-tiny/ml-tiny.item");
    const { status, stdout, stderr } = hopwise(...quick);
    expect(status).toBe(0);
    expect(stderr).toContain("The dataset ml-tiny has 60 items, their embeddings have 5 dimensions.");
    expect(stdout).toMatch(/<a_\d><b_\d> {2}Movie "No \d+"/);
    expect(stdout).toContain("as the Hopwise program writes");
    expect(stdout).toContain(`Next: ${called} encode ml-tiny/ml-tiny.safetensors`);
    expect(read("ml-tiny/ml-tiny.item")).toBe(before);

    const items = await readItems(readBytes("items.npy"));
    const model = await RQVAE.load(readBytes("ml-tiny/ml-tiny.safetensors"));
    const { semIds, embeddings } = model.getSemanticIds(items);
    const itemIds = Array.from({ length: rows }, (_, i) => String(3 * i));
    const { codebookSize: codebookSizes } = model.config;
    const file = readHopwise(read("ml-tiny/ml-tiny.semanticids"), { codebookSizes });
    expect(read("ml-tiny/ml-tiny.semanticids")).toMatch(
      /^items,semantic_ids,semantic_ids_embs\n0,"\[\d, \d\]","\[\[-?\d/,
    );
    expect(file.itemIds).toEqual(itemIds);
    expect([file.ids.codes.join(), file.latentDim]).toEqual([semIds.codes.join(), 3]);
    expect(file.embeddings).toEqual(embeddings);

    const merged = read("ml-tiny/ml-tiny.semantic.item");
    expect(
      merged
        .split("\n")
        .map((text) => text.split("\t").slice(0, -1).join("\t"))
        .join("\n"),
    ).toBe(before);
    const ids = readRecBole(merged, { codebookSizes });
    expect(ids).toEqual({ ids: file.ids, itemIds });
    model.dispose();
  });

  it("trains as the original program does with --preset hopwise, whose options can be changed", async () => {
    dataset();
    const { status } = hopwise("--preset", "hopwise", "--epochs", "2", "--codes", "8,8,4,4", "--latent", "6", "-q");
    expect(status).toBe(0);
    const model = await RQVAE.load(readBytes("ml-tiny/ml-tiny.safetensors"));
    expect(model.config).toMatchObject({
      compat: "hopwise",
      hiddenDims: [256, 128, 64],
      latentDim: 6,
      codebookSize: [8, 8, 4, 4],
      commitmentWeight: 0.25,
      codebookSimVq: true,
    });
    const { semIds, embeddings } = model.getSemanticIds(await readItems(readBytes("items.npy")));
    const file = readHopwise(read("ml-tiny/ml-tiny.semanticids"), { codebookSizes: [8, 8, 4, 4] });
    expect(file.ids.codes.join()).toBe(semIds.codes.join());
    expect(file.embeddings).toEqual(embeddings);
    model.dispose();
  });

  it("reads other separators, and writes elsewhere", () => {
    dataset(
      ['item_id:token,"title, short:token"', ...Array.from({ length: rows }, (_, i) => `x${i},"Title, ${i}"`)].join(
        "\n",
      ),
    );
    mkdirSync(inFolder("out"));
    expect(rqvae("hopwise", "ml-tiny", "--sep", ",", "--sentences").stdout).toContain(
      "item_id: x0 title, short: Title, 0\n",
    );
    expect(hopwise("--sep", ",", "-o", "out", "-q", ...quick)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(files()).toContain("out");
    expect(read("out/ml-tiny.semantic.item")).toMatch(
      /^item_id:token,"title, short:token",semantic_id:token_seq\nx0,"Title, 0",<a_\d> <b_\d>\n/,
    );
    expect(rqvae("hopwise", "ml-tiny", "--sep", "\\t", "--sentences").stdout.split("\n")).toHaveLength(rows + 1);
  });

  it("overwrites nothing without --force", () => {
    dataset();
    expect(hopwise("-q", ...quick).status).toBe(0);
    write("ml-tiny/ml-tiny.semanticids", "precious");
    expectError(hopwise(...quick), 1, "ml-tiny.safetensors", "exists already", "--force");
    expect(read("ml-tiny/ml-tiny.semanticids")).toBe("precious");
    expect(hopwise("-f", "-q", ...quick).status).toBe(0);
    expect(read("ml-tiny/ml-tiny.semanticids")).toMatch(/^items,/);
    // Not even then its own input.
    symlinkSync("ml-tiny.item", inFolder("ml-tiny/link"));
    mkdirSync(inFolder("out"));
    symlinkSync("../ml-tiny/ml-tiny.item", inFolder("out/ml-tiny.semantic.item"));
    expectError(hopwise("-f", "-o", "out", ...quick), 1, "out/ml-tiny.semantic.item", "is an input");
  });

  it("says what is wrong, in one line", () => {
    expectError(rqvae("hopwise", "nowhere", "--sentences"), 1, "nowhere: no such folder");
    mkdirSync(inFolder("empty"));
    expectError(rqvae("hopwise", "empty", "--sentences"), 1, "empty/empty.item: no such file");
    dataset();
    expectError(
      rqvae("hopwise", "ml-tiny"),
      2,
      "--embeddings FILE is missing",
      `${called} hopwise ml-tiny --sentences`,
    );
    expectError(hopwise("--sep", "::"), 2, "--sep must be one character");
    expectError(hopwise("--lr", "-1"), 2, "--lr");
    dataset([header, line(0), line(1)].join("\n"));
    expectError(hopwise(...quick), 1, "items.npy has 60 embeddings", "ml-tiny.item has 2 items");
    dataset([header, line(0), line(0)].join("\n"));
    expectError(hopwise(...quick), 1, "ml-tiny.item", "the same item");
    dataset([header, line(0), "1\tx"].join("\n"));
    expectError(hopwise(...quick), 1, "ml-tiny.item", "line 3 has 2 columns");
    dataset("film:token\tname:token\n1\tx\n");
    expectError(hopwise(...quick), 1, "ml-tiny.item", "no column item_id:token", '"film"');
    dataset(header);
    expectError(hopwise(...quick), 1, "ml-tiny.item", "no items");
    dataset("");
    expectError(hopwise(...quick), 1, "ml-tiny.item", "is empty");
  });

  it.skipIf(process.platform === "win32")("keeps what was learned so far on Ctrl-C", async () => {
    dataset();
    const child = start("hopwise", "ml-tiny", "-e", "items.npy", ...quick, "--epochs", "1000000");
    const stderr = await interruptOnce(child, "epoch ");
    expect(child.exitCode).toBe(130);
    expect(stderr).toContain("Stopped early. What was learned so far is in ml-tiny/ml-tiny.semanticids");
    expect(readHopwise(read("ml-tiny/ml-tiny.semanticids")).ids.length).toBe(rows);
  });
});
