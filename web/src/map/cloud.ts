import type { Camera } from "./camera.ts";

/** The points of a map, and how far they have moved from one place to the next. */
export interface Cloud {
  /** x, y of each point before and after. */
  from: Float32Array;
  to: Float32Array;
  /** 0: before; 1: after. */
  t: number;
  /** Red, green and blue of each point. */
  colors: Uint8Array;
  /** 1: lit; 0: in the background. */
  lit: Uint8Array;
  /** Counts up whenever one of the arrays is another or holds something else. */
  version: number;
}

/** Draws the dots of a map. Whatever is above them (glyphs, names, rings) is the stage's. */
export interface Painter {
  readonly kind: "gpu" | "pixels";
  readonly canvas: HTMLCanvasElement;
  /** @param size The diameter of a dot in pixels of the page. */
  paint(cloud: Cloud, camera: Camera, size: number): void;
  dispose(): void;
}

/** How strongly lit dots and others cover the background. */
export const LIT = 0.85;
export const DIM = 0.13;
