/** The header of a safetensors file: of models, embeddings and shards of IDs. It is checked, whoever wrote the file. */

import { showName } from "../base/file-values.ts";
import { type Complain, fields, list, optional, readJson, text, whole } from "../base/json-shape.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { counted, thousands } from "../base/words.ts";

/** Longest header that is read: the format's own cap. */
export const MAX_HEADER = 100_000_000;

/** Bytes per number, by the format's name of its type. */
const WIDTHS = new Map(
  Object.entries({
    ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1, C64: 8 },
    ...{ I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
  }),
);

/** A tensor, and where its bytes are in the data after the header. */
export interface TensorEntry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** What the header says. */
export interface SafetensorsHeader {
  /** Strings by name, if the writer followed the format. */
  metadata: Readonly<Record<string, unknown>>;
  tensors: TensorEntry[];
}

/**
 * Where the data starts, after the header.
 * @param begin The file's first bytes, 8 of them if it has that many.
 * @param size Bytes of the file.
 * @throws what `complain` makes.
 */
export function safetensorsDataStart(begin: Uint8Array, size: number, complain: Complain): number {
  if (size < 8) throw complain(`it has ${counted(size, "byte")}, but needs at least 8`);
  const length = Number(new DataView(begin.buffer, begin.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER) throw complain(`its header claims ${counted(length, "byte")}`);
  if (8 + length > size) {
    throw complain(`its header should have ${counted(length, "byte")}, but only ${thousands(size - 8)} follow`);
  }
  return 8 + length;
}

const HEADER = fields({ __metadata__: optional(fields({})) });
const ENTRY = fields({ dtype: text, shape: list(whole()), data_offsets: list(whole(), 2) });

/**
 * Reads the header and checks that its tensors have room for their shapes and fill the data without gaps, as the format requires.
 * @param dataSize Bytes after the header.
 * @throws what `complain` makes.
 */
export function readSafetensorsHeader(json: Uint8Array, dataSize: number, complain: Complain): SafetensorsHeader {
  let decoded: string;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true }).decode(json);
  } catch (cause) {
    throw complain("its header is not UTF-8", cause);
  }
  const { __metadata__: metadata = {}, ...entries } = readJson<Record<string, unknown>>(
    decoded,
    HEADER,
    (what, cause) => complain(`of its header, ${what}`, cause),
  );
  const tensors = Object.entries(entries).map(([name, entry]) => {
    const tensor = `tensor ${showName(name)}`;
    ENTRY(entry, (what) => complain(`${tensor} is not a safetensors entry: ${what}`));
    const { dtype, shape, data_offsets } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] };
    const [begin, end] = data_offsets;
    if (begin > end || end > dataSize) {
      throw complain(
        `${tensor} should be in the bytes ${begin} to ${end} of the data, which has only ${counted(dataSize, "byte")}: it is truncated`,
      );
    }
    const needed = shape.reduce((product, extent) => product * extent, WIDTHS.get(dtype) ?? Number.NaN);
    if (WIDTHS.has(dtype) && needed !== end - begin) {
      throw complain(
        `${tensor} of shape [${shape.slice(0, 8)}] and ${dtype} takes ${counted(needed, "byte")}, not ${counted(end - begin, "byte")}`,
      );
    }
    return { name, dtype, shape, begin, end };
  });
  let reached = 0;
  for (const { name, begin, end } of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) {
      throw complain(
        `tensor ${showName(name)} starts at byte ${begin} of the data instead of ${reached}${begin < reached ? ": tensors overlap" : ""}`,
      );
    }
    reached = end;
  }
  if (reached !== dataSize) {
    throw complain(`its tensors take ${counted(reached, "byte")}, but it has ${counted(dataSize, "byte")} of data`);
  }
  return { metadata: metadata as Record<string, unknown>, tensors };
}
