/** Serves folders of the checkout on the loopback interface, for the browsers. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

/**
 * `pages` are answered from memory, everything else from `folder`; `headers` go with every answer, but for paths that match `without`.
 * @typedef {{ url: string, close(): Promise<void> }} Site
 * @param {string} folder
 * @param {{ pages?: Record<string, string>, headers?: Record<string, string>, without?: RegExp, types?: Record<string, string> }} [options]
 * @returns {Promise<Site>}
 */
export async function serve(folder, options = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const headers = options.without?.test(path) ? {} : (options.headers ?? {});
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const page = options.pages?.[path];
    if (page !== undefined) {
      response.setHeader("content-type", TYPES[".html"]);
      response.end(page);
      return;
    }
    const file = join(folder, normalize(path.endsWith("/") ? `${path}index.html` : path));
    if (!file.startsWith(folder) || !existsSync(file) || !statSync(file).isFile()) {
      response.statusCode = 404;
      response.end("not found");
      return;
    }
    const extension = extname(file);
    response.setHeader("content-type", options.types?.[extension] ?? TYPES[extension] ?? "application/octet-stream");
    // A test may replace the folder while a browser still fetches from it.
    createReadStream(file)
      .on("error", () => response.destroy())
      .pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
