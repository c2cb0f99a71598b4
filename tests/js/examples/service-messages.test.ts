/** examples/node-service: what its clients are told of the library's errors, and why it cannot start. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BusyError, RQVAE, SemanticIdIndex, suggestConfig } from "rqvae";
import { streamItems } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { forClients, whyNotStarted } from "../../../examples/node-service/explain.js";

const advice = '; send each item as {"id": "sku-1", "embedding": [0.1, 0.2]}, or csv with numbered columns, id,e0,e1';

async function toldOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return forClients(error as Error);
  }
  throw new Error("was not refused");
}

async function readAll(body: string | Uint8Array): Promise<void> {
  for await (const _ of streamItems(typeof body === "string" ? new TextEncoder().encode(body) : body)) {
  }
}

const data = (rows: number) => Float32Array.from({ length: 8 * rows }, (_, i) => Math.sin(i * i));
async function published() {
  const items = { data: data(10), rows: 10, dim: 8 };
  const { model: options, train } = suggestConfig({ n: 10, inputDim: 8, codebookSize: 4 });
  const model = await RQVAE.create(options);
  await model.train(items, { ...train, epochs: 1 });
  const ids = Array.from({ length: 10 }, (_, i) => `k${i}`);
  const index = SemanticIdIndex.build(ids, model.encode(items), { collisions: "suffix", model, items });
  return { model, index };
}

describe("a client is told what is wrong with its request, without advice for code", () => {
  const properties = 'the body: the columns "price", "stock" look like properties of the items, not an embedding';
  const strays = (value: (row: number) => string) =>
    `id,a,b,c,d\n${Array.from({ length: 12 }, (_, row) => `x${row},0.1,0.2,-0.${row + 1},${value(row)}`).join("\n")}`;

  it.each([
    [
      '[{"id":1,"a":[0.1,0.2],"b":[0.3,0.4]}]',
      'the body: the JSON has several columns that may be the embedding, "a", "b"',
    ],
    ["id,price,stock\n1,2.5,3\n2,3.5,4", properties],
    [
      strays((row) => `${1000.5 + row}`),
      'the body: column 4 ("d") has values of a different size, up to 1011.5, like an ID or a property',
    ],
    [
      strays((row) => (row === 5 ? "1e20" : "0.5")),
      'the body: row 5, column 4 ("d"): "1e20" is far beyond the other values, which reach 0.9: correct it or remove the row',
    ],
    [
      '{"id":1,"embedding":"x"}',
      'the body: column "embedding" of the JSON seems to be the embedding but cannot be read: row 0: "x" is not a list of numbers',
    ],
    [
      "item,code_1,code_2\na,1,2\nb,3,4",
      'the body: the table holds semantic IDs, "code_1", "code_2", not embeddings: give the file with the vectors instead',
    ],
    ["id,e0,e1\na,1,x\nb,.1,.2", 'the body: row 0 (line 2), column 2 ("e1"): "x" is not a number'],
    [
      "id,a,b\nx,,1.5\ny,,1.7\n",
      'the body: column 1 ("a") is empty in the first rows: remove it if it is not part of the embedding',
    ],
  ])("%j", async (body, fault) => expect(await toldOf(() => readAll(body))).toBe(fault + advice));

  it("of a model in place of items", async () => {
    const { model } = await published();
    const fault = "the body: it is a model of rqvae, not embeddings";
    expect(await toldOf(() => readAll(model.save()))).toBe(fault + advice);
  });

  it("keeps what has no such advice", async () => {
    expect(await toldOf(() => readAll("id,e0,e1\na,.1,.2\na,.1,.2\n"))).toBe(
      'the body: row 1 and row 0 are both item "a": every item must occur once',
    );
    expect(forClients(new BusyError("nothing is in training"))).toBe("nothing is in training");
    expect(forClients(new TypeError("fetch failed"))).toBe("fetch failed");
  });

  it("of a training that diverged", async () => {
    const model = await RQVAE.create({ inputDim: 8, codebookSize: 4 });
    const items = { data: data(100), rows: 100, dim: 8 };
    expect(await toldOf(() => model.train(items, { optimizer: "sgd", learningRate: 1e6, epochs: 50 }))).toBe(
      "training diverged: check the items for extreme values",
    );
  });

  it("of options by the names that the address has", async () => {
    expect(await toldOf(() => suggestConfig({ n: 9, inputDim: 8, codebookSize: "many" as never }))).toMatch(
      /^codebookSize must be a whole number from 1 to \d+, received "many"$/,
    );
    const { model } = suggestConfig({ n: 9, inputDim: 8, nQuantizationLayers: 99 });
    expect(await toldOf(() => RQVAE.create(model))).toMatch(/^nQuantizationLayers must be a whole number from 1 to 64/);
  });

  it("of items that the index refuses", async () => {
    const { model, index } = await published();
    expect(await toldOf(() => model.encode({ data: new Float32Array(2), rows: 1, dim: 2 }))).toContain(
      "vectors of dimension 8, received vectors of dimension 2",
    );
    const items = { data: data(10).map((value) => -3 * value), rows: 10, dim: 8 };
    const ids = Array.from({ length: 10 }, (_, i) => `k${i}`);
    expect(await toldOf(() => index.add(ids, model.encode(items), { items }))).toMatch(
      /^item "k\d" already has the raw ID .*: published IDs do not change; PUT it to \/items\/ID to give it another, or upload a catalogue to train again$/,
    );
    const many = { data: new Float32Array(300 * 8).fill(0.5), rows: 300, dim: 8 };
    const twins = Array.from({ length: 300 }, (_, i) => `z${i}`);
    expect(await toldOf(() => index.add(twins, model.encode(many), { items: many }))).toMatch(
      /^300 items share the ID \[.*\], but capacity is 256: POST the catalogue again with a larger codebookSize/,
    );
  });
});

describe("who starts it is told in one line", () => {
  async function refusal(host: string, port: number): Promise<string | undefined> {
    const server = createServer().listen(port, host);
    const [error] = await once(server, "error");
    return whyNotStarted(error, { host, port });
  }

  it("that the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    expect(await refusal("127.0.0.1", port)).toBe(
      `port ${port} of 127.0.0.1 is taken: end the program that listens there, or set PORT to another`,
    );
    other.close();
  });

  it("that the host or the port is none of this machine's", async () => {
    expect(await refusal("192.0.2.1", 0)).toContain("192.0.2.1 is no address of this machine: set HOST");
    let error: unknown;
    try {
      createServer().listen(Number("many"), "127.0.0.1");
    } catch (thrown) {
      error = thrown;
    }
    expect(whyNotStarted(error, { host: "127.0.0.1", port: "many" })).toContain("PORT must be a whole number");
  });

  it("and nothing is hidden that nobody expects", () =>
    expect(whyNotStarted(new Error("?"), { host: "127.0.0.1", port: 3000 })).toBeUndefined());
});
