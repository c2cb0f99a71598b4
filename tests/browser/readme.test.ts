/** The README's browser snippet, served as a user would serve it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { describe, expect, it } from "vitest";
import { catalogue, small } from "../js/catalogue.ts";
import { snippets } from "../package/snippets.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, serve } from "./server.mjs";

describe("the README in a browser", () => {
  it.skipIf(!hasChromium)("its page encodes (Chromium; skipped when it is not installed)", async () => {
    const found = snippets(readFileSync(join(ROOT, "README.md"), "utf8")).filter(({ run }) => run === "browser");
    expect(found).toHaveLength(1);
    const folder = mkdtempSync(join(tmpdir(), "rqvae-readme-"));
    using model = await RQVAE.create({ inputDim: 6, ...small });
    await model.train(catalogue(100, 6), { epochs: 2 });
    writeFileSync(join(folder, "model.safetensors"), model.save({ part: "encoder" }));
    mkdirSync(join(folder, "node_modules/rqvae"), { recursive: true });
    symlinkSync(join(ROOT, "dist"), join(folder, "node_modules/rqvae/dist"));
    const site = await serve(folder, { pages: { "/": found[0]!.code } });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      await page.waitForFunction(() => document.querySelector("#id")?.textContent !== "…");
      expect(await page.textContent("#id")).toBe(model.encode(new Float32Array(6)).toTokens(0));
    } finally {
      await browser.close();
      await site.close();
      rmSync(folder, { recursive: true });
    }
  });
});
