/** `TextDecoder` and `TextEncoder`. Jest's jsdom hides them from the page that it emulates, but Node has them. */

const { process } = globalThis as { process?: { getBuiltinModule?(name: string): typeof globalThis } };
const codecs = typeof globalThis.TextDecoder === "function" ? globalThis : process?.getBuiltinModule?.("node:util");

export const { TextDecoder, TextEncoder } = codecs ?? globalThis;
