/** Serves folders of the checkout on the loopback interface, for the browsers. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

export interface Site {
  url: string;
  close(): Promise<void>;
}

/** `pages` are answered from memory, everything else from `folder`; `headers` go with every answer. */
export async function serve(
  folder: string,
  options: { pages?: Record<string, string>; headers?: Record<string, string>; types?: Record<string, string> } = {},
): Promise<Site> {
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    for (const [name, value] of Object.entries(options.headers ?? {})) response.setHeader(name, value);
    const page = options.pages?.[path];
    if (page !== undefined) {
      response.setHeader("content-type", TYPES[".html"]!);
      response.end(page);
      return;
    }
    const file = join(folder, normalize(path === "/" ? "/index.html" : path));
    if (!file.startsWith(folder) || !existsSync(file) || !statSync(file).isFile()) {
      response.statusCode = 404;
      response.end("not found");
      return;
    }
    const extension = extname(file);
    response.setHeader("content-type", options.types?.[extension] ?? TYPES[extension] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
