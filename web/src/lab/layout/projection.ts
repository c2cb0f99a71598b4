const ITERATIONS = 60;

export interface Plane {
  /** x, y of each row, from -1 to 1. */
  points: Float32Array;
  /** Share of the rows' variance along each of the two directions. */
  shares: [number, number];
}

/** Where the widest directions begin, and the directions, at right angles to each other. */
export interface Directions {
  mean: Float64Array;
  axes: Float64Array[];
  shares: [number, number];
}

/** The rows along their two widest directions. @param rows n x dim, row-major. */
export function projectToPlane(rows: Float32Array, dim: number): Plane {
  const directions = widestDirections(rows, dim);
  const points = alongDirections(directions, rows, dim);
  let reach = 0;
  for (const at of points) reach = Math.max(reach, Math.abs(at));
  if (reach > 0) for (let i = 0; i < points.length; i++) points[i]! /= reach;
  return { points, shares: directions.shares };
}

/** x, y of each row, in the rows' own units. */
export function alongDirections({ mean, axes }: Directions, rows: Float32Array, dim: number): Float32Array {
  const n = rows.length / dim;
  const points = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    for (const [k, axis] of axes.entries()) {
      let at = 0;
      for (let a = 0; a < dim; a++) at += (rows[i * dim + a]! - mean[a]!) * axis[a]!;
      points[2 * i + k] = at;
    }
  }
  return points;
}

/**
 * Principal components: the two directions in which the rows differ most, by power iteration on their covariance matrix, the second
 * one kept at a right angle to the first.
 */
export function widestDirections(rows: Float32Array, dim: number): Directions {
  const n = rows.length / dim;
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) mean[i % dim]! += rows[i]! / n;
  const covariance = new Float64Array(dim * dim);
  const centred = new Float64Array(dim);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < dim; a++) centred[a] = rows[i * dim + a]! - mean[a]!;
    for (let a = 0; a < dim; a++) {
      for (let b = 0; b <= a; b++) covariance[a * dim + b]! += (centred[a]! * centred[b]!) / n;
    }
  }
  let total = 0;
  for (let a = 0; a < dim; a++) {
    total += covariance[a * dim + a]!;
    for (let b = 0; b < a; b++) covariance[b * dim + a] = covariance[a * dim + b]!;
  }

  const found: Float64Array[] = [];
  const shares: [number, number] = [0, 0];
  for (let k = 0; k < Math.min(2, dim); k++) {
    let direction = new Float64Array(dim).map((_, j) => 1 + ((j * 7 + k * 3) % 5));
    for (let step = 0; step < ITERATIONS; step++) {
      const next = new Float64Array(dim);
      for (let a = 0; a < dim; a++) {
        for (let b = 0; b < dim; b++) next[a]! += covariance[a * dim + b]! * direction[b]!;
      }
      for (const other of found) {
        const along = dot(next, other);
        for (let a = 0; a < dim; a++) next[a]! -= along * other[a]!;
      }
      const length = Math.sqrt(dot(next, next));
      if (length === 0) break;
      shares[k] = total > 0 ? length / total : 0;
      direction = next.map((x) => x / length);
    }
    found.push(direction);
  }

  return { mean, axes: found, shares };
}

/** Steps towards the widest directions from those of a moment ago. */
const FOLLOWING = 2;

/** The widest directions of rows that have changed a little: a few steps of the same iteration, without the covariance matrix. */
export function followDirections(before: Directions, rows: Float32Array, dim: number): Directions {
  const n = rows.length / dim;
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) mean[i % dim]! += rows[i]! / n;
  let axes = before.axes;
  for (let step = 0; step < FOLLOWING; step++) {
    const along = alongDirections({ mean, axes, shares: before.shares }, rows, dim);
    const next: Float64Array[] = [];
    for (const [k, axis] of axes.entries()) {
      const direction = new Float64Array(dim);
      for (let i = 0; i < n; i++) {
        const weight = along[2 * i + k]!;
        for (let a = 0; a < dim; a++) direction[a]! += weight * (rows[i * dim + a]! - mean[a]!);
      }
      for (const other of next) {
        const shared = dot(direction, other);
        for (let a = 0; a < dim; a++) direction[a]! -= shared * other[a]!;
      }
      const length = Math.sqrt(dot(direction, direction));
      next.push(length > 0 ? direction.map((x) => x / length) : axis);
    }
    axes = next;
  }
  return { mean, axes, shares: before.shares };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
