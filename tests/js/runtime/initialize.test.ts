/** Where the WebAssembly may come from. Each in a process of its own: a process loads it once. */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { VERSION } from "rqvae";
import { describe, expect, it } from "vitest";

/** As long as ours. */
const OTHER_VERSION = VERSION.replaceAll(/\d/g, "7");
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

function run(wasm: string): string {
  const script = `
    import { readFileSync } from "node:fs";
    import { initialize, RQVAE } from "rqvae";
    const url = new URL("dist/wasm/rqvae.wasm", "file://${ROOT.replaceAll(" ", "%20")}");
    const bytes = readFileSync(url);
    const attempt = async (wasm) => {
      try { await initialize({ wasm }); return "ok"; } catch (error) { return error.name + ": " + error.message; }
    };
    console.log(await attempt(${wasm}));
    // What failed may be tried again.
    const model = await RQVAE.fit([[1, 2], [3, 4]], { epochs: 1 });
    console.log(model.encode([[1, 2]]).length);`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT, encoding: "utf8" });
}

describe("initialize({ wasm })", () => {
  it.each([
    ["bytes", "bytes"],
    ["an ArrayBuffer", "bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)"],
    ["a file URL", "url"],
    ["a file URL as text", "url.href"],
    ["a path", `"dist/wasm/rqvae.wasm"`],
    ["a response", `new Response(bytes, { headers: { "content-type": "application/wasm" } })`],
    ["a response of the wrong type", "new Response(bytes)"],
    ["a compiled module, as edge workers need it", "await WebAssembly.compile(bytes)"],
  ])("takes %s", (_name, wasm) => {
    expect(run(wasm)).toBe("ok\n1\n");
  });

  it.each([
    ["HTML", `new Response("<!doctype html><p>index")`, /^WasmLoadError: expected WebAssembly .* but received HTML/],
    [
      "damaged bytes",
      "bytes.subarray(0, 1000)",
      /^WasmLoadError: the WebAssembly from the given bytes could not be compiled/,
    ],
    ["a missing file", `new Response("", { status: 404 })`, /^WasmLoadError: .*HTTP 404/],
    [
      "an unreachable URL",
      `new URL("http://127.0.0.1:1/rqvae.wasm")`,
      /^WasmLoadError: .*could not be fetched from http:\/\/127\.0\.0\.1:1/,
    ],
    [
      "the wasm of another release",
      `Buffer.from(bytes.toString("latin1").replace("\\x00${VERSION}\\x00", "\\x00${OTHER_VERSION}\\x00"), "latin1")`,
      new RegExp(
        `^WasmLoadError: the WebAssembly is from rqvae ${OTHER_VERSION}, but the JavaScript from rqvae ${VERSION}`,
      ),
    ],
    ["another module", "await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))", /^WasmLoadError/],
    ["a path to nothing", `"dist/none.wasm"`, /^WasmLoadError: .*none\.wasm/],
    ["what is none of these", "42", /^InvalidInputError: initialize: wasm must be a URL, a path/],
  ])("says what is wrong with %s, and the next attempt works", (_name, wasm, message) => {
    const [first, second] = run(wasm).split("\n");
    expect(first).toMatch(message);
    expect(second).toBe("1");
  });
});

describe("initialize({ threads })", () => {
  const ask = (options: string) => {
    const script = `
      import { readFileSync } from "node:fs";
      import { initialize } from "rqvae";
      const wasm = readFileSync("dist/wasm/rqvae.wasm");
      console.log((await initialize(${options})).threads);`;
    const args = ["--input-type=module", "-e", script];
    return spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  };

  it("warns once when there are none, and says what they need", () => {
    const { stdout, stderr } = ask("{ wasm, threads: 3 }");
    expect(stdout).toBe("1\n");
    expect(stderr).toMatch(
      /^rqvae: 3 threads were requested, but only one is available\. .*cross-origin isolated.*\n$/,
    );
  });

  it.each(["{ wasm }", "{ wasm, threads: 'auto' }", "{ wasm, threads: 1 }", "{ threads: 2 }"])(
    "does not warn of %s",
    (options) => {
      expect(ask(options).stderr).toBe("");
    },
  );
});

describe("initialize again", () => {
  /** Runs statements in a process of its own, with `attempt(options)` and some sources of the same WebAssembly at hand. */
  function lines(statements: string): string[] {
    const script = `
      import { readFileSync } from "node:fs";
      import { createServer } from "node:http";
      import { initialize, RQVAE } from "rqvae";
      const url = new URL("dist/wasm/rqvae.wasm", "file://${ROOT.replaceAll(" ", "%20")}");
      const bytes = readFileSync(url);
      const compiled = await WebAssembly.compile(bytes);
      const attempt = async (options) => {
        try { return "threads " + (await initialize(options)).threads; } catch (error) { return error.name + ": " + error.message; }
      };
      const say = (...words) => console.log(words.join("\\n"));
      ${statements}`;
    const args = ["--input-type=module", "-e", script];
    return execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" }).trimEnd().split("\n");
  }

  it.each([
    ["a module", "compiled", "compiled"],
    ["the same bytes", "bytes", "bytes"],
    ["bytes read anew", "bytes", "readFileSync(url)"],
    ["bytes as an ArrayBuffer", "bytes", "new Uint8Array(bytes).buffer"],
    ["a URL and its text", "url", "url.href"],
    ["another URL object", "url", "new URL(url)"],
    ["a response of the same bytes", "new Response(bytes)", "new Response(bytes)"],
  ])("changes nothing with %s: at once, concurrently, and after use", (_name, first, again) => {
    const [now, ...rest] = lines(`
      const first = { wasm: ${first} };
      say(...(await Promise.all([attempt(first), attempt(first), attempt({ wasm: ${again} }), attempt()])));
      await RQVAE.create({ inputDim: 2 });
      say(await attempt(first), await attempt({ wasm: ${again} }), await attempt({}), await attempt({ threads: 1 }));`);
    expect(now).toBe("threads 1");
    expect(rest).toEqual(new Array(7).fill(now));
  });

  it("takes a response that was read already, and one that came from the same URL", () => {
    expect(
      lines(`
        const server = createServer((_, response) => response.setHeader("content-type", "application/wasm").end(bytes)).listen(0, "127.0.0.1");
        await new Promise((resolve) => server.once("listening", resolve));
        const address = \`http://127.0.0.1:\${server.address().port}/rqvae.wasm\`;
        const response = await fetch(address);
        say(await attempt({ wasm: response }), await attempt({ wasm: response }), await attempt({ wasm: await fetch(address) }), await attempt({ wasm: new URL(address) }));
        server.close();
        server.closeAllConnections();`),
    ).toEqual(new Array(4).fill("threads 1"));
  });

  it("lets every request of a cold start initialize, as an edge worker does", () => {
    const script = `
      let model;
      const request = async () => {
        model ??= await initialize({ wasm: compiled }).then(() => RQVAE.create({ inputDim: 2 }));
        return model.config.inputDim;
      };
      say(...(await Promise.all([request(), request(), new Promise((resolve) => setTimeout(resolve, 20)).then(request)])), await request());`;
    expect(lines(script)).toEqual(["2", "2", "2", "2"]);
  });

  it.each([
    [
      "another URL",
      "{ wasm: url }",
      `{ wasm: "https://cdn.example/rqvae.wasm" }`,
      /wasm from https:\/\/cdn\.example.*loaded from file:/,
    ],
    ["other bytes", "{ wasm: bytes }", "{ wasm: bytes.subarray(1) }", /wasm from \d+ bytes.*loaded from \d+ bytes/],
    ["a module behind the package's own", "{}", "{ wasm: compiled }", /WebAssembly\.Module.*the package's own files/],
    [
      "another number of threads",
      "{ wasm: bytes, threads: 1 }",
      "{ threads: 2 }",
      /threads: 2.*with threads: 1 \(1 in use\)/,
    ],
    [
      "both",
      "{ wasm: bytes }",
      `{ wasm: url, threads: 3 }`,
      /wasm from file:.* and threads: 3.*threads: "auto" \(1 in use\)/,
    ],
  ])(
    "names what was asked for and what is in force with %s, staggered and concurrently",
    (_name, first, other, message) => {
      const results = lines(`
      say(...(await Promise.all([attempt(${first}), attempt(${other})])));
      await RQVAE.create({ inputDim: 2 });
      say(await attempt(${other}), await attempt(${first}), await attempt());`);
      expect(results[0]).toMatch(/^threads \d/);
      expect(results[1]).toMatch(/^InvalidInputError: initialize: asked for/);
      expect(results[1]).toMatch(message);
      expect(results.slice(2)).toEqual([results[1], results[0], results[0]]);
    },
  );

  it("tries again with other arguments when the load failed, also one that waited for it", () => {
    const results = lines(`
      say(...(await Promise.all([attempt({ wasm: "missing.wasm" }), attempt({ wasm: "missing.wasm" }), attempt({ wasm: bytes })])));
      say(await attempt({ wasm: bytes }));`);
    expect(results[0]).toMatch(/^WasmLoadError: .*missing\.wasm/);
    expect(results.slice(1)).toEqual([results[0], "threads 1", "threads 1"]);
  });

  it("names bytes that were given away", () => {
    const [refused, then] = lines(`
      const given = new Uint8Array(bytes);
      structuredClone(given.buffer, { transfer: [given.buffer] });
      say(await attempt({ wasm: given }), await attempt({ wasm: bytes }));`);
    expect(refused).toMatch(/^InvalidInputError: initialize: wasm: this array has no data any more/);
    expect(then).toBe("threads 1");
  });
});
