/** Processes that may not do everything: too little address space, or Node's permissions. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = `import("rqvae").then(({ RQVAE }) => RQVAE.create({ inputDim: 3 })).then(() => console.log("ok"), (e) => console.log(e.name, e.message));`;

describe.skipIf(process.platform !== "linux")("a limited address space (Linux)", () => {
  it("works, or says that memory is missing and what to do", () => {
    const shell = `ulimit -v 4000000; exec "${process.execPath}" -e '${SCRIPT}'`;
    const { stdout } = spawnSync("sh", ["-c", shell], { cwd: ROOT, encoding: "utf8" });
    expect(stdout).toMatch(
      /^(ok|WasmLoadError the WebAssembly got no memory: .*ulimit -v.*--disable-wasm-trap-handler.*)\n$/,
    );
  });
});
