/** The demo page: `node tools/web.mjs serve [--port N]` shows it, `node tools/web.mjs build` writes it to web/dist. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build as buildPackage } from "./build.mjs";
import { setup } from "./setup.mjs";

const usage = "usage: node tools/web.mjs serve [--port N] [--host NAME] | build";

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string" }, host: { type: "string" } },
  });
  const [command] = positionals;
  const port = values.port === undefined ? 5173 : Number(values.port);
  if (positionals.length !== 1 || !["serve", "build"].includes(command)) throw new Error(usage);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--port must be a whole number from 0 to 65535, got ${values.port}`);

  setup();
  await buildPackage();
  const vite = await import("vite"); // after setup, which installs it
  const configFile = fileURLToPath(new URL("../web/vite.config.ts", import.meta.url));
  if (command === "build") {
    await vite.build({ configFile });
    return;
  }
  // With a port asked for, that port or an error: whoever asked will look there.
  const server = await vite.createServer({
    configFile,
    clearScreen: false,
    server: { port, strictPort: values.port !== undefined, host: values.host ?? "localhost" },
  });
  await server.listen();
  const url = server.resolvedUrls?.local[0] ?? `http://localhost:${port}/`;
  console.log(`The demo page: ${url}`);
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1); // a server that could not listen still holds the process
});
