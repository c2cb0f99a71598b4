import type { Painter } from "./cloud.ts";
import { GlPainter } from "./gl-painter.ts";
import { PixelPainter } from "./pixel-painter.ts";

/** Where WebGL is missing, or is itself a program on the processor, dots are drawn by a simpler one. */
export const makePainter = (): Painter => GlPainter.make() ?? new PixelPainter();
