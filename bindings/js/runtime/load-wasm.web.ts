import type { NativeFactory } from "./native-module.ts";

export async function loadGlue(threads: boolean): Promise<NativeFactory> {
  if (!threads) return (await import("../wasm/rqvae-web.mjs")).default;
  const [{ default: glue }, { startModule }] = await Promise.all([
    import("../wasm/rqvae-threads-web.mjs"),
    import("./start-module.web.ts"),
  ]);
  const startThread = () =>
    startModule(
      () =>
        new Worker(new URL("../wasm/rqvae-threads-web.mjs", import.meta.url), { type: "module", name: "em-pthread" }),
      "./wasm/rqvae-threads-web.mjs",
      import.meta.url,
      "em-pthread",
    );
  return (options) => glue({ ...options, startThread });
}

/** Literal paths with `import.meta.url`, so that bundlers find the assets. */
export async function openDefaultWasm(threads: boolean): Promise<URL> {
  return threads
    ? new URL("../wasm/rqvae-threads.wasm", import.meta.url)
    : new URL("../wasm/rqvae.wasm", import.meta.url);
}

/** Threads share memory, which requires an isolated page; and a thread is a worker, which not every environment has. */
export async function availableThreads(): Promise<number> {
  const possible =
    globalThis.crossOriginIsolated === true &&
    typeof SharedArrayBuffer !== "undefined" &&
    typeof Worker !== "undefined";
  return possible ? (navigator.hardwareConcurrency ?? 1) : 1;
}

/** Tests of pages that run in Node (Jest with jsdom or happy-dom) use this loader; they have files but not always `fetch`. */
const { process } = globalThis as { process?: { getBuiltinModule?(name: string): typeof import("node:fs/promises") } };
export const readLocalFile = process?.getBuiltinModule?.("node:fs/promises").readFile as
  | ((path: string | URL) => Promise<Uint8Array>)
  | undefined;
