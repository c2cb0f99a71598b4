/** Space on the WebAssembly heap, and errors of its calls. Internal. */

import { makeError, RQVAEError } from "../base/errors.ts";
import { counted } from "../base/words.ts";
import type { Handle, NativeModule } from "./native-module.ts";

/**
 * Space on the wasm heap for one synchronous call: allocated at once, and freed by `release`. Views are always made from the current
 * memory, since growth detaches earlier ones.
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
        `the WebAssembly memory could not grow by ${counted(bytes, "byte")} (at most 4 GB). Use fewer items at a time`,
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

/** Runs `body` with an arena that is always released, and turns other errors into ours. */
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

/** What a call of the wasm threw, as one of our errors. */
export function asOurs(cause: unknown): RQVAEError {
  return cause instanceof RQVAEError ? cause : new RQVAEError(`internal error: ${message(cause)}`, { cause });
}

/** A safety net for objects that were not disposed: frees the handle of an object that was collected. */
export const handles = new FinalizationRegistry<Handle>((handle) => handle.delete());

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
