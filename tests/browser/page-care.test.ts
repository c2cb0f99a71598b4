/** What the demo page promises beside its function: for every visitor, on every host, with nothing leaving it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser } from "playwright-core";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { FIREFOX, hasChromium, hasFirefox, launchChromium } from "./browsers.mjs";
import { Visitor } from "./page-visitor.ts";
import { ROOT, type Site, serve } from "./server.mjs";

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

describe.skipIf(!hasChromium)("the demo page's care (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let build: string;
  let site: Site;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-page-"));
    build = join(folder, "some/path");
    const vite = join(ROOT, "node_modules/.bin/vite");
    execFileSync(vite, ["build", "--config", "web/vite.config.ts", "--outDir", build], { cwd: ROOT, stdio: "ignore" });
    site = await serve(build);
    browser = await launchChromium();
    visitor = new Visitor(browser, site.url);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  async function trainOnEmoji(epochs: number): Promise<void> {
    await visitor.page.getByTestId("option-epochs").fill(String(epochs));
    await visitor.page.getByTestId("sample-button").click();
    await visitor.finished();
  }

  it.each([
    ["light", 1440],
    ["dark", 1440],
    ["light", 390],
  ] as const)("has no serious finding of axe: %s, %i px", { timeout: 120_000 }, async (scheme, width) => {
    const page = await visitor.arrive({ width, dark: scheme === "dark" });
    const serious = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(
          ({ id, nodes }) =>
            `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ""}`).join("\n")}`,
        );
    };
    await page.getByTestId("view-switch").getByText("Expert").click();
    expect(await serious()).toEqual([]);
    await page.getByTestId("view-switch").getByText("Simple").click();
    await trainOnEmoji(3);
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
    expect(await serious()).toEqual([]);
    await page.getByRole("tab", { name: "Map" }).click();
    await visitor.choose("file-input", "nothing.json", Buffer.from(""));
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await serious()).toEqual([]);
  });

  it("is used by keyboard alone, and explains its terms", async () => {
    const page = await visitor.arrive();
    await page.locator("rq-term[name=embedding] button").focus();
    await expect.poll(() => page.locator("#term-bubble").isVisible()).toBe(true);
    expect(await page.locator("#term-bubble").textContent()).toMatch(/list of numbers/);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("#term-bubble").isVisible()).toBe(false);
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("sample-button").focus();
    await page.keyboard.press("Enter");
    await visitor.finished();
    await page.getByRole("tab", { name: "Tree" }).focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("tab", { name: "Map" }).getAttribute("aria-selected")).toBe("true");
    await page.keyboard.press("ArrowLeft");
    await page.getByTestId("code-tree").getByRole("button").first().focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => visitor.text("crumbs")).toMatch(/a_\d+/);
  });

  it("asks nobody but its own host, and breaks no rule of its own policy", async () => {
    const page = await visitor.arrive();
    const requests: string[] = [];
    visitor.contextOfVisit.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
    await page.evaluate(() => {
      const broken: string[] = [];
      Object.assign(globalThis, { broken });
      addEventListener("securitypolicyviolation", (event) =>
        broken.push(`${event.violatedDirective} ${event.blockedURI}`),
      );
    });
    const { data } = catalogue(200, 5);
    await visitor.choose("file-input", "own.npy", Buffer.from(writeNpy({ data, rows: 200, dim: 5 })));
    await expect.poll(() => visitor.text("preview")).toContain("own.npy");
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    await visitor.download("download-report");
    expect(
      requests.filter((request) => !request.startsWith(`GET ${site.url}/`) && !request.startsWith("GET blob:")),
    ).toEqual([]);
    expect(await page.evaluate(() => (globalThis as unknown as { broken: string[] }).broken)).toEqual([]);
    // And the browser would stop it.
    const stopped = await page.evaluate(() =>
      fetch("https://example.com/").then(
        () => "sent",
        () => "stopped",
      ),
    );
    expect(stopped).toBe("stopped");
  });

  it("works without a network after the first visit", async () => {
    const page = await visitor.arrive();
    await expect.poll(() => visitor.text("offline"), { timeout: 20_000 }).toMatch(/works offline/);
    await visitor.contextOfVisit.setOffline(true);
    await page.reload();
    await trainOnEmoji(2);
    expect(await visitor.text("progress-text")).toMatch(/^Done/);
    await visitor.contextOfVisit.setOffline(false);
  });

  it("gives the same model below another path, with threads", async () => {
    await visitor.arrive();
    await trainOnEmoji(2);
    const single = await visitor.download("download-model");
    const isolated = await serve(folder, { headers: ISOLATED });
    const other = new Visitor(browser, `${isolated.url}/some/path/index.html`);
    try {
      const page = await other.arrive();
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      await page.getByTestId("option-epochs").fill("2");
      await page.getByTestId("sample-button").click();
      await other.finished();
      expect(Buffer.compare(await other.download("download-model"), single)).toBe(0);
      expect(other.complaints).toEqual([]);
    } finally {
      await other.leave();
      await isolated.close();
    }
  });

  it("never holds the page up while it trains, and nothing jumps", { timeout: 120_000 }, async () => {
    const page = await visitor.arrive();
    const { data } = catalogue(20_000, 64);
    await visitor.choose("file-input", "many.npy", Buffer.from(writeNpy({ data, rows: 20_000, dim: 64 })));
    await expect.poll(() => visitor.text("preview")).toContain("20,000");
    await page.getByTestId("option-epochs").fill("200");
    await page.evaluate(() => {
      const seen = { shift: 0 };
      Object.assign(globalThis, { seen });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
          if (!entry.hadRecentInput) seen.shift += entry.value;
        }
      }).observe({ type: "layout-shift" });
    });
    await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [3-9] /);
    const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    const longest = longestTask(trace.traceEvents);
    const shift = await page.evaluate(() => (globalThis as unknown as { seen: { shift: number } }).seen.shift);
    console.info(`longest task ${longest.toFixed(1)} ms of the processor's time; layout shift ${shift.toFixed(4)}`);
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThan(50);
    expect(shift).toBeLessThan(0.02);
  });

  it("is small: the scripts of a visit that trains and reads the report", async () => {
    const page = await visitor.arrive();
    const loaded = new Set<string>();
    // Those of workers too, but not what the service worker keeps for a visit without a network.
    visitor.contextOfVisit.on("request", (request) => request.serviceWorker() || loaded.add(request.url()));
    await page.reload();
    await trainOnEmoji(2);
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    const scripts = [...loaded].map((url) => new URL(url).pathname).filter((path) => path.endsWith(".js"));
    expect(scripts.filter((path) => /\/index-[\w-]{8}\.js$/.test(path))).toHaveLength(1);
    expect(scripts.some((path) => /\/worker-/.test(path))).toBe(true);
    // As hosts do that compress files once and for all.
    const sizeOf = (path: string) => gzipSync(readFileSync(join(build, path)), { level: 9 }).length;
    const bytes = scripts.reduce((sum, path) => sum + sizeOf(path), 0);
    expect(bytes).toBeGreaterThan(100 * 1024);
    expect(bytes).toBeLessThan(264 * 1024);
  });

  it.skipIf(!hasFirefox)("runs in Firefox (skipped when it is not installed)", { timeout: 120_000 }, async () => {
    // Playwright needs a Firefox build of its own; the stock one speaks WebDriver BiDi.
    const { launch } = await import("puppeteer-core");
    const firefox = await launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
    try {
      const page = await firefox.newPage();
      await page.goto(`${site.url}/#epochs=3`);
      await page.click("[data-testid=sample-button]");
      await page.waitForFunction(
        () => /^Done/.test(document.querySelector("[data-testid=progress-text]")?.textContent ?? ""),
        { timeout: 90_000 },
      );
      expect(await page.$eval("[data-testid=summary]", (element) => element.textContent)).toMatch(/of the 1,914 emoji/);
      const code = await page.$eval("[data-testid=snippet]", (element) => element.textContent ?? "");
      // The very model of Chromium.
      await visitor.arrive();
      await trainOnEmoji(3);
      using model = await RQVAE.load(await visitor.download("download-model"));
      expect(code).toContain(model.fingerprint);
    } finally {
      await firefox.close();
    }
  });
});

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds of the processor, not of the clock: a busy machine does not count. */
  tdur?: number;
  args?: { name?: string };
}

/** Milliseconds that the longest task took of the thread that pages run on. */
function longestTask(events: TraceEvent[]): number {
  const threads = new Set(
    events
      .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events
    .filter(({ name, pid, tid }) => /RunTask$/.test(name) && threads.has(`${pid} ${tid}`))
    .reduce((most, { tdur = 0 }) => Math.max(most, tdur / 1000), 0);
}
