/** The wall around an instance of the WebAssembly: what comes out of it is a result, an error of ours, or the end of the instance. */

import { Disposal, type Ending } from "../base/ending.ts";
import { makeError, RQVAEError } from "../base/errors.ts";
import { type Handle, NATIVE_FUNCTIONS, type NativeModule } from "./native-module.ts";

/** An instance behind its guard. */
export interface GuardedModule extends NativeModule {
  /** Comes when it fails, so that nothing of it can be used any more. */
  readonly ended: Ending;
}

/**
 * Puts a guard around an instance. A trap (an access out of bounds, a stack that overflows) ends a call anywhere: half of what it was
 * writing is written, locks stay held, and other models of the same memory may be damaged. After one, every call of the instance throws,
 * and what only gives memory back does nothing.
 */
export function guard(module: NativeModule): GuardedModule {
  const ended = new Failure();
  const inside =
    <Args extends unknown[], Result>(call: (...args: Args) => Result, afterFailure?: () => Result) =>
    (...args: Args): Result => {
      if (afterFailure && ended.reason) return afterFailure();
      ended.throwIfAborted();
      try {
        return call(...args);
      } catch (error) {
        if (error instanceof RQVAEError || isRefusal(error)) throw error;
        // The core's own exceptions arrive as errors of ours, but for one: there was no memory for the words.
        if (isException(error)) throw makeError("OutOfMemoryError", "the WebAssembly memory is full (4 GB at most)");
        ended.end(failed(error));
        throw ended.reason;
      }
    };
  const guarded: Record<string, unknown> = { ended };
  for (const name of [...NATIVE_FUNCTIONS, "_malloc"] as (keyof NativeModule)[]) {
    guarded[name] = inside(module[name] as (...args: unknown[]) => unknown);
  }
  guarded._free = inside(module._free, () => {});
  for (const name of ["HEAPU8", "HEAPU32", "HEAPF32", "wasmMemory"] as const) {
    Object.defineProperty(guarded, name, {
      get: () => {
        ended.throwIfAborted();
        return module[name];
      },
    });
  }
  // Handles of every kind inherit one function that frees them.
  const { Model } = module as unknown as { Model: { prototype: Handle } };
  const base = Object.getPrototypeOf(Model.prototype) as Handle;
  const free = base.delete;
  base.delete = function (this: Handle) {
    inside(
      () => free.call(this),
      () => {},
    )();
  };
  return guarded as unknown as GuardedModule;
}

/** The end of an instance. Whoever hears of it later gets an error whose stack tells where that was. */
class Failure extends Disposal {
  override throwIfAborted(): void {
    if (this.reason) throw failed(this.reason.cause);
  }
}

function failed(cause: unknown): RQVAEError {
  return new RQVAEError(
    `the WebAssembly failed (${cause instanceof Error ? cause.message : String(cause)}) and its memory may be damaged: no model, optimizer or training that it holds can be used any more. Call initialize(), then create, load or resume them anew (a worker: start a new one). What is on disk is not concerned. Please report what led to this`,
    { code: "WASM_FAILED", cause },
  );
}

/** What embind refuses before it calls anything: nothing has happened. */
function isRefusal(error: unknown): boolean {
  const { name } = (error ?? {}) as Partial<Error>;
  return name === "BindingError" || name === "TypeError";
}

/** A C++ exception that nobody caught on its way out: what it passed was put in order. */
function isException(error: unknown): boolean {
  const { Exception } = WebAssembly as unknown as { Exception?: new () => object };
  return Exception !== undefined && error instanceof Exception;
}
