/** Blobs and responses of browsers, of Node, and of the pages that jsdom and happy-dom emulate. */

import { invalid } from "./errors.ts";
import { UNWRAP } from "./option-reader.ts";

// By tag rather than instanceof, since they may be of another realm. Those of happy-dom have no tag, only their methods.
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);
const can = (value: unknown, method: string) =>
  typeof (value as Record<string, unknown> | null)?.[method] === "function";

export const isBlob = (value: unknown): value is Blob =>
  /^(Blob|File)$/.test(tagOf(value)) ||
  (tagOf(value) === "Object" && can(value, "slice") && can(value, "arrayBuffer") && can(value, "stream"));

export const isResponse = (value: unknown): value is Response =>
  tagOf(value) === "Response" ||
  (tagOf(value) === "Object" && can(value, "clone") && can(value, "arrayBuffer") && can(value, "json"));

/**
 * Refuses a Blob, Response or URL behind a Proxy: it looks like the real one, but its methods throw.
 * @throws InvalidInputError that names the argument `name`.
 */
export function requireReadable(value: Blob | Response | URL, name: string): void {
  try {
    // Accessors of all three that need the real object.
    void (tagOf(value) === "URL"
      ? (value as URL).href
      : tagOf(value) === "Response"
        ? (value as Response).ok
        : (value as Blob).size);
  } catch (cause) {
    throw invalid("PROXY", cause)`${{ argument: name }} is a Proxy of a ${tagOf(value)}: ${UNWRAP}`;
  }
}

/**
 * All bytes of a Blob. Those of jsdom have no `arrayBuffer`, but jsdom has its own reader.
 * @throws what the Blob or its reader throws
 */
export async function blobBytes(blob: Blob): Promise<ArrayBuffer> {
  if (typeof blob.arrayBuffer === "function") return blob.arrayBuffer();
  if (typeof FileReader === "undefined") {
    throw invalid(
      "FILE_UNREADABLE",
    )`this Blob has no arrayBuffer(), and there is no FileReader${{ hint: "pass its bytes", after: "; " }}`;
  }
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}
