/** What `userProgram` answers: in Node, and on a page in Chromium. */
import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { launchChromium } from "../browser/browsers.mjs";
import { userProgram } from "../browser/user.program.js";

export const answerOfNode = (): Promise<string> => userProgram(RQVAE, RQVAEWorker);

/** The answer of the page at `url` (`app.js`), or what went wrong on it. `before` runs in the page before everything else. */
export async function answerOfPage(url: string, before?: string): Promise<string> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    if (before) await page.addInitScript(before);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    await page.goto(url, { timeout: 120_000 }); // in development the first visit waits for the compiler
    try {
      await page.waitForFunction("globalThis.answer !== undefined", undefined, { timeout: 60_000 });
      return (await page.evaluate("answer")) as string;
    } catch (cause) {
      throw new Error(`no answer at ${url}: ${complaints.join("; ")}`, { cause });
    }
  } finally {
    await browser.close();
  }
}
