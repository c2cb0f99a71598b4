/** examples/distributed as a user has it: Redis, two workers and a flow, on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE, SemanticIdIndex } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { freePort } from "../../browser/free-port.mjs";
import type { Project } from "../project.ts";
import { exampleTools, makeExampleProject } from "./example-project.ts";

const REDIS = "/usr/bin/redis-server";
const hasRedis = existsSync(REDIS);
if (!hasRedis) console.warn(`distributed is skipped: ${REDIS} is missing; install the package redis-server`);
const tools = (hasRedis ? exampleTools("distributed") : undefined)!;

/** 24,000 items in 8,000 places, in jobs of 3,500 rows, the last of 3,000. A wide encoder, so that a job takes long enough to be killed. */
const [ROWS, DIM, ROWS_PER_JOB] = [24_000, 32, 3500];
const data = Float32Array.from({ length: ROWS * DIM }, (_, at) => {
  const [item, column] = [Math.floor(at / DIM) % 8000, at % DIM];
  return Math.sin((item % 97) * (column + 1.3)) + 0.3 * Math.sin(item * (column + 2.1));
});
const items = { data, rows: ROWS, dim: DIM };
const JOBS = [
  "0 to 3499",
  "3500 to 6999",
  "7000 to 10499",
  "10500 to 13999",
  "14000 to 17499",
  "17500 to 20999",
  "21000 to 23999",
];
/** Items that may share an ID. */
const CAPACITY = 20_000;

/** A program of the example or a server, and what it has said. */
class Program {
  said = "";
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.#process = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [this.#process.stdout!, this.#process.stderr!]) {
      output.on("data", (chunk: Buffer) => {
        this.said += chunk;
      });
    }
    this.#ended = once(this.#process, "close");
  }

  /** Waits until it says so. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.said);
      if (found) return found;
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`it ended without saying ${pattern}: ${this.said}`);
      }
      const heard = [this.#process.stdout!, this.#process.stderr!].map((output) => once(output, "data"));
      await Promise.race([...heard, this.#ended]);
    }
  }

  /** Waits until it ends by itself, and gives the exit code; null after a kill. */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.#process.exitCode;
  }

  /** The process that was started here, and no other. */
  kill(signal: NodeJS.Signals): Promise<number | null> {
    this.#process.kill(signal);
    return this.end();
  }
}

const jobsIn = (text: string, verb: string) =>
  Array.from(text.matchAll(new RegExp(`^${verb} rows (.*)$`, "gm")), ([, rows]) => rows!);

describe.skipIf(!tools)("examples/distributed (skipped without redis-server, BullMQ and ioredis)", () => {
  let project: Project;
  let folder: string;
  let redisFolder: string;
  let expected: Buffer;
  let fingerprint: string;
  let env: NodeJS.ProcessEnv;
  const started: Program[] = [];
  const start = (command: string, args: string[], cwd = folder) => {
    const program = new Program(command, args, cwd, env);
    started.push(program);
    return program;
  };
  const startWorker = async () => {
    const worker = start(process.execPath, ["worker.js"]);
    await worker.says(/is ready\n/);
    return worker;
  };
  const enqueue = (output: string, ...options: string[]) =>
    start(process.execPath, ["enqueue.js", "model.safetensors", "items.npy", output, ...options]);
  const sizes = ["--rows-per-job", `${ROWS_PER_JOB}`, "--capacity", `${CAPACITY}`];
  const shards = (output: string) => {
    const path = join(folder, `${output}.shards`);
    return existsSync(path) ? readdirSync(path) : [];
  };

  beforeAll(async () => {
    project = makeExampleProject(tools, ["distributed"]);
    folder = join(project.folder, "distributed");
    const options = { hiddenDims: [1024, 1024], latentDim: 16, codebookSize: 32, seed: 5 };
    const model = await RQVAE.create({ inputDim: DIM, ...options });
    await model.kmeansInitCodebooks({ data: data.subarray(0, 2000 * DIM), rows: 2000, dim: DIM });
    ({ fingerprint } = model);
    writeFileSync(join(folder, "model.safetensors"), model.save());
    writeFileSync(join(folder, "items.npy"), new Uint8Array(writeNpy(items)));
    // What one machine gives, in memory and at once.
    const rows = Array.from({ length: ROWS }, (_, row) => row);
    const index = SemanticIdIndex.build(rows, model.encode(items), { collisions: "suffix", capacity: CAPACITY });
    expected = Buffer.from(index.save());
    model.dispose();

    redisFolder = mkdtempSync(join(tmpdir(), "rqvae-redis-"));
    const port = await freePort();
    env = { REDIS_URL: `redis://127.0.0.1:${port}`, LOCK_MS: "2000" };
    const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", redisFolder];
    await start(REDIS, [...settings, "--maxmemory-policy", "noeviction"], redisFolder).says(
      /Ready to accept connections/,
    );
  }, 300_000);
  afterAll(async () => {
    for (const program of started.reverse()) await program.kill("SIGKILL");
    if (redisFolder) rmSync(redisFolder, { recursive: true, force: true });
    project?.remove();
  });

  it("gives one machine's index when a worker is killed in the middle of a job", async () => {
    const [killed, other] = [await startWorker(), await startWorker()];
    const enqueued = enqueue("index.bin", ...sizes);
    // The second job, so that the first of its shards is there.
    const [, , rows] = await killed.says(/encoding rows (.*)\nencoded rows \1\nencoding rows (.*)\n/);
    expect(await killed.kill("SIGKILL")).toBeNull();
    expect(jobsIn(killed.said, "encoded")).not.toContain(rows);
    expect(jobsIn(other.said, "encoding")).not.toContain(rows);

    expect([await enqueued.end(), enqueued.said]).toEqual([0, expect.stringContaining(`${ROWS} items: `)]);
    expect(enqueued.said).toContain(`${ROWS} rows in ${JOBS.length} jobs`);
    expect(jobsIn(other.said, "encoded")).toContain(rows);
    const encoded = new Set([...jobsIn(killed.said, "encoded"), ...jobsIn(other.said, "encoded")]);
    expect(encoded).toEqual(new Set(JOBS));
    expect(expected.equals(readFileSync(join(folder, "index.bin")))).toBe(true);
    expect((await SemanticIdIndex.load(expected)).codebookSizes).toEqual([32, 32, 32, CAPACITY]);
    expect(await other.kill("SIGTERM")).toBe(0);
  }, 120_000);

  it("writes the same bytes when everything is done again, by a worker that comes later", async () => {
    const names = shards("index.bin").sort();
    const read = () => names.map((name) => readFileSync(join(folder, "index.bin.shards", name)));
    const before = read();
    const whole = names.filter((name) => name.endsWith(".shard"));
    expect(whole.length).toBe(JOBS.length);
    rmSync(join(folder, "index.bin"));
    const enqueued = enqueue("index.bin", ...sizes);
    await enqueued.says(/jobs; they continue without this program\n/);
    const worker = await startWorker();
    expect(await enqueued.end()).toBe(0);
    expect(shards("index.bin").sort()).toEqual(names);
    expect(read().every((bytes, i) => bytes.equals(before[i]!))).toBe(true);
    expect(expected.equals(readFileSync(join(folder, "index.bin")))).toBe(true);
    expect(await worker.kill("SIGTERM")).toBe(0);
  }, 120_000);

  it("fails, and says why, when the model is another one by the time a job is done", async () => {
    const path = join(folder, "model.safetensors");
    const old = readFileSync(path);
    const enqueued = enqueue("other.bin", ...sizes);
    await enqueued.says(/without this program/);
    const another = await RQVAE.create({ inputDim: DIM, latentDim: 4, codebookSize: 8, seed: 6 });
    await another.kmeansInitCodebooks({ data: data.subarray(0, 500 * DIM), rows: 500, dim: DIM });
    writeFileSync(path, another.save());
    const worker = await startWorker();
    try {
      expect(await enqueued.end()).toBe(1);
      const message = `is model ${another.fingerprint}, but the job was made for ${fingerprint}`;
      expect(enqueued.said).toContain(message);
      expect(worker.said).toContain(message);
      expect(shards("other.bin")).toEqual([]);
      expect(existsSync(join(folder, "other.bin"))).toBe(false);
    } finally {
      writeFileSync(path, old);
      await worker.kill("SIGKILL");
    }
  }, 120_000);

  it.each([
    [["--rows-per-job", "many"], 2, "usage: node enqueue.js"],
    [["more"], 2, "usage: node enqueue.js"],
  ])("refuses %j", async (options, code, message) => {
    const enqueued = enqueue("refused.bin", ...options);
    expect([await enqueued.end(), enqueued.said]).toEqual([code, expect.stringContaining(message)]);
  });
});
