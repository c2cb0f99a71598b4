/** Blobs and responses as they are in browsers, in Node, and in the pages that jsdom and happy-dom play. */

import { invalid } from "./errors.ts";
import { UNWRAP } from "./option-reader.ts";

// By tag, not by instanceof: they may be of another realm. Those of happy-dom have no tag, only what they can do.
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
 * Refuses a Blob, Response or URL behind a Proxy: they look like the real ones, and all that they are asked throws.
 * @throws InvalidInputError that names the argument `name`.
 */
export function requireReadable(value: Blob | Response | URL, name: string): void {
  try {
    // Accessors of all three, which need the real object.
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
 * All bytes of a Blob. Those of jsdom have no `arrayBuffer`, but a reader of their own.
 * @throws what the Blob or its reader throws
 */
export async function blobBytes(blob: Blob): Promise<ArrayBuffer> {
  if (typeof blob.arrayBuffer === "function") return blob.arrayBuffer();
  if (typeof FileReader === "undefined") {
    throw invalid(
      "FILE_UNREADABLE",
    )`this Blob has no arrayBuffer(), and there is no FileReader to read it with${{ hint: "pass its bytes", after: "; " }}`;
  }
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}
