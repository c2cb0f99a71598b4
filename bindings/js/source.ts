/** Reading a model's bytes from wherever they are. */

import { InvalidInputError, ModelFormatError } from "./errors.ts";
import { platform } from "./native.ts";
import { show } from "./option-reader.ts";
import type { ModelSource } from "./types.ts";

/** The bytes of a source. The caller's array is not kept. */
export async function readSource(source: ModelSource): Promise<Uint8Array> {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") return new Uint8Array(source as ArrayBuffer);
  if (kind === "Response") return responseBytes(source as Response);
  if (kind === "Blob" || kind === "File") return new Uint8Array(await (source as Blob).arrayBuffer());
  if (typeof source === "string" || kind === "URL") return locationBytes(source as string | URL);
  throw new InvalidInputError(
    `RQVAE.load: expected bytes, a URL, a path, a Blob or a Response, received ${show(source)}`,
  );
}

/** The path or file URL, where there are files, that a location means; undefined when it is to be fetched. */
export function localFile(location: string | URL): string | URL | undefined {
  const href = String(location);
  const isUrl = typeof location !== "string" || /^(https?|data|blob|file):/i.test(href);
  if (!isUrl) return href;
  return /^file:/i.test(href) ? new URL(href) : undefined;
}

async function locationBytes(location: string | URL): Promise<Uint8Array> {
  const href = String(location);
  const file = localFile(location);
  const { readLocalFile } = await platform();
  if (readLocalFile && file !== undefined) {
    try {
      return await readLocalFile(file);
    } catch (cause) {
      throw new InvalidInputError(`RQVAE.load: could not read the file ${href}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  let response: Response;
  try {
    response = await fetch(location);
  } catch (cause) {
    throw new InvalidInputError(`RQVAE.load: could not fetch ${href}: ${(cause as Error).message}`, { cause });
  }
  return responseBytes(response);
}

async function responseBytes(response: Response): Promise<Uint8Array> {
  if (!response.ok)
    throw new ModelFormatError(`the model could not be fetched from ${response.url}: HTTP ${response.status}`);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new InvalidInputError(`RQVAE.load: the response could not be read: ${(cause as Error).message}`, { cause });
  }
}
