/**
 * Turns points, or mirrors them, so that each comes as near as it can to where it was (the orthogonal Procrustes problem in the plane).
 * The widest directions of two moments may have other signs or another order; people should not see that.
 * @param points x, y of each point.
 * @returns The turn, as a matrix by rows: apply it with `turned`.
 */
export function turnTowards(points: Float32Array, before: Float32Array): [number, number, number, number] {
  let [xx, xy, yx, yy] = [0, 0, 0, 0];
  for (let i = 0; i < points.length; i += 2) {
    xx += points[i]! * before[i]!;
    xy += points[i]! * before[i + 1]!;
    yx += points[i + 1]! * before[i]!;
    yy += points[i + 1]! * before[i + 1]!;
  }
  const rotation = Math.hypot(xx + yy, xy - yx);
  const reflection = Math.hypot(xx - yy, xy + yx);
  if (rotation === 0 && reflection === 0) return [1, 0, 0, 1];
  if (rotation >= reflection) {
    const [cos, sin] = [(xx + yy) / rotation, (xy - yx) / rotation];
    return [cos, -sin, sin, cos];
  }
  const [cos, sin] = [(xx - yy) / reflection, (xy + yx) / reflection];
  return [cos, sin, sin, -cos];
}

export function turned(points: Float32Array, [a, b, c, d]: readonly [number, number, number, number]): Float32Array {
  const result = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    result[i] = a * points[i]! + b * points[i + 1]!;
    result[i + 1] = c * points[i]! + d * points[i + 1]!;
  }
  return result;
}
