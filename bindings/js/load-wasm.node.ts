import { readFile } from "node:fs/promises";
import type { NativeFactory } from "./native-module.ts";

export async function loadGlue(): Promise<NativeFactory> {
  return (await import("./wasm/rqvae-node.mjs")).default;
}

/** Read as a file: `fetch` of file URLs is not to be had in every Node. */
export async function openDefaultWasm(): Promise<BufferSource> {
  return (await readFile(new URL("./wasm/rqvae.wasm", import.meta.url))) as BufferSource;
}

export const readLocalFile = (path: string | URL): Promise<Uint8Array> => readFile(path);
