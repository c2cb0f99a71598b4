/** The demo page with a catalogue of 600 MB, from the file to the report: too long for every day. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium } from "../../browser/browsers.mjs";
import { LARGE_BLOCK, pageMemory, SMALL_MODEL, writeRows } from "../../browser/large-file.ts";
import { startVisit, type Visitor } from "../../browser/page-visitor.ts";

describe.skipIf(!hasChromium)("the demo page with 600 MB (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let browser: Browser;
  let visitor: Visitor;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ folder, browser, visitor, end } = await startVisit());
  });
  afterAll(() => end?.());

  it("takes 600 MB from the file to the IDs and the report, and never has them in memory", {
    timeout: 240_000,
  }, async () => {
    const rows = 600_000;
    const path = writeRows(folder, "catalogue.npy", rows);
    const page = await visitor.arrive({ hash: `${SMALL_MODEL}&epochs=1` });
    const before = await pageMemory(browser);
    const grown = async () => (await pageMemory(browser)) - before;
    await page.getByTestId("file-input").setInputFiles(path);
    await expect.poll(() => visitor.text("preview"), { timeout: 60_000 }).toContain("600,000");
    expect(await visitor.text("preview")).toMatch(/614\.4 MB of npy.*595,904 rows are exact copies.*read as needed/s);
    const checked = await grown();
    await page.getByTestId("train-button").click();
    await visitor.finished(150_000);
    const trained = await grown();
    await page.getByTestId("table-search").fill("item 599,99");
    await expect.poll(() => visitor.text("table-count")).toBe("10 of 600,000 items");
    await page.getByTestId("result-table").getByRole("button", { name: "item 599,999" }).click();
    await expect.poll(() => visitor.text("spotlight")).toMatch(/item 599,999.*Runner-up.*The ID keeps \d+%/s);
    await page.getByRole("tab", { name: "Map" }).click();
    await expect.poll(() => visitor.text("map"), { timeout: 60_000 }).toMatch(/A sample of 200,000 items/);
    const ids = (await visitor.download("download-ids")).toString().trim().split("\n").slice(1);
    await expect.poll(() => visitor.text("report"), { timeout: 90_000 }).toMatch(/Residual k-means/);
    const reported = await grown();
    console.info(
      `memory of the page, MB more than before: ${[checked, trained, reported].map((bytes) => Math.round(bytes / 1e6))} (checked, trained, reported)`,
    );

    expect(ids.length).toBe(rows);
    const code = (row: number) => ids[row]!.split(",").slice(1).join();
    for (let row = LARGE_BLOCK; row < rows; row++) {
      if (code(row) !== code(row % LARGE_BLOCK)) expect(code(row), `row ${row}`).toBe(code(row % LARGE_BLOCK));
    }
    expect(new Set(ids.slice(0, LARGE_BLOCK).map((_, row) => code(row))).size).toBeGreaterThan(100);
    // The window in which rows are shuffled, the heap, the 64 MB that a profile looks at, samples for k-means and the report, 80 bytes per item, what is not collected yet.
    // A page that holds the file takes its 614 MB more.
    expect(checked).toBeLessThan(150e6);
    expect(trained).toBeLessThan(450e6);
    expect(reported).toBeLessThan(850e6);
    expect(visitor.complaints).toEqual([]);
  });
});
