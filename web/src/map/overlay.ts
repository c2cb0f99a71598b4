import { EMOJI_FONT } from "../base/glyph.ts";
import type { Camera } from "./camera.ts";
import { fontOf, type PlacedLabel } from "./labels.ts";
import { colorOf, type Scheme } from "./scheme.ts";

/** A mark that is no item, with its name or "". */
export interface Star {
  x: number;
  y: number;
  hue: number;
  text: string;
  isHidden?: boolean;
}

/** What is drawn above the dots, in the order of drawing. */
export interface Overlay {
  /** Points with a glyph, those that are seen from afar first, and the zoom from which each is seen. */
  glyphs: { text: readonly (string | undefined)[]; order: Uint32Array; zooms: Float32Array };
  labels: readonly PlacedLabel[];
  /** Rings around points, with the glyph inside. */
  rings: readonly { point: number; strong: boolean }[];
  /** Marks that are no items: codes, and an item that is new. */
  stars: readonly Star[];
  guest: { x: number; y: number; text: string } | undefined;
  /** Corners of the outline that is being drawn, in pixels. */
  outline: readonly number[];
}

/** Where a point is on the canvas. */
export type PlaceOf = (point: number) => readonly [x: number, y: number];

export const GLYPH_SIZE = 19;
const SPRITE = GLYPH_SIZE * 1.5;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** Glyphs as pictures: a canvas draws a picture many times faster than a letter of a colour font. */
const sprites = new Map<string, HTMLCanvasElement>();

function spriteOf(glyph: string, ink: string): HTMLCanvasElement {
  const key = `${glyph} ${ink} ${devicePixelRatio}`;
  let sprite = sprites.get(key);
  if (!sprite) {
    if (sprites.size > 20_000) sprites.clear();
    sprite = document.createElement("canvas");
    const context = sprite.getContext("2d")!;
    const font = `${GLYPH_SIZE * devicePixelRatio}px ${EMOJI_FONT}`;
    context.font = font;
    // A font without a sequence of emoji draws its parts side by side.
    const width = Math.max(SPRITE * devicePixelRatio, context.measureText(glyph).width);
    [sprite.width, sprite.height] = [Math.ceil(width), Math.ceil(SPRITE * devicePixelRatio)];
    context.font = font;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = ink;
    context.fillText(glyph, sprite.width / 2, sprite.height / 2);
    sprites.set(key, sprite);
  }
  return sprite;
}

const widths = new Map<string, number>();
let measuring: CanvasRenderingContext2D | undefined;

/** The width of a label in pixels. */
export function widthOf({ text, level }: { text: string; level: number }): number {
  const key = `${level} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    measuring ??= document.createElement("canvas").getContext("2d")!;
    measuring.font = fontOf(level, FONT);
    width = Math.ceil(measuring.measureText(text).width) + 6;
    widths.set(key, width);
  }
  return width;
}

/**
 * Draws the glyphs, names and marks of a view.
 * @returns How many glyphs were drawn.
 */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  overlay: Overlay,
  camera: Camera,
  placeOf: PlaceOf,
  isLit: (point: number) => boolean,
  scheme: Scheme,
): number {
  const { glyphs, labels, rings, stars, guest, outline } = overlay;
  const side = SPRITE;
  let drawn = 0;
  const drawGlyph = (text: string, x: number, y: number) => {
    const sprite = spriteOf(text, scheme.ink);
    const width = side * (sprite.width / sprite.height);
    context.drawImage(sprite, x - width / 2, y - side / 2, width, side);
    drawn++;
  };
  for (const point of glyphs.order) {
    if (glyphs.zooms[point]! > camera.k) break;
    const [x, y] = placeOf(point);
    if (x < -side || y < -side || x > camera.width + side || y > camera.height + side) continue;
    if (labels.some((label) => covers(label, x, y))) continue;
    if (isLit(point)) drawGlyph(glyphs.text[point]!, x, y);
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { x, y, hue, isHidden } of stars) {
    if (!isHidden) drawStar(context, camera.toScreenX(x), camera.toScreenY(y), hue, scheme);
  }
  for (const { label, left, top, height } of labels) {
    context.font = fontOf(label.level, FONT);
    context.lineWidth = 4;
    context.strokeStyle = scheme.paper;
    context.globalAlpha = 0.92;
    context.strokeText(label.text, left + 3, top + height / 2);
    context.globalAlpha = 1;
    context.fillStyle = colorOf(label.hue, scheme.isDark ? "dark-text" : "light-text");
    context.fillText(label.text, left + 3, top + height / 2);
  }
  for (const { point, strong } of rings) {
    const [x, y] = placeOf(point);
    const text = glyphs.text[point];
    ring(context, x, y, text ? 16 : strong ? 9 : 8, strong ? 3 : 2, scheme);
    if (text) drawGlyph(text, x, y);
  }
  if (guest) {
    const [x, y] = [camera.toScreenX(guest.x), camera.toScreenY(guest.y)];
    ring(context, x, y, 7, 3, scheme, scheme.accent);
    const width = widthOf({ text: guest.text, level: 0 });
    const left = Math.min(Math.max(x + 14, 4), camera.width - width - 4);
    context.font = fontOf(0, FONT);
    context.lineWidth = 5;
    context.strokeStyle = scheme.paper;
    context.strokeText(guest.text, left, y);
    context.fillStyle = scheme.accent;
    context.fillText(guest.text, left, y);
  }
  if (outline.length >= 4) {
    context.beginPath();
    for (let i = 0; i < outline.length; i += 2) context.lineTo(outline[i]!, outline[i + 1]!);
    context.closePath();
    context.fillStyle = scheme.accent;
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = scheme.accent;
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    context.stroke();
    context.setLineDash([]);
  }
  return drawn;
}

/** Whether a glyph at a place would lie under a name. */
const covers = ({ left, top, width, height }: PlacedLabel, x: number, y: number) =>
  x > left - 9 && x < left + width + 9 && y > top - 8 && y < top + height + 8;

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  width: number,
  scheme: Scheme,
  color = scheme.ink,
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = width + 3;
  context.strokeStyle = scheme.paper;
  context.stroke();
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke();
}

/** The corners of a star with five points, x and y of each. */
export function starCorners(x: number, y: number, radius: number): number[] {
  const corners: number[] = [];
  for (let i = 0; i < 10; i++) {
    const r = i % 2 === 0 ? radius : radius * 0.45;
    corners.push(x + r * Math.sin((i * Math.PI) / 5), y - r * Math.cos((i * Math.PI) / 5));
  }
  return corners;
}

function drawStar(context: CanvasRenderingContext2D, x: number, y: number, hue: number, scheme: Scheme): void {
  const corners = starCorners(x, y, 8);
  context.beginPath();
  for (let i = 0; i < corners.length; i += 2) context.lineTo(corners[i]!, corners[i + 1]!);
  context.closePath();
  context.lineWidth = 3.5;
  context.strokeStyle = scheme.paper;
  context.stroke();
  context.fillStyle = colorOf(hue, scheme.isDark ? "dark-text" : "light-text");
  context.fill();
}
