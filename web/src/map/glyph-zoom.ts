/** Zooms at which glyphs appear: each 1.4 times closer than the last. */
const STEP = 1.4;

/**
 * From which zoom each glyph has room, so that no two of them overlap at any zoom and none vanishes when one comes closer. Earlier points
 * have the first choice.
 * @param room Distance of two glyphs at zoom 1, in units of the map.
 * @returns One zoom a point; Infinity where a point has no glyph, or no room at the closest zoom.
 */
export function glyphZooms(
  points: Float32Array,
  hasGlyph: (point: number) => boolean,
  room: number,
  most: number,
): Float32Array {
  const n = points.length / 2;
  const zooms = new Float32Array(n).fill(Infinity);
  for (let zoom = 1; zoom <= most; zoom *= STEP) {
    const cell = room / zoom;
    const taken = new Map<number, number[]>();
    const key = (column: number, row: number) => column * 1_000_003 + row;
    const place = (i: number) => {
      const at = key(Math.floor(points[2 * i]! / cell), Math.floor(points[2 * i + 1]! / cell));
      const list = taken.get(at);
      if (list) list.push(i);
      else taken.set(at, [i]);
    };
    for (let i = 0; i < n; i++) if (zooms[i]! < Infinity) place(i);
    for (let i = 0; i < n; i++) {
      if (zooms[i]! < Infinity || !hasGlyph(i)) continue;
      const [x, y] = [points[2 * i]!, points[2 * i + 1]!];
      const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
      let isFree = true;
      for (let c = column - 1; c <= column + 1 && isFree; c++) {
        for (let r = row - 1; r <= row + 1 && isFree; r++) {
          isFree = (taken.get(key(c, r)) ?? []).every(
            (other) => (points[2 * other]! - x) ** 2 + (points[2 * other + 1]! - y) ** 2 >= cell ** 2,
          );
        }
      }
      if (!isFree) continue;
      zooms[i] = zoom;
      place(i);
    }
  }
  return zooms;
}
