/**
 * Logarithm and exponential that are the same in every engine. `Math.log` and `Math.exp` differ in the last bit, but reports are written to
 * files, which must not differ.
 */

/** Natural logarithm of a number of at least 1. */
export function ln(x: number): number {
  let halvings = 0;
  for (; x > Math.SQRT2; x /= 2) halvings++;
  // ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.172
  const s = (x - 1) / (x + 1);
  let series = 0;
  for (let k = 23; k >= 1; k -= 2) series = series * s * s + 1 / k;
  return halvings * Math.LN2 + 2 * s * series;
}

/** Exponential of a number from 0 to about 40. */
export function exp(x: number): number {
  const doublings = Math.round(x / Math.LN2);
  const r = x - doublings * Math.LN2;
  let series = 1;
  for (let k = 18; k >= 1; k--) series = 1 + (series * r) / k;
  return series * 2 ** doublings;
}
