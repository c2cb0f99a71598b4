/**
 * Random numbers as functions of what they are for: a 32-bit hash of a key and a counter. Integer arithmetic only, so that C++ and
 * every JavaScript engine make the same numbers, in any order and for any row alone.
 */

/**
 * A bijection of 32-bit integers that mixes well (the multipliers of "lowbias32").
 * @param {number} x
 * @returns {number} 0 ... 2^32 - 1
 */
export function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Hash of a sequence of integers, e.g. (seed, purpose, row). Only the low 32 bits of each count.
 * @param {...number} words
 * @returns {number} 0 ... 2^32 - 1
 */
export function hash(...words) {
  let h = 0x9e3779b9;
  for (const word of words) h = mix((h ^ mix(word + 0x9e3779b9)) + 0x85ebca6b);
  return h;
}

/**
 * The `counter`-th 32-bit number of the stream that `key` names.
 * @param {number} key
 * @param {number} counter
 * @returns {number} 0 ... 2^32 - 1
 */
export function draw(key, counter) {
  return mix((key + Math.imul(counter, 0x9e3779b9)) | 0);
}

/**
 * The `counter`-th uniform number of the stream, in [0, 1).
 * @param {number} key
 * @param {number} counter
 */
export function uniform(key, counter) {
  return draw(key, counter) / 2 ** 32;
}

/**
 * The `counter`-th normal number of the stream: a sum of twelve 16-bit uniforms less its mean, exact in integers. Variance 1,
 * mean 0, between -6 and 6.
 * @param {number} key
 * @param {number} counter
 */
export function normal(key, counter) {
  let sum = 0;
  for (let i = 0; i < 6; i++) {
    const bits = draw(key, 6 * counter + i);
    sum += (bits & 0xffff) + (bits >>> 16);
  }
  return (sum - 393210) / 65536; // 393210 = 12 x 32767.5
}
