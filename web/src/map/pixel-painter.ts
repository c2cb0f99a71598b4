import { resolveColor } from "../base/colors.ts";
import { make } from "../base/dom.ts";
import type { Camera } from "./camera.ts";
import { type Cloud, DIM, LIT, type Painter } from "./cloud.ts";
import { stampDots } from "./dots.ts";

/** With more points than this, a pixel of the page is one of the picture, on fine screens too. */
const MANY = 20_000;

/** Dots without a graphics card: stamped into the pixels of a picture. */
export class PixelPainter implements Painter {
  readonly kind = "pixels";
  readonly canvas = make("canvas", "map-dots");
  private readonly context = this.canvas.getContext("2d")!;
  private image: ImageData | undefined;

  paint(cloud: Cloud, camera: Camera, size: number): void {
    const { canvas, context } = this;
    const ratio = cloud.to.length / 2 > MANY ? Math.min(1, devicePixelRatio) : devicePixelRatio;
    const [width, height] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
    if (width < 1 || height < 1) return;
    if (this.image?.width !== width || this.image.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      this.image = new ImageData(width, height);
    }
    const [red, green, blue] = resolveColor("--sunken")
      .match(/[\d.]+/g)!
      .map(Number);
    const { data } = this.image;
    // The platform is little-endian wherever there is WebAssembly.
    new Uint32Array(data.buffer).fill((255 << 24) | (blue! << 16) | (green! << 8) | red!);
    stampDots({ width, height, pixels: data, ratio }, cloud, camera, size, [DIM, LIT]);
    context.putImageData(this.image, 0, 0);
  }

  dispose(): void {
    this.image = undefined;
  }
}
