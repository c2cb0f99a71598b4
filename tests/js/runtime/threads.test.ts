/** Threads: the same bytes with any number, asked for in a process of its own, which ends by itself. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

function run(script: string): string {
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 240_000, // a process that its threads keep alive is a failure
  }).trim();
}

const program = (threads: number | "auto") =>
  run(`
    import { initialize, RQVAE } from "rqvae";
    import { program } from "./tests/browser/determinism.program.js";
    console.log(JSON.stringify(await initialize({ threads: ${JSON.stringify(threads)} })));
    console.log(await program(RQVAE));`);

describe("threads", () => {
  it("change no byte, whatever their number", () => {
    const [, ...expected] = program(1).split("\n");
    expect(expected).toHaveLength(8);
    for (const threads of [2, 4, 8]) {
      const [first, ...lines] = program(threads).split("\n");
      expect(first).toBe(`{"threads":${threads}}`);
      expect(lines).toEqual(expected);
    }
  }, 300_000);

  it("are as many as the cores, at most four, when nothing is said", () => {
    const script = `import { initialize } from "rqvae"; console.log((await initialize()).threads);`;
    expect(Number(run(script))).toBe(Math.min(availableParallelism(), 4));
  });

  it("sleep when there is nothing to do", () => {
    // CPU time of a second after a training, helpers included.
    const script = `
      import { initialize, RQVAE } from "rqvae";
      await initialize({ threads: 4 });
      const data = Float32Array.from({ length: 2000 * 64 }, (_, i) => Math.sin(i * i));
      await RQVAE.fit({ data, rows: 2000, dim: 64 }, { epochs: 1 });
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      console.log((user + system) / 1e6);`;
    expect(Number(run(script))).toBeLessThan(0.2);
  });

  it("encode the same with a number of them, one call after the other and several at once", () => {
    const script = (options: string) => `
      import { initialize, RQVAE } from "rqvae";
      await initialize(${options});
      const data = Float32Array.from({ length: 3000 * 96 }, (_, i) => Math.sin(i * i));
      const model = await RQVAE.fit({ data, rows: 3000, dim: 96 }, { epochs: 1 });
      const { codes } = model.encode({ data, rows: 3000, dim: 96 }, { margins: true });
      console.log(codes.join(), model.reconstruct(data).slice(-200).join());
      const source = { rows: 3000, dim: 96, read: (first, count) => data.subarray(first * 96, (first + count) * 96) };
      const all = async () => {
        const parts = [];
        for await (const ids of model.encodeStream(source)) parts.push(...ids.codes);
        return parts;
      };
      const long = await Promise.all([model.encodeAsync(data), model.encodeAsync(source), model.encodeAsync(data)]);
      for (const { codes: again } of [...long, { codes: await all() }]) {
        if (again.join() !== codes.join()) throw new Error("other codes");
      }`;
    const expected = run(script("{ threads: 1 }"));
    expect(run(script("{ threads: 4 }"))).toBe(expected);
    expect(run(script("{}"))).toBe(expected);
  });

  it("share a long call that encodes; a single call uses them only where a number was asked for", () => {
    const file = join(mkdtempSync(join(tmpdir(), "rqvae-threads-")), "model.safetensors");
    run(`
      import { writeFileSync } from "node:fs";
      import { initialize, RQVAE } from "rqvae";
      const model = await RQVAE.create({ inputDim: 64, codebookSize: 16 });
      await model.kmeansInitCodebooks(Float32Array.from({ length: 600 * 64 }, (_, i) => Math.cos(i * i)));
      writeFileSync(${JSON.stringify(file)}, model.save());`);
    const started = (options: string, call: string) =>
      Number(
        run(`
          import { syncBuiltinESMExports } from "node:module";
          import workers from "node:worker_threads";
          let started = 0;
          const { Worker } = workers;
          workers.Worker = class extends Worker {
            constructor(...given) {
              super(...given);
              started++;
            }
          };
          syncBuiltinESMExports();
          const { initialize, RQVAE } = await import("rqvae");
          const { threads } = await initialize(${options});
          const model = await RQVAE.load(${JSON.stringify(file)});
          await model.${call}(Float32Array.from({ length: 600 * 64 }, (_, i) => Math.sin(i * i)));
          console.log(started / Math.max(1, threads - 1));`),
      );
    expect(started("{}", "encodeAsync")).toBe(availableParallelism() > 1 ? 1 : 0);
    expect(started("{ threads: 3 }", "encodeAsync")).toBe(1);
    expect(started("{ threads: 1 }", "encodeAsync")).toBe(0);
    expect(started("{}", "encode")).toBe(0);
    expect(started("{ threads: 3 }", "encode")).toBe(1);
    rmSync(dirname(file), { recursive: true });
  });

  it("end a long call that encodes as one does: aborted, with the model disposed, at the first bad row", () => {
    const script = (options: string) => `
      import { initialize, RQVAE } from "rqvae";
      await initialize(${options});
      const rows = 3001, dim = 96;
      const data = Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i * i));
      const items = { data, rows, dim };
      const trained = await RQVAE.fit(items, { epochs: 1 });
      const bytes = trained.save();
      const abort = new AbortController();
      const aborted = trained.encodeAsync(items, { signal: abort.signal }).catch((error) => error);
      abort.abort(new Error("enough"));
      console.log((await aborted).message);
      const model = await RQVAE.load(bytes);
      const disposed = model.encodeAsync(items).catch((error) => error.name);
      model.dispose();
      console.log(await disposed);
      data[2900 * dim] = 3e38; data[2000 * dim + 5] = NaN;
      console.log(await trained.encodeAsync(items).catch(({ name, row }) => name + " " + row));
      data[2900 * dim] = data[2000 * dim + 5] = 0;
      console.log((await trained.encodeAsync(items)).codes.join() === trained.encode(items).codes.join());`;
    const one = run(script("{ threads: 1 }"));
    expect(one.split("\n")).toEqual(["enough", "DisposedError", "InvalidInputError 2000", "true"]);
    for (const options of ["{ threads: 2 }", "{ threads: 4 }", "{}"]) expect(run(script(options)), options).toBe(one);
  }, 120_000);

  it("must be a number that makes sense, and come in time", () => {
    const script = `
      import { initialize, RQVAE } from "rqvae";
      for (const threads of [0, 1.5, -1, 65, "many", null]) {
        await initialize({ threads }).catch((error) => console.log(error.name + ": " + error.message));
      }
      await RQVAE.create({ inputDim: 4 });
      await initialize({ threads: 2 }).catch((error) => console.log(error.name + ": " + error.message));
      console.log((await initialize()).threads > 0);`;
    const lines = run(script).split("\n");
    for (const [i, received] of ["0", "1.5", "-1", "65", '"many"', "null"].entries()) {
      expect(lines[i]).toBe(
        `InvalidInputError: initialize: threads must be "auto" or a whole number from 1 to 64, received ${received}`,
      );
    }
    expect(lines[6]).toMatch(
      /^InvalidInputError: initialize: asked for threads: 2, but .* already loaded .* with threads: "auto"/,
    );
    expect(lines[7]).toBe("true");
  });

  it("are missed once, aloud, when a number of them cannot be had (D18)", () => {
    const script = (options: string) => `
      import { readFileSync } from "node:fs";
      import { initialize, RQVAE } from "rqvae";
      const said = [];
      console.warn = (text) => said.push(text);
      const wasm = readFileSync("dist/wasm/rqvae.wasm");
      console.log((await initialize(${options})).threads);
      for (let i = 0; i < 2; i++) (await RQVAE.fit([[1, 2], [3, 4]], { epochs: 1 })).dispose();
      console.log(said.join("|"));`;
    expect(run(script("{ wasm, threads: 3 }"))).toMatch(
      /^1\nrqvae: 3 threads were requested, .*cross-origin isolated[^|]*$/,
    );
    for (const options of ["{ wasm }", "{ wasm, threads: 1 }", '{ wasm, threads: "auto" }', "{ threads: 3 }"]) {
      expect(run(script(options)), options).toMatch(/^\d$/);
    }
  });

  it("come with the build that has them, when that is given", () => {
    const script = (file: string, threads: string) => `
      import { readFileSync } from "node:fs";
      import { initialize } from "rqvae";
      const wasm = readFileSync("dist/wasm/${file}");
      console.log(await initialize({ wasm, threads: ${threads} }).then((done) => done.threads, (error) => error.name + ": " + error.message));`;
    expect(run(script("rqvae-threads.wasm", "3"))).toBe("3");
    expect(run(script("rqvae.wasm", "3"))).toBe("1");
    expect(run(script("rqvae-threads.wasm", "1"))).toMatch(
      /^WasmLoadError: the given WebAssembly is the build with threads .*Use rqvae\.wasm instead$/,
    );
  });
});
