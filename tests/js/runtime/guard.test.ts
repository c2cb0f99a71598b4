/** What a trap of the WebAssembly leaves behind: nothing of the instance is used any more, and another can be started. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Runs a program in a process of its own. What it logs last is JSON. */
async function run(program: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    cwd: ROOT,
    timeout: 280_000, // it ends or hangs; nothing in it takes long
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

const PRELUDE = `
  import { initialize, RQVAE, RQVAEError } from "rqvae";
  import { native } from "./dist/runtime/native.js";
  const items = Array.from({ length: 700 }, (_, i) => [Math.sin(i), Math.cos(3 * i), i % 7]);
  const told = (error) => (error instanceof RQVAEError ? error.constructor.name + ": " + error.message.slice(0, 22) : "foreign: " + error);
  const attempt = async (body) => { try { await body(); return "done"; } catch (error) { return told(error); } };
  const bytesOf = (model) => Buffer.from(model.save()).toString("base64");
  // An address behind the end of all memory there can be: the core trusts its arguments.
  const trap = async () => { const module = await native(); return attempt(() => module.hash(0xfffffff0, 4096)); };
`;
const FAILED = "RQVAEError: the WebAssembly failed";

describe("after a trap", () => {
  it("everything of the instance throws one error, and a fresh one works", async () => {
    const found = await run(`${PRELUDE}
      await initialize({ threads: 1 });
      const model = await RQVAE.fit(items, { epochs: 2 });
      const other = await RQVAE.create({ inputDim: 3, codebookKmeansInit: false });
      const optimizer = model.createOptimizer();
      const before = bytesOf(model);
      const bytes = model.save();
      const checkpoint = model.saveCheckpoint();
      // A training that is under way ends with it.
      const training = attempt(() => other.train(items, { epochs: 100_000 }));
      await new Promise((resolve) => setTimeout(resolve, 30));
      const found = { trap: await trap(), training: await training };
      for (const [name, body] of Object.entries({
        encode: () => model.encode(items), save: () => model.save(), latents: () => model.latents(items),
        checkpoint: () => model.saveCheckpoint(), step: () => model.trainStep(items, optimizer),
        async: () => model.encodeAsync(items), train: () => model.train(items, { epochs: 1 }),
        kmeans: () => model.kmeansInitCodebooks(items), ready: () => model.initialized,
        other: () => other.encode(items), optimizer: () => other.createOptimizer(),
        create: () => RQVAE.create({ inputDim: 3 }), load: () => RQVAE.load(bytes),
        dispose: () => { optimizer.dispose(); other.dispose(); },
      })) found[name] = await attempt(body);
      // All who ask get the same new instance.
      await Promise.all([initialize(), initialize({ threads: 1 }), initialize()]);
      const again = await RQVAE.load(bytes);
      found.same = bytesOf(again) === before;
      const resumed = await RQVAE.create(again.config);
      await resumed.train(items, { epochs: 2, resume: checkpoint }).catch(() => {});
      found.old = await attempt(() => model.encode(items));
      found.codes = again.encode(items).length;
      console.log(JSON.stringify(found));`);
    const failed = Object.fromEntries(
      [
        "trap",
        "training",
        "encode",
        "save",
        "latents",
        "checkpoint",
        "step",
        "async",
        "train",
        "kmeans",
        "ready",
        "other",
      ]
        .concat("optimizer", "create", "load", "old")
        .map((name) => [name, FAILED]),
    );
    expect(found).toEqual({ ...failed, dispose: "done", same: true, codes: 700 });
  });

  it("no method, accessor or field of a model or optimizer answers, and dispose is quiet", async () => {
    const found = (await run(`${PRELUDE}
      await initialize({ threads: 1 });
      const model = await RQVAE.fit(items, { epochs: 2 });
      const optimizer = model.createOptimizer();
      const ids = model.encode(items);
      // What is known of it is known before: nothing of that is given out either.
      [model.fingerprint, model.history, model.initialized].forEach(String);
      await trap();
      // Arguments that each takes; those without any here are asked with the items.
      const args = { decode: [ids], select: ["loss"], createOptimizer: [], save: [], saveCheckpoint: [], codebooks: [],
        trainStep: [items, optimizer], train: [items, { epochs: 1 }], encodeStream: [[items]] };
      const found = {};
      for (const object of [model, optimizer]) {
        const keys = [...Object.keys(object), ...Reflect.ownKeys(Object.getPrototypeOf(object))];
        for (const key of keys) {
          if (key === "constructor") continue;
          // The optimizer's own fields are internal.
          if (object === optimizer && Object.hasOwn(object, key)) continue;
          const name = object.constructor.name + "." + String(key);
          let sync = true;
          found[name] = await attempt(() => {
            const member = object[key];
            if (typeof member !== "function") return;
            const result = member.apply(object, args[key] ?? [items]);
            sync = false;
            return typeof result?.next === "function" ? result.next() : result;
          });
          const isAsync = /^(fit|create|load|kmeansInitCodebooks|train|encodeAsync|encodeStream)$/.test(String(key));
          if (isAsync && sync) found[name] += " (thrown, not rejected)";
        }
      }
      console.log(JSON.stringify(found));`)) as Record<string, string>;
    const disposal = /dispose/;
    expect(found).toEqual(
      Object.fromEntries(Object.keys(found).map((name) => [name, disposal.test(name) ? "done" : FAILED])),
    );
    // Of those that it is about, and of whatever is added.
    const some = ["config", "part", "history", "fingerprint", "initialized", "encode", "encodeStream", "dispose"];
    expect(Object.keys(found)).toEqual(expect.arrayContaining(some.map((name) => `RQVAE.${name}`)));
    expect(Object.keys(found)).toContain("Optimizer.dispose");
  });

  it("whoever waits for something of the caller's that never comes hears of it", async () => {
    const outcome = (await run(`${PRELUDE}
      import { assessIds, residualKMeans } from "rqvae";
      import { explainIds } from "rqvae/report";
      await initialize({ threads: 1 });
      const warnings = [];
      process.on("warning", ({ message }) => warnings.push(message));
      const never = new Promise(() => {});
      const model = await RQVAE.fit(items, { epochs: 1 });
      const data = Float32Array.from(items.flat());
      let started = 0;
      const hanging = () => ({ rows: 700, dim: 3, read: () => { started++; return never; } });
      /** Hangs once the first reads are through. */
      const later = (reads) => ({ rows: 700, dim: 3, read: (first, count) => {
        if (--reads < 0) { started++; return never; }
        return data.slice(first * 3, (first + count) * 3);
      } });
      const made = () => RQVAE.create({ inputDim: 3, codebookSize: 8 });
      const stream = async (batches) => { for await (const _ of model.encodeStream(batches)); };
      const source = later(1000);
      const explainer = await explainIds(model, source);
      source.read = hanging().read;
      const shared = hanging();
      const waits = {
        encodeAsync: () => model.encodeAsync(hanging()),
        first: () => model.encodeAsync(shared),
        inTurn: () => { started++; return model.encodeAsync(shared); },
        encodeStream: () => stream({ [Symbol.asyncIterator]: () => ({ next: () => { started++; return never; } }) }),
        streamOfSource: () => stream(hanging()),
        train: async () => (await made()).train(hanging()),
        trainLater: async () => (await made()).train(later(3), { epochs: 3 }),
        checkpoint: async () => (await made()).train(items, { epochs: 1e5, checkpoint: { everyMs: 1, write: () => { started++; return never; } } }),
        kmeans: async () => (await made()).kmeansInitCodebooks(hanging()),
        fit: () => RQVAE.fit(hanging()),
        residualKMeans: () => residualKMeans(hanging()),
        assessIds: () => assessIds(model.encode(items), { items: hanging(), model }),
        explainIds: () => explainIds(model, hanging()),
        explainOwn: () => explainIds(model, hanging(), { ids: model.encode(items) }).then((made) => made.explain(0)),
        explain: () => explainer.explain(0),
      };
      const outcomes = Object.entries(waits).map(async ([name, wait]) => [name, await attempt(wait)]);
      while (started < outcomes.length) await new Promise((resolve) => setTimeout(resolve, 5));
      await trap();
      console.log(JSON.stringify({ found: Object.fromEntries(await Promise.all(outcomes)), warnings }));`)) as {
      found: Record<string, string>;
      warnings: string[];
    };
    const { found, warnings } = outcome;
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, FAILED])));
    expect(Object.keys(found).length).toBe(15);
    expect(warnings).toEqual([]); // of so many listeners
  });

  it("starts again from the response that was given first", async () => {
    const found = await run(`${PRELUDE}
      import { readFileSync } from "node:fs";
      const wasm = new Response(readFileSync("dist/wasm/rqvae.wasm"), { headers: { "content-type": "application/wasm" } });
      await initialize({ wasm, threads: 1 });
      const first = await trap();
      await initialize();
      await initialize({ wasm });
      console.log(JSON.stringify([first, (await RQVAE.fit(items, { epochs: 1 })).encode(items).length]));`);
    expect(found).toEqual([FAILED, 700]);
  });

  it("a worker ends with its instance: what is pending and what comes later rejects, and a pool goes on with another", async () => {
    const found = await run(`${PRELUDE}
      import { pathToFileURL } from "node:url";
      import { EncodePool, RQVAEWorker } from "rqvae/worker";
      const file = (await RQVAE.fit(items, { epochs: 1 })).save();
      // In the workers latents traps, and so does encodeAsync of rows that begin with 666.
      const dist = (name) => JSON.stringify(String(pathToFileURL("dist/" + name)));
      const sabotage = "import { RQVAE } from " + dist("model/rqvae.js") + "; import { native } from " + dist("runtime/native.js") + ";" +
        "const trap = async () => (await native()).hash(0xfffffff0, 4096);" +
        "const { encodeAsync } = RQVAE.prototype;" +
        "RQVAE.prototype.latents = trap;" +
        "RQVAE.prototype.encodeAsync = async function (items, options) {" +
        "  return items.data?.[0] === 666 ? trap() : encodeAsync.call(this, items, options); };";
      process.env.NODE_OPTIONS = "--import=data:text/javascript," + encodeURIComponent(sabotage);
      const clear = ({ name, message }) => name + ": " + (message.match(/the WebAssembly failed|was disposed/) ?? message);
      const outcome = (call) => call.then(() => "done", clear);
      const worker = await RQVAEWorker.load(file, {}, { threads: 1 });
      let asked;
      const reads = new Promise((resolve) => { asked = resolve; });
      const read = () => { asked(); return new Promise(() => {}); };
      const waiting = outcome(worker.encodeAsync({ rows: 700, dim: 3, read }));
      await reads;
      const found = { trap: await outcome(worker.latents(items)), waiting: await waiting, later: await outcome(worker.encode(items)) };
      const lost = [];
      const pool = await EncodePool.create(file, { workers: 1, onWorkerLost: (error) => lost.push(clear(error)) });
      found.twice = await outcome(pool.encode([[666, 1, 2]]));
      found.lost = lost;
      await pool.dispose();
      console.log(JSON.stringify(found));`);
    const died = "WorkerError: the WebAssembly failed";
    expect(found).toEqual({ trap: died, waiting: died, later: died, twice: died, lost: [died] });
  });

  it("does not take what was refused before anything was called for one", async () => {
    const found = await run(`${PRELUDE}
      const model = await RQVAE.fit(items, { epochs: 1 });
      const module = await native();
      const found = [await attempt(() => module.createModel({ inputDim: "x" })), await attempt(() => module.encode(null, 0, 0, 0, 0, false))];
      console.log(JSON.stringify([...found, model.encode(items).length, module.ended.reason === undefined]));`);
    expect(found).toEqual([
      expect.stringMatching(/^foreign: TypeError/),
      expect.stringMatching(/^foreign: BindingError/),
      700,
      true,
    ]);
  });

  it("does not hang where a thread traps", async () => {
    // Rows whose last ones lie behind the end of the memory: a thread or the caller gets there first.
    const found = (await run(`${PRELUDE}
      import { nativeModelConfig, resolveModelConfig } from "./dist/options/model-config.js";
      const rows = 20_000, dim = 16, found = [];
      const config = nativeModelConfig(resolveModelConfig({ inputDim: dim, codebookKmeansInit: false, linearSkip: "none", inputScaling: "none" }));
      for (let i = 0; i < 6; i++) {
        await initialize({ threads: 2 });
        const module = await native();
        const model = module.createModel(config);
        const call = (address, count, codes) => module.encode(model, address, count, codes, 0, false);
        const codes = module._malloc(4 * 3 * rows), good = module._malloc(4 * dim * rows);
        call(good, rows, codes);
        await new Promise((resolve) => setTimeout(resolve, 100)); // the thread begins after the turn in which it was asked for
        // Whatever memory is added on the way: the last rows reach beyond all of it.
        found.push(await attempt(() => call(0xffffffff - 4 * dim * 64 - 15, rows, codes)));
      }
      console.log(JSON.stringify(found));
      process.exit();`)) as string[];
    expect(found).toEqual(new Array(6).fill(FAILED));
  });
});
