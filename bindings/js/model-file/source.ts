/** Reading the bytes of a model, or of an index, from wherever they are. */

import { viewBytes } from "../base/attached.ts";
import { InvalidInputError, ModelFormatError } from "../base/errors.ts";
import { show, UNWRAP } from "../base/option-reader.ts";
import { reasonOf } from "../base/reason.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { blobBytes, isBlob, isResponse, requireReadable } from "../base/web-objects.ts";
import { localFile } from "../runtime/location.ts";
import { platform } from "../runtime/platform.ts";
import type { HubConfig, ModelSource } from "../types.ts";

/** What was read. */
export interface ModelBytes {
  bytes: Uint8Array;
  /** The `config.json` of PyTorchModelHubMixin that stood beside the file, if there was one. */
  config?: HubConfig;
}

/**
 * The bytes of a source. The caller's array is not kept.
 * @param where The call that messages name.
 */
export async function readSource(source: ModelSource, where = "RQVAE.load"): Promise<ModelBytes> {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (ArrayBuffer.isView(source) || kind === "ArrayBuffer" || kind === "SharedArrayBuffer") {
    return { bytes: viewBytes(source as ArrayBuffer, where) };
  }
  const isAnswer = isResponse(source);
  if (isAnswer || isBlob(source) || kind === "URL") requireReadable(source as Blob, `${where}: source`);
  if (isAnswer) return responseBytes(source, where);
  if (isBlob(source)) return { bytes: await bytesOfBlob(source, where) };
  if (typeof source === "string" || kind === "URL") return locationBytes(source as string | URL, where);
  throw new InvalidInputError(
    `${where}: expected bytes, a URL, a path, a Blob or a Response, received ${
      typeof (source as { then?: unknown } | null)?.then === "function" ? "a promise: await it first" : show(source)
    }`,
  );
}

async function locationBytes(location: string | URL, where: string): Promise<ModelBytes> {
  const href = String(location);
  const file = localFile(location);
  const { readLocalFile } = await platform();
  if (readLocalFile && file !== undefined) {
    try {
      return await readModel(file, readLocalFile);
    } catch (cause) {
      if (cause instanceof ModelFormatError) throw cause;
      throw new InvalidInputError(`${where}: could not read the file ${href}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }
  let response: Response;
  try {
    response = await fetch(location);
  } catch (cause) {
    throw new InvalidInputError(`${where}: could not fetch ${href}: ${(cause as Error).message}`, { cause });
  }
  const { bytes } = await responseBytes(response, where);
  // Of what was asked for, not of where a hub's answer was fetched from; only the response knows what a relative URL is relative to.
  const base = /^https?:/i.test(href) ? href : response.url;
  return /^https?:/i.test(base) ? withConfig(bytes, besideUrl(base), (url) => fetchConfig(url, where)) : { bytes };
}

/** The URL of a `config.json` beside a file. A key in the query is one for both. */
function besideUrl(location: string): URL {
  const url = new URL("config.json", location);
  url.search = new URL(location).search;
  return url;
}

/**
 * A hub's or server's `config.json`; undefined when there is none. A request that is refused or not answered is none either: where a file
 * is missing, servers answer without the headers that a page needs.
 */
async function fetchConfig(url: string | URL, where: string): Promise<Uint8Array | undefined> {
  const response = await fetch(url).catch(() => undefined);
  if (response && response.status >= 500) {
    throw new ModelFormatError(
      `${url}, which belongs to the state_dict, could not be fetched: HTTP ${response.status}. Try again, or give config yourself`,
    );
  }
  if (!response?.ok) return undefined;
  const { bytes } = await responseBytes(response, where);
  const isPage = /^\s*</.test(new TextDecoder().decode(bytes.subarray(0, 64))); // what is served in place of a missing file
  return isPage ? undefined : bytes;
}

/** A file, or a folder as `save_pretrained` writes it, with what stands beside a file that does not describe itself. */
async function readModel(file: string | URL, read: (path: string | URL) => Promise<Uint8Array>): Promise<ModelBytes> {
  let path = file;
  const bytes = await read(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EISDIR") throw error;
    path = within(file, "model.safetensors");
    return read(path).catch(() => {
      throw new Error("it is a folder without model.safetensors");
    });
  });
  return withConfig(bytes, sibling(path, "config.json"), (beside) => read(beside).catch(() => undefined));
}

/** What stands beside a file that does not describe itself is read with it. */
async function withConfig(
  bytes: Uint8Array,
  beside: string | URL,
  read: (location: string | URL) => Promise<Uint8Array | undefined>,
): Promise<ModelBytes> {
  const json = describesItself(bytes) ? undefined : await read(beside);
  if (json === undefined) return { bytes };
  const { parseHubConfig } = await import("./state-dicts/hub-config.ts"); // few need it
  const config = parseHubConfig(json, String(beside));
  return config ? { bytes, config } : { bytes };
}

/** The path of a file in a folder. */
const within = (folder: string | URL, name: string): string | URL =>
  typeof folder === "string"
    ? `${folder.replace(/[\\/]+$/, "")}/${name}`
    : new URL(name, `${folder.href.replace(/\/+$/, "")}/`);

/** The path of a file in the same folder as another. */
const sibling = (path: string | URL, name: string): string | URL =>
  typeof path === "string" ? path.replace(/[^\\/]*$/, name) : new URL(name, path);

/** Whether a file has the metadata of rqvae, or is no safetensors file at all. */
function describesItself(bytes: Uint8Array): boolean {
  if (bytes[8] !== 0x7b) return true; // "{": else a complaint follows, whatever stands beside it
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, Math.min(8 + length, bytes.length))).includes('"rqvae":');
}

async function bytesOfBlob(blob: Blob, where: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blobBytes(blob));
  } catch (cause) {
    throw new InvalidInputError(
      `${where}: the Blob could not be read: ${(cause as Error).message}. If it is behind a Proxy, ${UNWRAP}`,
      { cause },
    );
  }
}

async function responseBytes(response: Response, where: string): Promise<ModelBytes> {
  if (!response.ok) throw new ModelFormatError(`${where}: could not fetch ${response.url}: HTTP ${response.status}`);
  try {
    return { bytes: new Uint8Array(await response.arrayBuffer()) };
  } catch (cause) {
    throw new InvalidInputError(`${where}: the response could not be read: ${(cause as Error).message}`, { cause });
  }
}
