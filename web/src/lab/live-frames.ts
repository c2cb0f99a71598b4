import type { ItemMatrix, RQVAE } from "rqvae";
import { turned, turnTowards } from "./layout/align.ts";
import { squaredDistance } from "./layout/neighbours.ts";
import { alongDirections, type Directions, followDirections, widestDirections } from "./layout/projection.ts";
import type { LiveFrame } from "./types.ts";
import { evenly, type Vectors } from "./vectors.ts";

/** The most items of a live map, and the most numbers of their vectors. */
const ITEMS = 10_000;
const NUMBERS = 1 << 22;
/** Rows that the widest directions are taken from. */
const ROWS = 600;
/** The most of the training's time that pictures may take, and the fewest milliseconds between two. */
const SHARE = 0.05;
const GAP_MS = 150;
const WHOLE = 32767;

/** Pictures of a model while it trains: where it sees the items and its first codes. */
export class LiveFrames {
  private readonly items: Uint32Array;
  private readonly sample: ItemMatrix;
  private before: Float32Array | undefined;
  private directions: Directions | undefined;
  private spentMs = 0;
  private lastMs = 0;
  private lastAt = Number.NEGATIVE_INFINITY;

  private constructor(items: Uint32Array, sample: ItemMatrix) {
    this.items = items;
    this.sample = sample;
  }

  static async of(vectors: Vectors): Promise<LiveFrames> {
    const items = evenly(vectors.rows, Math.min(ITEMS, Math.max(1, Math.floor(NUMBERS / vectors.dim))));
    return new LiveFrames(items, await vectors.take(items));
  }

  /** Whether another picture is worth its time, after so much training. */
  isDue(trainedMs: number): boolean {
    if (this.lastAt === Number.NEGATIVE_INFINITY) return true;
    return performance.now() - this.lastAt >= GAP_MS && this.spentMs + this.lastMs <= SHARE * trainedMs;
  }

  /** @param epoch Epochs that are behind the model. */
  take(model: RQVAE, epoch: number): LiveFrame {
    const start = performance.now();
    const { latentDim: dim } = model.config;
    const latents = model.latents(this.sample);
    const [codebook] = model.codebooks();
    const codes = nearestCodes(latents, codebook!, dim);
    const rows = someRows(latents, dim);
    // From the last picture's directions: finding them from nothing takes longer than all the rest.
    const directions = this.directions ? followDirections(this.directions, rows, dim) : widestDirections(rows, dim);
    this.directions = directions;
    let points = alongDirections(directions, latents, dim);
    let stars = alongDirections(directions, codebook!, dim);
    if (this.before) {
      const turn = turnTowards(points, this.before);
      points = turned(points, turn);
      stars = turned(stars, turn);
    }
    this.before = points;
    let reach = 1e-9;
    for (const at of points) reach = Math.max(reach, Math.abs(at));
    const frame = { epoch, items: this.items, codes, points: inWhole(points, reach), stars: inWhole(stars, reach) };
    this.lastAt = performance.now();
    this.lastMs = this.lastAt - start;
    this.spentMs += this.lastMs;
    return frame;
  }
}

/** The nearest first code of each latent. */
function nearestCodes(latents: Float32Array, codebook: Float32Array, dim: number): Uint16Array {
  const size = codebook.length / dim;
  const codes = new Uint16Array(latents.length / dim);
  for (let i = 0; i < codes.length; i++) {
    let least = Infinity;
    for (let code = 0; code < size; code++) {
      const distance = squaredDistance(latents, i, codebook, code, dim, least);
      if (distance >= least) continue;
      least = distance;
      codes[i] = code;
    }
  }
  return codes;
}

function someRows(latents: Float32Array, dim: number): Float32Array {
  const n = latents.length / dim;
  if (n <= ROWS) return latents;
  const rows = new Float32Array(ROWS * dim);
  evenly(n, ROWS).forEach((row, i) => {
    rows.set(latents.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return rows;
}

/** Two bytes a number: a screen has no use for more. */
const inWhole = (points: Float32Array, reach: number) =>
  Int16Array.from(points, (at) => Math.round(WHOLE * Math.min(1, Math.max(-1, at / reach))));
