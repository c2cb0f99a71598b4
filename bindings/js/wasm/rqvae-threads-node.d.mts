/** Emscripten's glue, made by the build. */
import type { NativeFactory } from "../native-module.ts";

declare const factory: NativeFactory;
export default factory;
