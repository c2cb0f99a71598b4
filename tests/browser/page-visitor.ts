/** A visitor of the demo page: builds it, opens it, and waits for what a person would wait for. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "./browsers.mjs";
import { ROOT, serve } from "./server.mjs";

/** The page, built into a folder of its own, and a browser with a visitor. `end` removes all of it. */
export async function startVisit() {
  const folder = mkdtempSync(join(tmpdir(), "rqvae-visit-"));
  const vite = join(ROOT, "node_modules/.bin/vite");
  const build = join(folder, "page");
  execFileSync(vite, ["build", "--config", "web/vite.config.ts", "--outDir", build], { cwd: ROOT, stdio: "ignore" });
  const site = await serve(build);
  const browser = await launchChromium();
  const end = async () => {
    await browser.close();
    await site.close();
    rmSync(folder, { recursive: true });
  };
  return { folder, browser, visitor: new Visitor(browser, site.url), end };
}

/** A page of the browser, and what it complained about. */
export class Visitor {
  page!: Page;
  readonly complaints: string[] = [];
  private context: BrowserContext | undefined;

  constructor(
    private readonly browser: Browser,
    private readonly url: string,
  ) {}

  /** A fresh visit: nothing is remembered of the last one. Whatever the page logs as an error is kept. */
  async arrive({ width = 1440, hash = "", dark = false } = {}): Promise<Page> {
    await this.leave();
    this.context = await this.browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: dark ? "dark" : "light",
    });
    this.page = await this.context.newPage();
    this.complaints.length = 0;
    this.page.on("pageerror", (error) => this.complaints.push(String(error)));
    this.page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
    await this.page.goto(this.url + hash);
    return this.page;
  }

  async leave(): Promise<void> {
    await this.context?.close();
    this.context = undefined;
  }

  get contextOfVisit(): BrowserContext {
    return this.context!;
  }

  /** Waits until the run has ended. */
  async finished(timeout?: number): Promise<void> {
    await this.progress(/^(Done|Stopped)/, timeout);
  }

  /** Waits until the line beside the progress bar says so. */
  async progress(text: RegExp, timeout = 90_000): Promise<void> {
    await this.page.waitForFunction(
      ([source, flags]) =>
        new RegExp(source!, flags).test(document.querySelector("[data-testid=progress-text]")?.textContent ?? ""),
      [text.source, text.flags] as const,
      { timeout },
    );
  }

  async choose(testId: string, name: string, buffer: Buffer): Promise<void> {
    await this.page.getByTestId(testId).setInputFiles({ name, mimeType: "application/octet-stream", buffer });
  }

  async download(testId: string): Promise<Buffer> {
    const started = this.page.waitForEvent("download");
    await this.page.getByTestId(testId).click();
    return readFileSync(await (await started).path());
  }

  text(testId: string): Promise<string | null> {
    return this.page.getByTestId(testId).textContent();
  }
}
