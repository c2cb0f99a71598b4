// The part "sizes": what a client has to fetch, and what an installation takes.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "../../tools/setup.mjs";
import { atMost } from "../figures.mjs";

/** The modules that come with `import "rqvae"` in a browser. @type {(dist: string) => string[]} */
function mainEntryFiles(dist) {
  /** @type {Set<string>} */
  const seen = new Set();
  const visit = (/** @type {string} */ file) => {
    if (seen.has(file)) return;
    seen.add(file);
    // Minified or not; what stands in parentheses is a dynamic import.
    for (const [, path] of readFileSync(file, "utf8").matchAll(
      /(?:^|[\n;}])\s*(?:import|export)\b(?:[^;()"'`]*?\bfrom)?\s*["']([^"']+)["']/g,
    )) {
      if (path.startsWith(".")) visit(join(file, "..", path));
    }
  };
  for (const entry of ["index.js", "runtime/load-wasm.web.js"]) visit(join(dist, entry));
  return [...seen];
}

/**
 * Gzipped bytes of what a client that encodes fetches.
 * @param {string} dist
 */
export function clientSizes(dist) {
  const gzipped = (/** @type {string[]} */ paths) =>
    gzipSync(Buffer.concat(paths.map((path) => readFileSync(path))), { level: 9 }).length;
  return {
    wasm: gzipped([join(dist, "wasm/rqvae.wasm")]),
    wasmWithThreads: gzipped([join(dist, "wasm/rqvae-threads.wasm")]),
    javaScript: gzipped([...mainEntryFiles(dist), join(dist, "wasm/rqvae-web.mjs")]),
  };
}

/** @type {(bench: import("./bench.mjs").Bench) => void} */
export function measureSizes(bench) {
  const { wasm, wasmWithThreads, javaScript } = clientSizes(join(ROOT, "dist"));
  const [{ unpackedSize }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  bench.add(
    atMost("WebAssembly, gzipped", wasm / 1024, 100, "KB"),
    atMost("WebAssembly with threads, gzipped", wasmWithThreads / 1024, 100, "KB"),
    atMost("entry and glue for the browser, gzipped", javaScript / 1024, 30, "KB"),
    atMost("package, unpacked", unpackedSize / 1024 ** 2, 1.5, "MB"),
  );
}
