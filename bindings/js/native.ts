/** How the WebAssembly module is loaded, and space on its heap. Internal. */

import { makeError, RQVAEError } from "./errors.ts";
import type { GuardedModule } from "./guard.ts";
import type { Handle, NativeModule } from "./native-module.ts";
import { counted } from "./wording.ts";

/** Where the WebAssembly comes from, when not from beside the package's own files. */
export type WasmSource = string | URL | Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module;

/** What `initialize` was asked for. */
export interface Wanted {
  wasm?: WasmSource | undefined;
  threads?: number | "auto" | undefined;
}

export interface Loaded {
  module: GuardedModule;
  threads: number;
  /** What it was loaded from, so that the same can be known again. */
  origin: Origin;
}

/** Where a WebAssembly came from. */
export interface Origin {
  /** In words, for messages. */
  name: string;
  href?: string;
  /** Of its bytes. */
  digest?: string;
}

type Platform = typeof import("#load-wasm");

let known: Platform | undefined;
/** The bytes of `rqvae/inline`, where `initialize` was given none. */
export let inline: (() => Promise<ArrayBuffer>) | undefined;

/** What this environment offers. Loaded when first needed, by the import condition "node". */
export async function platform(): Promise<Platform> {
  known ??= await import("#load-wasm");
  return known;
}

/** Says which it is where `#load-wasm` may not resolve: a page's import map is unknown to its workers. */
export function usePlatform(given: Platform): void {
  known = given;
}

/** Takes the WebAssembly from here where `initialize` was given none. For `rqvae/inline`. */
export function useInlineWasm(bytes: () => Promise<ArrayBuffer>): void {
  inline = bytes;
}

/** The module, loaded at the first call. A failed load is tried again at the next. */
export async function native(): Promise<GuardedModule> {
  const { loadOnce } = await import("./load.ts");
  return (await loadOnce({})).module;
}

/**
 * Loads the WebAssembly now instead of at the first `create`, `load` or `fit`, and says how. It is loaded once: call this before the
 * others. Another call changes nothing and resolves to what is in force, as long as it asks for nothing else: at any time, and also while
 * the first one runs. After a load that failed, the next call may ask for something else.
 *
 * After the WebAssembly itself failed (a trap, which the errors of all models then name), this starts another instance, from the same
 * source and with as many threads unless told otherwise; models of the failed one stay unusable.
 *
 * Two sources are the same when they are the same object, have the same URL, or have the same bytes; a `Response` that was read already
 * may be given again. An option that is left out asks for nothing.
 *
 * @param options.wasm where it comes from, when not from beside the package's files: a URL (also as text, as bundlers give it for
 *   `rqvae/rqvae.wasm?url`), a path (Node), a response, bytes, or a compiled module (edge workers). Both `rqvae.wasm` and
 *   `rqvae-threads.wasm` serve, the latter where threads can be used.
 * @param options.threads how many threads may work at once. Default "auto": 1 to encode, and as many as there are cores, at most 4, to
 *   train. A number holds for both. Results are the same bytes with any number. Threads are used where they can be: in Node and Deno,
 *   and on pages that are cross-origin isolated; elsewhere there is one, and a number that cannot be had is warned of once.
 * @returns how many threads training will use.
 * @throws InvalidInputError when the WebAssembly is already loaded from somewhere else, or with another number of threads; the message
 *   says what was asked for and what is in force
 * @throws WasmLoadError
 */
export async function initialize(options: Wanted = {}): Promise<{ threads: number }> {
  return (await import("./load.ts")).startOnce(options);
}

/**
 * Space on the wasm heap for one synchronous call: allocated at once, given back by `release`. Views are made afresh from the
 * current memory, since growth empties earlier ones.
 */
export class Arena {
  readonly #module: NativeModule;
  /** The first `#count` of these are in use. */
  readonly #blocks: number[] = [];
  #count = 0;

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
        `the WebAssembly memory could not grow by ${counted(bytes, "byte")} (4 GB at most). Use fewer items at a time`,
      );
    }
    this.#blocks[this.#count++] = address;
    return address;
  }

  floats(count: number): number {
    return this.allocate(4 * count);
  }

  release(): void {
    while (this.#count > 0) this.#module._free(this.#blocks[--this.#count] as number);
  }
}

/** Runs `body` with an arena that is released whatever happens, and turns what is not our error into one. */
export function withArena<T>(module: NativeModule, body: (arena: Arena) => T): T {
  const arena = new Arena(module);
  try {
    return body(arena);
  } catch (cause) {
    throw asOurs(cause);
  } finally {
    arena.release();
  }
}

/** What a call of the wasm threw, as an error of ours. */
export function asOurs(cause: unknown): RQVAEError {
  return cause instanceof RQVAEError ? cause : new RQVAEError(`internal error: ${message(cause)}`, { cause });
}

/** A safety net for what nobody disposed: frees the handle of an object that is gone. */
export const handles = new FinalizationRegistry<Handle>((handle) => handle.delete());

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
