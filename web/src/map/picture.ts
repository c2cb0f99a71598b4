import { EMOJI_FONT } from "../base/glyph.ts";
import type { Camera } from "./camera.ts";
import { type Cloud, DIM, LIT } from "./cloud.ts";
import { stampDots } from "./dots.ts";
import type { PlacedLabel } from "./labels.ts";
import { drawOverlay, GLYPH_SIZE, type Overlay, starCorners } from "./overlay.ts";
import { colorOf, type Scheme } from "./scheme.ts";

/** A view of a map, to be kept as a picture. */
export interface View {
  camera: Camera;
  cloud: Cloud;
  labels: readonly PlacedLabel[];
  glyphs: Overlay["glyphs"];
  stars: Overlay["stars"];
  scheme: Scheme;
  /** The diameter of a dot. */
  size: number;
}

/** Pixels of a saved picture for one of the page: enough for print. */
const RATIO = 3;

/** The view as a PNG, three times as fine as the page. */
export function toPng({ camera, cloud, labels, glyphs, stars, scheme, size }: View): Promise<Blob> {
  const canvas = document.createElement("canvas");
  const [width, height] = [Math.round(camera.width * RATIO), Math.round(camera.height * RATIO)];
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d")!;
  context.fillStyle = scheme.paper;
  context.fillRect(0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  stampDots({ width, height, pixels: image.data, ratio: RATIO }, cloud, camera, size, [DIM, LIT]);
  context.putImageData(image, 0, 0);
  context.setTransform(RATIO, 0, 0, RATIO, 0, 0);
  const placeOf = (point: number) =>
    [camera.toScreenX(cloud.to[2 * point]!), camera.toScreenY(cloud.to[2 * point + 1]!)] as const;
  const overlay = { glyphs, labels, stars, rings: [], guest: undefined, outline: [] };
  drawOverlay(context, overlay, camera, placeOf, (point) => cloud.lit[point] === 1, scheme);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make the picture"))),
      "image/png",
    ),
  );
}

/** The view as an SVG, in which dots, glyphs and names stay shapes and text. */
export function toSvg(view: View): string {
  const { camera, cloud, labels, glyphs, stars, scheme, size } = view;
  const { width, height } = camera;
  const isIn = (x: number, y: number) => x > -size && y > -size && x < width + size && y < height + size;
  /** Dots of one colour share a group; a number needs no more digits than a tenth of a pixel. */
  const byColor = new Map<string, string[]>();
  for (let i = 0; i < cloud.to.length / 2; i++) {
    const [x, y] = [camera.toScreenX(cloud.to[2 * i]!), camera.toScreenY(cloud.to[2 * i + 1]!)];
    if (!isIn(x, y)) continue;
    const color = [...cloud.colors.subarray(3 * i, 3 * i + 3)].map((part) => part.toString(16).padStart(2, "0"));
    const key = `fill="#${color.join("")}" fill-opacity="${cloud.lit[i] === 1 ? LIT : DIM}"`;
    const list = byColor.get(key);
    const dot = `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${(size / 2).toFixed(1)}"/>`;
    if (list) list.push(dot);
    else byColor.set(key, [dot]);
  }
  const dots = [...byColor].map(([key, list]) => `<g ${key}>${list.join("")}</g>`);
  const emoji: string[] = [];
  for (const point of glyphs.order) {
    if (glyphs.zooms[point]! > camera.k) break;
    const [x, y] = [camera.toScreenX(cloud.to[2 * point]!), camera.toScreenY(cloud.to[2 * point + 1]!)];
    if (cloud.lit[point] === 1 && isIn(x, y))
      emoji.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escapeXml(glyphs.text[point]!)}</text>`);
  }
  const marks = stars
    .filter(({ isHidden }) => !isHidden)
    .map(({ x, y, hue }) => {
      const corners = starCorners(camera.toScreenX(x), camera.toScreenY(y), 8).map((at) => at.toFixed(1));
      return `<polygon points="${corners.join(" ")}" fill="${colorOf(hue, scheme.isDark ? "dark-text" : "light-text")}"/>`;
    });
  const names = labels.map(({ label, left, top, height: tall }) => {
    const font = label.level === 0 ? 'font-size="13" font-weight="650"' : 'font-size="11.5" font-weight="550"';
    const fill = colorOf(label.hue, scheme.isDark ? "dark-text" : "light-text");
    return `<text x="${(left + 3).toFixed(1)}" y="${(top + tall / 2).toFixed(1)}" ${font} fill="${fill}">${escapeXml(label.text)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" fill="${scheme.paper}"/>`,
    ...dots,
    `<g font-family="${escapeXml(EMOJI_FONT)}" font-size="${GLYPH_SIZE}" text-anchor="middle" dominant-baseline="central" fill="${scheme.ink}">${emoji.join("")}</g>`,
    ...marks,
    `<g font-family="system-ui, sans-serif" dominant-baseline="central" paint-order="stroke" stroke="${scheme.paper}" stroke-width="4" stroke-linejoin="round">${names.join("")}</g>`,
    "</svg>",
  ].join("\n");
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);
