/** WebKitGTK's MiniBrowser, by plain WebDriver; it needs a display, which xvfb makes. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.mjs";

const DRIVER = "/usr/bin/WebKitWebDriver";
const MINI_BROWSER = readdirSync("/usr/lib")
  .map((folder) => join("/usr/lib", folder, "webkit2gtk-4.1/MiniBrowser"))
  .find((file) => existsSync(file));

export const hasWebKit = MINI_BROWSER !== undefined && existsSync(DRIVER) && existsSync("/usr/bin/xvfb-run");

/** @returns {Promise<import("./browsers.mjs").AnyBrowser>} with one page, which `newPage` gives */
export async function launchWebKit() {
  const port = await freePort();
  const driver = spawn("/usr/bin/xvfb-run", ["-a", DRIVER, `--port=${port}`], { stdio: "ignore", detached: true });
  const endDriver = () => {
    if (driver.pid) process.kill(-driver.pid); // the group: xvfb-run, its display, the driver
  };
  /** @type {(method: string, path: string, body?: object) => Promise<any>} */
  const command = async (method, path, body) => {
    const init = { method, ...(body ? { body: JSON.stringify(body) } : {}), signal: AbortSignal.timeout(120_000) };
    const { value } = await (await fetch(`http://127.0.0.1:${port}${path}`, init)).json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  try {
    const deadline = Date.now() + 20_000;
    while (!(await command("GET", "/status").catch(() => undefined))) {
      if (Date.now() > deadline) throw new Error("WebKitWebDriver does not answer");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { sessionId } = await command("POST", "/session", {
      capabilities: {
        alwaysMatch: {
          browserName: "MiniBrowser",
          "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] },
          timeouts: { script: 110_000 },
        },
      },
    });
    const session = `/session/${sessionId}`;
    return {
      newPage: async () => ({
        goto: (url) => command("POST", `${session}/url`, { url }),
        async evaluate(script) {
          const wrapped = `const done = arguments[0];
            Promise.resolve((0, eval)(${JSON.stringify(script)})).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
          const { value, error } = await command("POST", `${session}/execute/async`, { script: wrapped, args: [] });
          if (error) throw new Error(error);
          return value;
        },
      }),
      async close() {
        await command("DELETE", session).catch(() => {});
        endDriver();
      },
    };
  } catch (error) {
    endDriver();
    throw error;
  }
}
