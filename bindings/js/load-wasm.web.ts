import type { NativeFactory } from "./native-module.ts";

export async function loadGlue(): Promise<NativeFactory> {
  return (await import("./wasm/rqvae-web.mjs")).default;
}

/** Written so that bundlers see the asset: a literal path with `import.meta.url`. */
export async function openDefaultWasm(): Promise<URL> {
  return new URL("./wasm/rqvae.wasm", import.meta.url);
}

export const readLocalFile = undefined;
