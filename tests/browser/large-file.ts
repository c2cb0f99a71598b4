/** Large files of embeddings, and what a page takes to read them. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { catalogue } from "../js/support/catalogue.ts";

/** Rows that the files repeat, and their dimension. */
export const LARGE_BLOCK = 4096;
export const LARGE_DIM = 256;

/** Link of the page to a model that is quick to train. */
export const SMALL_MODEL = "#codes=16&hiddenDims=16&latent=8";

/** Writes an npy file of float32, a block at a time. @returns its path */
export function writeRows(folder: string, name: string, rows: number): string {
  const path = join(folder, name);
  const header = Buffer.alloc(128, " ");
  header.write("\x93NUMPY\x01\x00\x76\x00", "latin1");
  header.write(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${LARGE_DIM}), }`, 10, "latin1");
  header.write("\n", 127);
  const { data } = catalogue(LARGE_BLOCK, LARGE_DIM);
  const file = openSync(path, "w");
  writeSync(file, header);
  for (let first = 0; first < rows; first += LARGE_BLOCK) {
    writeSync(file, data.subarray(0, Math.min(LARGE_BLOCK, rows - first) * LARGE_DIM));
  }
  closeSync(file);
  return path;
}

/** The most memory that the process of a page ever had, in bytes. Of the largest one: Chromium keeps others ready. */
export async function pageMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/status`, "latin1"))?.[1]));
  return 1024 * Math.max(...peaks);
}
