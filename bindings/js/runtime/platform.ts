/** What the environment offers, and where the WebAssembly comes from. Internal. */

import type { GuardedModule } from "./guard.ts";

/** Where the WebAssembly comes from, if it is not next to the package's files. */
export type WasmSource = string | URL | Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module;

/** What `initialize` was asked for. */
export interface Wanted {
  wasm?: WasmSource | undefined;
  threads?: number | "auto" | undefined;
}

export interface Loaded {
  module: GuardedModule;
  threads: number;
  /** What it was loaded from, to recognise the same source again. */
  origin: Origin;
}

/** Where a WebAssembly came from. */
export interface Origin {
  /** In words, for messages. */
  name: string;
  href?: string;
  /** Hash of its bytes. */
  digest?: string;
}

type Platform = typeof import("#load-wasm");

let known: Platform | undefined;
/** The bytes of `rqvae/inline`, used if `initialize` was given none. */
export let inline: (() => Promise<ArrayBuffer>) | undefined;

/** What this environment offers. Loaded on first use, by the import condition "node". */
export async function platform(): Promise<Platform> {
  known ??= await import("#load-wasm");
  return known;
}

/** Sets it where `#load-wasm` may not resolve, since workers do not see a page's import map. */
export function usePlatform(given: Platform): void {
  known = given;
}

/** Sets the WebAssembly to use if `initialize` was given none. For `rqvae/inline`. */
export function useInlineWasm(bytes: () => Promise<ArrayBuffer>): void {
  inline = bytes;
}
