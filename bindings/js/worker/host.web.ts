import { startModule } from "../runtime/start-module.web.ts";
import type { WorkerPort } from "./host.types.ts";
import { webPort } from "./web-port.ts";

export const availableCores = () => navigator.hardwareConcurrency ?? 1;

/** Starts a module Web Worker. Bundlers look for the literal `new URL`; its file is the built one. */
export function startWorker(): WorkerPort {
  return webPort(
    startModule(
      () => new Worker(new URL("./entry.web.js", import.meta.url), { type: "module", name: "rqvae" }),
      "./entry.web.js",
      import.meta.url,
      "rqvae",
    ),
  );
}
