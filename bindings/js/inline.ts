/**
 * `rqvae/inline`: all of `rqvae`, with the WebAssembly inside the JavaScript: nothing is fetched, no bundler has to copy a file
 * (esbuild). A third larger, and one thread only. What `initialize({ wasm })` is given goes before it.
 */
import { useInlineWasm } from "./native.ts";

export * from "./index.ts";

useInlineWasm(async () => {
  const { default: base64 } = await import("./wasm/rqvae-inline.mjs");
  const gzipped = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Response(new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
});
