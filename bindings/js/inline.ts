/**
 * `rqvae/inline`: all of `rqvae`, with the WebAssembly inside the JavaScript: nothing is fetched, no bundler has to copy a file
 * (esbuild). A third larger, and one thread only. What `initialize({ wasm })` is given goes before it.
 */
import { useInlineWasm } from "./runtime/platform.ts";

export * from "./index.ts";

useInlineWasm(async () => {
  const { default: base64 } = await import("./wasm/rqvae-inline.mjs");
  const gzipped = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // jest's jsdom hides what decompresses, too (text-codecs.ts).
  if (typeof DecompressionStream === "undefined") {
    const { process } = globalThis as { process?: { getBuiltinModule?(name: string): typeof import("node:zlib") } };
    const zlib = process?.getBuiltinModule?.("node:zlib");
    if (zlib) return new Uint8Array(zlib.gunzipSync(gzipped)).buffer;
  }
  // Not a Blob's stream: those of jsdom have none.
  const { body } = new Response(gzipped);
  return new Response(body!.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
});
