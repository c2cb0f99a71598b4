/** The demo page, built and driven as a visitor would. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { RQVAE, suggestConfig } from "rqvae";
import { readItems, readLabels, writeIdsCsv } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../js/catalogue.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, type Site, serve } from "./server.mjs";

const EMOJI = join(ROOT, "examples/data/emoji");

describe.skipIf(!hasChromium)("the demo page (Chromium; skipped when it is not installed)", () => {
  let site: Site;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, ["tools/web.mjs", "build"], { cwd: ROOT, stdio: "ignore" });
    site = await serve(join(ROOT, "web/dist"));
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** A fresh page; whatever it logs as an error is remembered. */
  async function visit(width = 1440): Promise<Page> {
    await page?.close();
    page = await browser.newPage({ viewport: { width, height: 900 } });
    complaints.length = 0;
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(site.url);
    return page;
  }

  const finished = () =>
    page.waitForFunction(
      () => /^(Done|Stopped)/.test(document.querySelector("[data-testid=progress-text]")?.textContent ?? ""),
      undefined,
      { timeout: 90_000 },
    );

  async function download(testId: string): Promise<Buffer> {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId(testId).click()]);
    return readFileSync(await file.path());
  }

  it("trains on the sample, and its IDs and model equal Node's byte for byte", async () => {
    await visit();
    await page.getByTestId("option-epochs").fill("6");
    await page.getByTestId("sample-button").click();
    const models = () => page.workers().filter((worker) => /entry/.test(worker.url()));
    await expect.poll(() => models().length).toBe(1);
    await finished();
    await expect.poll(() => models().length).toBe(0); // ended, which alone gives its memory back (D17)

    const { items } = readItems(readFileSync(join(EMOJI, "emoji-glovesif100.f16.npy")), "emoji.npy");
    const labels = readLabels(readFileSync(join(EMOJI, "emoji.labels.json"), "utf8"));
    const { model: options, train } = suggestConfig({ n: items.rows, inputDim: items.dim });
    using model = await RQVAE.create(options);
    await model.train(items, { ...train, epochs: 6 });
    const ids = model.encode(items);
    expect((await download("download-ids")).toString()).toBe(writeIdsCsv(ids, labels));
    expect(Buffer.compare(await download("download-model"), Buffer.from(model.save()))).toBe(0);

    // What the visitor sees: every item, its relatives, the share of different IDs.
    const distinct = new Set([...ids].map(String)).size;
    expect(await page.getByTestId("unique-share").textContent()).toContain(((100 * distinct) / items.rows).toFixed(1));
    await page.getByTestId("table-search").fill("guitar");
    await expect.poll(() => page.getByTestId("result-table").textContent()).toContain("guitar");
    const row = labels.titles.findIndex((title) => title.endsWith("guitar"));
    for (const code of ids.toTokens(row).match(/<[^>]+>/g)!) {
      expect(await page.getByTestId("result-table").textContent()).toContain(code);
    }
    expect(await page.getByTestId("code-tree").locator("li").count()).toBeGreaterThan(5);
    expect(await page.getByTestId("loss-chart").locator("canvas").count()).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  });

  it("takes a file of the visitor's own, with titles", async () => {
    await visit();
    const { data } = catalogue(120, 6);
    const csv = ["name,a,b,c,d,e,f"];
    for (let i = 0; i < 120; i++) csv.push([`thing ${i}`, ...data.subarray(6 * i, 6 * i + 6)].join(","));
    await page
      .getByTestId("file-input")
      .setInputFiles({ name: "things.csv", mimeType: "text/csv", buffer: Buffer.from(csv.join("\n")) });
    await expect.poll(() => page.getByTestId("preview").textContent()).toContain("120");
    expect(await page.getByTestId("preview").textContent()).toContain("thing 0");
    await page.getByTestId("option-epochs").fill("3");
    await page.getByTestId("train-button").click();
    await finished();
    const ids = (await download("download-ids")).toString();
    expect(ids.split("\n")[1]).toMatch(/^0,thing 0,\d+,\d+,\d+,<a_\d+><b_\d+><c_\d+>$/);
    expect(complaints).toEqual([]);
  });

  it.each([
    ["broken.npy", Buffer.from("\x93NUMPY broken", "latin1"), /NumPy|npy/],
    ["page.npy", Buffer.from("<!doctype html><p>404"), /HTML/],
    ["hole.csv", Buffer.from("1,2,3\n4,5,6\n7,,9\n1,2,3\n"), /row 2.*column 1|empty/],
    ["nan.json", Buffer.from("[[1, 2], [3, null]]"), /row 1, column 1/],
    ["nothing.json", Buffer.from(""), /empty/],
  ])("says plainly what is wrong with %s", async (name, buffer, message) => {
    await visit();
    await page.getByTestId("file-input").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    const error = page.getByTestId("error");
    await error.waitFor({ state: "visible" });
    expect(await error.textContent()).toMatch(message);
    expect(await error.textContent()).not.toMatch(/undefined|\[object|TypeError/);
  });

  it("explains a wrong option beside the form and trains once it is right", async () => {
    await visit();
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("option-levels").fill("0");
    await page.getByTestId("sample-button").click();
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await page.getByTestId("error").textContent()).toMatch(/levels.*must be a whole number/i);
    expect(await page.getByTestId("option-levels").getAttribute("aria-invalid")).toBe("true");
    await page.getByTestId("option-levels").fill("2");
    await page.getByTestId("train-button").click();
    await finished();
    expect(await page.getByTestId("progress-text").textContent()).toMatch(/^Done/);
  });

  it("stops on request and keeps what was learned", async () => {
    await visit();
    await page.getByTestId("option-epochs").fill("100000");
    await page.getByTestId("sample-button").click();
    await page.waitForFunction(() =>
      /\d/.test(document.querySelector("[data-testid=unique-share]")?.textContent ?? ""),
    );
    await page.getByTestId("stop-button").click();
    await finished();
    expect(await page.getByTestId("progress-text").textContent()).toMatch(/^Stopped/);
    using model = await RQVAE.load(await download("download-model"));
    expect(model.initialized).toBe(true);
  });

  it("fits a phone without scrolling sideways", async () => {
    await visit(390);
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("sample-button").click();
    await finished();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });
});
