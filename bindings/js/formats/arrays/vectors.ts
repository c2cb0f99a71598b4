/** Writes vectors (latents, embeddings), one block of rows at a time. */

import { checkArray } from "../../base/attached.ts";
import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames, requireThat } from "../../base/option-reader.ts";
import { counted, thousands } from "../../base/words.ts";
import { halfValues } from "../../items/half.ts";
import { isFloats, typedArrayName } from "../../items/items.ts";
import { safetensorsHeader } from "../../model-file/model-file.ts";
import type { EmbeddingSource, FloatArray, ItemMatrix } from "../../types.ts";
import { checkedItemIds } from "../ids/id-table.ts";
import { requireOptions } from "../io/bytes.ts";
import { ParquetWriter } from "../parquet/parquet-writer.ts";
import { writeTextCell } from "../text/csv-text.ts";
import { npyHeader } from "./npy.ts";

/** Formats in which vectors are written. */
export const VECTOR_FORMATS = ["npy", "csv", "jsonl", "parquet", "safetensors"] as const;
/** One of `VECTOR_FORMATS`. */
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** Vectors that come in blocks of rows; their number must be known beforehand. */
export interface VectorBlocks {
  rows: number;
  dim: number;
  /**
   * Blocks of any number of whole rows, row-major; together `rows` x `dim`. Each is used before the next one is requested. Doubles are
   * rounded to float32.
   */
  blocks: AsyncIterable<FloatArray> | Iterable<FloatArray>;
}

/** What is written besides the vectors. */
export interface VectorExtras {
  /** The items' IDs, for csv, jsonl and parquet. Default: the row numbers. */
  itemIds?: readonly (string | number)[];
}

/**
 * A file of vectors in a format, in pieces, as float32:
 *
 * - npy: as `numpy.save` writes it; without item IDs;
 * - safetensors: one tensor, `embedding`; without item IDs;
 * - csv: the header `item,x_0,x_1,...`, then one row per item, with as many digits as float32 needs;
 * - jsonl: `{"id":"a","embedding":[0.1,0.2]}` per line;
 * - parquet: the columns `item` and `embedding` (a list of floats), uncompressed.
 *
 * @param vectors Blocks, a matrix (doubles and half floats too), or a source such as `openItems` gives.
 * @throws InvalidInputError for an unknown format; blocks that are not arrays of floats, do not hold whole rows or have the wrong number of
 * rows; and item IDs that are not one per row or not unique.
 */
export async function* writeVectors(
  format: VectorFormat,
  vectors: VectorBlocks | EmbeddingSource | ItemMatrix,
  extras: VectorExtras = {},
): AsyncGenerator<string | Uint8Array> {
  requireThat(
    typeof vectors === "object" && vectors !== null,
    "vectors",
    "blocks, a matrix { data, rows, dim } or a source",
    vectors,
  );
  requireOptions(extras, "extras");
  checkOptionNames(extras, "writeVectors", ["itemIds"]);
  const { rows, dim } = vectors;
  if (!(Number.isSafeInteger(rows) && rows > 0 && Number.isSafeInteger(dim) && dim > 0)) {
    throw invalid()`rows and dim must be whole numbers of at least 1, got ${describeValue(rows)} and ${describeValue(dim)}`;
  }
  // The result of `readItems` includes its items' IDs.
  const itemIds = extras.itemIds ?? (vectors as VectorExtras).itemIds;
  const itemId = checkedItemIds({ ids: { length: rows }, ...(itemIds && { itemIds }) });
  const writer = writerOf(format, rows, dim, itemId);
  yield* writer.begin();
  let done = 0;
  for await (const block of blocksOf(vectors)) {
    const here = block.length / dim;
    if (!Number.isInteger(here) || done + here > rows) {
      throw invalid(
        "COUNTS_DIFFER",
      )`a block has ${counted(block.length, "value")}: blocks must hold whole rows of ${dim} values, ${counted(rows, "row")} in all`;
    }
    yield* writer.block(block, done);
    done += here;
  }
  if (done !== rows)
    throw invalid("COUNTS_DIFFER")`the blocks have ${counted(done, "row")} instead of ${thousands(rows)}`;
  yield* writer.end();
}

/** Values written at a time. */
const BLOCK = 1 << 18;

async function* blocksOf(vectors: VectorBlocks | EmbeddingSource | ItemMatrix): AsyncGenerator<Float32Array> {
  const { rows, dim } = vectors;
  const most = Math.max(1, Math.floor(BLOCK / dim));
  if ("blocks" in vectors) {
    const blocks = vectors.blocks as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null;
    checkArray(blocks, "blocks");
    const iterator = blocks?.[Symbol.asyncIterator]?.() ?? blocks?.[Symbol.iterator]?.();
    requireThat(typeof iterator?.next === "function", "blocks", "an iterable of arrays of floats", blocks);
    for await (const block of { [Symbol.asyncIterator]: () => iterator as AsyncIterator<unknown> }) {
      const whole = requireFloats(block, "a block");
      for (let at = 0; at < whole.length; at += most * dim) yield asFloat32(whole.subarray(at, at + most * dim));
    }
    return;
  }
  if ("data" in vectors) {
    const isBits = typedArrayName(vectors.data) === "Uint16Array";
    const data = isBits ? (vectors.data as Uint16Array) : requireFloats(vectors.data, "data");
    checkArray(data, "data");
    if (data.length !== rows * dim) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "data" }} has ${thousands(data.length)} values, but rows x dim is ${rows} x ${dim}`;
    }
    for (let at = 0; at < data.length; at += most * dim) {
      const block = data.subarray(at, at + most * dim) as FloatArray;
      yield isBits ? Float32Array.from(block, (bits) => halfValues()[bits]!) : asFloat32(block);
    }
    return;
  }
  requireThat(
    typeof vectors.read === "function",
    "vectors",
    "blocks, a matrix { data, rows, dim } or a source",
    vectors,
  );
  for (let first = 0; first < rows; first += most) {
    const here = Math.min(most, rows - first);
    yield asFloat32(requireFloats(await vectors.read(first, here), `the result of read(${first}, ${here})`));
  }
}

/** @throws InvalidInputError that names the argument `name`. */
function requireFloats(value: unknown, name: string): FloatArray {
  checkArray(value, name);
  if (isFloats(value)) return value;
  throw invalid(
    "FILE_CONTENT",
  )`${name} must be a Float32Array, a Float64Array or a Float16Array, got ${typedArrayName(value) ?? describeValue(value)}`;
}

const asFloat32 = (values: FloatArray): Float32Array =>
  typedArrayName(values) === "Float32Array" ? (values as Float32Array) : Float32Array.from(values);

interface Writer {
  begin(): Iterable<string | Uint8Array>;
  block(block: Float32Array, first: number): Iterable<string | Uint8Array>;
  end(): Iterable<string | Uint8Array>;
}

function writerOf(format: VectorFormat, rows: number, dim: number, itemId: (row: number) => string): Writer {
  const lines = (head: string, line: (row: number, values: Float32Array) => string): Writer => ({
    begin: () => (head === "" ? [] : [head]),
    *block(block, first) {
      let text = "";
      for (let at = 0, row = first; at < block.length; at += dim, row++) {
        text += line(row, block.subarray(at, at + dim));
        if (text.length > BLOCK) {
          yield text;
          text = "";
        }
      }
      if (text !== "") yield text;
    },
    end: () => [],
  });
  const plain = (header: Uint8Array): Writer => ({
    begin: () => [header],
    // A copy, since the block may be reused for the next one before this is written.
    block: (block) => [new Uint8Array(block.slice().buffer)],
    end: () => [],
  });
  switch (format) {
    case "npy":
      return plain(npyHeader("<f4", rows, dim));
    case "safetensors": {
      const embedding = { dtype: "F32", shape: [rows, dim], data_offsets: [0, 4 * rows * dim] };
      return plain(safetensorsHeader({ embedding }));
    }
    case "csv":
      return lines(
        `item,${Array.from({ length: dim }, (_, j) => `x_${j}`).join(",")}\n`,
        (row, values) => `${writeTextCell(itemId(row))},${Array.from(values, digits).join(",")}\n`,
      );
    case "jsonl":
      return lines("", (row, values) => {
        const bad = values.findIndex((value) => !Number.isFinite(value));
        if (bad >= 0) {
          throw invalid(
            "ITEM_NOT_FINITE",
          )`${{ row }}, ${{ column: bad }} is ${String(values[bad])}, which JSON cannot hold`;
        }
        return `{"id":${JSON.stringify(itemId(row))},"embedding":[${Array.from(values, digits).join(",")}]}\n`;
      });
    case "parquet": {
      const writer = new ParquetWriter([
        { name: "item", kind: "text" },
        { name: "embedding", kind: "floats" },
      ]);
      return {
        begin: () => [writer.begin()],
        block: (block, first) => {
          const here = block.length / dim;
          return here === 0
            ? []
            : writer.group(here, [Array.from({ length: here }, (_, i) => itemId(first + i)), block]);
        },
        end: () => [writer.finish()],
      };
    }
    default:
      throw invalid()`${{ argument: "format" }} must be one of ${VECTOR_FORMATS.join(", ")}, got ${describeValue(format)}`;
  }
}

/** The shortest digits that read back as this float32: at most nine. */
export function digits(value: number): string {
  for (let precision = 6; precision < 9; precision++) {
    const short = Number(value.toPrecision(precision));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
