/** The nearest rows of each row: `indices[i * k ...]`, the nearest first, with their distances. */
export interface Neighbours {
  k: number;
  indices: Uint32Array;
  distances: Float32Array;
}

/** A row of a matrix is a vector. */
export interface Rows {
  data: Float32Array;
  dim: number;
}

/** The k nearest candidates so far, by insertion: equal distances keep the lower row first. */
class Nearest {
  readonly rows: Int32Array;
  readonly distances: Float64Array;
  private count = 0;

  constructor(private readonly k: number) {
    this.rows = new Int32Array(k);
    this.distances = new Float64Array(k);
  }

  clear(): void {
    this.count = 0;
  }

  /** The distance from which a candidate is too far. */
  get limit(): number {
    return this.count < this.k ? Infinity : this.distances[this.k - 1]!;
  }

  offer(row: number, distance: number): void {
    const { rows, distances, k } = this;
    let at = this.count < k ? this.count++ : k - 1;
    while (at > 0 && (distances[at - 1]! > distance || (distances[at - 1] === distance && rows[at - 1]! > row))) {
      distances[at] = distances[at - 1]!;
      rows[at] = rows[at - 1]!;
      at--;
    }
    distances[at] = distance;
    rows[at] = row;
  }
}

/** Squared distance; stops adding up once it is beyond the limit, which skips most of the work for most rows. */
export function squaredDistance(
  a: Float32Array,
  i: number,
  b: Float32Array,
  j: number,
  dim: number,
  limit: number,
): number {
  let sum = 0;
  const [from, other] = [i * dim, j * dim];
  for (let start = 0; start < dim; start += 8) {
    const end = Math.min(dim, start + 8);
    for (let d = start; d < end; d++) {
      const difference = a[from + d]! - b[other + d]!;
      sum += difference * difference;
    }
    if (sum > limit) return sum;
  }
  return sum;
}

/** The k nearest other rows of some rows, compared with every row. @param tell Called with the share that is done. */
export function nearestOf(
  { data, dim }: Rows,
  asked: Uint32Array,
  k: number,
  tell: (done: number) => void = () => {},
): Neighbours {
  const n = data.length / dim;
  const found = start(asked.length, Math.min(k, n - 1));
  const nearest = new Nearest(found.k);
  asked.forEach((i, at) => {
    nearest.clear();
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const distance = squaredDistance(data, i, data, j, dim, nearest.limit);
      if (distance < nearest.limit) nearest.offer(j, distance);
    }
    store(found, at, nearest);
    if (at % 256 === 255) tell((at + 1) / asked.length);
  });
  return found;
}

/** Groups of the rows around some of them. An item is compared with the rows of the groups that are nearest to it. */
const PROBES = 8;

/**
 * The k nearest of `rows` for each of `others`, by search in the groups whose middles are nearest: about as many as `PROBES` groups of the
 * square root of their number. A few of the nearest are missed.
 */
export function nearestAmong(rows: Rows, others: Rows, k: number, tell: (done: number) => void = () => {}): Neighbours {
  const { data, dim } = rows;
  const n = data.length / dim;
  const groups = Math.max(1, Math.floor(Math.sqrt(n)));
  const middles = new Float32Array(groups * dim);
  for (let g = 0; g < groups; g++) {
    const row = Math.floor((g * n) / groups);
    middles.set(data.subarray(row * dim, (row + 1) * dim), g * dim);
  }
  const members = Array.from({ length: groups }, (): number[] => []);
  const one = new Nearest(1);
  for (let i = 0; i < n; i++) {
    one.clear();
    for (let g = 0; g < groups; g++) {
      const distance = squaredDistance(data, i, middles, g, dim, one.limit);
      if (distance < one.limit) one.offer(g, distance);
    }
    members[one.rows[0]!]!.push(i);
  }
  const m = others.data.length / dim;
  const found = start(m, Math.min(k, n));
  const probes = new Nearest(Math.min(PROBES, groups));
  const nearest = new Nearest(found.k);
  for (let i = 0; i < m; i++) {
    probes.clear();
    for (let g = 0; g < groups; g++) {
      const distance = squaredDistance(others.data, i, middles, g, dim, probes.limit);
      if (distance < probes.limit) probes.offer(g, distance);
    }
    nearest.clear();
    const visit = (g: number) => {
      for (const j of members[g]!) {
        const distance = squaredDistance(others.data, i, data, j, dim, nearest.limit);
        if (distance < nearest.limit) nearest.offer(j, distance);
      }
    };
    for (const g of probes.rows) visit(g);
    // The nearest groups may hold fewer than k.
    if (nearest.limit === Infinity) {
      nearest.clear();
      for (let g = 0; g < groups; g++) visit(g);
    }
    store(found, i, nearest);
    if (i % 1024 === 1023) tell((i + 1) / m);
  }
  return found;
}

const start = (n: number, k: number): Neighbours => ({
  k,
  indices: new Uint32Array(n * k),
  distances: new Float32Array(n * k),
});

function store({ k, indices, distances }: Neighbours, at: number, nearest: Nearest): void {
  for (let j = 0; j < k; j++) {
    indices[at * k + j] = nearest.rows[j]!;
    distances[at * k + j] = Math.sqrt(nearest.distances[j]!);
  }
}
