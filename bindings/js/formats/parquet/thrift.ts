/** Reads the part of Thrift's compact protocol that Parquet's headers need, within bounds. */

import { invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";

/** A struct, by field number. */
export type ThriftStruct = Map<number, ThriftValue>;
export type ThriftValue = boolean | number | Uint8Array | ThriftValue[] | ThriftStruct;

/** The deepest nesting of structs; Parquet needs less. */
const MAX_DEPTH = 24;

const damaged = () => invalid("FILE_DAMAGED")`the Parquet file is damaged: one of its headers is broken`;

/** Reads structs from bytes, one after another. */
export class ThriftReader {
  /** Where the next one starts. */
  offset: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  /** @throws InvalidInputError if the bytes are not a struct or end too early. */
  struct(depth = 0): ThriftStruct {
    if (depth > MAX_DEPTH) throw damaged();
    const fields: ThriftStruct = new Map();
    let field = 0;
    for (;;) {
      const head = this.#byte();
      if ((head & 15) === 0) return fields;
      field = head >> 4 ? field + (head >> 4) : this.#zigzag();
      fields.set(field, this.#value(head & 15, depth));
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.offset++];
    if (byte === undefined) throw damaged();
    return byte;
  }

  /** An integer of up to 64 bits; beyond 2^53 it is not exact, but no valid size is that large. */
  #varint(): number {
    let value = 0;
    for (let k = 0; k < 10; k++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * k);
      if (byte < 128) return value;
    }
    throw damaged();
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
      case 2:
        return type === 1;
      case 3:
        return this.#byte();
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7:
        this.#skip(8);
        return Number.NaN; // no header that matters has a double
      case 8: {
        const length = this.#varint();
        const start = this.offset;
        this.#skip(length);
        return this.#bytes.subarray(start, start + length);
      }
      case 9:
      case 10: {
        const head = this.#byte();
        const size = head >> 4 === 15 ? this.#varint() : head >> 4;
        // Every element takes at least one byte.
        if (size > this.#bytes.length - this.offset) throw damaged();
        const element = head & 15;
        const values: ThriftValue[] = [];
        for (let i = 0; i < size; i++) {
          values.push(element === 1 || element === 2 ? this.#byte() === 1 : this.#value(element, depth + 1));
        }
        return values;
      }
      case 12:
        return this.struct(depth + 1);
      default:
        throw damaged();
    }
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.offset) throw damaged();
    this.offset += length;
  }
}

/** A field that must be an integer. @throws InvalidInputError if it is not. */
export function integerField(struct: ThriftStruct, field: number, otherwise?: number): number {
  const value = struct.get(field) ?? otherwise;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw damaged();
  return value;
}

/** A field that must be a list of structs. */
export function structsField(struct: ThriftStruct, field: number): ThriftStruct[] {
  const value = struct.get(field);
  if (!Array.isArray(value) || !value.every((entry) => entry instanceof Map)) throw damaged();
  return value as ThriftStruct[];
}

export function structField(struct: ThriftStruct, field: number): ThriftStruct {
  const value = struct.get(field);
  if (!(value instanceof Map)) throw damaged();
  return value;
}

export function textField(struct: ThriftStruct, field: number): string {
  const value = struct.get(field);
  if (!(value instanceof Uint8Array)) throw damaged();
  return new TextDecoder().decode(value);
}
