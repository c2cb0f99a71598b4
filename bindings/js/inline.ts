/**
 * `rqvae/inline`: all of `rqvae`, with the WebAssembly inside the JavaScript, so that nothing is fetched and no bundler (esbuild) has to
 * copy a file. It is a third larger and uses only one thread. A WebAssembly given to `initialize({ wasm })` takes precedence.
 */
import { useInlineWasm } from "./runtime/platform.ts";

export * from "./index.ts";

useInlineWasm(async () => {
  const { default: base64 } = await import("./wasm/rqvae-inline.mjs");
  const gzipped = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // Jest's jsdom also hides the decompression streams (text-codecs.ts).
  if (typeof DecompressionStream === "undefined") {
    const { process } = globalThis as { process?: { getBuiltinModule?(name: string): typeof import("node:zlib") } };
    const zlib = process?.getBuiltinModule?.("node:zlib");
    if (zlib) return new Uint8Array(zlib.gunzipSync(gzipped)).buffer;
  }
  // Not a Blob's stream, which jsdom's Blobs lack.
  const { body } = new Response(gzipped);
  return new Response(body!.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
});
