/** A model file with other numbers for its codes. */

import { TextEncoder } from "../base/text-codecs.ts";
import { BLANK_CHECKSUM, type HashFunction } from "./model-file.ts";
import { checksumPosition, damaged } from "./read-model-file.ts";
import { readSafetensorsHeader, safetensorsDataStart } from "./safetensors-header.ts";

/** The tensors with one row per code: the vectors and, with `codebookUpdate: "ema"`, the averages that they are made of. */
const PER_CODE = /^quantization_layers\.(\d+)\.(?:embedding\.weight|cluster_size|embed_avg)$/;

/**
 * The file in which code k of each level is number `renaming[level][k]`, without a new fingerprint.
 * @param bytes a model's file as `save` writes it
 * @param renaming one permutation per level
 */
export function permuteCodes(
  bytes: Uint8Array<ArrayBuffer>,
  renaming: readonly ArrayLike<number>[],
  hash: HashFunction,
): Uint8Array<ArrayBuffer> {
  const permuted = bytes.slice();
  const start = safetensorsDataStart(bytes, bytes.length, damaged);
  for (const { name, shape, begin, end } of readSafetensorsHeader(
    bytes.subarray(8, start),
    bytes.length - start,
    damaged,
  ).tensors) {
    const level = PER_CODE.exec(name)?.[1];
    if (level === undefined) continue;
    const width = (end - begin) / shape[0]!;
    for (let code = 0, at = start + begin; code < shape[0]!; code++, at += width) {
      permuted.set(bytes.subarray(at, at + width), start + begin + renaming[Number(level)]![code]! * width);
    }
  }
  const checksum = checksumPosition(permuted);
  const write = (digits: string) => permuted.set(new TextEncoder().encode(digits), checksum);
  write(BLANK_CHECKSUM);
  write(hash(permuted));
  return permuted;
}
