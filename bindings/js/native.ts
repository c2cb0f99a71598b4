/** How the WebAssembly module is loaded, and space on its heap. Internal. */

import { loadGlue, openDefaultWasm, readLocalFile } from "#load-wasm";
import { InvalidInputError, makeError, RQVAEError, WasmLoadError } from "./errors.ts";
import type { NativeModule } from "./native-module.ts";
import { checkOptionNames, show } from "./option-reader.ts";
import { VERSION } from "./version.ts";

/** Where the WebAssembly comes from, when not from beside the package's own files. */
export type WasmSource = URL | Response | BufferSource | WebAssembly.Module;

let pending: Promise<NativeModule> | undefined;

/** The module, loaded at the first call. A failed load is tried again at the next. */
export function native(source?: WasmSource): Promise<NativeModule> {
  if (source !== undefined && pending !== undefined) {
    throw new InvalidInputError(
      "initialize({ wasm }) came too late: the WebAssembly is loaded already. Call it before the first create, load or fit",
    );
  }
  pending ??= load(source).catch((error: unknown) => {
    pending = undefined;
    throw error;
  });
  return pending;
}

async function load(source: WasmSource | undefined): Promise<NativeModule> {
  const [factory, wasm] = await Promise.all([loadGlue(), compile(source)]).catch((cause: unknown) => {
    if (cause instanceof RQVAEError) throw cause;
    throw new WasmLoadError(`the WebAssembly could not be loaded: ${message(cause)}`, { cause });
  });
  const module = await new Promise<NativeModule>((resolve, reject) => {
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ) => {
      WebAssembly.instantiate(wasm, imports)
        .then((instance) => receive(instance, wasm))
        .catch(fail);
      return {};
    };
    const fail = (cause: unknown) =>
      reject(
        new WasmLoadError(
          `the WebAssembly could not be started: ${message(cause)}. Glue and wasm of different versions? This is rqvae ${VERSION}`,
          { cause },
        ),
      );
    factory({ instantiateWasm }).then(resolve, fail);
  });
  const { version } = module.buildInfo();
  if (version !== VERSION) {
    throw new WasmLoadError(
      `the WebAssembly is of rqvae ${version}, the JavaScript of rqvae ${VERSION}: serve the rqvae.wasm of the same release`,
    );
  }
  module.setErrorFactory((name, text) => makeError(name, text));
  return module;
}

/** Bytes, a URL or a response become a compiled module. */
async function compile(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  const opened = source === undefined ? await openDefaultWasm() : source;
  // By tag, not by instanceof: what comes from another realm serves as well.
  switch (Object.prototype.toString.call(opened).slice(8, -1)) {
    case "WebAssembly.Module":
      return opened as WebAssembly.Module;
    case "Response":
      return compileResponse(opened as Response);
    case "URL": {
      const url = opened as URL;
      if (url.protocol === "file:" && readLocalFile) return compileBytes(await readLocalFile(url), url.href);
      return compileResponse(await fetchWasm(url));
    }
    case "ArrayBuffer":
      return compileBytes(opened as ArrayBuffer, "the given bytes");
  }
  if (ArrayBuffer.isView(opened)) return compileBytes(opened, "the given bytes");
  throw new InvalidInputError(
    `initialize: wasm must be a URL, a Response, bytes or a WebAssembly.Module, received ${show(opened)}`,
  );
}

async function fetchWasm(url: URL): Promise<Response> {
  try {
    return await fetch(url);
  } catch (cause) {
    throw new WasmLoadError(`the WebAssembly could not be fetched from ${url.href}: ${message(cause)}`, { cause });
  }
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) {
    throw new WasmLoadError(`the WebAssembly could not be fetched from ${response.url}: HTTP ${response.status}`);
  }
  // Streaming needs the MIME type application/wasm; many servers do not send it.
  if (response.headers.get("content-type")?.startsWith("application/wasm") && WebAssembly.compileStreaming) {
    try {
      return await WebAssembly.compileStreaming(response);
    } catch (cause) {
      throw new WasmLoadError(`the WebAssembly from ${response.url} could not be compiled: ${message(cause)}`, {
        cause,
      });
    }
  }
  return compileBytes(await response.arrayBuffer(), response.url || "the given response");
}

async function compileBytes(source: ArrayBuffer | ArrayBufferView, origin: string): Promise<WebAssembly.Module> {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const head = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  if (head.startsWith("<")) {
    throw new WasmLoadError(
      `expected WebAssembly from ${origin} but received HTML: the server answers a missing file with a page. Serve rqvae.wasm there`,
    );
  }
  try {
    return await WebAssembly.compile(bytes as BufferSource);
  } catch (cause) {
    throw new WasmLoadError(`the WebAssembly from ${origin} could not be compiled: ${message(cause)}`, { cause });
  }
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Loads the WebAssembly now instead of at the first `create`, `load` or `fit`, or from elsewhere than beside the package's files:
 * a URL, a response, bytes, or a compiled module (edge workers).
 */
export async function initialize(options: { wasm?: WasmSource } = {}): Promise<void> {
  checkOptionNames(options, "initialize", ["wasm"]);
  await native(options.wasm);
}

/**
 * Space on the wasm heap for one synchronous call: allocated at once, given back by `release`. Views are made afresh from the
 * current memory, since growth empties earlier ones.
 */
export class Arena {
  readonly #module: NativeModule;
  readonly #blocks: number[] = [];

  constructor(module: NativeModule) {
    this.#module = module;
  }

  /** Address of `bytes` new bytes, aligned to 8. @throws OutOfMemoryError */
  allocate(bytes: number): number {
    // A size beyond 32 bits would wrap around to a small one.
    const address = bytes < 2 ** 32 ? this.#module._malloc(Math.max(bytes, 16)) >>> 0 : 0;
    if (address === 0) {
      throw makeError(
        "OutOfMemoryError",
        `the WebAssembly memory could not grow by ${bytes} bytes (4 GB at most). Use fewer items at a time`,
      );
    }
    this.#blocks.push(address);
    return address;
  }

  floats(count: number): number {
    return this.allocate(4 * count);
  }

  release(): void {
    for (const address of this.#blocks) this.#module._free(address);
    this.#blocks.length = 0;
  }
}

/** Runs `body` with an arena that is released whatever happens, and turns what is not our error into one. */
export function withArena<T>(module: NativeModule, body: (arena: Arena) => T): T {
  const arena = new Arena(module);
  try {
    return body(arena);
  } catch (cause) {
    if (cause instanceof RQVAEError) throw cause;
    throw new RQVAEError(`internal error: ${message(cause)}`, { cause });
  } finally {
    arena.release();
  }
}
