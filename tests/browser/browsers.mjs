/** The browsers of Debian, driven from Node. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
export const FIREFOX = "/usr/bin/firefox-esr";
export const hasChromium = existsSync(CHROMIUM);
export const hasFirefox = existsSync(FIREFOX);

/**
 * What the drivers share.
 * @typedef {object} AnyPage
 * @property {(url: string) => Promise<unknown>} goto
 * @property {(script: string) => Promise<unknown>} evaluate
 *
 * @typedef {object} AnyBrowser
 * @property {() => Promise<AnyPage>} newPage
 * @property {() => Promise<void>} close
 */

/** Playwright needs a Firefox build of its own; the stock one speaks WebDriver BiDi. @returns {Promise<AnyBrowser>} */
export async function launchFirefox() {
  const { launch } = await import("puppeteer-core");
  return launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
}

export function launchChromium() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
