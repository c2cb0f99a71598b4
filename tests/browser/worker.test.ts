/** Workers and pools in browsers, on a page that is not isolated, built by Vite and served from a path that needs escaping. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIREFOX, hasChromium, hasFirefox, launchChromium } from "./browsers.mjs";
import { ROOT, type Site, serve } from "./server.mjs";
import { integers, OPTIONS, TRAINING } from "./worker.program.js";

const PLACE = "a b%20c"; // on the disk; escaped in addresses

/** What the two drivers share. */
interface AnyBrowser {
  newPage(): Promise<{
    goto(url: string): Promise<unknown>;
    evaluate(script: string): Promise<unknown>;
    workers(): unknown[];
  }>;
  close(): Promise<void>;
}

describe.skipIf(!hasChromium && !hasFirefox)("workers in a browser (skipped without one)", () => {
  let folder: string;
  let site: Site;
  let bytes: Uint8Array;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-page-"));
    const source = join(folder, "source");
    mkdirSync(join(source, "node_modules"), { recursive: true });
    symlinkSync(ROOT, join(source, "node_modules/rqvae"));
    symlinkSync(join(ROOT, "tests/browser/worker.program.js"), join(source, "program.js"));
    writeFileSync(join(source, "main.js"), `import { program } from "./program.js"; globalThis.program = program;`);
    writeFileSync(
      join(source, "index.html"),
      `<!doctype html><title>rqvae</title><script type="module" src="main.js"></script>`,
    );
    await build({
      root: source,
      base: "./",
      configFile: false,
      logLevel: "error",
      worker: { format: "es" },
      build: { outDir: join(folder, "site", PLACE), target: "esnext" },
    });
    site = await serve(join(folder, "site"));
    const model = await RQVAE.create(OPTIONS);
    await model.train(integers(3000, 6), TRAINING);
    bytes = model.save();
    model.dispose();
  });
  afterAll(async () => {
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function check(browser: AnyBrowser): Promise<void> {
    try {
      const page = await browser.newPage();
      await page.goto(`${site.url}/${encodeURIComponent(PLACE)}/index.html`);
      const run = `(async () => JSON.stringify(await program()))()`;
      expect(JSON.parse((await page.evaluate(run)) as string)).toEqual({
        isolated: false,
        emptied: true,
        epochs: TRAINING.epochs,
        bytes: Array.from(bytes),
        reason: "enough",
        usable: 3000,
        ended: "WorkerError",
        same: [true, true],
        far: "items: row 2999, column 5 is NaN; every value must be a finite number",
        late: "WorkerError",
      });
      // All of them are gone.
      await expect.poll(() => page.workers().length).toBe(0);
    } finally {
      await browser.close();
    }
  }

  it.skipIf(!hasChromium)("Chromium (skipped when it is not installed)", async () => check(await launchChromium()));

  it.skipIf(!hasFirefox)("Firefox (skipped when it is not installed)", async () => {
    const { launch } = await import("puppeteer-core");
    await check(await launch({ browser: "firefox", executablePath: FIREFOX, headless: true }));
  });
});
