import { UMAP } from "umap-js";
import type { Neighbours } from "./neighbours.ts";

/** Numbers from 0 to 1 that are the same for every picture of the same items (Park and Miller's generator). */
export function seededRandom(seed: number): () => number {
  let state = (Math.abs(Math.floor(seed)) % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

/** How far the first places reach; UMAP's own random ones do so, too. */
const START_REACH = 10;

/**
 * Places in the plane where items lie near those that they are near to in many dimensions, by UMAP (McInnes, Healy and Melville, 2018). It
 * starts from the given places rather than from random ones, so that the large picture is that of the widest directions.
 * @param points x, y of each item, from -1 to 1.
 * @param step Called after each round with the places so far, and the share that is done.
 */
export function layOut(
  neighbours: Neighbours,
  points: Float32Array,
  seed: number,
  step: (points: () => Float32Array, done: number) => void,
): Float32Array {
  const n = points.length / 2;
  const { k, indices, distances } = neighbours;
  const random = seededRandom(seed);
  // umap-js counts an item as the first of its own neighbours.
  const umap = new UMAP({ nNeighbors: k + 1, minDist: 0.12, random, nEpochs: n > 5000 ? 150 : 250 });
  const lists = <T>(own: (i: number) => T, others: ArrayLike<T>) =>
    Array.from({ length: n }, (_, i) => [own(i), ...Array.from({ length: k }, (_, j) => others[i * k + j]!)]);
  umap.setPrecomputedKNN(
    lists((i) => i, indices),
    lists(() => 0, distances),
  );
  const epochs = umap.initializeFit(Array.from({ length: n }, () => []));
  const places = umap.getEmbedding();
  places.forEach((place, i) => {
    // Items that are all the same would never part.
    for (const axis of [0, 1]) place[axis] = START_REACH * points[2 * i + axis]! + 1e-3 * (random() - 0.5);
  });
  const now = () => {
    const flat = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) flat.set(places[i]!, 2 * i);
    return fitted(flat);
  };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    step(now, epoch / epochs);
  }
  return now();
}

/** The same picture with its middle at 0, as large as from -1 to 1. */
export function fitted(points: Float32Array): Float32Array {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  points.forEach((at, i) => {
    low[i % 2] = Math.min(low[i % 2]!, at);
    high[i % 2] = Math.max(high[i % 2]!, at);
  });
  const reach = Math.max(high[0]! - low[0]!, high[1]! - low[1]!) / 2 || 1;
  return points.map((at, i) => (at - (low[i % 2]! + high[i % 2]!) / 2) / reach);
}
