import { make } from "../base/dom.ts";
import type { Camera } from "./camera.ts";
import { type Cloud, DIM, LIT, type Painter } from "./cloud.ts";

const VERTEX = `#version 300 es
in vec2 from;
in vec2 to;
in vec3 color;
in float lit;
uniform float t;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
uniform float turn;
out vec4 shade;
void main() {
  vec2 place = mix(from, to, t) * scale + shift;
  // The background first, then what is lit.
  gl_Position = lit == turn ? vec4(place, 0.0, 1.0) : vec4(2.0, 2.0, 0.0, 1.0);
  gl_PointSize = size;
  shade = vec4(color, lit == 1.0 ? ${LIT} : ${DIM});
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade;
uniform float size;
out vec4 result;
void main() {
  float cover = clamp((0.5 - length(gl_PointCoord - 0.5)) * size + 0.5, 0.0, 1.0) * shade.a;
  result = vec4(shade.rgb * cover, cover);
}`;

const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;

/** Dots by WebGL: the graphics card moves and draws all of them. */
export class GlPainter implements Painter {
  readonly kind = "gpu";
  readonly canvas: HTMLCanvasElement;
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly buffers: Record<"from" | "to" | "color" | "lit", WebGLBuffer>;
  private version = -1;
  /** The arrays that the buffers hold. */
  private held: { from?: Float32Array; to?: Float32Array } = {};

  /** Undefined where there is no WebGL 2 by a graphics card. */
  static make(): GlPainter | undefined {
    const canvas = make("canvas", "map-dots");
    const gl = canvas.getContext("webgl2", { antialias: false, failIfMajorPerformanceCaveat: true });
    if (!gl) return undefined;
    const names = gl.getExtension("WEBGL_debug_renderer_info");
    const renderer = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    if (SOFTWARE.test(renderer)) return undefined;
    const program = link(gl);
    return program && new GlPainter(canvas, gl, program);
  }

  private constructor(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, program: WebGLProgram) {
    this.canvas = canvas;
    this.gl = gl;
    this.program = program;
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const attribute = (name: string, size: number, type: number, normalized: boolean) => {
      const buffer = gl.createBuffer();
      const place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, type, normalized, 0, 0);
      return buffer;
    };
    this.buffers = {
      from: attribute("from", 2, gl.FLOAT, false),
      to: attribute("to", 2, gl.FLOAT, false),
      color: attribute("color", 3, gl.UNSIGNED_BYTE, true),
      lit: attribute("lit", 1, gl.UNSIGNED_BYTE, false),
    };
  }

  paint(cloud: Cloud, camera: Camera, size: number): void {
    const { gl, program, canvas } = this;
    if (gl.isContextLost()) return;
    const dpr = devicePixelRatio;
    const [width, height] = [Math.round(camera.width * dpr), Math.round(camera.height * dpr)];
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (cloud.version !== this.version) this.upload(cloud);
    const { scale } = camera;
    const set = (name: string) => gl.getUniformLocation(program, name);
    gl.uniform1f(set("t"), cloud.t);
    gl.uniform1f(set("size"), size * dpr);
    gl.uniform2f(set("scale"), (2 * scale) / camera.width, (-2 * scale) / camera.height);
    gl.uniform2f(set("shift"), (-2 * scale * camera.x) / camera.width, (2 * scale * camera.y) / camera.height);
    for (const turn of [0, 1]) {
      gl.uniform1f(set("turn"), turn);
      gl.drawArrays(gl.POINTS, 0, cloud.to.length / 2);
    }
  }

  private upload(cloud: Cloud): void {
    const { gl, buffers } = this;
    this.version = cloud.version;
    const put = (buffer: WebGLBuffer, data: Float32Array | Uint8Array) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    };
    if (this.held.from !== cloud.from) put(buffers.from, cloud.from);
    if (this.held.to !== cloud.to) put(buffers.to, cloud.to);
    this.held = { from: cloud.from, to: cloud.to };
    put(buffers.color, cloud.colors);
    put(buffers.lit, cloud.lit);
  }

  dispose(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram | undefined {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) return undefined;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : undefined;
}
