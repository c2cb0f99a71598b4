// Serves the page, with what it needs from the package, from onnxruntime-web and from the other examples: any server of files would do.
//
//   node examples/generate/serve.mjs
//   --port N      default: 8080, 0 for any that is free      --browser PROGRAM      opens the page: chromium, firefox, ...
import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Which folder or file has what begins so; the longest first. */
const PLACES = [
  ["/rqvae/", new URL("./", import.meta.resolve("rqvae"))],
  ["/onnxruntime-web/", new URL("./", import.meta.resolve("onnxruntime-web"))],
  ["/emoji.labels.json", new URL("../data/emoji/emoji.labels.json", import.meta.url)],
  ["/emoji-histories.txt", new URL("../recommender/emoji-histories.txt", import.meta.url)],
  ["/", new URL("./", import.meta.url)],
];

export function serve(port) {
  const server = createServer(async (request, response) => {
    // URL takes ".." away, so that nobody leaves the folders.
    const { pathname } = new URL(request.url, "http://localhost");
    const [start, place] = PLACES.find(([start]) => pathname.startsWith(start));
    const file = new URL(pathname === "/" ? "index.html" : `./${pathname.slice(start.length)}`, place);
    const path = start.endsWith("/") ? file : place;
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile) return response.writeHead(404).end("not found");
    response.setHeader("content-type", TYPES[extname(path.pathname)] ?? "application/octet-stream");
    createReadStream(path).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" }, browser: { type: "string" } } });
  const server = await serve(Number(values.port)).catch(({ message }) => {
    console.error(`${message}: try another --port`);
    process.exit(1);
  });
  const address = `http://127.0.0.1:${server.address().port}/`;
  console.log(`The page is at ${address}`);
  if (values.browser) {
    spawn(values.browser, [address], { stdio: "ignore" }).on("error", ({ message }) => console.error(message));
  }
}
