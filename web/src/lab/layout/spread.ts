import { fitted } from "./umap.ts";

/** How much of a place is the share of the points before it, rather than where the layout put it. */
const EVEN = 0.5;
/** Screens are wider than high. */
const FLAT = 0.78;

/**
 * Points with less empty room between them: along each axis, a place halfway between where it is and its rank among all. The order along
 * each axis stays, so that neighbours remain neighbours; how wide a gap is says nothing, as in any layout by neighbours.
 */
export function spread(points: Float32Array): Float32Array {
  const n = points.length / 2;
  const spreadOut = new Float32Array(points.length);
  const evenly = fitted(points);
  for (const axis of [0, 1]) {
    const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
      (a, b) => evenly[2 * a + axis]! - evenly[2 * b + axis]! || a - b,
    );
    order.forEach((point, rank) => {
      const even = n > 1 ? (2 * rank) / (n - 1) - 1 : 0;
      spreadOut[2 * point + axis] = (1 - EVEN) * evenly[2 * point + axis]! + EVEN * even;
    });
  }
  return fitted(spreadOut).map((at, i) => (i % 2 === 1 ? FLAT * at : at));
}
