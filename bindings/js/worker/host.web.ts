import { startModule } from "../runtime/start-module.web.ts";
import type { WorkerPort } from "./host.types.ts";
import { webPort } from "./web-port.ts";

export const availableCores = () => navigator.hardwareConcurrency ?? 1;

/** Starts a module Web Worker. The literal `new URL` is what bundlers look for; its file is the built one. */
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
