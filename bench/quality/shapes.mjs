/** How many codes an ID has, and of how many each: "3x256", or level by level, "64+256+1024". */

/**
 * @param {string} text
 * @returns {number[] | undefined} codes of each level; undefined when it is no shape. Two levels at least: agreement of the first two
 *   codes is a figure.
 */
export function parseShape(text) {
  const equal = /^(\d+)x(\d+)$/.exec(text);
  const codes = equal
    ? new Array(Math.min(Number(equal[1]), 65)).fill(Number(equal[2]))
    : /^\d+(\+\d+)+$/.test(text)
      ? text.split("+").map(Number)
      : [];
  const fits = codes.length >= 2 && codes.length <= 64 && codes.every((size) => size >= 2 && size <= 2 ** 24);
  return fits ? codes : undefined;
}

/** @type {(codes: readonly number[]) => boolean} */
const areEqual = (codes) => codes.every((size) => size === codes[0]);

/**
 * As it is given on the command line.
 * @param {readonly number[]} codes
 */
export const shapeName = (codes) => (areEqual(codes) ? `${codes.length}x${codes[0]}` : codes.join("+"));

/**
 * For people: "3 x 256", "64 + 256 + 1024".
 * @param {readonly number[]} codes
 */
export const shapeWords = (codes) => (areEqual(codes) ? `${codes.length} x ${codes[0]}` : codes.join(" + "));
