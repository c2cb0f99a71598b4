/** Finding, compiling and starting the WebAssembly. Apart from native.ts, which everybody's first lines load. */

import { InvalidInputError, makeError, RQVAEError, WasmLoadError } from "./errors.ts";
import { type Loaded, platform, type Wanted, type WasmSource } from "./native.ts";
import type { NativeFactory, NativeModule } from "./native-module.ts";
import { show } from "./option-reader.ts";
import { localFile } from "./source.ts";
import { VERSION } from "./version.ts";
import { option, type Wording, type WordingPart } from "./wording.ts";

/** Threads of a training where nothing else was asked for, at most: more seldom help at the sizes of one batch. */
const AUTO_THREADS = 4;

/** One thread unless there are more to be had. */
async function countThreads({ threads = "auto" }: Wanted): Promise<number> {
  const available = threads === 1 ? 1 : await (await platform()).availableThreads();
  return threads === "auto" ? Math.min(available, AUTO_THREADS) : available > 1 ? threads : 1;
}

export async function load(wanted: Wanted): Promise<Loaded> {
  const { module, threads } = await start(wanted);
  const { version } = module.buildInfo();
  if (version !== VERSION) {
    throw new WasmLoadError(
      `the WebAssembly is of rqvae ${version}, the JavaScript of rqvae ${VERSION}: serve the rqvae.wasm of the same release`,
    );
  }
  if (typeof wanted.threads === "number" && wanted.threads > threads) warnOfThreads(wanted.threads);
  module.setErrorFactory((name, text) => makeError(name, readWording(text)));
  // A single call that encodes is short: it takes more threads only when told to.
  module.useThreads(threads, typeof wanted.threads === "number" ? threads : 1, typeof window === "undefined");
  return { module, threads };
}

let warned = false;

function warnOfThreads(wanted: number): void {
  if (warned) return;
  warned = true;
  console.warn(
    `rqvae: ${wanted} threads were asked for, there is one. Threads need Node or Deno, or a page that is cross-origin isolated, and rqvae-threads.wasm where initialize is given a wasm. Results are the same`,
  );
}

async function start(wanted: Wanted): Promise<Loaded> {
  const { wasm, glue, threads } = await find(wanted).catch((cause: unknown) => {
    if (cause instanceof RQVAEError) throw cause;
    throw new WasmLoadError(`the WebAssembly could not be loaded: ${message(cause)}`, { cause });
  });
  const module = await new Promise<NativeModule>((resolve, reject) => {
    const instantiateWasm = (imports: object, receive: (instance: object, module: object) => void) => {
      WebAssembly.instantiate(wasm, imports as WebAssembly.Imports)
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
    glue({ instantiateWasm }).then(resolve, fail);
  });
  if (threads > 1) watchMemory(module);
  return { module, threads };
}

/** The wasm, the glue that fits it, and how many threads there will be. */
async function find(wanted: Wanted): Promise<{ wasm: WebAssembly.Module; glue: NativeFactory; threads: number }> {
  const threads = await countThreads(wanted);
  const { loadGlue, openDefaultWasm } = await platform();
  if (wanted.wasm === undefined) {
    const [glue, wasm] = await Promise.all([loadGlue(threads > 1), openDefaultWasm(threads > 1).then(compile)]);
    return { wasm, glue, threads };
  }
  // Which build it is shows in what it imports: threads share a memory that is made outside.
  const wasm = await compile(wanted.wasm);
  const shares = WebAssembly.Module.imports(wasm).some(({ kind }) => kind === "memory");
  if (shares && threads === 1) {
    throw new WasmLoadError(
      "the given WebAssembly is the build with threads (rqvae-threads.wasm), which cannot run here or with threads: 1. Give rqvae.wasm instead",
    );
  }
  return { wasm, glue: await loadGlue(shares), threads: shares ? threads : 1 };
}

/** A thread may have grown the memory: the views on it are then made anew where they are read. */
function watchMemory(module: NativeModule): void {
  const memory = module.wasmMemory;
  for (const [name, View] of [
    ["HEAPU8", Uint8Array],
    ["HEAPU32", Uint32Array],
    ["HEAPF32", Float32Array],
  ] as const) {
    let view = new View(memory.buffer);
    Object.defineProperty(module, name, {
      get: () => {
        if (view.buffer !== memory.buffer) view = new View(memory.buffer);
        return view;
      },
      set: () => {}, // the glue's own, after a growth that it made
    });
  }
}

/** Bytes, a URL or a response become a compiled module. */
export async function compile(opened: WasmSource): Promise<WebAssembly.Module> {
  // By tag, not by instanceof: what comes from another realm serves as well.
  switch (Object.prototype.toString.call(opened).slice(8, -1)) {
    case "WebAssembly.Module":
      return opened as WebAssembly.Module;
    case "Response":
      return compileResponse(opened as Response);
    case "String":
    case "URL": {
      const url = opened as string | URL;
      const file = localFile(url);
      const { readLocalFile } = await platform();
      if (file !== undefined && readLocalFile) return compileBytes(await readLocalFile(file), String(url));
      return compileResponse(await fetchWasm(url));
    }
    case "ArrayBuffer":
      return compileBytes(opened as ArrayBuffer, "the given bytes");
  }
  if (ArrayBuffer.isView(opened)) return compileBytes(opened, "the given bytes");
  throw new InvalidInputError(
    `initialize: wasm must be a URL, a path, a Response, bytes or a WebAssembly.Module, received ${show(opened)}`,
  );
}

async function fetchWasm(url: string | URL): Promise<Response> {
  try {
    return await fetch(url);
  } catch (cause) {
    throw new WasmLoadError(`the WebAssembly could not be fetched from ${url}: ${message(cause)}`, { cause });
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

/** The parts of a message of the core, which marks options as {learningRate} and epochs as {epoch=3}. */
function readWording(text: string): Wording {
  return text.split(/(\{\w+(?:=\w+)?\})/).flatMap((part): WordingPart[] => {
    const [, name, value] = /^\{(\w+)(?:=(\w+))?\}$/.exec(part) ?? [];
    if (name === undefined) return part === "" ? [] : [part];
    return [name === "epoch" ? { epoch: Number(value) } : option(name, value)];
  });
}
