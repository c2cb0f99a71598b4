/** Finds, compiles and starts the WebAssembly. Separate from native.ts, which is part of the main entry. */

import { viewBytes } from "../base/attached.ts";
import { invalid, makeError, RQVAEError, WasmLoadError } from "../base/errors.ts";
import { checkOptionNames, show } from "../base/option-reader.ts";
import { reasonOf } from "../base/reason.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { VERSION } from "../base/version.ts";
import { isResponse, requireReadable } from "../base/web-objects.ts";
import { call, option, type Wording, type WordingPart } from "../base/wording.ts";
import { guard } from "./guard.ts";
import { localFile } from "./location.ts";
import type { NativeFactory, NativeModule } from "./native-module.ts";
import { inline, type Loaded, type Origin, platform, type Wanted, type WasmSource } from "./platform.ts";

/** The most threads of a training by default; more seldom help at the sizes of one batch. */
const AUTO_THREADS = 4;

/** One thread unless more are available. */
async function countThreads({ threads = "auto" }: Wanted): Promise<number> {
  const available = threads === 1 ? 1 : await (await platform()).availableThreads();
  return threads === "auto" ? Math.min(available, AUTO_THREADS) : available > 1 ? threads : 1;
}

/** The current or finished load, and what it was asked for. */
let current: { wanted: Wanted; loaded: Promise<Loaded> } | undefined;

/** Loads the WebAssembly, unless it is loaded or loading. The next call retries a failed load. */
export function loadOnce(wanted: Wanted): Promise<Loaded> {
  current ??= {
    wanted,
    loaded: load(wanted).catch((error: unknown) => {
      current = undefined;
      throw error;
    }),
  };
  return current.loaded;
}

/** See `initialize`. */
export async function startOnce(options: Wanted): Promise<{ threads: number }> {
  checkOptionNames(options, "initialize", ["wasm", "threads"]);
  const { threads } = options;
  if (threads !== undefined && threads !== "auto" && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw invalid()`${call("initialize")}${{ argument: "threads" }} must be "auto" or a whole number from 1 to 64, received ${show(threads)}`;
  }
  const before = current;
  if (before && (await before.loaded.catch(() => undefined))?.module.ended.reason) {
    if (current === before) current = undefined; // the first caller to see it
    options = { wasm: options.wasm ?? before.wanted.wasm, threads: threads ?? before.wanted.threads };
  }
  // Callers that ask for the same share the load and its failure. Others wait for it: they may find what they want in force, or try their
  // own if it failed.
  while (current !== undefined && !asksForSame(options, current.wanted)) {
    const { wanted, loaded } = current;
    const inForce = await loaded.catch(() => undefined);
    if (inForce === undefined) continue;
    await requireInForce(options, wanted, inForce);
    break;
  }
  return { threads: (await loadOnce(options)).threads };
}

function asksForSame({ wasm, threads }: Wanted, wanted: Wanted): boolean {
  return (
    (wasm === undefined || wasm === wanted.wasm) && (threads === undefined || threads === (wanted.threads ?? "auto"))
  );
}

async function load(wanted: Wanted): Promise<Loaded> {
  const loaded = await start(wanted).catch((error: unknown) => {
    // Shared memory is reserved at its full size of 4 GB; the build without threads needs less.
    if (!(error instanceof NoMemoryError) || wanted.threads === 1 || wanted.wasm !== undefined) throw error;
    return start({ ...wanted, threads: 1 });
  });
  const { module, threads } = loaded;
  const { version } = module.buildInfo();
  if (version !== VERSION) {
    throw new WasmLoadError(
      `the WebAssembly is from rqvae ${version}, but the JavaScript from rqvae ${VERSION}: serve the rqvae.wasm of the same release`,
      { code: "WASM_OTHER_VERSION" },
    );
  }
  if (typeof wanted.threads === "number" && wanted.threads > threads) warnOfThreads(wanted.threads);
  module.setErrorFactory((name, text) => makeError(name, readWording(text)));
  // A single call that encodes is short, so it uses more threads only on request.
  module.useThreads(threads, typeof wanted.threads === "number" ? threads : 1, typeof window === "undefined");
  return loaded;
}

/**
 * Checks that the request matches what is loaded.
 * @param wanted what the load was asked for
 * @throws InvalidInputError that names both.
 */
async function requireInForce(asked: Wanted, wanted: Wanted, { origin, threads }: Loaded): Promise<void> {
  const sameThreads =
    asked.threads === undefined ||
    asked.threads === (wanted.threads ?? "auto") ||
    (asked.threads === 1 && threads === 1);
  const sameWasm =
    asked.wasm === undefined || asked.wasm === wanted.wasm || isSameOrigin(await originOf(asked.wasm), origin);
  if (sameThreads && sameWasm) return;
  const wishes = [
    ...(asked.wasm === undefined ? [] : [`wasm from ${(await originOf(asked.wasm)).name}`]),
    ...(asked.threads === undefined ? [] : [`threads: ${show(asked.threads)}`]),
  ];
  throw invalid(
    "WASM_ALREADY_LOADED",
  )`${call("initialize")}asked for ${wishes.join(" and ")}, but the WebAssembly is already loaded from ${origin.name} with threads: ${show(wanted.threads ?? "auto")} (${threads} in use), and it can be loaded only once${{ hint: "Call initialize before the first create, load or fit, or with the same arguments", after: ". " }}`;
}

const isSameOrigin = (one: Origin, other: Origin) =>
  (one.href !== undefined && one.href === other.href) || (one.digest !== undefined && one.digest === other.digest);

let warned = false;

function warnOfThreads(wanted: number): void {
  if (warned) return;
  warned = true;
  console.warn(
    `rqvae: ${wanted} threads were requested, but only one is available. Threads need Node or Deno, or a cross-origin isolated page, and rqvae-threads.wasm if initialize is given a wasm. Results are the same`,
  );
}

/** The WebAssembly could not get its memory. */
class NoMemoryError extends WasmLoadError {}

async function start(wanted: Wanted): Promise<Loaded> {
  const { wasm, glue, threads, origin } = await find(wanted).catch((cause: unknown) => {
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
    const fail = (cause: unknown) => reject(notStarted(cause));
    glue({ instantiateWasm, TextDecoder }).then(resolve, fail);
  });
  if (threads > 1) watchMemory(module);
  return { module: guard(module), threads, origin };
}

function notStarted(cause: unknown): WasmLoadError {
  // By name, since the engine's errors may be of another realm.
  const isMemory = (cause as Partial<Error> | null)?.name === "RangeError" || /out of memory/i.test(message(cause));
  if (isMemory) {
    return new NoMemoryError(
      `the WebAssembly got no memory: ${message(cause)}. The address space or the memory of this process is limited (ulimit -v, a container, a scheduler, a phone). Raise the limit; in Node, --disable-wasm-trap-handler needs less address space`,
      { code: "OUT_OF_MEMORY", cause },
    );
  }
  return new WasmLoadError(
    `the WebAssembly could not be started: ${message(cause)}. Check that glue and wasm have the same version; this is rqvae ${VERSION}`,
    { cause },
  );
}

/** The wasm, the matching glue, and the number of threads. */
async function find(
  wanted: Wanted,
): Promise<{ wasm: WebAssembly.Module; glue: NativeFactory; threads: number; origin: Origin }> {
  const threads = await countThreads(wanted);
  const { loadGlue } = await platform();
  if (wanted.wasm === undefined && !inline) {
    const [glue, { wasm, origin }] = await Promise.all([loadGlue(threads > 1), openDefault(threads > 1)]);
    return { wasm, glue, threads, origin: { ...origin, name: "the package's own files" } };
  }
  const opened =
    wanted.wasm === undefined
      ? { ...(await open(await inline!())), origin: { name: "rqvae/inline" } }
      : await open(wanted.wasm);
  const { wasm, origin } = opened;
  // Its imports show which build it is: threads share a memory that is made outside.
  const shares = WebAssembly.Module.imports(wasm).some(({ kind }) => kind === "memory");
  if (shares && threads === 1) {
    throw new WasmLoadError(
      "the given WebAssembly is the build with threads (rqvae-threads.wasm), which cannot run here or with threads: 1. Use rqvae.wasm instead",
    );
  }
  return { wasm, glue: await loadGlue(shares), threads: shares ? threads : 1, origin };
}

/** The wasm next to the package's files, which a bundler may have omitted. */
async function openDefault(threads: boolean): Promise<{ wasm: WebAssembly.Module; origin: Origin }> {
  try {
    const { openDefaultWasm } = await platform();
    return await open(await openDefaultWasm(threads));
  } catch (cause) {
    // A message that already names the URL needs no other start.
    const what =
      cause instanceof RQVAEError
        ? cause.message
        : `the WebAssembly next to the package's files could not be loaded: ${reasonOf(cause)}`;
    throw new WasmLoadError(
      `${what}. If a bundler omitted the file, import from "rqvae/inline", leave rqvae out of the bundle (external), or give the file to initialize({ wasm })`,
      { cause },
    );
  }
}

/** A thread may have grown the memory; the views on it are then renewed where they are read. */
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
      set: () => {}, // the glue's own view, after a growth that it made
    });
  }
}

// By tag rather than instanceof, so that objects of another realm work as well.
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

/** Compiles bytes, a URL or a response to a module. */
export async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  return (await open(source)).wasm;
}

/** The bytes of responses, which can be read only once; a restart needs them again. */
const read = new WeakMap<object, { wasm: WebAssembly.Module; origin: Origin }>();

async function open(source: WasmSource): Promise<{ wasm: WebAssembly.Module; origin: Origin }> {
  const known = isResponse(source) ? read.get(source) : undefined;
  if (known) return known;
  if (isResponse(source) || tagOf(source) === "URL") requireReadable(source as Response, "initialize: wasm");
  const origin = await originOf(source); // before reading a response
  if (isResponse(source)) {
    const opened = { wasm: await compileResponse(source), origin };
    read.set(source, opened);
    return opened;
  }
  switch (tagOf(source)) {
    case "WebAssembly.Module":
      return { wasm: source as WebAssembly.Module, origin };
    case "String":
    case "URL": {
      const url = source as string | URL;
      const file = localFile(url);
      const { readLocalFile } = await platform();
      const wasm =
        file !== undefined && readLocalFile
          ? await compileBytes(await readLocalFile(file), String(url))
          : await compileResponse(await fetchWasm(url));
      return { wasm, origin };
    }
  }
  if (isBytes(source)) return { wasm: await compileBytes(source, "the given bytes"), origin };
  throw invalid()`${call("initialize")}${{ argument: "wasm" }} must be a URL, a path, a Response, bytes or a WebAssembly.Module, received ${show(source)}`;
}

const isBytes = (source: unknown): source is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(source) || tagOf(source) === "ArrayBuffer";

/** What identifies a source. A response without a URL is read through a copy; one that was already read cannot be identified. */
async function originOf(source: WasmSource): Promise<Origin> {
  if (tagOf(source) === "String" || tagOf(source) === "URL") return { name: String(source), href: String(source) };
  if (isResponse(source)) {
    const response = source;
    if (response.url) return { name: response.url, href: response.url };
    const name = "a Response without a URL";
    return response.bodyUsed || !response.ok
      ? { name }
      : { name, digest: digest(await response.clone().arrayBuffer()) };
  }
  if (isBytes(source)) return { name: `${source.byteLength} bytes`, digest: digest(source) };
  return { name: show(source) };
}

/** FNV-1a, and the length. */
function digest(source: ArrayBuffer | ArrayBufferView): string {
  const bytes = viewBytes(source, "initialize: wasm");
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes.length}:${hash}`;
}

async function fetchWasm(url: string | URL): Promise<Response> {
  try {
    return await fetch(url);
  } catch (cause) {
    throw new WasmLoadError(
      `the WebAssembly could not be fetched from ${url}: ${message(cause)}. From another origin or in a sandboxed frame, it needs the header Access-Control-Allow-Origin`,
      { cause },
    );
  }
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) {
    throw new WasmLoadError(`the WebAssembly could not be fetched from ${response.url}: HTTP ${response.status}`);
  }
  // Streaming needs the MIME type application/wasm, which many servers do not send.
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
  const bytes = viewBytes(source, origin);
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

/** The parts of a core message, which marks options as {learningRate} and epochs as {epoch=3}. */
function readWording(text: string): Wording {
  return text.split(/(\{\w+(?:=\w+)?\})/).flatMap((part): WordingPart[] => {
    const [, name, value] = /^\{(\w+)(?:=(\w+))?\}$/.exec(part) ?? [];
    if (name === undefined) return part === "" ? [] : [part];
    return [name === "epoch" ? { epoch: Number(value) } : option(name, value)];
  });
}
