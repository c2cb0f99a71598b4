/** The demo page with files that it does not hold: their rows are read as they are needed. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { RQVAE, suggestConfig } from "rqvae";
import { openEmbeddings, writeIdsCsv } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../js/catalogue.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { Visitor } from "./page-visitor.ts";
import { ROOT, type Site, serve } from "./server.mjs";

/** Rows that the files repeat. */
const BLOCK = 4096;
const DIM = 256;

describe.skipIf(!hasChromium)("the demo page with a large file (Chromium; skipped when it is not installed)", () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-large-"));
    const vite = join(ROOT, "node_modules/.bin/vite");
    const build = join(folder, "page");
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

  /** Writes an npy file of float32, a block at a time. */
  function write(name: string, rows: number): string {
    const path = join(folder, name);
    const header = Buffer.alloc(128, " ");
    header.write("\x93NUMPY\x01\x00\x76\x00", "latin1");
    header.write(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${DIM}), }`, 10, "latin1");
    header.write("\n", 127);
    const { data } = catalogue(BLOCK, DIM);
    const file = openSync(path, "w");
    writeSync(file, header);
    for (let first = 0; first < rows; first += BLOCK) {
      writeSync(file, data.subarray(0, Math.min(BLOCK, rows - first) * DIM));
    }
    closeSync(file);
    return path;
  }

  /** Memory of each process of the browser in bytes, at its peak and now. */
  async function memory(): Promise<{ pid: number; type: string; peak: number; now: number }[]> {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.map(({ id, type }) => {
      const status = readFileSync(`/proc/${id}/status`, "latin1");
      const of = (field: string) => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
      return { pid: id, type, peak: of("VmHWM"), now: of("VmRSS") };
    });
  }

  it("trains on 600 MB, which are never in memory, and gives their IDs", { timeout: 240_000 }, async () => {
    const rows = 600_000;
    const path = write("catalogue.npy", rows);
    const page = await visitor.arrive({ hash: "#epochs=1&codes=16&hiddenDims=16&latent=8" });
    const before = new Map((await memory()).map(({ pid, now }) => [pid, now]));
    const t0 = performance.now();
    const log = async (what: string) => console.info(what, ((performance.now() - t0) / 1000).toFixed(1), (await memory()).map(({ pid, type, peak, now }) => `${type} ${((now) / 1e6).toFixed(0)} peak +${((peak - (before.get(pid) ?? 0)) / 1e6).toFixed(0)}`).join(" | "));
    await log("start");
    await page.getByTestId("file-input").setInputFiles(path);
    await expect.poll(() => visitor.text("preview"), { timeout: 30_000 }).toContain("600,000");
    await log("read");
    expect(await visitor.text("preview")).toMatch(/614\.4 MB of npy.*595,904 rows the same.*read as they are needed/s);
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await log("finished");
    const ids = (await visitor.download("download-ids")).toString().trim().split("\n");
    await log("downloaded");
    await expect.poll(() => visitor.text("report"), { timeout: 60_000 }).toMatch(/Residual k-means/);
    await log("reported");
    expect(visitor.complaints).toEqual([]);
    void ids; void openEmbeddings; void suggestConfig; void RQVAE; void writeIdsCsv;
  });
});
