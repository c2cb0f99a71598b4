/** What a trap of the WebAssembly leaves behind: nothing of the instance is used any more, and another can be started. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program in a process of its own. What it logs last is JSON. */
async function run(program: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    cwd: ROOT,
    timeout: 55_000, // it ends or hangs; nothing in it takes long
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

const PRELUDE = `
  import { initialize, RQVAE, RQVAEError } from "rqvae";
  import { native } from "./dist/native.js";
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
      const resumed = await RQVAE.create(await configOf(again));
      await resumed.train(items, { epochs: 2, resume: checkpoint }).catch(() => {});
      found.old = await attempt(() => model.encode(items));
      found.codes = again.encode(items).length;
      console.log(JSON.stringify(found));
      async function configOf({ config: { codebookSizes, ...rest } }) { return { ...rest, codebookSize: codebookSizes }; }`);
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

  it("does not take what was refused before anything was called for one", async () => {
    const found = await run(`${PRELUDE}
      const model = await RQVAE.fit(items, { epochs: 1 });
      const module = await native();
      const found = [await attempt(() => module.createModel({ inputDim: "x" })), await attempt(() => module.encode(null, 0, 0, 0, 0))];
      console.log(JSON.stringify([...found, model.encode(items).length, module.failed]));`);
    expect(found).toEqual([
      expect.stringMatching(/^foreign: TypeError/),
      expect.stringMatching(/^foreign: BindingError/),
      700,
      false,
    ]);
  });

  it("does not hang where a thread traps", async () => {
    // Rows whose last ones lie behind the end of the memory: a thread or the caller gets there first.
    const found = (await run(`${PRELUDE}
      import { nativeModelConfig, resolveModelConfig } from "./dist/model-config.js";
      const rows = 20_000, dim = 16, found = [];
      const config = nativeModelConfig(resolveModelConfig({ inputDim: dim, codebookKmeansInit: false, linearSkip: "none", inputScaling: "none" }));
      for (let i = 0; i < 6; i++) {
        await initialize({ threads: 2 });
        const module = await native();
        const model = module.createModel(config);
        const call = (address, count, codes) => module.encode(model, address, count, codes, 0);
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
