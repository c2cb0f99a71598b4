/** The map of a result and the live map of a run, as a visitor uses them. */
import { AxeBuilder } from "@axe-core/playwright";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";

/** The layout takes seconds of a processor that others use, too. */
const PATIENCE = { timeout: 120_000 };

describe.skipIf(!hasChromium)("the map of the demo page (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;

  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  async function trainOnEmoji(epochs: number): Promise<void> {
    await visitor.page.getByTestId("option-epochs").fill(String(epochs));
    await visitor.page.getByTestId("sample-button").click();
    await visitor.finished();
  }

  async function openMap(): Promise<Locator> {
    const { page } = visitor;
    await page.getByRole("tab", { name: "Map" }).click();
    const stage = page.getByTestId("map-stage");
    await expect.poll(() => page.getByTestId("map-arrangement").inputValue(), PATIENCE).toBe("neighbours");
    // Names are shown when the points have arrived.
    await expect.poll(() => pixelsOf(stage), PATIENCE).toBeGreaterThan(500);
    await stage.scrollIntoViewIfNeeded();
    return stage;
  }

  /** How many pixels of the layer above the dots are not empty. */
  const pixelsOf = (stage: Locator) =>
    stage.locator("canvas.map-over").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      let drawn = 0;
      for (let i = 3; i < data.length; i += 4) if (data[i]! > 0) drawn++;
      return drawn;
    });

  /** How many pixels of the map have a colour that is far from grey. */
  const colourful = async (stage: Locator) => {
    const png = [...(await stage.screenshot())];
    return stage.evaluate(async (_, bytes) => {
      const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
      const context = new OffscreenCanvas(image.width, image.height).getContext("2d")!;
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, image.width, image.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        const [red, green, blue] = data.subarray(i, i + 3) as unknown as [number, number, number];
        if (Math.max(red, green, blue) - Math.min(red, green, blue) > 60) found++;
      }
      return found;
    }, png);
  };

  it("arranges by neighbours and says how far to trust it; search, branch, lasso and table show the same items", {
    timeout: 240_000,
  }, async () => {
    const page = await visitor.arrive();
    await trainOnEmoji(8);
    const stage = await openMap();
    const said = (await visitor.text("map-status"))!;
    const [, fifty, ten] = said.match(/(\d+)% are among the fifty nearest.* (\d+)% among the ten/)!.map(Number);
    // Far above what any two directions of the items show.
    expect(fifty).toBeGreaterThan(60);
    expect(ten).toBeGreaterThan(30);
    await page.getByTestId("map-arrangement").selectOption("directions");
    await expect.poll(() => visitor.text("map-status")).toMatch(/^These two directions show \d+%.*among the fifty/);
    const plane = Number((await visitor.text("map-status"))!.match(/(\d+)% are among the fifty/)![1]);
    expect(plane).toBeLessThan(fifty! / 1.5);
    await page.getByTestId("map-arrangement").selectOption("neighbours");
    await expect.poll(() => visitor.text("map-status")).toBe(said);

    // A search lights up its hits: the other dots fade.
    const whole = await colourful(stage);
    await page.getByTestId("table-search").fill("cat");
    await expect.poll(() => visitor.text("table-count")).toMatch(/of 1,914/);
    await expect.poll(() => colourful(stage)).toBeLessThan(whole / 2);
    await page.getByTestId("table-search").fill("");
    await expect.poll(() => colourful(stage)).toBeGreaterThan(0.8 * whole);

    // An area that is drawn is what the table lists.
    await page.getByTestId("map-lasso").click();
    const box = (await stage.boundingBox())!;
    const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
    await page.mouse.move(...at(0.05, 0.05));
    await page.mouse.down();
    for (const [x, y] of [
      [0.5, 0.05],
      [0.5, 0.95],
      [0.05, 0.95],
      [0.05, 0.5],
    ] as const)
      await page.mouse.move(...at(x, y), { steps: 6 });
    await page.mouse.up();
    const listed = async () =>
      Number((await visitor.text("table-count"))!.match(/^([\d,]+) of/)?.[1]?.replace(",", ""));
    await expect.poll(listed).toBeGreaterThan(50);
    expect(await listed()).toBeLessThan(1900);
    expect(await visitor.text("clear-selection")).toMatch(/of the map/);
    await page.getByTestId("clear-selection").click();
    await expect.poll(() => visitor.text("table-count")).toBe("All 1,914 emoji");
    await page.getByTestId("map-lasso").click();

    // A dot that is pressed is the item of the card. Where dots are, the picture of the map says.
    const before = await visitor.text("spotlight");
    const [x, y] = (await visitor.download("map-svg"))
      .toString()
      .match(/<circle cx="(\d+\.\d)" cy="(\d+\.\d)"/)!
      .slice(1)
      .map(Number);
    await stage.scrollIntoViewIfNeeded();
    const now = (await stage.boundingBox())!;
    await page.mouse.move(now.x + x!, now.y + y!);
    await expect.poll(() => stage.locator(".map-tip").isVisible()).toBe(true);
    const named = await stage.locator(".map-tip b").textContent();
    await page.mouse.click(now.x + x!, now.y + y!);
    await expect.poll(() => visitor.text("spotlight")).not.toBe(before);
    expect(await visitor.text("spotlight")).toContain(named!.replace(/^\P{L}+/u, ""));
    expect(visitor.complaints).toEqual([]);
  });

  it("is used by keyboard, lists what it shows, scrolls the page until it is meant, and is saved as pictures", {
    timeout: 240_000,
  }, async () => {
    const page = await visitor.arrive();
    await trainOnEmoji(3);
    const stage = await openMap();
    const box = (await stage.boundingBox())!;

    // The wheel over a map that nobody has chosen scrolls the page.
    await page.getByRole("tab", { name: "Map" }).focus();
    await page.mouse.move(box.x + 200, box.y + 100);
    const from = await page.evaluate(() => scrollY);
    await page.mouse.wheel(0, 200);
    await expect.poll(() => page.evaluate(() => scrollY)).not.toBe(from);
    await expect.poll(() => stage.locator(".map-note").isVisible()).toBe(true);

    await stage.focus();
    for (const key of ["+", "+", "+", "ArrowLeft"]) await page.keyboard.press(key);
    await page.getByTestId("map-list").click();
    await expect.poll(() => visitor.text("table-count")).toMatch(/^[\d,]+ of 1,914/);
    await stage.focus();
    await page.keyboard.press("Escape");
    await expect.poll(() => visitor.text("table-count")).toBe("All 1,914 emoji");
    await page.keyboard.press("Home");

    const svg = (await visitor.download("map-svg")).toString();
    expect(svg.match(/<circle /g)!.length).toBe(1914);
    expect(svg).toMatch(/<text [^>]*>(?:[\p{L}, ]+)<\/text>/u);
    expect(svg).toContain("😀");
    const broken = await page.evaluate(
      (text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror")?.textContent,
      svg,
    );
    expect(broken).toBeUndefined();
    const png = await visitor.download("map-png");
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(png.readUInt32BE(16)).toBe(3 * Math.round(box.width));

    // Colours by a label of the data come with their meaning.
    await page.getByTestId("map-colors").selectOption({ index: 3 });
    await expect.poll(() => page.locator(".map-legend li").count()).toBeGreaterThan(3);
    const { violations } = await new AxeBuilder({ page }).include("#results").analyze();
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  it("shows the items and codes while the model learns, and again afterwards", { timeout: 240_000 }, async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("30");
    await page.getByTestId("sample-button").click();
    const live = page.getByTestId("live-map");
    await expect.poll(() => live.locator(".live-epoch").textContent(), PATIENCE).toMatch(/epoch/);
    expect(await visitor.text("progress-text")).not.toMatch(/^Done/);
    await visitor.finished();
    const slider = page.getByTestId("live-slider");
    const most = Number(await slider.getAttribute("max"));
    expect(most).toBeGreaterThanOrEqual(1);
    expect(most).toBeLessThan(40);
    await expect.poll(() => live.locator(".live-epoch").textContent()).toMatch(/^after epoch \d+/);
    await slider.focus();
    await page.keyboard.press("Home");
    await expect.poll(() => live.locator(".live-epoch").textContent()).toBe("before the first epoch");
    expect(await slider.getAttribute("aria-valuetext")).toBe("before the first epoch");
    await page.getByTestId("live-play").click();
    await expect.poll(() => live.locator(".live-epoch").textContent(), PATIENCE).toMatch(/^after epoch \d+/);
    await expect.poll(() => page.getByTestId("live-play").textContent(), PATIENCE).toBe("Replay");
    expect(visitor.complaints).toEqual([]);
  });

  it("does not move for visitors who prefer that", { timeout: 120_000 }, async () => {
    const page = await visitor.arrive();
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.getByTestId("option-epochs").fill("12");
    await page.getByTestId("sample-button").click();
    const epoch = page.locator(".live-epoch");
    await expect.poll(() => epoch.textContent(), PATIENCE).not.toBe("");
    const first = await epoch.textContent();
    const seen = new Set<string | null>([first]);
    while (!/^Done/.test((await visitor.text("progress-text"))!)) {
      if (!/^Giving/.test((await visitor.text("progress-text"))!)) seen.add(await epoch.textContent());
      await page.waitForTimeout(50);
    }
    expect(seen.size).toBeLessThanOrEqual(2); // the first and, in the moment of the end, the last
    await expect.poll(() => epoch.textContent()).toMatch(/^after epoch/);
    expect(visitor.complaints).toEqual([]);
  });

  it("draws every item of a large catalogue, each frame within its means", { timeout: 240_000 }, async () => {
    const page = await visitor.arrive();
    const rows = 30_000;
    const { data } = catalogue(rows, 8);
    await visitor.choose("file-input", "many.npy", Buffer.from(writeNpy({ data, rows, dim: 8 })));
    await expect.poll(() => visitor.text("preview")).toContain("30,000");
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("train-button").click();
    await visitor.finished(180_000);
    await page.getByRole("tab", { name: "Map" }).click();
    await expect.poll(() => visitor.text("map-status"), PATIENCE).toMatch(/directions show/);
    const stage = page.getByTestId("map-stage");
    expect(await stage.getAttribute("aria-label")).toMatch(/^Map of 30,000 items/);
    const svg = (await visitor.download("map-svg")).toString();
    expect(svg.match(/<circle /g)!.length).toBe(rows);
    expect(visitor.complaints).toEqual([]);
  });

  it("is drawn by the graphics card where there is one", { timeout: 240_000 }, async () => {
    const page = await visitor.arrive();
    // The renderer of this browser is a program, which the page would rather do without: give it another name.
    await page.addInitScript(() => {
      const real = WebGL2RenderingContext.prototype.getParameter;
      WebGL2RenderingContext.prototype.getParameter = function (name) {
        const value: unknown = real.call(this, name);
        return typeof value === "string" ? "a graphics card" : value;
      };
    });
    await page.reload();
    await trainOnEmoji(2);
    const stage = await openMap();
    expect(await stage.getAttribute("data-painter")).toBe("gpu");
    const whole = await colourful(stage);
    expect(whole).toBeGreaterThan(2000);
    await page.getByTestId("table-search").fill("nothing has this title");
    await expect.poll(() => colourful(stage)).toBeLessThan(whole / 2);
    expect(visitor.complaints).toEqual([]);
  });
});
