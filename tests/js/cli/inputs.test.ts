/** Files from standard input and from a web server, wherever a command takes a file. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  expectError,
  files,
  quick,
  read,
  readBytes,
  rows,
  rqvae,
  rqvaeBeside,
  rqvaeFed,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

beforeEach(() => {
  expect(rqvae("train", "items.npy", "-o", "m.safetensors", "-q", ...quick).status).toBe(0);
});

describe("- as an input", () => {
  it("gives train the same model and IDs as the file does", () => {
    const { status } = rqvaeFed(readBytes("items.npy"), "train", "-", "-o", "n.safetensors", "-q", ...quick);
    expect(status).toBe(0);
    expect(readBytes("n.safetensors").equals(readBytes("m.safetensors"))).toBe(true);
    expect(read("n.ids.csv")).toBe(read("m.ids.csv"));
  });

  it("can be a model, items, titles, item IDs, IDs or a shard", () => {
    const model = readBytes("m.safetensors");
    const ids = rqvae("encode", "m.safetensors", "items.npy", "-q").stdout;
    expect(rqvaeFed(model, "encode", "-", "items.npy", "-q").stdout).toBe(ids);
    expect(rqvaeFed(readBytes("items.npy"), "encode", "m.safetensors", "-", "-q").stdout).toBe(ids);
    const titled = rqvaeFed(read("labels.json"), "encode", "m.safetensors", "items.npy", "-l", "-");
    expect(titled.stdout).toContain('"item 0, of kind 0"');
    expect(titled.stderr).toContain("title i of standard input belongs to row i of items.npy");
    const names = Array.from({ length: rows }, (_, i) => `sku-${i}\n`).join("");
    expect(rqvaeFed(names, "encode", "m.safetensors", "items.npy", "--item-ids", "-", "-q").stdout).toMatch(
      /^sku-59,/m,
    );
    const converted = rqvaeFed(ids, "convert", "-", "-", "--to", "jsonl", "-q").stdout;
    expect(converted.trimEnd().split("\n")).toHaveLength(rows);
    expect(rqvaeFed(converted, "report", "m.safetensors", "items.npy", "--ids", "-", "-q").status).toBe(0);
    rqvae("encode", "m.safetensors", "items.npy", "--shard", "1/2", "-o", "1.shard", "-q");
    rqvae("encode", "m.safetensors", "items.npy", "--shard", "2/2", "-o", "2.shard", "-q");
    expect(rqvaeFed(readBytes("2.shard"), "merge", "1.shard", "-", "-q").stdout).toBe(ids);
  });

  it("can be Parquet and csv, since it is held in memory", () => {
    const latents = (name: string) =>
      expect(rqvae("encode", "m.safetensors", "items.npy", "-q", "-o", "x.csv", "--latents", name).status).toBe(0);
    for (const name of ["l.parquet", "l.csv"]) {
      latents(name);
      const outputs = ["-o", "k.safetensors", "--ids", "k.csv", "-q", "--codes", "4"];
      expect(rqvaeFed(readBytes(name), "kmeans", "-", ...outputs)).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(read("k.csv").trimEnd().split("\n")).toHaveLength(rows + 1);
    }
  });

  it("is refused twice, when it is empty, and when it is another file than was meant", () => {
    const before = files();
    expectError(rqvaeFed("x", "train", "-", "-l", "-"), 2, "standard input (-) can be read only once");
    expectError(rqvaeFed("x", "merge", "-", "-"), 2, "standard input (-) can be read only once");
    expectError(rqvaeFed("", "kmeans", "-"), 1, "standard input: is empty");
    expectError(
      rqvaeFed(readBytes("m.safetensors"), "kmeans", "-"),
      1,
      "standard input: is a model, but <items> must be a table",
    );
    expectError(rqvaeFed("id,name\n1,a\n", "embed", "-", "-t", "name", "-m", "x"), 2, "--output FILE is missing");
    expectError(rqvaeFed(readBytes("m.safetensors"), "convert", "--plain", "-"), 2, "--output FILE is missing");
    expectError(rqvaeFed("x", "hopwise", "-", "--sentences"), 2, "must be a folder on this machine");
    expect(files()).toEqual(before);
  });
});

describe("a URL as an input", () => {
  const served = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://_").pathname;
    const content = served.get(path);
    asked.push(`${path} ${request.headers.range ?? ""}`.trim());
    if (path === "/500.npy") return void response.writeHead(500, "Internal Server Error").end();
    if (path === "/loop.npy") return void response.writeHead(302, { location: path }).end();
    if (path === "/half.npy") {
      response.writeHead(200, { "content-length": 1000 });
      return void response.write("half", () => response.destroy());
    }
    if (content === undefined) return void response.writeHead(404, "Not Found").end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined) return void response.end(content);
    const end = Math.min(Number(to), content.length - 1);
    response.writeHead(206, { "content-range": `bytes ${from}-${end}/${content.length}` });
    response.end(content.subarray(Number(from), end + 1));
  });
  let host = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    served.clear();
    for (const name of ["items.npy", "labels.json", "m.safetensors"]) served.set(`/${name}`, readBytes(name));
    asked.length = 0;
  });
  const run = (...args: string[]) => rqvaeBeside({}, ...args);

  it("can be items, a model and titles", async () => {
    const outputs = ["-o", "n.safetensors", "-q", ...quick];
    expect(await run("train", `${host}/items.npy?token=1`, "-l", `${host}/labels.json`, ...outputs)).toMatchObject({
      status: 0,
    });
    expect(readBytes("n.safetensors").equals(readBytes("m.safetensors"))).toBe(true);
    expect(asked.toSorted()).toEqual(["/items.npy", "/labels.json"]); // each fetched once
    const { stdout } = await run("encode", `${host}/m.safetensors`, `${host}/items.npy`, "-q");
    expect(stdout).toBe(rqvae("encode", "m.safetensors", "items.npy", "-q").stdout);
  });

  it("of which only a part is asked for is read by ranges", async () => {
    const part = ["--rows", "10:20", "--format", "csv", "-q"];
    const { stdout } = await run("encode", "m.safetensors", `${host}/items.npy`, ...part);
    expect(stdout).toBe(rqvae("encode", "m.safetensors", "items.npy", ...part).stdout);
    expect(asked[0]).toMatch(/^\/items\.npy bytes=0-/);
  });

  it.each([
    ["500.npy", "the server answered 500 Internal Server Error"],
    ["loop.npy", "could not connect: redirect count exceeded"],
    ["half.npy", "the download broke off: other side closed"],
  ])("says once what is wrong, whole or in part: %s", async (name, reason) => {
    const stderr = `rqvae: ${host}/${name}: ${reason}\n`;
    for (const part of [[], ["--rows", "10:20"]]) {
      const { status, ...said } = await run("encode", "m.safetensors", `${host}/${name}?token=1`, ...part);
      expect({ status, ...said }).toEqual({ status: 1, stdout: "", stderr });
    }
  });

  it("must be a whole one", async () => {
    for (const args of [
      ["encode", "m.safetensors", "http://"],
      ["train", "http://"],
      ["kmeans", "https://"],
    ]) {
      for (const part of args[0] === "encode" ? [[], ["--rows", "10:20"]] : [[]]) {
        expectError(await run(...args, ...part), 1, `rqvae: ${args.at(-1)}: this is not a valid URL\n`);
      }
    }
  });

  it("names itself when it cannot be read, and is no output", async () => {
    const missing = `${host}/none.npy`;
    expectError(await run("kmeans", missing), 1, `rqvae: ${missing}: the server answered 404 Not Found\n`);
    expectError(await run("encode", `${host}/none`, "items.npy"), 1, `${host}/none: the server answered 404`);
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const refused = await run("kmeans", `http://127.0.0.1:${port}/items.npy`);
    expectError(refused, 1, `${port}/items.npy: could not connect: ECONNREFUSED`);
    write("swap.json", read("labels.json"));
    expectError(
      await run("kmeans", `${host}/m.safetensors`),
      1,
      "/m.safetensors: is a model, but <items> must be a table",
    );
    expectError(await run("encode", "m.safetensors", "items.npy", "-o", `${host}/x.csv`), 1, "is a URL, but outputs");
    expectError(await run("hopwise", host, "--sentences"), 2, "must be a folder on this machine");
  });
});
