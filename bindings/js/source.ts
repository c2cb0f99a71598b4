/** Reading a model's bytes from wherever they are. */

import { InvalidInputError, ModelFormatError } from "./errors.ts";
import { platform } from "./native.ts";
import { show } from "./option-reader.ts";
import { isHubConfig } from "./state-dicts/hub-config.ts";
import type { HubConfig, ModelSource } from "./types.ts";

/** What was read. */
export interface ModelBytes {
  bytes: Uint8Array;
  /** The `config.json` of PyTorchModelHubMixin that stood beside the file, if there was one. */
  config?: HubConfig;
}

/** The bytes of a source. The caller's array is not kept. */
export async function readSource(source: ModelSource): Promise<ModelBytes> {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (ArrayBuffer.isView(source)) {
    return { bytes: new Uint8Array(source.buffer, source.byteOffset, source.byteLength) };
  }
  if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") return { bytes: new Uint8Array(source as ArrayBuffer) };
  if (kind === "Response") return responseBytes(source as Response);
  if (kind === "Blob" || kind === "File") return { bytes: new Uint8Array(await (source as Blob).arrayBuffer()) };
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

async function locationBytes(location: string | URL): Promise<ModelBytes> {
  const href = String(location);
  const file = localFile(location);
  const { readLocalFile } = await platform();
  if (readLocalFile && file !== undefined) {
    try {
      return await readModel(file, readLocalFile);
    } catch (cause) {
      if (cause instanceof ModelFormatError) throw cause;
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
  if (describesItself(bytes)) return { bytes };
  const beside = sibling(path, "config.json");
  const json = await read(beside).catch(() => undefined);
  if (json === undefined) return { bytes };
  try {
    const config = JSON.parse(new TextDecoder().decode(json));
    if (config !== null && typeof config === "object" && !Array.isArray(config) && isHubConfig(config)) {
      return { bytes, config };
    }
  } catch (cause) {
    throw new ModelFormatError(`${beside}, which stands beside the state_dict, is not JSON`, { cause });
  }
  return { bytes };
}

/** The path of a file in a folder. */
const within = (folder: string | URL, name: string): string | URL =>
  typeof folder === "string"
    ? `${folder.replace(/[\\/]+$/, "")}/${name}`
    : new URL(name, `${folder.href.replace(/\/+$/, "")}/`);

/** The path of a file in the same folder as another. */
const sibling = (path: string | URL, name: string): string | URL =>
  typeof path === "string" ? path.replace(/[^\\/]*$/, name) : new URL(name, path);

/** Whether a safetensors file has the metadata of rqvae. */
function describesItself(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, Math.min(8 + length, bytes.length))).includes('"rqvae":');
}

async function responseBytes(response: Response): Promise<ModelBytes> {
  if (!response.ok)
    throw new ModelFormatError(`the model could not be fetched from ${response.url}: HTTP ${response.status}`);
  try {
    return { bytes: new Uint8Array(await response.arrayBuffer()) };
  } catch (cause) {
    throw new InvalidInputError(`RQVAE.load: the response could not be read: ${(cause as Error).message}`, { cause });
  }
}
