import type { PointGrid } from "./point-grid.ts";

/** Bands of the outline, so that a point is compared with the few edges at its height. */
const BANDS = 64;

/**
 * The points inside an outline (x, y of each corner), by the even-odd rule, in ascending order.
 * @param points x, y of each point.
 */
export function pointsInside(points: Float32Array, grid: PointGrid, outline: readonly number[]): Uint32Array {
  const corners = outline.length / 2;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < corners; i++) {
    left = Math.min(left, outline[2 * i]!);
    right = Math.max(right, outline[2 * i]!);
    top = Math.min(top, outline[2 * i + 1]!);
    bottom = Math.max(bottom, outline[2 * i + 1]!);
  }
  if (corners < 3 || bottom <= top) return new Uint32Array();
  const bandOf = (y: number) => Math.min(BANDS - 1, Math.max(0, Math.floor((BANDS * (y - top)) / (bottom - top))));
  const bands = Array.from({ length: BANDS }, (): number[] => []);
  for (let i = 0; i < corners; i++) {
    const next = (i + 1) % corners;
    const [first, last] = [outline[2 * i + 1]!, outline[2 * next + 1]!].map(bandOf).sort((a, b) => a - b);
    for (let band = first!; band <= last!; band++) bands[band]!.push(i);
  }
  const inside: number[] = [];
  grid.visit(left, top, right, bottom, (point) => {
    const [x, y] = [points[2 * point]!, points[2 * point + 1]!];
    if (x < left || x > right || y < top || y > bottom) return;
    let odd = false;
    for (const i of bands[bandOf(y)]!) {
      const next = (i + 1) % corners;
      const [fromX, fromY] = [outline[2 * i]!, outline[2 * i + 1]!];
      const [toX, toY] = [outline[2 * next]!, outline[2 * next + 1]!];
      if (fromY > y !== toY > y && x < fromX + ((toX - fromX) * (y - fromY)) / (toY - fromY)) odd = !odd;
    }
    if (odd) inside.push(point);
  });
  return Uint32Array.from(inside).sort();
}
