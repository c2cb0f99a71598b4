import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { NativeFactory } from "./native-module.ts";

export async function loadGlue(threads: boolean): Promise<NativeFactory> {
  if (!threads) return (await import("../wasm/rqvae-node.mjs")).default;
  const { default: glue } = await import("../wasm/rqvae-threads-node.mjs");
  // None of the process's own flags: `node --input-type=module -e ...` and others are not a thread's.
  const options = { workerData: "em-pthread", execArgv: [], name: "em-pthread" };
  const startThread = () => new Worker(new URL("../wasm/rqvae-threads-node.mjs", import.meta.url), options);
  return (given) => glue({ ...given, startThread });
}

/** Read as a file: `fetch` of file URLs is not to be had in every Node. */
export async function openDefaultWasm(threads: boolean): Promise<Uint8Array> {
  const url = threads
    ? new URL("../wasm/rqvae-threads.wasm", import.meta.url)
    : new URL("../wasm/rqvae.wasm", import.meta.url);
  return readFile(url);
}

/** Bun's worker threads never hear what Emscripten tells them; Node's permission model may forbid workers. */
export async function availableThreads(): Promise<number> {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  const possible = !("bun" in process.versions) && (permission?.has("worker") ?? true);
  return possible ? availableParallelism() : 1;
}

export const readLocalFile = (path: string | URL): Promise<Uint8Array> => readFile(path);
