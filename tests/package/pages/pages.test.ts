/** Pages without a bundler: an import map and the package's own files, from the page's server or another. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AnyBrowser, hasChromium, hasFirefox, launchChromium, launchFirefox } from "../../browser/browsers.mjs";
import { serve } from "../../browser/server.mjs";
import { hasWebKit, launchWebKit } from "../../browser/webkit.mjs";
import { answerOfNode, answerOfPage } from "../answers.ts";
import { makeProject, type Project } from "../project.ts";

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const FROM_ANYWHERE = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" };

let project: Project;
let expected: string;
beforeAll(async () => {
  project = makeProject({ sources: ["app.js"] });
  expected = await answerOfNode();
});
afterAll(() => project.remove());

const importMap = (dist: string) =>
  JSON.stringify({
    imports: {
      rqvae: `${dist}/index.js`,
      "rqvae/formats": `${dist}/formats/index.js`,
      "rqvae/worker": `${dist}/worker/index.js`,
      "#load-wasm": `${dist}/runtime/load-wasm.web.js`,
      "#local-file": `${dist}/formats/io/local-file.web.js`,
      "#worker-host": `${dist}/worker/host.web.js`,
    },
  });
const page = (map: string) =>
  `<!doctype html><title>rqvae</title><script type="importmap">${map}</script><script type="module" src="/app.js"></script>`;
const OWN = importMap("/node_modules/rqvae/dist");

/** Opens the page in a browser of any kind. */
async function answerIn(browser: AnyBrowser): Promise<unknown> {
  const site = await serve(project.folder, { pages: { "/": page(OWN) } });
  try {
    const tab = await browser.newPage();
    await tab.goto(site.url);
    const loaded = `new Promise((resolve) => (document.readyState === "complete" ? resolve() : addEventListener("load", resolve)))`;
    return await tab.evaluate(`${loaded}.then(() => globalThis.answer)`);
  } finally {
    await browser.close();
    await site.close();
  }
}

describe.skipIf(!hasChromium)("a page without a bundler (Chromium; skipped when it is not installed)", () => {
  it("with an import map, and a worker", async () => {
    expect(await answerIn(await launchChromium())).toBe(expected);
  });

  it("under a strict content-security policy", async () => {
    const hash = createHash("sha256").update(OWN).digest("base64");
    const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'; worker-src 'self'; connect-src 'self'`;
    const headers = { "content-security-policy": policy };
    const site = await serve(project.folder, { pages: { "/": page(OWN) }, headers });
    try {
      expect(await answerOfPage(site.url)).toBe(expected);
    } finally {
      await site.close();
    }
  });

  it("that defines `process`, as bundlers' polyfills do", async () => {
    const site = await serve(project.folder, { pages: { "/": page(OWN) } });
    try {
      const polyfill = `globalThis.process = { env: {}, versions: { node: "20.0.0" }, browser: true };`;
      expect(await answerOfPage(site.url, polyfill)).toBe(expected);
    } finally {
      await site.close();
    }
  });

  it.each([
    ["", {}, 1],
    [" and threads, isolated", ISOLATED, 2],
  ])("with the package from a second origin, as a CDN serves it%s", async (_name, headers, threads) => {
    const other = await serve(project.installed, { headers: FROM_ANYWHERE });
    const site = await serve(project.folder, { pages: { "/": page(importMap(`${other.url}/dist`)) }, headers });
    const browser = await launchChromium();
    try {
      const tab = await browser.newPage();
      await tab.goto(site.url);
      expect(await tab.evaluate("globalThis.answer")).toBe(expected);
      // Loaded by the program already: it says with how many threads.
      await tab.reload();
      const initialize = `import("rqvae").then(({ initialize }) => initialize({ threads: 2 }).catch((error) => error.message))`;
      await tab.route("**/app.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
      await tab.reload();
      expect(await tab.evaluate(initialize)).toEqual({ threads });
    } finally {
      await browser.close();
      await site.close();
      await other.close();
    }
  });
});

describe("a page without a bundler elsewhere", () => {
  it.skipIf(!hasFirefox)("Firefox (skipped when it is not installed)", async () => {
    expect(await answerIn(await launchFirefox())).toBe(expected);
  });

  it.skipIf(!hasWebKit)("WebKitGTK (skipped when it is not installed)", async () => {
    expect(await answerIn(await launchWebKit())).toBe(expected);
  });
});
