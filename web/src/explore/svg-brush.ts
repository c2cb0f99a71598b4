import { make } from "../base/dom.ts";

/** What the rings are drawn with: a canvas, or an SVG that takes the same strokes. */
export type Brush = Pick<
  CanvasRenderingContext2D,
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "font"
  | "textAlign"
  | "textBaseline"
  | "beginPath"
  | "arc"
  | "closePath"
  | "fill"
  | "stroke"
  | "save"
  | "restore"
  | "rotate"
  | "translate"
  | "fillText"
  | "measureText"
>;

const rgb = new Map<unknown, string>();
let canvas: CanvasRenderingContext2D | undefined;

/** A canvas of one pixel, which knows colours and the widths of texts. */
function ruler(): CanvasRenderingContext2D {
  canvas ??= make("canvas").getContext("2d", { willReadFrequently: true })!;
  return canvas;
}

/** A colour as every program reads it; few know oklch. */
function toRgb(color: CanvasRenderingContext2D["fillStyle"]): string {
  let known = rgb.get(color);
  if (known === undefined) {
    const pixel = ruler();
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = color;
    pixel.fillRect(0, 0, 1, 1);
    const parts = [...pixel.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
    known = `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
    rgb.set(color, known);
  }
  return known;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);
/** A hundredth of a pixel is enough. */
const short = (x: number) => String(Math.round(x * 100) / 100);
const DEGREES = 180 / Math.PI;

/** Writes down what is drawn, as SVG. The middle of the picture is 0, 0. */
export class SvgBrush implements Brush {
  fillStyle: Brush["fillStyle"] = "#000";
  strokeStyle: Brush["strokeStyle"] = "#000";
  lineWidth = 1;
  font = "10px sans-serif";
  textAlign: CanvasTextAlign = "center";
  textBaseline: CanvasTextBaseline = "middle";
  private readonly parts: string[] = [];
  private path = "";
  /** What was turned and moved, as an attribute; and what it was before each `save`. */
  private transform: string[] = [];
  private readonly saved: string[][] = [];

  beginPath(): void {
    this.path = "";
  }

  arc(x: number, y: number, radius: number, start: number, end: number, counterclockwise = false): void {
    const at = (angle: number) => `${short(x + radius * Math.cos(angle))} ${short(y + radius * Math.sin(angle))}`;
    const turn = Math.abs(end - start);
    const sweep = counterclockwise ? 0 : 1;
    this.path += `${this.path === "" ? "M" : "L"}${at(start)}`;
    // A whole turn ends where it begins, which an arc of SVG takes for no arc at all.
    for (const to of turn > Math.PI * 1.99 ? [(start + end) / 2, end] : [end]) {
      this.path += `A${short(radius)} ${short(radius)} 0 ${turn > Math.PI && turn <= Math.PI * 1.99 ? 1 : 0} ${sweep} ${at(to)}`;
    }
  }

  closePath(): void {
    this.path += "Z";
  }

  fill(): void {
    this.parts.push(`<path d="${this.path}" fill="${toRgb(this.fillStyle)}"/>`);
  }

  stroke(): void {
    this.parts.push(
      `<path d="${this.path}" fill="none" stroke="${toRgb(this.strokeStyle)}" stroke-width="${this.lineWidth}"/>`,
    );
  }

  save(): void {
    this.saved.push([...this.transform]);
  }

  restore(): void {
    this.transform = this.saved.pop() ?? [];
  }

  rotate(angle: number): void {
    this.transform.push(`rotate(${short(angle * DEGREES)})`);
  }

  translate(x: number, y: number): void {
    this.transform.push(`translate(${short(x)} ${short(y)})`);
  }

  fillText(text: string, x: number, y: number): void {
    const [, weight = "400", size = "10", family = "sans-serif"] = /^(?:(\d+) )?([\d.]+)px (.*)$/.exec(this.font) ?? [];
    const turned = this.transform.length > 0 ? ` transform="${this.transform.join(" ")}"` : "";
    this.parts.push(
      `<text x="${short(x)}" y="${short(y)}" font-family="${escapeXml(family)}" font-size="${short(Number(size))}" font-weight="${weight}" text-anchor="middle" dominant-baseline="central" fill="${toRgb(this.fillStyle)}"${turned}>${escapeXml(text)}</text>`,
    );
  }

  measureText(text: string): TextMetrics {
    ruler().font = this.font;
    return ruler().measureText(text);
  }

  /** The picture, on a ground of one colour. */
  finish(width: number, height: number, ground: string): string {
    const box = `${-width / 2} ${-height / 2} ${width} ${height}`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${box}">`,
      `<rect x="${-width / 2}" y="${-height / 2}" width="${width}" height="${height}" fill="${toRgb(ground)}"/>`,
      ...this.parts,
      "</svg>",
    ].join("\n");
  }
}
