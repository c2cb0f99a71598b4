/** What the two loaders offer. Chosen by the import condition "node" of `#load-wasm` in package.json. */

import type { NativeFactory } from "./native-module.ts";

/** Imports the glue for this environment: that of the build with threads, or of the plain one. */
export declare function loadGlue(threads: boolean): Promise<NativeFactory>;

/** The wasm beside the package's files: its bytes (Node) or its URL. */
export declare function openDefaultWasm(threads: boolean): Promise<URL | Uint8Array>;

/** How many threads this environment can run at once; 1 where it has none. */
export declare function availableThreads(): Promise<number>;

/** Reads a file of the machine; absent where there are none. */
export declare const readLocalFile: ((path: string | URL) => Promise<Uint8Array>) | undefined;
