/** UTF-8 in pieces, and strings from it. */

import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder, TextEncoder } from "../../base/text-codecs.ts";
import { decoderFor } from "./bytes.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The text of the bytes [start, end). @throws InvalidInputError if they are not UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  // Short ASCII, which is most text, avoids the cost of starting the decoder.
  if (end - start <= 32) {
    let text = "";
    let at = start;
    for (; at < end && bytes[at]! < 0x80; at++) text += String.fromCharCode(bytes[at]!);
    if (at === end) return text;
  }
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    throw badText();
  }
}

/**
 * Converts pieces of text in UTF-8, or in UTF-16 with a byte order mark, to UTF-8 without one. Each piece is valid until the next one is
 * requested.
 * @throws InvalidInputError for UTF-16 that is damaged.
 */
export class Utf8Pieces {
  /** Undefined before the first piece; null if nothing needs to be decoded. */
  #decoder: TextDecoder | null | undefined;

  convert(piece: Uint8Array): Uint8Array {
    if (this.#decoder === undefined) {
      const decoder = decoderFor(piece);
      this.#decoder = decoder.encoding === "utf-8" ? null : decoder;
      const [a, b, c] = piece;
      if (!this.#decoder) return a === 0xef && b === 0xbb && c === 0xbf ? piece.subarray(3) : piece;
    }
    return this.#decoder ? this.#encoded(this.#decoder, piece, true) : piece;
  }

  /** What is left after all pieces: nothing, unless a character is cut off. */
  finish(): Uint8Array {
    return this.#decoder ? this.#encoded(this.#decoder, new Uint8Array(0), false) : new Uint8Array(0);
  }

  #encoded(decoder: TextDecoder, piece: Uint8Array, stream: boolean): Uint8Array {
    try {
      return encoder.encode(decoder.decode(piece, { stream }));
    } catch {
      throw badText(decoder.encoding);
    }
  }
}

/** The same for pieces that come one after another. */
export async function* utf8Pieces(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const utf8 = new Utf8Pieces();
  for await (const piece of pieces) yield utf8.convert(piece);
  yield utf8.finish();
}

/** The error about text that is not in its encoding. */
export const badText = (encoding = "utf-8"): InvalidInputError =>
  invalid("NOT_UTF8")`the text is not valid ${encoding.toUpperCase()}${{ hint: "save it as UTF-8" }}`;

/**
 * A string that does not keep a longer one alive: engines make a substring as a reference to the whole string, so that one title of a file
 * would keep its whole piece of the file alive.
 */
export function ownText(text: string): string {
  // Engines copy shorter ones. The result here is part of a string that is only one character longer.
  return text.length < 13 ? text : ` ${text}`.slice(1);
}

/** The rest of the previous pieces, and the next one. A reader moves through it and leaves what continues in a later piece. */
export class Utf8Window {
  /** Only [at, end) is text; a 0 follows it, so that a number ends there. */
  bytes = new Uint8Array(0);
  at = 0;
  end = 0;

  push(piece: Uint8Array): void {
    const left = this.end - this.at;
    const size = left + piece.length;
    if (size < this.bytes.length) {
      this.bytes.copyWithin(0, this.at, this.end);
    } else {
      const larger = new Uint8Array(Math.max(1 << 17, 2 * size));
      larger.set(this.bytes.subarray(this.at, this.end));
      this.bytes = larger;
    }
    this.bytes.set(piece, left);
    this.bytes[size] = 0;
    this.at = 0;
    this.end = size;
  }

  /** The position of a byte at or after `from`, or -1. */
  find(byte: number, from: number): number {
    const at = this.bytes.indexOf(byte, from);
    return at < this.end ? at : -1;
  }

  /** The last position of a byte, or -1. */
  findLast(byte: number): number {
    const at = this.bytes.lastIndexOf(byte, this.end - 1);
    return at >= this.at ? at : -1;
  }
}
