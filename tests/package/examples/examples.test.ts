/** examples/node-service and examples/web-client, as a user has them: copied, with the packed package and what they need from npm. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { RQVAE, SemanticIdIndex, suggestConfig } from "rqvae";
import { readItems } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { hasChromium, launchChromium } from "../../browser/browsers.mjs";
import type { Project } from "../project.ts";
import { makeExampleProject, serviceTools } from "./example-project.ts";

/** 400 items in 20 clusters; the last is a twin of the first, so that they need a suffix. */
const DIM = 8;
const embedding = (i: number) =>
  Array.from({ length: DIM }, (_, j) => Math.sin((i % 20) * (j + 1.3)) + 0.15 * Math.sin(i * (j + 2.1) * 7));
const rows = Array.from({ length: 400 }, (_, i) => ({ id: `sku-${i}`, embedding: embedding(i === 399 ? 0 : i) }));
const jsonl = (items: object[]) => items.map((item) => JSON.stringify(item)).join("\n");
const CATALOGUE = jsonl(rows);
const OPTIONS = { epochs: 500, codebookSize: 32, seed: 3 };
const QUERY = "epochs=500&codebookSize=32&seed=3";

interface Status {
  state: "idle" | "training" | "published" | "failed" | "cancelled";
  progress: number;
  resumed?: boolean;
}
interface Item {
  id: string;
  raw: number[];
  published: number[];
  semanticId: string;
}

/** To a POST. */
interface Answer {
  error?: string;
  added?: number;
  unchanged?: number;
  items?: Item[] | number;
  carriedOver?: number;
  dropped?: number;
}

/** A running service. */
class Service {
  readonly #process: ChildProcess;
  readonly url: string;
  /** What it printed until it listened. */
  readonly said: string;
  readonly #headers: Record<string, string>;

  private constructor(process: ChildProcess, url: string, said: string, token: string | undefined) {
    this.#process = process;
    this.url = url;
    this.said = said;
    this.#headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  static async start(folder: string, data: string, more: Record<string, string> = {}): Promise<Service> {
    const server = spawn(process.execPath, ["server.js"], {
      cwd: folder,
      env: { ...process.env, PORT: "0", DATA: join(folder, data), CHECKPOINT_MS: "100", ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    const url = await new Promise<string>((resolve, reject) => {
      const listen = (chunk: Buffer) => {
        said += chunk;
        const [, address] = /listening on (\S+)\n/.exec(said) ?? [];
        if (address) resolve(address);
      };
      server.stdout!.on("data", listen);
      server.stderr!.on("data", listen);
      server.on("exit", () => reject(new Error(`the service ended: ${said}`)));
    });
    return new Service(server, url, said, more.TOKEN);
  }

  /** Ends it, and gives the exit code; null after a kill. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return this.#process.exitCode;
    this.#process.kill(signal);
    const [code] = await once(this.#process, "exit");
    return code;
  }

  async get<Result>(path: string): Promise<Result> {
    const response = await fetch(this.url + path, { headers: this.#headers });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Result;
  }

  async post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    type = typeof body === "string" ? "application/json" : "application/octet-stream",
  ) {
    const headers = { ...this.#headers, "content-type": type };
    const response = await fetch(this.url + path, { method: "POST", body, headers });
    return { status: response.status, answer: (await response.json()) as Answer };
  }

  /** Any other request. */
  async send(method: string, path: string, body?: string) {
    const headers = { ...this.#headers, ...(body !== undefined && { "content-type": "application/json" }) };
    const response = await fetch(this.url + path, { method, headers, ...(body !== undefined && { body }) });
    return { status: response.status, answer: (await response.json()) as Partial<Item> & { error?: string } };
  }

  /** Ends what is in training. */
  async cancel() {
    const response = await fetch(`${this.url}/training`, { method: "DELETE", headers: this.#headers });
    return { status: response.status, answer: (await response.json()) as Answer & Status };
  }

  /** What GET /training/events tells, until `enough`. */
  async statuses(enough: (status: Status) => boolean): Promise<Status[]> {
    const response = await fetch(`${this.url}/training/events`, { headers: this.#headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const told: Status[] = [];
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) {
        if (event === ":") continue; // a heartbeat, where the training takes its time
        const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event)!;
        const status: Status = JSON.parse(data!);
        expect(status.state).toBe(name);
        told.push(status);
        if (enough(status)) return told; // ends the request
      }
    }
    throw new Error(`the events ended after ${JSON.stringify(told.at(-1))}`);
  }
}
const isOver = ({ state }: Status) => state !== "training";
const sharedCodes = (a: number[], b: number[]) => {
  const at = a.findIndex((code, level) => code !== b[level]);
  return at < 0 ? a.length : at;
};

const tools = serviceTools()!;

describe.skipIf(!tools)("examples/node-service (skipped without Fastify and better-sqlite3 from npm)", () => {
  let project: Project;
  let folder: string;
  let service: Service;
  let expected: { fingerprint: string; ids: number[][] };
  const start = async (data = "data") => {
    service = await Service.start(folder, data);
  };

  beforeAll(async () => {
    project = makeExampleProject(tools, ["node-service", "web-client"]);
    folder = join(project.folder, "node-service");

    // What an uninterrupted run gives.
    const items = await readItems(new TextEncoder().encode(CATALOGUE));
    const { epochs, ...shape } = OPTIONS;
    const { model: options, train } = suggestConfig({ n: items.rows, inputDim: items.dim, ...shape });
    const model = await RQVAE.create(options);
    await model.train(items, { ...train, epochs });
    const ids = model.encode(items);
    const index = SemanticIdIndex.build(
      rows.map(({ id }) => id),
      ids,
      { collisions: "suffix" },
    );
    expected = { fingerprint: model.fingerprint, ids: rows.map(({ id }) => index.get(id)!) };
    await start();
  }, 300_000);
  afterAll(async () => {
    await service?.end("SIGKILL");
    project?.remove();
  });

  it("has nothing to look up before a catalogue", async () => {
    expect(await service.get("/training")).toEqual({ state: "idle" });
    const { status, answer } = await service.post("/items", jsonl(rows.slice(0, 1)));
    expect([status, answer.error]).toEqual([409, expect.stringContaining("nothing is published yet")]);
  });

  it.each([
    ["an empty body", "", "", "the file is empty"],
    ["rows of different length", "[[1, 2], [3]]", "", "row 1 has 1 number, but those before it have 2"],
    ["the same ID twice", jsonl([rows[0]!, rows[0]!]), "", 'row 1 and row 0 are both item "sku-0"'],
    ["an unknown option", CATALOGUE, "?epoch=3", 'unknown option "epoch"'],
    ["more epochs than it allows", CATALOGUE, "?epochs=1000000", "epochs must be at most 1000, got 1000000"],
    ["an option out of range", CATALOGUE, "?epochs=-3", "epochs must be"],
    ["an option that is no number", CATALOGUE, "?codebookSize=many", "codebookSize must be"],
  ])("refuses a catalogue with %s by the library's message", async (_, body, query, message) => {
    const { status, answer } = await service.post(`/catalogue${query}`, body);
    expect([status, answer.error]).toEqual([400, expect.stringContaining(message)]);
    expect(await service.get("/training")).toEqual({ state: "idle" });
  });

  it("gives no advice for code", async () => {
    const { status, answer } = await service.post("/catalogue", "id,price,stock\n1,2.5,3\n2,3.5,4", "text/csv");
    expect([status, answer.error]).toEqual([400, expect.stringContaining("look like properties of the items")]);
    expect(answer.error).toContain('send each item as {"id": "sku-1", "embedding": [0.1, 0.2]}');
    expect(answer.error).not.toMatch(/embedding: \[|suggestConfig|RQVAE/);
    for (const option of ["n", "inputDim", "compat"]) {
      const { answer } = await service.post(`/catalogue?${option}=3`, CATALOGUE);
      expect(answer.error).toContain(`unknown option "${option}": the address takes epochs, codebookSize`);
    }
  });

  it.each([
    ["a taken port", () => ({ PORT: new URL(service.url).port }), /\nport \d+ of 127\.0\.0\.1 is taken: [^\n]+\n$/],
    ["no port", () => ({ PORT: "many" }), /\nPORT must be a whole number from 0 to 65535, but is many\n$/],
    [
      "a file in the place of its folder",
      () => ({ DATA: "package.json" }),
      /\nDATA=package\.json: the folder of the database cannot be used: EEXIST[^\n]+\n$/,
    ],
    [
      "no limit",
      () => ({ MAX_ITEMS: "many" }),
      /^the service ended: MAX_ITEMS must be a number above 0, but is "many"\n$/,
    ],
  ])("says in one line that it cannot start with %s", async (_, more, message) => {
    const error = await Service.start(folder, "other", more() as Record<string, string>).catch((error) => error);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("    at ");
  });

  it("refuses a catalogue for a value deep in it, when the library has read it", async () => {
    const file = new Uint8Array(writeNpy({ data: new Float32Array(3000 * DIM), rows: 3000, dim: DIM }));
    const values = new DataView(file.buffer, file.length - 4 * 3000 * DIM);
    values.setFloat32(4 * (1500 * DIM + 5), Number.NaN, true);
    const { status, answer } = await service.post("/catalogue", file);
    expect([status, answer.error]).toEqual([400, expect.stringContaining("row 1500, column 5 is NaN")]);
    expect(await service.get("/training")).toEqual({ state: "idle" });
  });

  it("trains in a worker, is killed in the middle, and goes on to the model of an uninterrupted run", async () => {
    const { status, answer } = await service.post(`/catalogue?${QUERY}`, CATALOGUE);
    expect([status, answer]).toEqual([202, { items: 400, dim: DIM, carriedOver: 0, dropped: 0 }]);
    expect((await service.post("/catalogue", CATALOGUE)).status).toBe(409);

    const before = await service.statuses(({ progress }) => progress >= 0.4);
    expect(before.length).toBeGreaterThan(2);
    expect(await service.end("SIGKILL")).toBeNull();

    await start();
    const after = await service.statuses(isOver);
    const [first] = after.filter(({ progress }) => progress > 0);
    expect(first).toMatchObject({ state: "training", resumed: true });
    expect(first!.progress).toBeGreaterThan(0.2); // not from the beginning
    expect(after.at(-1)!.state).toBe("published");
    expect(await service.get("/training")).toEqual({
      state: "published",
      published: { items: 400, dim: DIM, fingerprint: expected.fingerprint, generation: 1 },
    });
  });

  it("keeps the state of the training when it is stopped politely", async () => {
    const other = await Service.start(folder, "stopped");
    try {
      expect((await other.post(`/catalogue?${QUERY}`, CATALOGUE)).status).toBe(202);
      await other.statuses(({ progress }) => progress >= 0.3);
      const listening = other.statuses(isOver).catch((error) => error.message);
      expect(await other.end("SIGTERM")).toBe(0);
      expect(await listening).toContain("the events ended");
      const again = await Service.start(folder, "stopped");
      try {
        const [first] = (await again.statuses(isOver)).filter(({ progress }) => progress > 0);
        expect(first!.progress).toBeGreaterThan(0.29);
        expect(await again.get("/training")).toMatchObject({ published: { fingerprint: expected.fingerprint } });
      } finally {
        expect(await again.end("SIGTERM")).toBe(0);
      }
    } finally {
      await other.end("SIGKILL");
    }
  });

  it("has the IDs in the database, each item its own", async () => {
    const list: { id: string; semanticId: string }[] = [];
    for (;;) {
      const page = await service.get<typeof list>(`/items?limit=150&after=${list.at(-1)?.id ?? ""}`);
      if (page.length === 0) break;
      list.push(...page);
    }
    const vocabulary = new Vocabulary([32, 32, 32, 256]);
    const ids = new Map(rows.map(({ id }, i) => [id, vocabulary.format(expected.ids[i]!)]));
    expect(new Map(list.map(({ id, semanticId }) => [id, semanticId]))).toEqual(ids);
    expect(new Set(ids.values()).size).toBe(400);
    expect(await service.get("/items/sku-399")).toMatchObject({ published: expected.ids[399] });
  });

  it("gives new items IDs that stay theirs, over a crash too", async () => {
    const added = [
      { id: "new/1", embedding: embedding(5) }, // a twin
      { id: "new-2", embedding: embedding(1234) },
      { id: "ny å 3", embedding: embedding(5) },
    ];
    const answers: Item[] = [];
    for (const item of added) {
      const { status, answer } = await service.post("/items", JSON.stringify(item));
      expect([status, answer.added, answer.unchanged]).toEqual([200, 1, 0]);
      answers.push(...(answer.items as Item[]));
    }
    const [twin, , third] = answers;
    const five = await service.get<Item>("/items/sku-5");
    expect(twin!.raw).toEqual(five.raw);
    expect(new Set([five, twin!, third!].map(({ semanticId }) => semanticId)).size).toBe(3);
    const again = await service.post("/items", jsonl(added));
    expect(again.answer).toMatchObject({ added: 0, unchanged: 3, items: answers });

    await service.end("SIGKILL");
    await start();
    for (const item of answers) expect(await service.get(`/items/${encodeURIComponent(item.id)}`)).toEqual(item);
    expect(await service.get("/items/sku-5")).toEqual(five);
    expect(await service.get("/training")).toMatchObject({ published: { items: 403 } });
  });

  it.each([
    [
      "that move a published ID",
      { id: "sku-1", embedding: embedding(10) },
      409,
      "published IDs do not change; PUT it to",
    ],
    ["of another dimension", { id: "n", embedding: [1, 2] }, 400, "vectors of dimension 8, received vectors of dimension 2"], // biome-ignore format: a line each
    ["without an ID", [embedding(1)], 400, 'the items have no "id"'],
  ])("refuses items %s, and nothing has changed", async (_, body, code, message) => {
    const { status, answer } = await service.post("/items", JSON.stringify(body));
    expect([status, answer.error]).toEqual([code, expect.stringContaining(message)]);
    expect(await service.get("/training")).toMatchObject({ published: { items: 403 } });
  });

  it("finds similar items: those with the longest beginning in common, then the nearest", async () => {
    const own = await service.get<Item>("/items/sku-5");
    const similar =
      await service.get<{ id: string; sharedCodes: number; distance: number }[]>("/items/sku-5/similar?limit=8");
    const ranked = similar.toSorted((a, b) => b.sharedCodes - a.sharedCodes || a.distance - b.distance);
    expect(similar).toEqual(ranked);
    expect(similar.slice(0, 2).map(({ distance }) => distance)).toEqual([0, 0]); // twins
    expect(similar.map(({ id }) => id)).not.toContain("sku-5");
    expect(similar.slice(0, 2).map(({ id, sharedCodes }) => [id, sharedCodes])).toEqual([
      ["new/1", 3],
      ["ny å 3", 3],
    ]);
    for (const { id, sharedCodes: shared } of similar) {
      const { published } = await service.get<Item>(`/items/${encodeURIComponent(id)}`);
      expect(sharedCodes(published, own.published)).toBe(shared);
    }
    // As many as there are with each length, by brute force, down to the length of the last.
    const lengths = rows
      .filter(({ id }) => id !== "sku-5")
      .map((_row, i) => sharedCodes(expected.ids[i < 5 ? i : i + 1]!, own.published));
    const longer = lengths.filter((length) => length > similar.at(-1)!.sharedCodes).length;
    expect(
      similar.filter(({ id, sharedCodes }) => id.startsWith("sku") && sharedCodes > similar.at(-1)!.sharedCodes).length,
    ).toBe(longer);
  });

  it.each(["/items/nobody", "/items/nobody/similar", "/nowhere"])("answers 404 at %s", async (path) => {
    const response = await fetch(service.url + path);
    expect(response.status).toBe(404);
    expect(((await response.json()) as { error: string }).error).toMatch(/item "nobody" is not in the index|no route/);
  });

  it.skipIf(!hasChromium)("examples/web-client: the IDs of the server (skipped without Chromium)", async () => {
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(service.url);
      const shown = [
        ...rows.slice(0, 30),
        rows[399]!,
        { id: "new/1", embedding: embedding(5) },
        { id: "x", embedding: embedding(77) },
      ];
      await page
        .locator("#file:enabled")
        .setInputFiles({ name: "items.jsonl", mimeType: "text/plain", buffer: Buffer.from(jsonl(shown)) });
      await page.getByText("33 items encoded here").waitFor();
      const cells = await page
        .locator("tbody tr")
        .evaluateAll((lines) =>
          lines.map((line) => Array.from(line.querySelectorAll("td"), (cell) => cell.textContent)),
        );
      const vocabulary = new Vocabulary([32, 32, 32]);
      for (const [i, { id }] of shown.entries()) {
        if (id === "x") {
          expect(cells[i]!.slice(0, 3)).toEqual([id, vocabulary.format((await twinOf(77)).raw), "none yet"]);
          continue;
        }
        const { raw, semanticId } = await service.get<Item>(`/items/${encodeURIComponent(id)}`);
        expect(cells[i]!.slice(0, 3)).toEqual([id, vocabulary.format(raw), semanticId]);
      }
      const bad = { name: "bad.json", mimeType: "text/plain", buffer: Buffer.from("[[1, 2]]") };
      await page.locator("#file").setInputFiles(bad);
      await page.getByText("received vectors of dimension 2").waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
    /** The item of the catalogue with the same vector. */
    function twinOf(i: number) {
      return service.get<Item>(`/items/sku-${i}`);
    }
  });

  it("answers 200 requests at once, reads and writes, and `npm run load` says how fast", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        i % 10 === 0
          ? service.post("/items", JSON.stringify({ id: `burst-${i}`, embedding: embedding(i + 0.5) }))
          : fetch(`${service.url}/items/sku-${i}/similar`).then(async (response) => ({
              status: response.status,
              answer: await response.json(),
            })),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const said = project.run(["node-service/load.js", "--url", service.url, "--requests", "3000"]);
    expect(said).toMatch(/^3000 requests by 200 clients in [\d.]+ s, 0 failed\n/);
    expect(said).toMatch(/^all +3000 {2}p50 [\d.]+ ms {2}p99 [\d.]+ ms$/m);
    expect(said).toMatch(/^write +150 {2}/m);
    // Every one of them is stored: 403, 20 of the burst, 5% of 2,000 to warm up and of 3,000.
    await service.end("SIGKILL");
    await start();
    expect(await service.get("/training")).toMatchObject({ published: { items: 403 + 20 + 100 + 150 } });
  });

  it("retrains on a new catalogue while the old IDs are served, and takes over what comes meanwhile", async () => {
    const old = await service.get<Item>("/items/sku-5");
    const { published } = await service.get<{ published: { items: number } }>("/training");
    // Without one item of before, and with one that was added.
    const catalogue = jsonl([...rows.slice(0, 398), rows[399]!, { id: "new-2", embedding: embedding(3) }]);
    const { status, answer } = await service.post(`/catalogue?${QUERY.replace("seed=3", "seed=4")}`, catalogue);
    const carriedOver = published.items - 401;
    expect([status, answer]).toEqual([202, { items: 400, dim: DIM, carriedOver, dropped: 1 }]);
    expect(await service.get("/items/sku-5")).toEqual(old);
    expect((await service.post("/items", JSON.stringify({ id: "meanwhile", embedding: embedding(7) }))).status).toBe(
      200,
    );
    expect((await service.get<Status>("/training")).state).toBe("training");
    expect((await service.statuses(isOver)).at(-1)!.state).toBe("published");
    const now = await service.get<{ published: { items: number; fingerprint: string } }>("/training");
    expect(now.published.items).toBe(400 + carriedOver + 1);
    expect(now.published.fingerprint).not.toBe(expected.fingerprint);
    const rawOf = async (id: string) => (await service.get<Item>(`/items/${encodeURIComponent(id)}`)).raw;
    expect(await rawOf("new/1")).toEqual(await rawOf("sku-5"));
    expect(await rawOf("new-2")).toEqual(await rawOf("sku-3")); // the catalogue's vector is the item's
    await expect(service.get("/items/sku-398")).rejects.toThrow("404");
    const meanwhile = await service.get<Item>("/items/meanwhile");
    expect(meanwhile.raw).toEqual((await service.get<Item>("/items/sku-7")).raw);
    await service.end("SIGKILL");
    await start();
    expect(await service.get("/items/meanwhile")).toEqual(meanwhile);
  });

  /** A service of its own for the time of `body`. */
  async function beside(data: string, more: Record<string, string>, body: (other: Service) => Promise<void>) {
    const other = await Service.start(folder, data, more);
    try {
      await body(other);
    } finally {
      await other.end("SIGKILL");
    }
  }

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])(
    "refuses a body of the type %j, which any page could send",
    async (type) => {
      for (const path of ["/items", "/catalogue"]) {
        const { status, answer } = await service.post(path, Buffer.from(JSON.stringify(rows[0])), type);
        expect([status, answer.error]).toEqual([
          415,
          "content-type must be application/json, or one of application/x-ndjson, text/csv, application/octet-stream",
        ]);
      }
    },
  );

  it("refuses 120 MB of JSON by its length, before it comes, with the limit", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request(`${service.url}/catalogue`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-length": 120e6 },
      });
      sent.on("error", reject).on("response", (response) => {
        response.setEncoding("utf8").on("data", (text) => {
          sent.destroy();
          resolve(`${response.statusCode} ${text}`);
        });
      });
      sent.write("["); // nor does the rest ever come
    });
    expect(answer).toMatch(
      /^413 .*at most 16777216 bytes of application\/json, and 536870912 of other types.*x-ndjson/,
    );
  });

  it("bounds items, and reads what is large line by line", async () => {
    const limits = { MAX_ITEMS: "399", MAX_ADDED: "3", MAX_JSON_BYTES: "2000" };
    await beside("bounded", limits, async (other) => {
      const array = JSON.stringify(rows);
      for (const type of ["application/x-ndjson", "application/octet-stream", "text/csv"]) {
        for (const body of [array, `[\n${array.slice(1)}`]) {
          const { status, answer } = await other.post("/catalogue", body, type);
          expect([status, answer.error]).toEqual([
            413,
            expect.stringContaining("at most 2000 bytes of application/json"),
          ]);
        }
      }
      const many = await other.post("/catalogue", CATALOGUE, "application/x-ndjson");
      expect([many.status, many.answer.error]).toEqual([400, expect.stringContaining("may have 399 items at most")]);
      const npy = new Uint8Array(writeNpy({ data: new Float32Array(400), rows: 400, dim: 1 }));
      expect((await other.post("/catalogue", npy)).answer.error).toContain("may have 399 items at most");
      expect(await other.get("/training")).toEqual({ state: "idle" });
      const lines = await other.post("/catalogue?epochs=1", jsonl(rows.slice(0, 399)), "application/x-ndjson");
      expect(lines.status).toBe(202);
      expect((await other.statuses(isOver)).at(-1)!.state).toBe("published");
      const added = await other.post("/items", jsonl(rows.slice(0, 4)));
      expect([added.status, added.answer.error]).toEqual([400, expect.stringContaining("may have 3 items at most")]);
    });
  });

  it("cancels a training, and forgets it", async () => {
    await beside("cancelled", {}, async (other) => {
      expect((await other.cancel()).answer.error).toBe("nothing is in training");
      expect((await other.post("/catalogue?epochs=1000", CATALOGUE)).status).toBe(202);
      await other.statuses(({ progress }) => progress > 0);
      const { status, answer } = await other.cancel();
      expect([status, answer]).toEqual([200, { state: "cancelled" }]);
      await other.end("SIGKILL");
      await beside("cancelled", {}, async (again) => {
        expect(await again.get("/training")).toEqual({ state: "idle" });
        expect((await again.post("/catalogue?epochs=1", CATALOGUE)).status).toBe(202);
        expect((await again.statuses(isOver)).at(-1)!.state).toBe("published");
      });
    });
  });

  it("replaces and removes single items, for good: over crashes and the next training", {
    timeout: 120_000,
  }, async () => {
    const limits = { CHECKPOINT_MS: "100" };
    const one = (i: number) => JSON.stringify({ embedding: embedding(i) });
    await beside("changed", limits, async (other) => {
      expect((await other.send("PUT", "/items/x", one(1))).status).toBe(409); // nothing is published yet
      expect((await other.post("/catalogue?epochs=1&codebookSize=32", CATALOGUE)).status).toBe(202);
      await other.statuses(isOver);
      const [old, ten] = [await other.get<Item>("/items/sku-1"), await other.get<Item>("/items/sku-10")];
      const moved = await other.send("PUT", "/items/sku-1", one(10));
      expect([moved.status, moved.answer]).toMatchObject([200, { id: "sku-1", raw: ten.raw, replaced: true }]);
      expect(moved.answer.published).not.toEqual(ten.published);
      expect(await other.send("PUT", "/items/sku-1", one(10))).toMatchObject({
        status: 200,
        answer: { replaced: false },
      });
      const created = await other.send("PUT", "/items/new%2F1", one(1));
      expect([created.status, created.answer]).toMatchObject([201, { id: "new/1", raw: old.raw }]);
      expect(created.answer.published).not.toEqual(old.published); // which was the other's
      expect((await other.post("/items", jsonl([{ id: "sku-2", embedding: embedding(2) }]))).status).toBe(200);
      const removed = await other.send("DELETE", "/items/sku-3");
      expect([removed.status, removed.answer.id]).toEqual([200, "sku-3"]);
      expect((await other.send("DELETE", "/items/sku-3")).status).toBe(404);
      const strange = await other.send("PUT", "/items/a", JSON.stringify({ id: "b", embedding: embedding(1) }));
      expect([strange.status, strange.answer.error]).toEqual([400, 'the body is item "b", but the address names "a"']);
      expect((await other.send("PUT", "/items/a", jsonl(rows.slice(0, 2)))).status).toBe(400);
      expect((await other.send("PUT", "/items/a", '{"embedding":[1,2]}')).status).toBe(400);
      await other.end("SIGKILL");
      await beside("changed", limits, async (again) => {
        expect(await again.get("/items/sku-1")).toMatchObject({ published: moved.answer.published });
        expect(await again.get("/items/new%2F1")).toMatchObject({ published: created.answer.published });
        await expect(again.get("/items/sku-3")).rejects.toThrow("404");
        expect((await again.get<Item[]>("/items?limit=1000")).map(({ id }) => id)).not.toContain("sku-3");
        // A catalogue that was uploaded before does not bring back what is removed while it is in training.
        expect((await again.post("/catalogue?epochs=300&codebookSize=32", CATALOGUE)).status).toBe(202);
        expect((await again.send("DELETE", "/items/sku-4")).status).toBe(200);
        expect((await again.send("DELETE", "/items/new%2F1")).status).toBe(200);
        expect((await again.send("PUT", "/items/sku-6", one(7))).status).toBe(200);
        expect((await again.get<Status>("/training")).state).toBe("training");
        await again.statuses(isOver);
        const raw = async (id: string) => (await again.get<Item>(`/items/${id}`)).raw;
        expect(await raw("sku-6")).toEqual(await raw("sku-7"));
        expect(await raw("sku-3")).toHaveLength(3); // this catalogue has it again
        for (const id of ["sku-4", "new%2F1"]) await expect(again.get(`/items/${id}`)).rejects.toThrow("404");
      });
    });
  });

  it("takes the IDs of an npy file's rows from a line of JSON before it", async () => {
    const npy = writeNpy({ data: Float32Array.from(rows.flatMap(({ embedding }) => embedding)), rows: 400, dim: DIM });
    const names = rows.map(({ id }, i) => (i === 7 ? 7 : id));
    const body = (line: unknown) => new Uint8Array(Buffer.concat([Buffer.from(`${JSON.stringify(line)}\n`), npy]));
    await beside("named", {}, async (other) => {
      const refused = async (line: unknown) => (await other.post("/catalogue?epochs=1", body(line))).answer.error;
      expect(await refused(names.slice(1))).toBe("the line before the npy file has 399 IDs, but the file has 400 rows");
      expect(await refused([...names.slice(1), "sku-1"])).toBe('the line before the npy file: entries 0 and 399 are both item "sku-1"'); // biome-ignore format: one line
      expect(await refused([...names.slice(1), null])).toContain("entry 399 is null, which is no item ID");
      expect((await other.post("/catalogue?epochs=1&codebookSize=32", body(names))).status).toBe(202);
      await other.statuses(isOver);
      expect((await other.get<Item>("/items/sku-399")).raw).toEqual((await other.get<Item>("/items/sku-0")).raw);
      expect((await other.get<Item>("/items/7")).id).toBe("7");
      const more = writeNpy({ data: Float32Array.from(embedding(5)), rows: 1, dim: DIM });
      const added = await other.post("/items", new Uint8Array(Buffer.concat([Buffer.from('["more"]\n'), more])));
      expect([added.status, added.answer.added]).toEqual([200, 1]);
    });
  });

  it("cuts off a body that trickles", async () => {
    await beside("slow", { REQUEST_MS: "1000" }, async (other) => {
      const { hostname, port } = new URL(other.url);
      const socket = connect(Number(port), hostname);
      socket.write(
        "POST /items HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n[",
      );
      const trickle = setInterval(() => socket.write(" "), 100);
      let said = "";
      socket.on("error", () => {}).on("data", (data) => (said += data));
      await once(socket, "close");
      clearInterval(trickle);
      expect(said).toContain("408 Request Timeout");
    });
  });

  it("starts with a snapshot of the index and the few requests since, whatever came before", async () => {
    const limits = { SNAPSHOT_EVERY: "5" };
    const items = Array.from({ length: 13 }, (_, i) => ({ id: `late-${i}`, embedding: embedding(i % 3) }));
    const found = async (from: Service) => {
      const ids: unknown[] = [];
      for (const { id } of items) ids.push(await from.get(`/items/${id}`));
      return ids;
    };
    let before: unknown[] = [];
    await beside("snapshots", limits, async (other) => {
      expect((await other.post("/catalogue?epochs=1", CATALOGUE)).status).toBe(202);
      await other.statuses(isOver);
      for (const item of items) expect((await other.post("/items", JSON.stringify(item))).status).toBe(200);
      before = await found(other);
    });
    await beside("snapshots", limits, async (other) => {
      expect(other.said).toContain("3 requests since the snapshot"); // of 13
      expect(await found(other)).toEqual(before);
      expect(await other.end("SIGTERM")).toBe(0);
    });
    await beside("snapshots", limits, async (other) => {
      expect(other.said).toContain("0 requests since the snapshot");
      expect(await found(other)).toEqual(before);
    });
  });

  it("ends cleanly when it is stopped while it resumes, at any moment, and loses nothing", {
    timeout: 180_000,
  }, async () => {
    await beside("resuming", {}, async (other) => {
      expect((await other.post(`/catalogue?${QUERY}`, CATALOGUE)).status).toBe(202);
      await other.statuses(({ progress }) => progress >= 0.3);
      expect(await other.end("SIGTERM")).toBe(0);
    });
    // Before it listens, too.
    const early = spawn(process.execPath, ["server.js"], {
      cwd: folder,
      env: { ...process.env, PORT: "0", DATA: join(folder, "resuming") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    early.stdout.once("data", () => early.kill("SIGTERM"));
    expect(await once(early, "exit")).toEqual([0, null]);
    for (const pause of [0, 0, 5, 15, 30, 60, 100, 150]) {
      const other = await Service.start(folder, "resuming");
      await new Promise((resolve) => setTimeout(resolve, pause));
      expect(await other.end("SIGTERM")).toBe(0);
    }
    await beside("resuming", {}, async (other) => {
      const [first] = (await other.statuses(isOver)).filter(({ progress }) => progress > 0);
      expect(first!.progress).toBeGreaterThan(0.29);
      expect(await other.get("/training")).toMatchObject({ published: { fingerprint: expected.fingerprint } });
    });
  });

  it("asks for a token when it has one", async () => {
    await beside("guarded", { TOKEN: "s3cret" }, async (other) => {
      for (const authorization of ["", "s3cret", "Bearer s3cre", "Bearer s3cret2"]) {
        const headers = authorization === "" ? {} : { authorization };
        expect((await fetch(`${other.url}/training`, { headers })).status).toBe(401);
      }
      expect(await other.get("/training")).toEqual({ state: "idle" });
    });
  });
});
