/** The interface of the two loaders. The import condition "node" of `#load-wasm` in package.json chooses one. */

import type { NativeFactory } from "./native-module.ts";

/** Imports the glue for this environment: for the build with threads, or for the plain one. */
export declare function loadGlue(threads: boolean): Promise<NativeFactory>;

/** The wasm next to the package's files: its bytes (Node) or its URL. */
export declare function openDefaultWasm(threads: boolean): Promise<URL | Uint8Array>;

/** How many threads this environment can run at once; 1 if it has none. */
export declare function availableThreads(): Promise<number>;

/** Reads a local file; absent in environments without local files. */
export declare const readLocalFile: ((path: string | URL) => Promise<Uint8Array>) | undefined;
