/** `TextDecoder` and `TextEncoder`, which jest's jsdom hides from the page that it plays: Node has them all the same. */

const { process } = globalThis as { process?: { getBuiltinModule?(name: string): typeof globalThis } };
const codecs = typeof globalThis.TextDecoder === "function" ? globalThis : process?.getBuiltinModule?.("node:util");

export const { TextDecoder, TextEncoder } = codecs ?? globalThis;
