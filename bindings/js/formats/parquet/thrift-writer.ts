/** Writes Thrift's compact protocol: the counterpart of `ThriftReader`. */

/** Writes structs field by field, in the order of their numbers. */
import { TextEncoder } from "../../base/text-codecs.ts";
export class ThriftWriter {
  readonly #bytes: number[] = [];
  readonly #last: number[] = [0];

  /** The bytes of a struct, whose fields `write` writes. */
  static struct(write: (writer: ThriftWriter) => void): Uint8Array {
    const writer = new ThriftWriter();
    write(writer);
    writer.#bytes.push(0);
    return Uint8Array.from(writer.#bytes);
  }

  int32(field: number, value: number): this {
    this.#head(field, 5);
    this.#zigzag(value);
    return this;
  }

  int64(field: number, value: number): this {
    this.#head(field, 6);
    this.#zigzag(value);
    return this;
  }

  text(field: number, value: string): this {
    this.#head(field, 8);
    this.#text(value);
    return this;
  }

  struct(field: number, write: () => void = () => {}): this {
    this.#head(field, 12);
    this.#struct(write);
    return this;
  }

  int32s(field: number, values: readonly number[]): this {
    return this.#list(field, 5, values, (value) => this.#zigzag(value));
  }

  texts(field: number, values: readonly string[]): this {
    return this.#list(field, 8, values, (value) => this.#text(value));
  }

  structs<T>(field: number, values: readonly T[], write: (value: T) => void): this {
    return this.#list(field, 12, values, (value) => this.#struct(() => write(value)));
  }

  #head(field: number, type: number): void {
    const delta = field - this.#last.at(-1)!;
    this.#last[this.#last.length - 1] = field;
    this.#bytes.push((delta << 4) | type); // Parquet's field numbers are less than 16 apart
  }

  #struct(write: () => void): void {
    this.#last.push(0);
    write();
    this.#last.pop();
    this.#bytes.push(0);
  }

  #list<T>(field: number, type: number, values: readonly T[], write: (value: T) => void): this {
    this.#head(field, 9);
    if (values.length < 15) this.#bytes.push((values.length << 4) | type);
    else {
      this.#bytes.push(0xf0 | type);
      this.#varint(values.length);
    }
    for (const value of values) write(value);
    return this;
  }

  #text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** For non-negative integers, as all in Parquet are. */
  #zigzag(value: number): void {
    this.#varint(2 * value);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes.push((rest % 128) | 128);
    this.#bytes.push(rest);
  }
}
