import type { Camera } from "./camera.ts";
import type { Cloud } from "./cloud.ts";

/** A picture of dots: how many pixels of the page are one of the picture's, and its pixels. */
export interface DotPicture {
  width: number;
  height: number;
  /** Red, green, blue and alpha, as an ImageData has them. */
  pixels: Uint8ClampedArray;
  ratio: number;
}

/** Positions of a dot within its pixel that have stamps of their own, in each direction. */
const STEPS = 4;

/** The pixels that a dot covers: where they are from the pixel of its middle, and how much it covers, from 0 to 256. */
interface Stamp {
  columns: Int8Array;
  rows: Int8Array;
  covers: Uint16Array;
  /** Where they are in the picture's numbers, from those of the middle. */
  offsets: Int32Array;
}

/** The stamp of a dot whose middle is this far into its pixel. */
function makeStamp(size: number, dx: number, dy: number, strength: number, width: number): Stamp {
  const half = Math.ceil(size / 2 + 0.5);
  const covered: [column: number, row: number, cover: number][] = [];
  for (let row = -half; row <= half; row++) {
    for (let column = -half; column <= half; column++) {
      const distance = Math.hypot(column + 0.5 - dx, row + 0.5 - dy);
      const cover = Math.round(256 * strength * Math.min(1, Math.max(0, size / 2 - distance + 0.5)));
      if (cover > 0) covered.push([column, row, cover]);
    }
  }
  return {
    columns: Int8Array.from(covered, ([column]) => column),
    rows: Int8Array.from(covered, ([, row]) => row),
    covers: Uint16Array.from(covered, ([, , cover]) => cover),
    offsets: Int32Array.from(covered, ([column, row]) => 4 * (row * width + column)),
  };
}

/**
 * Draws dots over the picture, the lit ones above the others. A canvas draws a hundred thousand shapes in a tenth of a second; stamping
 * them into pixels takes a tenth of that.
 * @returns How many pixels were stamped.
 */
export function stampDots(
  { width, height, pixels, ratio }: DotPicture,
  { from, to, t, colors, lit }: Cloud,
  camera: Camera,
  size: number,
  strengths: readonly [dim: number, lit: number],
): number {
  const n = to.length / 2;
  const diameter = Math.max(1, size * ratio);
  const half = Math.ceil(diameter / 2 + 0.5);
  const scale = camera.scale * ratio;
  const shiftX = (camera.width / 2) * ratio - scale * camera.x;
  const shiftY = (camera.height / 2) * ratio - scale * camera.y;
  // Whole numbers that need no clamping: writing them costs a fraction of what a clamped array does.
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length);
  let stamped = 0;
  for (const turn of [0, 1] as const) {
    const stamps = Array.from({ length: STEPS * STEPS }, (_, i) =>
      makeStamp(diameter, ((i % STEPS) + 0.5) / STEPS, (Math.floor(i / STEPS) + 0.5) / STEPS, strengths[turn], width),
    );
    for (let i = 0; i < n; i++) {
      if (lit[i] !== turn) continue;
      const x = scale * (from[2 * i]! + t * (to[2 * i]! - from[2 * i]!)) + shiftX;
      const y = scale * (from[2 * i + 1]! + t * (to[2 * i + 1]! - from[2 * i + 1]!)) + shiftY;
      if (!(x >= -half && y >= -half && x < width + half && y < height + half)) continue;
      const column = Math.floor(x);
      const row = Math.floor(y);
      const stamp = stamps[Math.floor((y - row) * STEPS) * STEPS + Math.floor((x - column) * STEPS)]!;
      const { columns, rows, covers, offsets } = stamp;
      const isWhole = column >= half && row >= half && column < width - half && row < height - half;
      const red = colors[3 * i]!;
      const green = colors[3 * i + 1]!;
      const blue = colors[3 * i + 2]!;
      const middle = 4 * (row * width + column);
      for (let p = 0; p < covers.length; p++) {
        if (!isWhole) {
          const [c, r] = [column + columns[p]!, row + rows[p]!];
          if (c < 0 || r < 0 || c >= width || r >= height) continue;
        }
        const at = middle + offsets[p]!;
        const cover = covers[p]!;
        bytes[at] = bytes[at]! + (((red - bytes[at]!) * cover) >> 8);
        bytes[at + 1] = bytes[at + 1]! + (((green - bytes[at + 1]!) * cover) >> 8);
        bytes[at + 2] = bytes[at + 2]! + (((blue - bytes[at + 2]!) * cover) >> 8);
        stamped++;
      }
    }
  }
  return stamped;
}
