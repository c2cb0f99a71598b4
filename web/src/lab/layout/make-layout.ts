import { placeAmong } from "../../map/place-among.ts";
import { type KeptNeighbours, measureKept } from "./kept-neighbours.ts";
import { type Neighbours, nearestAmong, nearestOf, type Rows } from "./neighbours.ts";
import { projectToPlane } from "./projection.ts";
import { spread } from "./spread.ts";
import { layOut } from "./umap.ts";

/** What the making of a map tells. */
export type LayoutEvent =
  /** The two widest directions: the first picture. */
  | { kind: "plane"; points: Float32Array; shares: [number, number] }
  /** How near neighbours are in the first picture. */
  | { kind: "planeKept"; kept: KeptNeighbours }
  | { kind: "progress"; progress: number }
  /** Where the items are on their way. */
  | { kind: "moving"; points: Float32Array; progress: number }
  /** Absent: there are too few items to speak of neighbours, so that the first picture is the only one. */
  | { kind: "done"; layout: { points: Float32Array; kept: KeptNeighbours } | undefined };

export interface LayoutRequest {
  latents: Float32Array;
  dim: number;
  seed: number;
}

/** Items that UMAP places; further ones go to their nearest among these. */
const PLACED = 8000;
const NEIGHBOURS = 14;
/** Items whose neighbours are counted on the map, and neighbours that place an item. */
const ASKED = 1000;
const PLACING = 5;
/** With fewer items there are no neighbourhoods to show. */
export const FEWEST = 16;
/** Milliseconds between two pictures on the way. */
const TELL_MS = 160;
/** Shares of the time, roughly. */
const SEARCHED = 0.3;

/** Makes a map: first the widest directions, then a layout by neighbours. */
export function makeLayout({ latents, dim, seed }: LayoutRequest, tell: (event: LayoutEvent) => void): void {
  const n = latents.length / dim;
  const rows = { data: latents, dim };
  const plane = projectToPlane(latents, dim);
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  const asked = every(all, ASKED);
  // The first picture does not wait for the number that belongs to it.
  tell({ kind: "plane", ...plane });
  if (n < FEWEST) {
    tell({ kind: "done", layout: undefined });
    return;
  }

  const placed = every(all, PLACED);
  const among: Rows = n === placed.length ? rows : take(rows, placed);
  const neighbours = nearestOf(among, all.subarray(0, placed.length), Math.min(NEIGHBOURS, n - 2), (done) =>
    tell({ kind: "progress", progress: SEARCHED * done }),
  );
  const truth = n === placed.length ? pick(neighbours, asked) : nearestOf(rows, asked, 10);
  tell({ kind: "planeKept", kept: measureKept(plane.points, asked, truth) });

  const rest = n === placed.length ? undefined : placeRest(rows, among, placed);
  let told = performance.now();
  const start = new Float32Array(2 * placed.length);
  placed.forEach((row, i) => {
    start.set(plane.points.subarray(2 * row, 2 * row + 2), 2 * i);
  });
  const finish = (points: Float32Array) => spread(rest ? rest(points) : points);
  const done = layOut(neighbours, start, seed, (points, share) => {
    if (performance.now() - told < TELL_MS || share === 1) return;
    tell({ kind: "moving", points: finish(points()), progress: SEARCHED + (1 - SEARCHED) * share });
    told = performance.now();
  });
  const points = finish(done);
  tell({ kind: "done", layout: { points, kept: measureKept(points, asked, truth) } });
}

/** Evenly spaced ones, at most `most`. */
function every(rows: Uint32Array, most: number): Uint32Array {
  const count = Math.min(most, rows.length);
  return Uint32Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!);
}

function take({ data, dim }: Rows, rows: Uint32Array): Rows {
  const taken = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    taken.set(data.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return { data: taken, dim };
}

function pick({ k, indices, distances }: Neighbours, rows: Uint32Array): Neighbours {
  const picked = { k, indices: new Uint32Array(rows.length * k), distances: new Float32Array(rows.length * k) };
  rows.forEach((row, i) => {
    picked.indices.set(indices.subarray(row * k, (row + 1) * k), i * k);
    picked.distances.set(distances.subarray(row * k, (row + 1) * k), i * k);
  });
  return picked;
}

/** How to place all items when some are placed: each at the mean of its nearest placed ones, weighted by nearness. */
function placeRest(rows: Rows, among: Rows, placed: Uint32Array): (points: Float32Array) => Float32Array {
  const { k, indices, distances } = nearestAmong(among, rows, PLACING);
  const n = rows.data.length / rows.dim;
  return (points) => {
    const all = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      const own = { indices: indices.subarray(i * k, (i + 1) * k), distances: distances.subarray(i * k, (i + 1) * k) };
      all.set(placeAmong(points, own.indices, own.distances), 2 * i);
    }
    placed.forEach((row, i) => {
      all.set(points.subarray(2 * i, 2 * i + 2), 2 * row);
    });
    return all;
  };
}
