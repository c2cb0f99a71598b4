import type { Camera } from "./camera.ts";

/** The name of a group where it is on the map. */
export interface MapLabel {
  text: string;
  x: number;
  y: number;
  /** 0: named from afar; 1 and more: only from closer by. */
  level: number;
  /** Its colour: a hue. */
  hue: number;
  /** What opens when it is pressed. */
  prefix: readonly number[];
  /** Pixels below its place, of which something else is seen. */
  below?: number;
}

/** In pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface PlacedLabel extends Box {
  label: MapLabel;
}

/** The zoom from which labels of a level are shown, and the most labels of one view. */
const FROM_ZOOM = [1, 2.2, 5];
const MOST = 60;
const GAP = 6;

export const fontOf = (level: number, family: string): string =>
  level === 0 ? `650 13px ${family}` : `550 11.5px ${family}`;

/**
 * Labels that fit the view, none over another: the first of the list have the first choice. More of them fit the closer one gets.
 * @param measure The width of a label in pixels.
 * @param reserved Boxes that stay free.
 */
export function placeLabels(
  labels: readonly MapLabel[],
  camera: Camera,
  measure: (label: MapLabel) => number,
  reserved: readonly Box[] = [],
): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  for (const label of labels) {
    if (placed.length === MOST) break;
    if (camera.k < (FROM_ZOOM[label.level] ?? Infinity)) continue;
    const [x, y] = [camera.toScreenX(label.x), camera.toScreenY(label.y) + (label.below ?? 0)];
    if (x < 0 || y < 0 || x > camera.width || y > camera.height) continue;
    const width = measure(label);
    const height = label.level === 0 ? 18 : 16;
    // Whole labels: those at the edge move inwards.
    const left = Math.min(Math.max(x - width / 2, 4), camera.width - width - 4);
    const top = Math.min(Math.max(y - height / 2, 4), camera.height - height - 4);
    const isApart = (other: Box) =>
      left >= other.left + other.width + GAP ||
      other.left >= left + width + GAP ||
      top >= other.top + other.height + GAP / 2 ||
      other.top >= top + height + GAP / 2;
    const isFree = placed.every(isApart) && reserved.every(isApart);
    if (isFree && left >= 0) placed.push({ label, left, top, width, height });
  }
  return placed;
}
