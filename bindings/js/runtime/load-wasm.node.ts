import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { NativeFactory } from "./native-module.ts";

export async function loadGlue(threads: boolean): Promise<NativeFactory> {
  if (!threads) return (await import("../wasm/rqvae-node.mjs")).default;
  const { default: glue } = await import("../wasm/rqvae-threads-node.mjs");
  // Without the process's own flags: a thread does not accept `--input-type=module` and others.
  const options = { workerData: "em-pthread", execArgv: [], name: "em-pthread" };
  const startThread = () => new Worker(new URL("../wasm/rqvae-threads-node.mjs", import.meta.url), options);
  return (given) => glue({ ...given, startThread });
}

/** Read as a file, since not every Node can `fetch` file URLs. */
export async function openDefaultWasm(threads: boolean): Promise<Uint8Array> {
  const url = threads
    ? new URL("../wasm/rqvae-threads.wasm", import.meta.url)
    : new URL("../wasm/rqvae.wasm", import.meta.url);
  return readFile(url);
}

/** Bun's worker threads do not receive Emscripten's messages; Node's permission model may forbid workers. */
export async function availableThreads(): Promise<number> {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  const possible = !("bun" in process.versions) && (permission?.has("worker") ?? true);
  return possible ? availableParallelism() : 1;
}

export const readLocalFile = (path: string | URL): Promise<Uint8Array> => readFile(path);
