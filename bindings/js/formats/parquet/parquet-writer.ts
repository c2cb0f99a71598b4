/** Writes Parquet files by row groups: uncompressed and plain, which every reader of Parquet supports. */

import { TextEncoder } from "../../base/text-codecs.ts";
import { joined } from "../io/byte-source.ts";
import { ThriftWriter } from "./thrift-writer.ts";

/** A column: texts, whole numbers from 0 to 2^31 - 1, or lists of `dim` floats. No value is missing. */
export interface ParquetColumn {
  name: string;
  kind: "text" | "int32" | "floats";
}

/** Values of a column: floats are rows x dim. */
export type ParquetValues = readonly string[] | Int32Array | Float32Array;

interface WrittenChunk {
  values: number;
  start: number;
  size: number;
}

const MAGIC = Uint8Array.of(0x50, 0x41, 0x52, 0x31); // "PAR1"
const PLAIN = 0;
const RLE = 3;
const types = { text: 6, int32: 1, floats: 4 };

/** Writes a file from its start; concatenate what its methods return. */
export class ParquetWriter {
  readonly #columns: readonly ParquetColumn[];
  readonly #groups: { rows: number; chunks: WrittenChunk[] }[] = [];
  readonly #metadata: readonly (readonly [string, string])[];
  #at = MAGIC.length;

  /** @param metadata Other metadata of the footer, by key. */
  constructor(columns: readonly ParquetColumn[], metadata: Readonly<Record<string, string>> = {}) {
    this.#columns = columns;
    this.#metadata = Object.entries(metadata);
  }

  begin(): Uint8Array {
    return MAGIC.slice();
  }

  /** A row group, with one page per column. A few megabytes are a good size. */
  group(rows: number, values: readonly ParquetValues[]): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    const chunks = this.#columns.map(({ kind }, c) => {
      const data = values[c]!;
      const dim = kind === "floats" ? data.length / rows : 1;
      const levels = kind === "floats" ? listLevels(rows, dim) : new Uint8Array(0);
      const bytes = plain(data);
      const size = levels.length + bytes.length;
      const header = ThriftWriter.struct((page) =>
        page
          .int32(1, 0)
          .int32(2, size)
          .int32(3, size)
          .struct(5, () =>
            page
              .int32(1, rows * dim)
              .int32(2, PLAIN)
              .int32(3, RLE)
              .int32(4, RLE),
          ),
      );
      const chunk = { values: rows * dim, start: this.#at, size: header.length + size };
      pieces.push(header, levels, bytes);
      this.#at += chunk.size;
      return chunk;
    });
    this.#groups.push({ rows, chunks });
    return pieces;
  }

  /** The footer. */
  finish(): Uint8Array {
    const rows = this.#groups.reduce((sum, group) => sum + group.rows, 0);
    const footer = ThriftWriter.struct((file) => {
      file.int32(1, 1).structs(2, [undefined, ...this.#columns.flatMap(schemaOf)], (element) => {
        if (element === undefined) file.text(4, "schema").int32(5, this.#columns.length);
        else element(file);
      });
      file.int64(3, rows).structs(4, this.#groups, (group) => {
        file
          .structs(1, group.chunks, (chunk) => this.#chunk(file, chunk, group.chunks.indexOf(chunk)))
          .int64(
            2,
            group.chunks.reduce((sum, { size }) => sum + size, 0),
          )
          .int64(3, group.rows);
      });
      if (this.#metadata.length > 0) {
        file.structs(5, this.#metadata, ([key, value]) => file.text(1, key).text(2, value));
      }
      file.text(6, "rqvae");
    });
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, footer.length, true);
    return joined([footer, length, MAGIC]);
  }

  #chunk(file: ThriftWriter, { values, start, size }: WrittenChunk, column: number): void {
    const { name, kind } = this.#columns[column]!;
    file.int64(2, start).struct(3, () =>
      file
        .int32(1, types[kind])
        .int32s(2, [PLAIN, RLE])
        .texts(3, kind === "floats" ? [name, "list", "element"] : [name])
        .int32(4, 0)
        .int64(5, values)
        .int64(6, size)
        .int64(7, size)
        .int64(9, start),
    );
  }
}

/** The schema elements of a column: itself and, for lists, their contents. */
function schemaOf({ name, kind }: ParquetColumn): ((file: ThriftWriter) => void)[] {
  if (kind === "int32") return [(file) => file.int32(1, types.int32).int32(3, 0).text(4, name)];
  if (kind === "text") {
    return [
      (file) =>
        file
          .int32(1, types.text)
          .int32(3, 0)
          .text(4, name)
          .int32(6, 0)
          .struct(10, () => file.struct(1)),
    ];
  }
  return [
    (file) =>
      file
        .int32(3, 0)
        .text(4, name)
        .int32(5, 1)
        .int32(6, 3)
        .struct(10, () => file.struct(3)),
    (file) => file.int32(3, 2).text(4, "list").int32(5, 1),
    (file) => file.int32(1, types.floats).int32(3, 0).text(4, "element"),
  ];
}

/** Repetition levels, which are 0 where a row starts and else 1, and definition levels, all 1. */
function listLevels(rows: number, dim: number): Uint8Array {
  const total = rows * dim;
  const groups = Math.ceil(total / 8);
  const repetition = [...varint(2 * groups + 1)];
  const bits = new Uint8Array(groups).fill(0xff);
  for (let i = 0; i < total; i += dim) bits[i >> 3]! &= ~(1 << (i & 7));
  const definition = [...varint(2 * total), 1];
  return joined([
    uint32(repetition.length + bits.length),
    Uint8Array.from(repetition),
    bits,
    uint32(definition.length),
    Uint8Array.from(definition),
  ]);
}

function* varint(value: number): Generator<number> {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) yield (rest % 128) | 128;
  yield rest;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function plain(values: ParquetValues): Uint8Array {
  if (ArrayBuffer.isView(values)) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
  const encoder = new TextEncoder();
  return joined(
    values.flatMap((text) => {
      const bytes = encoder.encode(text);
      return [uint32(bytes.length), bytes];
    }),
  );
}
