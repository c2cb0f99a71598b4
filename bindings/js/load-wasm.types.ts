/** What the two loaders offer. Chosen by the import condition "node" of `#load-wasm` in package.json. */

import type { NativeFactory } from "./native-module.ts";

/** Imports the glue for this environment. */
export declare function loadGlue(): Promise<NativeFactory>;

/** The wasm beside the package's files: its bytes (Node) or its URL. */
export declare function openDefaultWasm(): Promise<URL | BufferSource>;

/** Reads a file of the machine; absent where there are none. */
export declare const readLocalFile: ((path: string | URL) => Promise<Uint8Array>) | undefined;
