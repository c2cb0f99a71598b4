/** Reads the bytes at a location: bytes, a URL, a path, a Blob or a Response. */

import { viewBytes } from "../base/attached.ts";
import { invalid, ModelFormatError } from "../base/errors.ts";
import { show, UNWRAP } from "../base/option-reader.ts";
import { reasonOf } from "../base/reason.ts";
import { blobBytes, isBlob, isResponse, requireReadable } from "../base/web-objects.ts";
import { call } from "../base/wording.ts";
import { platform } from "./platform.ts";

/** Where bytes come from: the bytes, a URL, a path (Node), a Blob or a Response. */
export type ByteLocation = Uint8Array | ArrayBuffer | URL | string | Blob | Response;

/** What was read, and where it is if it has a location of its own. */
export interface LocatedBytes {
  bytes: Uint8Array;
  /** The file that was read; others may be next to it. */
  file?: string | URL;
  /** The URL that it was fetched from. */
  url?: string;
}

/** Reads a file. */
export type ReadFile = (path: string | URL) => Promise<Uint8Array>;

/** The path or file URL of a location, in environments with files; undefined if it must be fetched. */
export function localFile(location: string | URL): string | URL | undefined {
  const href = String(location);
  const isUrl = typeof location !== "string" || /^(https?|data|blob|file):/i.test(href);
  if (!isUrl) return href;
  return /^file:/i.test(href) ? new URL(href) : undefined;
}

/**
 * The bytes at a location. The caller's array is not kept.
 * @param where the calling function, for messages: "RQVAE.load"
 * @param what what the bytes are, for messages: "the model"
 * @param inFolder the name of the file that a folder stands for
 * @throws InvalidInputError for anything but a readable location; ModelFormatError for an error response
 */
export async function readLocation(
  source: ByteLocation,
  where: string,
  what: string,
  inFolder?: string,
): Promise<LocatedBytes> {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (ArrayBuffer.isView(source) || kind === "ArrayBuffer" || kind === "SharedArrayBuffer") {
    return { bytes: viewBytes(source as ArrayBuffer, where) };
  }
  const isAnswer = isResponse(source);
  if (isAnswer || isBlob(source) || kind === "URL") requireReadable(source as Blob, `${where}: source`);
  if (isAnswer) return { bytes: await responseBytes(source, where, what) };
  if (isBlob(source)) return { bytes: await bytesInBlob(source, where) };
  if (typeof source !== "string" && kind !== "URL") {
    throw invalid()`${call(where)}expected bytes, a URL, a path, a Blob or a Response, received ${
      typeof (source as { then?: unknown } | null)?.then === "function" ? "a promise: await it first" : show(source)
    }`;
  }
  const location = source as string | URL;
  const file = localFile(location);
  const { readLocalFile } = await platform();
  if (readLocalFile && file !== undefined) {
    try {
      return await readFileOrFolder(file, readLocalFile, inFolder);
    } catch (cause) {
      throw invalid(
        "FILE_UNREADABLE",
        cause,
      )`${call(where)}could not read the file ${{ file: String(location), form: "statement" }}: ${reasonOf(cause)}`;
    }
  }
  let response: Response;
  try {
    response = await fetch(location);
  } catch (cause) {
    throw invalid(
      "FILE_UNREADABLE",
      cause,
    )`${call(where)}could not fetch ${{ file: String(location), form: "statement" }}: ${(cause as Error).message}`;
  }
  // The requested URL, not the one that a hub redirected to; only the response knows the base of a relative URL.
  const url = /^https?:/i.test(String(location)) ? String(location) : response.url;
  return { bytes: await responseBytes(response, where, what), url };
}

async function readFileOrFolder(file: string | URL, read: ReadFile, inFolder?: string): Promise<LocatedBytes> {
  try {
    return { bytes: await read(file), file };
  } catch (error) {
    if (inFolder === undefined || (error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
    const path = within(file, inFolder);
    const bytes = await read(path).catch(() => {
      throw new Error(`it is a folder without ${inFolder}`);
    });
    return { bytes, file: path };
  }
}

/** The path of a file in a folder. */
const within = (folder: string | URL, name: string): string | URL =>
  typeof folder === "string"
    ? `${folder.replace(/[\\/]+$/, "")}/${name}`
    : new URL(name, `${folder.href.replace(/\/+$/, "")}/`);

async function bytesInBlob(blob: Blob, where: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blobBytes(blob));
  } catch (cause) {
    throw invalid(
      "PROXY",
      cause,
    )`${call(where)}the Blob could not be read: ${(cause as Error).message}. If it is behind a Proxy, ${UNWRAP}`;
  }
}

/** The body of a response. @throws ModelFormatError for a server error */
export async function responseBytes(response: Response, where: string, what: string): Promise<Uint8Array> {
  if (!response.ok) {
    throw new ModelFormatError(`${what} could not be fetched from ${response.url}: HTTP ${response.status}`, {
      code: "FILE_UNREADABLE",
    });
  }
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw invalid("FILE_UNREADABLE", cause)`${call(where)}the response could not be read: ${(cause as Error).message}`;
  }
}
