/** A frame with `sandbox="allow-scripts"`, as sites embed what users wrote: its origin is no page's, and every fetch is a foreign one. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { describe, expect, it } from "vitest";
import { answerOfNode } from "../package/answers.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, type Site, serve } from "./server.mjs";

const MAIN = `
  import { RQVAE } from "rqvae";
  import { RQVAEWorker } from "rqvae/worker";
  import { userProgram } from "/tests/browser/user.program.js";
  const tell = (error) => error.name + ": " + error.message;
  globalThis.uses = {
    all: () => userProgram(RQVAE, RQVAEWorker).catch(tell),
    model: () => userProgram(RQVAE).catch(tell),
    worker: () => RQVAEWorker.create({ inputDim: 2 }).then(() => "works", tell),
  };`;
const EMBEDDING = `<!doctype html><iframe sandbox="allow-scripts" src="index.html"></iframe>`;
/** Without a bundler. */
const PAGE = `<!doctype html><title>rqvae</title><script type="importmap">{ "imports": {
  "rqvae": "/dist/index.js", "rqvae/worker": "/dist/worker/index.js",
  "#load-wasm": "/dist/runtime/load-wasm.web.js", "#worker-host": "/dist/worker/host.web.js" } }</script>
  <script type="module">${MAIN}</script>`;

const FROM_ANYWHERE = { "access-control-allow-origin": "*" };
const pages = { "/frame.html": EMBEDDING, "/index.html": PAGE };

/** What one of the uses gives in the frame. */
async function inFrame(site: Site, use: "all" | "model" | "worker"): Promise<unknown> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${site.url}/frame.html`);
    const [, frame] = page.frames();
    await frame!.waitForFunction("globalThis.uses !== undefined");
    expect(await frame!.evaluate("globalThis.origin")).toBe("null");
    return await frame!.evaluate(`uses.${use}()`);
  } finally {
    await browser.close();
    await site.close();
  }
}

describe.skipIf(!hasChromium)("a sandboxed frame (Chromium; skipped when it is not installed)", () => {
  it("trains, loads and encodes, in a worker too, where the server allows its files to everybody", async () => {
    expect(await inFrame(await serve(ROOT, { pages, headers: FROM_ANYWHERE }), "all")).toBe(await answerOfNode());
  });

  it("says what the server has to send where the WebAssembly is denied", async () => {
    const site = await serve(ROOT, { pages, headers: FROM_ANYWHERE, without: /\.wasm$/ });
    expect(await inFrame(site, "model")).toMatch(
      /^WasmLoadError: .*could not be fetched from http:.*\.wasm.*Access-Control-Allow-Origin/,
    );
  });

  it("says so where the worker's script is denied", async () => {
    const site = await serve(ROOT, { pages, headers: FROM_ANYWHERE, without: /entry\.web\.js$/ });
    expect(await inFrame(site, "worker")).toMatch(
      /^WorkerError: The worker could not start: its script was not found or is blocked.*Access-Control-Allow-Origin.*RQVAE itself/,
    );
  });

  it("works as a bundle, but for the worker, which the bundle has under another name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rqvae-frame-"));
    try {
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(ROOT, join(folder, "node_modules/rqvae"));
      symlinkSync(join(ROOT, "tests"), join(folder, "tests"));
      writeFileSync(join(folder, "main.js"), MAIN);
      writeFileSync(join(folder, "index.html"), `<!doctype html><script type="module" src="main.js"></script>`);
      await build({
        root: folder,
        base: "./",
        configFile: false,
        logLevel: "error",
        worker: { format: "es" },
        build: { outDir: "site", target: "esnext" },
      });
      const bundled = () =>
        serve(join(folder, "site"), { pages: { "/frame.html": EMBEDDING }, headers: FROM_ANYWHERE });
      const { ids } = JSON.parse(await answerOfNode());
      expect(JSON.parse((await inFrame(await bundled(), "model")) as string).ids).toBe(ids);
      expect(await inFrame(await bundled(), "worker")).toMatch(/^WorkerError: .*RQVAE itself needs no worker/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
