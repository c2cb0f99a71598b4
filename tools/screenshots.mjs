/**
 * Every picture of README and guides, anew: `node tools/screenshots.mjs [folder]`, after `npm run build` and `npm run web:build`. Without a
 * folder they go to docs/. Needs Chromium and a font with colour emoji, such as Debian's fonts-noto-color-emoji.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "../tests/browser/browsers.mjs";
import { ROOT, serve } from "../tests/browser/server.mjs";
import { codeTreePage, isColoured } from "./code-tree-picture.mjs";

const pictures = process.argv[2] ?? join(ROOT, "docs");
const folder = join(pictures, "screenshots");

/** @type {{ width: number, height: number, colorScheme: "light" | "dark", shots: string[] }[]} */
const visits = [
  { width: 1440, height: 900, colorScheme: "light", shots: ["start", "data", "model", "train", "tree", "report"] },
  { width: 1440, height: 900, colorScheme: "dark", shots: ["train", "tree", "map"] },
  { width: 390, height: 844, colorScheme: "light", shots: ["start", "tree", "takeaway"] },
  { width: 390, height: 844, colorScheme: "dark", shots: ["train", "map"] },
];

const site = await serve(join(ROOT, "web/dist"));
const browser = await launchChromium();
mkdirSync(folder, { recursive: true });
try {
  await requireEmoji();
  const tree = await browser.newPage({ viewport: { width: 1200, height: 600 }, deviceScaleFactor: 1.5 });
  await tree.setContent(await codeTreePage());
  await tree.screenshot({ path: join(pictures, "code-tree.png") });
  await tree.close();
  for (const { width, height, colorScheme, shots } of visits) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
    /** @param {string} name @param {string} [at] */
    const shoot = async (name, at) => {
      if (!shots.includes(name)) return;
      await page.evaluate((selector) => {
        if (selector) document.querySelector(selector)?.scrollIntoView({ behavior: "instant" });
      }, at);
      await page.mouse.move(0, 0);
      await page.waitForTimeout(400);
      await page.screenshot({
        path: join(folder, `${name}-${width}-${colorScheme}.jpg`),
        type: "jpeg",
        quality: 72,
      });
    };
    /** @param {string} pattern */
    const progress = (pattern) =>
      page.waitForFunction(
        (source) => new RegExp(source).test(document.querySelector("[data-testid=progress-text]")?.textContent ?? ""),
        pattern,
        { timeout: 120_000 },
      );
    await page.goto(site.url);
    await shoot("start");
    await page.getByTestId("sample-button").click();
    await progress("^Epoch (1[5-9]|[23]\\d)");
    await shoot("train", "#training");
    await progress("^Done");
    await page.waitForFunction(() => document.querySelector(".compare"), undefined, { timeout: 60_000 });
    await shoot("data", "#data");
    await shoot("model", "#setup");
    await shoot("tree", "#results");
    await shoot("report", ".explore-report");
    await page.getByRole("tab", { name: "Map" }).click();
    // @ts-expect-error the page's element is a select
    const isArranged = () => document.querySelector("[data-testid=map-arrangement]").value === "neighbours";
    await page.waitForFunction(isArranged, undefined, { timeout: 120_000 });
    await page.waitForTimeout(1500); // the names come when the points have arrived
    await shoot("map", ".explore-view");
    await shoot("takeaway", "#takeaway");
    await page.close();
  }
} finally {
  await browser.close();
  await site.close();
}

/** Without such a font there are boxes in place of emoji, in every picture. */
async function requireEmoji() {
  const page = await browser.newPage();
  const coloured = await page.evaluate(isColoured, "\u{1F992}");
  await page.close();
  if (!coloured)
    throw new Error("Chromium shows no emoji in colour; install a font that has them, such as fonts-noto-color-emoji");
}
