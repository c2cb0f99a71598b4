/** Reads a model's bytes from anywhere, with the `config.json` next to them. */

import { ModelFormatError } from "../base/errors.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { readLocation, responseBytes } from "../runtime/location.ts";
import { platform } from "../runtime/platform.ts";
import type { HubConfig, ModelSource, SavedModel } from "../types.ts";

/** What was read. */
export interface ModelBytes {
  bytes: Uint8Array;
  /** The `config.json` of PyTorchModelHubMixin next to the file, if there was one. */
  config?: HubConfig;
}

const CONFIG = "config.json";

/** The bytes of what `fit` trains further. */
export async function readFrom(from: ModelSource | SavedModel | undefined): Promise<ModelBytes> {
  const isModel = typeof (from as Partial<SavedModel> | null | undefined)?.save === "function";
  return readSource(isModel ? await (from as SavedModel).save() : (from as ModelSource), "RQVAE.fit: from");
}

/** The bytes of a model. If a file does not describe itself, the configuration next to it is read as well. */
export async function readSource(source: ModelSource, where = "RQVAE.load"): Promise<ModelBytes> {
  const { bytes, file, url } = await readLocation(source, where, "the model", "model.safetensors");
  if (describesItself(bytes)) return { bytes };
  const beside =
    file !== undefined ? sibling(file) : url !== undefined && /^https?:/i.test(url) ? besideUrl(url) : undefined;
  if (beside === undefined) return { bytes };
  const json = await (file !== undefined ? readConfig(beside) : fetchConfig(beside));
  if (json === undefined) return { bytes };
  const { parseHubConfig } = await import("./state-dicts/hub-config.ts"); // few programs need it
  const config = parseHubConfig(json, String(beside));
  return config ? { bytes, config } : { bytes };
}

/** The path of the configuration in the same folder as a file. */
const sibling = (path: string | URL): string | URL =>
  typeof path === "string" ? path.replace(/[^\\/]*$/, CONFIG) : new URL(CONFIG, path);

/** The URL of the configuration next to a file. A key in the query is valid for both. */
function besideUrl(location: string): URL {
  const url = new URL(CONFIG, location);
  url.search = new URL(location).search;
  return url;
}

/** A folder's `config.json`; undefined if there is none. */
async function readConfig(path: string | URL): Promise<Uint8Array | undefined> {
  const { readLocalFile } = await platform();
  return readLocalFile?.(path).catch(() => undefined);
}

/**
 * A hub's or server's `config.json`; undefined if there is none. A refused or unanswered request counts as none, since servers answer for a
 * missing file without the headers that a page needs.
 */
async function fetchConfig(url: string | URL): Promise<Uint8Array | undefined> {
  const response = await fetch(url).catch(() => undefined);
  if (response && response.status >= 500) {
    throw new ModelFormatError(
      `${url}, which belongs to the state_dict, could not be fetched: HTTP ${response.status}. Try again, or give config`,
      { code: "FILE_UNREADABLE" },
    );
  }
  if (!response?.ok) return undefined;
  const bytes = await responseBytes(response, "RQVAE.load", "the model");
  const isPage = /^\s*</.test(new TextDecoder().decode(bytes.subarray(0, 64))); // a page served in place of a missing file
  return isPage ? undefined : bytes;
}

/** Whether a file has the metadata of rqvae, or is not a safetensors file at all. */
function describesItself(bytes: Uint8Array): boolean {
  if (bytes[8] !== 0x7b) return true; // "{": anything else is refused, whatever is next to the file
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, Math.min(8 + length, bytes.length))).includes('"rqvae":');
}
