/** The WebAssembly module, loaded on first use. Internal. */

import type { GuardedModule } from "./guard.ts";
import type { Wanted } from "./platform.ts";

/** What other rooms load with the first model, so that calls which need one can answer at once. */
export const alongside: (() => Promise<unknown>)[] = [];

/** The module, loaded at the first call. The next call retries a failed load. */
export async function native(): Promise<GuardedModule> {
  const [{ loadOnce }] = await Promise.all([import("./load.ts"), ...alongside.map((load) => load())]);
  return (await loadOnce({})).module;
}

/**
 * Loads the WebAssembly now instead of at the first `create`, `load` or `fit`, with these options. It is loaded only once, so call this
 * first. Another call with the same or no options, at any time, changes nothing and resolves to what is in force. After a failed load, the
 * next call may ask for something else.
 *
 * If the WebAssembly itself has failed (a trap, which the errors of all models then mention), this starts a new instance, by default from
 * the same source and with the same number of threads. Models of the failed instance stay unusable.
 *
 * Two sources are the same if they are the same object, have the same URL, or have the same bytes; a `Response` that was already read may
 * be given again. An option that is left out matches anything.
 *
 * @param options.wasm the WebAssembly, if it is not next to the package's files: a URL (also as a string, as bundlers give it for
 * `rqvae/rqvae.wasm?url`), a path (Node), a response, bytes, or a compiled module (edge workers). Use `rqvae.wasm` or, where threads work,
 * `rqvae-threads.wasm`.
 * @param options.threads how many threads may work at once. Default "auto": as many as there are cores, at most 4, for training,
 * `encodeAsync` and `encodeStream`, and 1 for the other calls. A number applies to all. Results are the same bytes with any number.
 * Threads work in Node and Deno, and on cross-origin isolated pages; elsewhere there is one, and a larger number causes one warning.
 * @returns how many threads training will use.
 * @throws InvalidInputError if the WebAssembly is already loaded from another source, or with another number of threads; the message names
 *   the request and what is in force
 * @throws WasmLoadError
 */
export async function initialize(options: Wanted = {}): Promise<{ threads: number }> {
  return (await import("./load.ts")).startOnce(options);
}
