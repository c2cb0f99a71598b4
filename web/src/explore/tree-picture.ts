import { resolveColor } from "../base/colors.ts";
import { make } from "../base/dom.ts";
import type { Sunburst } from "./sunburst.ts";
import { type Brush, SvgBrush } from "./svg-brush.ts";

/** Width and height of a picture, the rings' distance from its edge, and pixels of a PNG for one of them. */
const SIDE = 1200;
const EDGE = 24;
const RATIO = 2;

/** The rings as they are shown, in the page's colours. */
export const drawTree = (sunburst: Sunburst, format: "png" | "svg"): Promise<Blob> =>
  format === "png" ? drawPng(sunburst) : Promise.resolve(new Blob([drawSvg(sunburst)], { type: "image/svg+xml" }));

function drawSvg(sunburst: Sunburst): string {
  const brush = new SvgBrush();
  drawOn(brush, sunburst);
  return brush.finish(SIDE, SIDE, resolveColor("--panel"));
}

function drawPng(sunburst: Sunburst): Promise<Blob> {
  const canvas = make("canvas");
  canvas.width = canvas.height = SIDE * RATIO;
  const context = canvas.getContext("2d")!;
  context.fillStyle = resolveColor("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(RATIO, 0, 0, RATIO, canvas.width / 2, canvas.height / 2);
  drawOn(context, sunburst);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make the picture"))),
      "image/png",
    );
  });
}

function drawOn(brush: Brush, sunburst: Sunburst): void {
  sunburst.drawOn(brush, SIDE / 2 - EDGE);
  // The words in the middle are elements of the page; a picture has them as text.
  const [name = "", ...more] = [...sunburst.middle.children]
    .map((line) => line.textContent?.replace(/ · press.*$|^press.*$/, "") ?? "")
    .filter((line) => line !== "");
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.fillStyle = resolveColor("--ink");
  brush.font = "650 34px system-ui, sans-serif";
  brush.fillText(name, 0, more.length * -20);
  brush.fillStyle = resolveColor("--muted");
  brush.font = "400 24px system-ui, sans-serif";
  more.forEach((line, i) => {
    brush.fillText(line, 0, more.length * -20 + 44 + 34 * i);
  });
}
