/** The WebAssembly module, loaded when first needed. Internal. */

import type { GuardedModule } from "./guard.ts";
import type { Wanted } from "./platform.ts";

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
