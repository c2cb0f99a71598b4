/** The mean of some points (x, y each), weighted by how near they are: where an item belongs that was not laid out itself. */
export function placeAmong(
  points: Float32Array,
  nearest: ArrayLike<number>,
  distances: ArrayLike<number>,
): [x: number, y: number] {
  const least = Math.max(distances[0] ?? 0, 1e-12);
  let [x, y, sum] = [0, 0, 0];
  for (let j = 0; j < nearest.length; j++) {
    const weight = (least / Math.max(distances[j]!, 1e-12)) ** 4;
    x += weight * points[2 * nearest[j]!]!;
    y += weight * points[2 * nearest[j]! + 1]!;
    sum += weight;
  }
  return sum > 0 ? [x / sum, y / sum] : [0, 0];
}
