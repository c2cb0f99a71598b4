/** The same bytes in Node, Chromium, Firefox and WebKitGTK: model files, IDs, latents, reconstructions and history. */
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AnyBrowser, hasChromium, hasFirefox, launchChromium, launchFirefox } from "./browsers.mjs";
import { program } from "./determinism.program.js";
import { ROOT, type Site, serve } from "./server.mjs";
import { hasWebKit, launchWebKit } from "./webkit.mjs";

const PAGE = `<!doctype html><title>rqvae</title>
<script type="importmap">{ "imports": {
  "rqvae": "/dist/index.js", "rqvae/worker": "/dist/worker/index.js",
  "#load-wasm": "/dist/runtime/load-wasm.web.js", "#worker-host": "/dist/worker/host.web.js" } }</script>`;

/** What each page runs: the program on the page itself. */
const RUN = `(async () => {
  const [{ RQVAE }, { program }] = await Promise.all([import("rqvae"), import("/tests/browser/determinism.program.js")]);
  return program(RQVAE);
})()`;

let site: Site;
let expected: string;
beforeAll(async () => {
  // No build step and no bundler: a plain page with an import map, under a strict content-security policy but for that map.
  site = await serve(ROOT, { pages: { "/": PAGE } });
  expected = await program(RQVAE);
});
afterAll(() => site.close());

describe("the same bytes as Node", () => {
  it("Node itself, twice", async () => {
    expect(await program(RQVAE)).toBe(expected);
    const lines = expected.split("\n");
    expect(lines).toHaveLength(8);
    for (const line of lines) {
      const [, model, resumed] = /model (\w+) .* resumed (\w+)/.exec(line)!;
      expect(resumed).toBe(model);
    }
  });

  it.skipIf(!hasChromium)("Chromium (skipped when it is not installed)", async () => {
    expect(await evaluateIn(await launchChromium())).toBe(expected);
  });

  it.skipIf(!hasChromium)("Chromium with threads, on an isolated page (skipped when it is not installed)", async () => {
    const headers = {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    };
    const isolated = await serve(ROOT, { pages: { "/": PAGE }, headers });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(isolated.url);
      const threads = `(async () => (await (await import("rqvae")).initialize({ threads: 4 })).threads)()`;
      expect(await page.evaluate(threads)).toBe(4);
      expect(await page.evaluate(RUN)).toBe(expected);
    } finally {
      await browser.close();
      await isolated.close();
    }
  });

  it.skipIf(!hasFirefox)("Firefox (skipped when it is not installed)", async () => {
    expect(await evaluateIn(await launchFirefox())).toBe(expected);
  });

  it.skipIf(!hasWebKit)("WebKitGTK (skipped when it is not installed)", async () => {
    expect(await evaluateIn(await launchWebKit())).toBe(expected);
  });
});

async function evaluateIn(browser: AnyBrowser): Promise<unknown> {
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    return await page.evaluate(RUN);
  } finally {
    await browser.close();
  }
}

describe.skipIf(!hasChromium)("loading the WebAssembly (Chromium; skipped when it is not installed)", () => {
  const load = async (options: Parameters<typeof serve>[1], script: string): Promise<string> => {
    const own = await serve(ROOT, options);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(own.url);
      return (await page.evaluate(script)) as string;
    } finally {
      await browser.close();
      await own.close();
    }
  };
  const create = `(async () => {
    const { RQVAE } = await import("rqvae");
    try { await RQVAE.create({ inputDim: 4 }); return "ok"; } catch (error) { return error.name + ": " + error.message; }
  })()`;

  it("works with a wrong MIME type", async () => {
    expect(await load({ pages: { "/": PAGE }, types: { ".wasm": "text/plain" } }, create)).toBe("ok");
  });

  it("works under a strict content-security policy", async () => {
    // The import map is inline, hence its hash would be needed; the package itself needs no more than this.
    const headers = {
      "content-security-policy":
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'; worker-src 'self'",
    };
    expect(await load({ pages: { "/": PAGE }, headers }, create)).toBe("ok");
  });

  it("says so when HTML comes instead, with the URL", async () => {
    const answer = await load({ pages: { "/": PAGE, "/dist/wasm/rqvae.wasm": "<!doctype html><p>index</p>" } }, create);
    expect(answer).toMatch(
      /^WasmLoadError: expected WebAssembly from http:\/\/127\.0\.0\.1:\d+\/dist\/wasm\/rqvae\.wasm but received HTML/,
    );
  });
});
