/** Guards an instance of the WebAssembly: a call gives a result, throws one of our errors, or ends the instance. */

import { Disposal, type Ending } from "../base/ending.ts";
import { makeError, RQVAEError } from "../base/errors.ts";
import { type Handle, NATIVE_FUNCTIONS, type NativeModule } from "./native-module.ts";

/** An instance behind its guard. */
export interface GuardedModule extends NativeModule {
  /** Ends when the instance fails, after which nothing of it can be used. */
  readonly ended: Ending;
}

/**
 * Puts a guard around an instance. A trap (an access out of bounds, a stack overflow) can end a call anywhere: data may be half written,
 * locks stay held, and other models in the same memory may be damaged. After a trap, every call of the instance throws, and calls that only
 * free memory do nothing.
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
        // The core's own exceptions arrive as our errors, except one: there was no memory for the message.
        if (isException(error)) throw makeError("OutOfMemoryError", "the WebAssembly memory is full (at most 4 GB)");
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

/** Ends an instance. Later callers get an error whose stack shows where they called. */
class Failure extends Disposal {
  override throwIfAborted(): void {
    if (this.reason) throw failed(this.reason.cause);
  }
}

function failed(cause: unknown): RQVAEError {
  return new RQVAEError(
    `the WebAssembly failed (${cause instanceof Error ? cause.message : String(cause)}) and its memory may be damaged: do not use the models, optimisers and trainings in it any more. Call initialize(), then create, load or resume them again (for a worker: start a new one). Files on disk are not affected. Please report what led to this`,
    { code: "WASM_FAILED", cause },
  );
}

/** An error of embind before it called anything, so that nothing has happened. */
function isRefusal(error: unknown): boolean {
  const { name } = (error ?? {}) as Partial<Error>;
  return name === "BindingError" || name === "TypeError";
}

/** An uncaught C++ exception, which was unwound properly. */
function isException(error: unknown): boolean {
  const { Exception } = WebAssembly as unknown as { Exception?: new () => object };
  return Exception !== undefined && error instanceof Exception;
}
