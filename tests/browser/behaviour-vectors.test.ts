/** Vectors of behaviour are the same bytes in Node, with one thread and several, and in Chromium. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { ROOT, type Site, serve } from "./server.mjs";

/** Users who choose some items more than others; `behaviour` is the module. */
const PROGRAM = `async ({ behaviourVectors, coldMap }) => {
  let state = 7;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const [rows, users, each] = [300, 400, 6];
  const histories = {
    ...{ users, userIds: Array.from({ length: users }, (_, u) => "u" + u), catalogueItems: rows, text: "" },
    items: Uint32Array.from({ length: users * each }, () => Math.floor(rows * random() * random())),
    offsets: Uint32Array.from({ length: users + 1 }, (_, u) => u * each),
    unknown: { choices: 0, items: 0, examples: [] },
  };
  const found = await behaviourVectors(histories, { dim: 16 });
  const content = { data: Float32Array.from({ length: rows * 4 }, random), rows, dim: 4 };
  const { data } = await coldMap(content, found);
  const hash = (bytes) => bytes.reduce((sum, byte) => (Math.imul(sum ^ byte, 16777619)) >>> 0, 2166136261);
  return [found.data, found.known, data].map((each) => hash(new Uint8Array(each.buffer))).join();
}`;

function inNode(threads: number): string {
  const program = `import { initialize } from "rqvae"; import * as behaviour from "rqvae/behaviour";
    await initialize({ threads: ${threads} }); console.log(await (${PROGRAM})(behaviour)); process.exit();`;
  const options = { cwd: ROOT, encoding: "utf8", timeout: 60_000 } as const;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], options);
  expect(stderr).toBe("");
  return stdout.trim();
}

let site: Site;
beforeAll(async () => {
  const imports = { "#load-wasm": "/dist/runtime/load-wasm.web.js" };
  const page = `<!doctype html><title>rqvae</title><script type="importmap">${JSON.stringify({ imports })}</script>`;
  site = await serve(ROOT, { pages: { "/": page } });
});
afterAll(() => site.close());

it("with one thread and with two", () => {
  expect(inNode(1)).toMatch(/^\d+,\d+,\d+$/);
  expect(inNode(2)).toBe(inNode(1));
});

it.skipIf(!hasChromium)("in Chromium (skipped when it is not installed)", async () => {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    const run = `(async () => (${PROGRAM})(await import("/dist/behaviour/index.js")))()`;
    expect(await page.evaluate(run)).toBe(inNode(1));
  } finally {
    await browser.close();
  }
});
