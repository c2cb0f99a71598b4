/** The demo page with files that it does not hold: their rows are read as needed. */
import type { Browser } from "playwright-core";
import { RQVAE, suggestConfig } from "rqvae";
import { openItems } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeIdsCsv } from "../js/support/formats.ts";
import { hasChromium } from "./browsers.mjs";
import { LARGE_DIM, pageMemory, SMALL_MODEL, writeRows } from "./large-file.ts";
import { startVisit, type Visitor } from "./page-visitor.ts";

describe.skipIf(!hasChromium)("the demo page with a large file (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let browser: Browser;
  let visitor: Visitor;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ folder, browser, visitor, end } = await startVisit());
  });
  afterAll(() => end?.());

  it("asks for the file again after a reload, refuses another, and ends as Node does", {
    timeout: 120_000,
  }, async () => {
    const rows = 40_000; // 41 MB
    const path = writeRows(folder, "items.npy", rows);
    const page = await visitor.arrive({ hash: `${SMALL_MODEL}&epochs=8` });
    await page.getByTestId("file-input").setInputFiles(path);
    await expect.poll(() => visitor.text("preview")).toMatch(/40,000.*41\.0 MB of npy.*read as needed/s);
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [2-9] /);
    await page.getByTestId("pause-button").click();
    await visitor.progress(/^Paused/);

    await page.reload();
    await page.getByTestId("resume").waitFor({ state: "visible" });
    expect(await visitor.text("resume-text")).toMatch(
      /40,000 items \(items\.npy\), epoch \d+ of 8.*without its file\. To resume, choose items\.npy again\./,
    );
    const answer = async (file: string) => {
      const asked = page.waitForEvent("filechooser");
      await page.getByTestId("resume-stored").click();
      await (await asked).setFiles(file);
    };
    await answer(writeRows(folder, "others.npy", 500));
    await expect
      .poll(() => visitor.text("resume-text"))
      .toMatch(/others\.npy is another file: items\.npy had 40,960,128/);
    await answer(path);
    await visitor.finished();
    expect(await page.getByTestId("resume").isVisible()).toBe(false);

    await using source = await openItems(path);
    const suggested = suggestConfig({ n: rows, inputDim: LARGE_DIM, codebookSize: 16 });
    using model = await RQVAE.create({ ...suggested.model, hiddenDims: [16], latentDim: 8 });
    await model.train(source, { ...suggested.train, epochs: 8 });
    expect(Buffer.compare(await visitor.download("download-model"), Buffer.from(model.save()))).toBe(0);
    const ids = await model.encodeAsync(source);
    expect((await visitor.download("download-ids")).toString()).toBe(writeIdsCsv(ids));
    // New items are read so too.
    await visitor.choose("model-input", "model.safetensors", Buffer.from(model.save()));
    await page.getByTestId("new-items-input").setInputFiles(path);
    await page.getByTestId("download-new-ids").waitFor();
    expect((await visitor.download("download-new-ids")).toString()).toBe(writeIdsCsv(ids));
    expect(visitor.complaints).toEqual([]);
  });

  it("shows 600 MB without holding them", { timeout: 120_000 }, async () => {
    const page = await visitor.arrive();
    const before = await pageMemory(browser);
    await page.getByTestId("file-input").setInputFiles(writeRows(folder, "catalogue.npy", 600_000));
    await expect.poll(() => visitor.text("preview"), { timeout: 60_000 }).toContain("600,000");
    expect(await visitor.text("preview")).toMatch(/614\.4 MB of npy.*595,904 rows are exact copies.*read as needed/s);
    expect((await pageMemory(browser)) - before).toBeLessThan(150e6);
    // It takes another file at once.
    await page.getByTestId("sample-emoji").click();
    await expect.poll(() => visitor.text("preview")).toContain("1,914");
    expect(visitor.complaints).toEqual([]);
  });
});
