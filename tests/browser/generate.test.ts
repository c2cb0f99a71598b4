/** The page of examples/generate in Chromium: the same ten items as in Node, and what the filters do. */
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AxeBuilder } from "@axe-core/playwright";
import * as ort from "onnxruntime-web";
import type { Browser, Page } from "playwright-core";
import { SemanticIdIndex } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Recommender } from "../../examples/generate/recommender.js";
import { serve } from "../../examples/generate/serve.mjs";
import { historiesOfEmoji } from "../js/support/emoji-histories.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";

describe.skipIf(!hasChromium)("examples/generate on a page (Chromium; skipped when it is not installed)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    server = await serve(0);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    server?.closeAllConnections();
  });
  beforeEach(async () => {
    await page?.context().close();
    complaints.length = 0;
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("response", (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await expect.poll(ids, { timeout: 60_000 }).toHaveLength(10);
  });

  /** The IDs in the list. */
  const ids = () => page.locator("#items code").allTextContents();
  const chosen = () => page.locator("#history li").count();

  it("recommends what Node recommends, by three runs of the model", async () => {
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(readFileSync("examples/generate/model/onnx/model.onnx"));
    const index = await SemanticIdIndex.load(readFileSync("examples/generate/emoji.index"));
    const history = historiesOfEmoji()[0]!.slice(0, -1);
    const filter = (await index.filter(history)).complement();
    const found = await new Recommender(ort, session, index).recommend(history, { filter });
    const vocabulary = new Vocabulary(index);
    const nameOf = (itemId: string) => itemId.slice(itemId.indexOf(" ") + 1); // without the emoji
    expect(await page.locator("#items .name").allTextContents()).toEqual(
      found.map(({ itemId, codes }) => nameOf(String(itemId)) + vocabulary.format(codes)),
    );
    expect(await page.textContent("#status")).toMatch(/^10 items in \d+ ms; the model ran 3 times$/);
    expect(complaints).toEqual([]);
  });

  it("leaves out what is sold out until it is restocked", async () => {
    const before = await ids();
    await page.locator("#items li").first().getByRole("button", { name: "sold out" }).click();
    await expect.poll(ids).not.toContain(before[0]);
    expect(await ids()).toHaveLength(10);
    await page.getByRole("button", { name: "1 sold out: restock" }).click();
    await expect.poll(ids).toEqual(before);
    expect(await page.locator("#restock").isVisible()).toBe(false);
  });

  it("adds what is chosen to the history, and recommends it again only without the filter", async () => {
    const [before, first] = [await chosen(), (await ids())[0]];
    await page.locator("#items li").first().getByRole("button", { name: "Choose" }).click();
    await expect.poll(chosen).toBe(before + 1);
    await expect.poll(ids).not.toContain(first);
    await page.locator("#history button").last().click();
    await expect.poll(chosen).toBe(before);
    await expect.poll(ids).toContain(first);
  });

  it("recommends from one group, after an emoji that was added by its name", async () => {
    await page.fill("#add", "🍕 pizza");
    await expect.poll(() => page.locator("#history li").last().textContent()).toContain("pizza");
    await page.selectOption("#group", "flags");
    await expect.poll(() => page.locator("#items .name").first().textContent()).toMatch(/flag/);
    for (const name of await page.locator("#items .name").allTextContents()) expect(name).toMatch(/flag/);
  });

  it("adds what is typed without its emoji, and says if there is none", async () => {
    const before = await chosen();
    await page.fill("#add", "Piz");
    await page.press("#add", "Enter");
    await expect.poll(() => page.locator("#history li").last().textContent()).toContain("🍕 pizza");
    await page.fill("#add", "rqvae");
    await page.press("#add", "Enter");
    expect(await page.textContent("#status")).toBe("No emoji is called rqvae.");
    expect(await chosen()).toBe(before + 1);
  });

  it("fits a phone, and keeps nobody out", async () => {
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  });
});
