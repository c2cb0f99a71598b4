// The part "start": from import to the first ID, cold: a new process of Node, a new profile of the browser.
import { relative } from "node:path";
import { hasChromium, launchChromium } from "../../tests/browser/browsers.mjs";
import { serve } from "../../tests/browser/server.mjs";
import { ROOT } from "../../tools/setup.mjs";
import { atMost, reported } from "../figures.mjs";
import { makeSmallModel } from "./inputs.mjs";
import { alternate, middle } from "./measure.mjs";
import { runScript } from "./script.mjs";

const PAGE = `<!doctype html><title>rqvae</title>
<script type="importmap">{ "imports": { "rqvae": "/dist/index.js", "#load-wasm": "/dist/runtime/load-wasm.web.js" } }</script>`;

/** What the page does, as scripts/first-id.mjs. @type {(model: string) => string} */
const firstId = (model) => `(async () => {
  const started = performance.now();
  const { RQVAE } = await import("rqvae");
  const model = await RQVAE.load(new URL("/${model}", location.href));
  model.encode(new Float32Array(model.config.inputDim)).at(0);
  return performance.now() - started;
})()`;

/** @type {(model: string) => Promise<number[]>} */
async function inChromium(model) {
  const site = await serve(ROOT, { pages: { "/": PAGE } });
  const browser = await launchChromium();
  try {
    const [times] = await alternate([
      async () => {
        const context = await browser.newContext(); // empty caches
        const page = await context.newPage();
        await page.goto(site.url);
        const time = /** @type {number} */ (await page.evaluate(firstId(relative(ROOT, model))));
        await context.close();
        return time;
      },
    ]);
    return times;
  } finally {
    await browser.close();
    await site.close();
  }
}

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureStart(bench) {
  const model = await makeSmallModel();
  const [times] = await alternate([() => runScript("first-id", [model])]);
  bench.add(atMost("import to first ID, Node", middle(times), 150, "ms"));
  if (hasChromium) bench.add(reported("import to first ID, Chromium", middle(await inChromium(model)), "ms"));
  else bench.note("Chromium: skipped, it is not installed");
}
