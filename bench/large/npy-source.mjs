/** The rows of an npy file of float32 as an EmbeddingSource: the least that there can be. */
import { open } from "node:fs/promises";

/** Bytes before the first row, as bench/large.mjs writes them. */
const HEADER = 128;

/**
 * @param {string} path
 * @param {number} rows
 * @param {number} dim
 * @returns {Promise<import("rqvae").EmbeddingSource>}
 */
export async function openRows(path, rows, dim) {
  const file = await open(path);
  let buffer = new Float32Array(0);
  return {
    rows,
    dim,
    async read(first, count) {
      if (buffer.length < count * dim) buffer = new Float32Array(count * dim);
      const bytes = new Uint8Array(buffer.buffer, 0, 4 * count * dim);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, HEADER + 4 * first * dim + done);
        if (bytesRead === 0) throw new Error(`${path} ends early`);
        done += bytesRead;
      }
      return buffer.subarray(0, count * dim);
    },
  };
}
