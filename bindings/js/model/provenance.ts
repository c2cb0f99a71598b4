/** What a model's files remember of its items and its training. Internal. */

import { TextEncoder } from "../base/text-codecs.ts";
import type { RowHashes } from "../items/row-hashes.ts";
import type { DataIdentity, ModelRecord, Provenance, StoredData } from "../model-file/model-file.ts";
import { hashOf } from "../runtime/hash.ts";
import type { NativeModule } from "../runtime/native-module.ts";

/** @param hashes Of the rows; undefined where not all of them were read. */
export function storedData(
  module: NativeModule,
  { rows, dim, hash }: DataIdentity,
  hashes: RowHashes | undefined,
): StoredData {
  if (!hashes?.complete) return { rows, dim, hash };
  const { sums } = hashes.save();
  return { rows, dim, hash, fingerprint: dataFingerprint(module, sums), sums };
}

/** 16 hexadecimal digits for all rows, out of the sums over their ranges. */
export const dataFingerprint = (module: NativeModule, sums: readonly string[]): string =>
  hashOf(module, new TextEncoder().encode(sums.join("")));

/** An encoder part goes to clients: it keeps the summary and one number for the items, and no epochs. */
export function recordOf(full: Partial<Provenance>, history?: string): ModelRecord {
  const { data: all, ...rest } = full;
  const { sums: _, ...data } = all ?? {};
  return {
    full,
    encoder: all ? { ...rest, data: data as StoredData } : rest,
    ...(history === undefined ? {} : { history }),
  };
}
