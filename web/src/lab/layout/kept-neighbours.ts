import { PointGrid } from "../../map/point-grid.ts";
import type { Neighbours } from "./neighbours.ts";

/** How many of an item's nearest ones are near it on the map, as shares of all. */
export interface KeptNeighbours {
  /** Of the ten nearest items: those that are among the ten, or the fifty, nearest on the map. */
  amongTen: number;
  amongFifty: number;
  /** How many items were asked. */
  asked: number;
}

/**
 * Compares neighbours in many dimensions with those on the map.
 * @param neighbours The nearest items of the asked ones; the first ten are used.
 */
export function measureKept(points: Float32Array, asked: Uint32Array, neighbours: Neighbours): KeptNeighbours {
  const grid = new PointGrid(points);
  const counted = Math.min(10, neighbours.k);
  const kept = { amongTen: 0, amongFifty: 0, asked: asked.length };
  asked.forEach((item, at) => {
    const [x, y] = [points[2 * item]!, points[2 * item + 1]!];
    const distanceOf = (other: number) => (points[2 * other]! - x) ** 2 + (points[2 * other + 1]! - y) ** 2;
    for (let j = 0; j < counted; j++) {
      const neighbour = neighbours.indices[at * neighbours.k + j]!;
      const radius = distanceOf(neighbour);
      // Its rank on the map: how many others are nearer.
      let nearer = 0;
      const reach = Math.sqrt(radius);
      grid.visit(x - reach, y - reach, x + reach, y + reach, (other) => {
        if (other !== item && other !== neighbour && distanceOf(other) < radius) nearer++;
      });
      const share = 1 / (counted * asked.length);
      if (nearer < 10) kept.amongTen += share;
      if (nearer < 50) kept.amongFifty += share;
    }
  });
  return kept;
}
