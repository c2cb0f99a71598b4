/** Decompression by the platform, with bounds. */

import { InvalidInputError, invalid } from "../../base/errors.ts";
import { counted } from "../../base/words.ts";

/** A larger ratio of bytes out to bytes in is an attack: deflate itself reaches about 1030. */
export const MAX_RATIO = 1000;
/** Below this size the ratio does not matter. */
export const RATIO_FREE = 1 << 16;

/**
 * Decompresses pieces.
 * @param limit The most bytes that may come out.
 * @throws InvalidInputError if the data is damaged or cut short, or if more comes out.
 */
export async function* inflate(
  chunks: AsyncIterable<Uint8Array>,
  format: "gzip" | "deflate-raw",
  limit: number,
): AsyncGenerator<Uint8Array> {
  if (typeof DecompressionStream === "undefined") {
    throw invalid(
      "DECOMPRESSION_MISSING",
    )`compressed files need DecompressionStream, which this environment lacks: decompress it first`;
  }
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const ignore = () => {}; // the reading side reports what went wrong
  writer.closed.catch(ignore);
  let feedError: unknown;
  const feed = async () => {
    try {
      for await (const chunk of chunks) await writer.write(chunk as Uint8Array<ArrayBuffer>);
      await writer.close();
    } catch (error) {
      feedError = error;
      await writer.abort(error).catch(ignore);
    }
  };
  const fed = feed();
  let total = 0;
  try {
    for (;;) {
      let next: ReadableStreamReadResult<Uint8Array>;
      try {
        next = await reader.read();
      } catch (cause) {
        if (feedError instanceof InvalidInputError) throw feedError;
        throw invalid(
          "FILE_DAMAGED",
          cause,
        )`the compressed data is damaged or cut short: ${(cause as Error)?.message ?? String(cause)}`;
      }
      if (next.done) break;
      total += next.value.length;
      if (total > limit) {
        throw invalid(
          "FILE_TOO_LARGE",
        )`the compressed data expands to more than ${counted(limit, "byte")} (${MAX_RATIO} times its size) and is refused`;
      }
      yield next.value;
    }
    await fed;
    if (feedError !== undefined) throw feedError;
  } finally {
    reader.cancel().catch(ignore);
  }
}

/** The most bytes that may come out of this many compressed ones. */
export const inflatedLimit = (compressed: number): number => Math.max(RATIO_FREE, compressed * MAX_RATIO);
