/** A page that is replaced by another version while a tab is open, and two copies of the page on one host. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, type Site, serve } from "./server.mjs";

/** A folder for the screens people see; none are taken without it. */
const SHOTS = process.env.PAGE_SHOTS;

describe.skipIf(!hasChromium)("versions of the page (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  let context: BrowserContext;
  const at = (...path: string[]) => join(folder, ...path);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-versions-"));
    const vite = join(ROOT, "node_modules/.bin/vite");
    execFileSync(vite, ["build", "--config", "web/vite.config.ts", "--outDir", at("a")], {
      cwd: ROOT,
      stdio: "ignore",
    });
    cpSync(at("a"), at("b"), { recursive: true });
    rename(at("b"));
    site = await serve(at("host"));
    browser = await launchChromium();
  });
  afterEach(async () => {
    await context?.close();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** Makes another version of a build: all its files have other names. */
  function rename(build: string): void {
    const assets = readdirSync(join(build, "assets"));
    const names = assets.map((name) => [
      name,
      name.replace(/-([\w-]{8})\.(\w+)$/, (_, hash, end) => `-zzzz${hash.slice(4)}.${end}`),
    ]);
    const renamed = (text: string) => names.reduce((so, [from, to]) => so.replaceAll(from!, to!), text);
    for (const name of ["index.html", "sw.js"]) {
      const text = renamed(readFileSync(join(build, name), "utf8"));
      writeFileSync(join(build, name), text.replace(/"[0-9a-f]{12}"/, '"bbbbbbbbbbbb"'));
    }
    for (const [from, to] of names) {
      const file = join(build, "assets", from!);
      if (/\.(js|css)$/.test(from!)) writeFileSync(file, renamed(readFileSync(file, "utf8")));
      renameSync(file, join(build, "assets", to!));
    }
  }

  /** Puts a version in place of what is on the host. */
  function deploy(version: "a" | "b", path = ""): void {
    rmSync(at("host", path), { recursive: true, force: true });
    cpSync(at(version), at("host", path), { recursive: true });
  }

  const visit = async (serviceWorkers: "allow" | "block" = "allow", width = 1440) => {
    context = await browser.newContext({ serviceWorkers, viewport: { width, height: 900 }, reducedMotion: "reduce" });
  };
  async function open(path = "/", isWorking = false): Promise<Page> {
    const page = await context.newPage();
    await page.goto(site.url + path);
    if (isWorking) await page.getByText("works offline").waitFor();
    return page;
  }
  const versionOf = async (page: Page) =>
    /-zzzz[\w-]{4}\.js$/.test((await page.locator("script[type=module]").getAttribute("src"))!) ? "b" : "a";
  async function train(page: Page, epochs = 2): Promise<void> {
    await page.getByTestId("option-epochs").fill(String(epochs));
    await page.getByTestId("sample-button").click();
  }
  async function trained(page: Page): Promise<string> {
    const progress = page.getByTestId("progress-text");
    const error = page.getByTestId("error");
    await expect
      .poll(async () => (await error.isVisible()) || /^Done/.test((await progress.textContent())!), { timeout: 90_000 })
      .toBe(true);
    return (await error.isVisible()) ? (await error.textContent())! : (await progress.textContent())!;
  }
  const stores = (page: Page) => page.evaluate(() => caches.keys());
  /** Of a tab that is closed again: a version that waits takes over between two. */
  async function storesOfVisit(path: string): Promise<string[]> {
    const page = await open(path);
    const names = await stores(page);
    await page.close();
    return names;
  }
  const isWaiting = (page: Page) =>
    page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.waiting !== null);

  it("an old tab goes on with its own files, with and without a network, until it is closed", {
    timeout: 240_000,
  }, async () => {
    deploy("a");
    await visit();
    const old = await open("/", true);
    deploy("b");
    const young = await open();
    expect([await versionOf(old), await versionOf(young)]).toEqual(["a", "b"]);
    await expect.poll(() => isWaiting(young), { timeout: 20_000 }).toBe(true);
    expect((await stores(old)).length).toBe(2);
    await train(old);
    expect(await trained(old)).toMatch(/^Done/);
    await context.setOffline(true);
    await train(young); // its files are in the store of the version that waits
    expect(await trained(young)).toMatch(/^Done/);
    await old.reload();
    expect(await versionOf(old)).toBe("a");
    await train(old);
    expect(await trained(old)).toMatch(/^Done/);
    await context.setOffline(false);
    // When all are closed the new version is the only one.
    await old.close();
    await young.close();
    await expect.poll(() => storesOfVisit("/"), { timeout: 20_000 }).toEqual([expect.stringContaining("bbbbbbbbbbbb")]);
    const next = await open("/", true);
    await context.setOffline(true);
    await next.reload();
    expect(await versionOf(next)).toBe("b");
    await train(next);
    expect(await trained(next)).toMatch(/^Done/);
  });

  /** What a visit has loaded when the deployment comes: the page, or its worker with the sample as well. */
  it.each([
    ["the worker", 1440, false],
    ["the worker", 390, false],
    ["the WebAssembly", 1440, true],
  ] as const)(
    "a tab without its own files says that it is an older version, and reloads: %s, %i px",
    { timeout: 120_000 },
    async (what, width, isStarted) => {
      deploy("a");
      await visit("block", width);
      const page = await open();
      if (isStarted) {
        await page.getByTestId("samples").getByRole("button").first().click();
        await page.getByTestId("preview").getByText("1,914").first().waitFor();
      }
      deploy("b");
      if (isStarted) await page.getByTestId("train-button").click();
      else await train(page);
      const said = await trained(page);
      expect(said).toMatch(/older version of the page/);
      expect(said).not.toMatch(/memory/);
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `older-${what.replaceAll(" ", "-")}-${width}.png`) });
      await page.getByRole("button", { name: "Reload the page" }).click();
      await expect.poll(() => versionOf(page)).toBe("b");
      await train(page);
      expect(await trained(page)).toMatch(/^Done/);
    },
  );

  it("a part that is missing without a newer version is not called out of memory either", async () => {
    deploy("a");
    await visit("block");
    const page = await open();
    for (const name of readdirSync(at("host/assets"))) if (/^worker/.test(name)) rmSync(at("host/assets", name));
    await train(page);
    const said = await trained(page);
    expect(said).toMatch(/could not be loaded.*reload/);
    expect(said).not.toMatch(/memory|older/);
  });

  it.each(["/one/", "/"])(
    "two copies on one host, at %s and at /two/, keep to what is theirs",
    { timeout: 240_000 },
    async (path) => {
      rmSync(at("host"), { recursive: true, force: true });
      deploy("a", path);
      deploy("b", "two");
      await visit();
      const one = await open(path, true);
      const two = await open("/two/", true);
      await expect.poll(async () => (await stores(one)).length, { timeout: 20_000 }).toBe(2);
      // An interrupted run is offered where it was.
      await train(one, 500);
      await one.getByText(/^Epoch \d/).waitFor({ timeout: 60_000 });
      await one.getByTestId("pause-button").click();
      await one.getByText(/^Paused/).waitFor();
      await one.close();
      await two.reload();
      await two.waitForTimeout(500);
      expect(await two.getByTestId("resume").isVisible()).toBe(false);
      const again = await open(path);
      await again.getByTestId("resume").waitFor({ state: "visible" });
      // A new version of one throws nothing of the other away.
      await again.close();
      rmSync(at(path === "/" ? "host/assets" : "host/one/assets"), { recursive: true });
      cpSync(at("b"), at("host", path), { recursive: true });
      const next = await open(path, true);
      await expect
        .poll(async () => (await stores(next)).filter((name) => name.endsWith("bbbbbbbbbbbb")).length, {
          timeout: 20_000,
        })
        .toBe(2);
      await next.close();
      await expect.poll(async () => (await storesOfVisit(path)).length, { timeout: 20_000 }).toBe(2);
      const last = await open(path, true);
      await context.setOffline(true);
      for (const page of [last, two]) {
        await page.reload();
        expect(await versionOf(page)).toBe("b");
        await train(page);
        expect(await trained(page)).toMatch(/^Done/);
      }
    },
  );
});
