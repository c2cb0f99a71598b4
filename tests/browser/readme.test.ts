/** The browser snippets of README and guides, served as a user would serve them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue, small } from "../js/support/catalogue.ts";
import { copySampleFiles, markdownFiles, snippets } from "../package/snippets.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, serve } from "./server.mjs";

/** Every snippet that is run so: its place, and its code. */
function found(run: string): [string, string][] {
  return markdownFiles(ROOT).flatMap((page) =>
    snippets(readFileSync(join(ROOT, page), "utf8"))
      .filter((snippet) => snippet.run === run)
      .map(({ code, line }): [string, string] => [`${page}, line ${line}`, code]),
  );
}

describe.skipIf(!hasChromium)("README and guides in a browser (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let model: RQVAE;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-readme-"));
    model = await RQVAE.create({ inputDim: 6, ...small });
    await model.train(catalogue(100, 6), { epochs: 2 });
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    symlinkSync(ROOT, join(folder, "node_modules/rqvae"));
  });
  afterAll(() => {
    model?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the page's #id says once it says something; the model's file and the data of the guides lie beside the page. */
  async function idOn(site: string, pages: Record<string, string> = {}): Promise<string | null> {
    writeFileSync(join(site, "model.safetensors"), model.save({ part: "encoder" }));
    copySampleFiles(ROOT, site);
    const server = await serve(site, { pages });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(server.url);
      await page.waitForFunction(() => /^<a_/.test(document.querySelector("#id")?.textContent ?? ""), undefined, {
        timeout: 20_000,
      });
      expect(complaints).toEqual([]);
      return await page.textContent("#id");
    } finally {
      await browser.close();
      await server.close();
    }
  }

  it.each(found("browser"))("a page of its own: %s", async (_, code) => {
    expect(await idOn(folder, { "/": code })).toBe(model.encode(new Float32Array(6)).toTokens(0));
  });

  it.each(found("vite"))("a page that Vite builds: %s", async (_, code) => {
    const source = mkdtempSync(join(folder, "app-"));
    const out = join(source, "site");
    writeFileSync(join(source, "main.js"), code);
    writeFileSync(
      join(source, "index.html"),
      `<!doctype html><title>rqvae</title><script type="module" src="main.js"></script>`,
    );
    await build({
      root: source,
      configFile: false,
      logLevel: "error",
      build: { outDir: out },
    });
    expect(await idOn(out)).toMatch(/^(<[a-z]_\d+>)+$/);
  });

  it("has snippets to run", () => {
    expect(found("browser").length).toBeGreaterThan(0);
    expect(found("vite").length).toBeGreaterThan(2);
  });
});
