/** Hashes that the WebAssembly computes. */

import { withArena } from "./arena.ts";
import type { NativeModule } from "./native-module.ts";

/** Hash of bytes by the core, 16 hexadecimal digits. */
export function hashOf(module: NativeModule, bytes: Uint8Array): string {
  return withArena(module, (arena) => {
    const address = arena.allocate(bytes.length);
    module.HEAPU8.set(bytes, address);
    return module.hash(address, bytes.length);
  });
}
