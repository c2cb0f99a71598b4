/** Where the WebAssembly may come from. Each in a process of its own: a process loads it once. */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { VERSION } from "rqvae";
import { describe, expect, it } from "vitest";

/** As long as ours. */
const OTHER_VERSION = VERSION.replaceAll(/\d/g, "7");
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

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
      new RegExp(`^WasmLoadError: the WebAssembly is of rqvae ${OTHER_VERSION}, the JavaScript of rqvae ${VERSION}`),
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
    expect(stderr).toMatch(/^rqvae: 3 threads were asked for, there is one\. .*cross-origin isolated.*\n$/);
  });

  it.each(["{ wasm }", "{ wasm, threads: 'auto' }", "{ wasm, threads: 1 }", "{ threads: 2 }"])(
    "does not warn of %s",
    (options) => {
      expect(ask(options).stderr).toBe("");
    },
  );
});
