/** What the environment offers, and where the WebAssembly comes from. Internal. */

import type { GuardedModule } from "./guard.ts";

/** Where the WebAssembly comes from, when not from beside the package's own files. */
export type WasmSource = string | URL | Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module;

/** What `initialize` was asked for. */
export interface Wanted {
  wasm?: WasmSource | undefined;
  threads?: number | "auto" | undefined;
}

export interface Loaded {
  module: GuardedModule;
  threads: number;
  /** What it was loaded from, so that the same can be known again. */
  origin: Origin;
}

/** Where a WebAssembly came from. */
export interface Origin {
  /** In words, for messages. */
  name: string;
  href?: string;
  /** Of its bytes. */
  digest?: string;
}

type Platform = typeof import("#load-wasm");

let known: Platform | undefined;
/** The bytes of `rqvae/inline`, where `initialize` was given none. */
export let inline: (() => Promise<ArrayBuffer>) | undefined;

/** What this environment offers. Loaded when first needed, by the import condition "node". */
export async function platform(): Promise<Platform> {
  known ??= await import("#load-wasm");
  return known;
}

/** Says which it is where `#load-wasm` may not resolve: a page's import map is unknown to its workers. */
export function usePlatform(given: Platform): void {
  known = given;
}

/** Takes the WebAssembly from here where `initialize` was given none. For `rqvae/inline`. */
export function useInlineWasm(bytes: () => Promise<ArrayBuffer>): void {
  inline = bytes;
}
