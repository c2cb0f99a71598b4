/** Finds points by their places: all of them in cells, by a counting sort. */
export class PointGrid {
  private readonly points: Float32Array;
  private readonly side: number;
  private readonly left: number;
  private readonly top: number;
  private readonly cell: number;
  private readonly starts: Uint32Array;
  private readonly order: Uint32Array;
  /** Points that the last search looked at. */
  looked = 0;

  /** @param points x, y of each point. */
  constructor(points: Float32Array) {
    this.points = points;
    const n = points.length / 2;
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      left = Math.min(left, points[2 * i]!);
      right = Math.max(right, points[2 * i]!);
      top = Math.min(top, points[2 * i + 1]!);
      bottom = Math.max(bottom, points[2 * i + 1]!);
    }
    this.side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(n / 2))));
    this.left = n > 0 ? left : 0;
    this.top = n > 0 ? top : 0;
    this.cell = Math.max(right - left, bottom - top, 1e-9) / this.side || 1;
    this.starts = new Uint32Array(this.side ** 2 + 1);
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.starts[this.cellOf(points[2 * i]!, points[2 * i + 1]!) + 1]!++;
    for (let c = 0; c < this.side ** 2; c++) this.starts[c + 1]! += this.starts[c]!;
    const next = this.starts.slice();
    for (let i = 0; i < n; i++) this.order[next[this.cellOf(points[2 * i]!, points[2 * i + 1]!)]!++] = i;
  }

  /** The nearest point within a radius that is accepted, or -1. */
  nearest(x: number, y: number, radius: number, accepts: (point: number) => boolean = () => true): number {
    let best = -1;
    let least = radius ** 2;
    this.visit(x - radius, y - radius, x + radius, y + radius, (point) => {
      const distance = (this.points[2 * point]! - x) ** 2 + (this.points[2 * point + 1]! - y) ** 2;
      if (distance > least || (distance === least && best >= 0) || !accepts(point)) return;
      least = distance;
      best = point;
    });
    return best;
  }

  /** Calls `found` for the points of a rectangle, and perhaps for a few around it. */
  visit(left: number, top: number, right: number, bottom: number, found: (point: number) => void): void {
    this.looked = 0;
    const [firstColumn, lastColumn] = [this.column(left - this.left), this.column(right - this.left)];
    const [firstRow, lastRow] = [this.column(top - this.top), this.column(bottom - this.top)];
    for (let row = firstRow; row <= lastRow; row++) {
      const end = this.starts[row * this.side + lastColumn + 1]!;
      for (let at = this.starts[row * this.side + firstColumn]!; at < end; at++) {
        this.looked++;
        found(this.order[at]!);
      }
    }
  }

  private cellOf(x: number, y: number): number {
    return this.column(y - this.top) * this.side + this.column(x - this.left);
  }

  private column(distance: number): number {
    return Math.min(this.side - 1, Math.max(0, Math.floor(distance / this.cell)));
  }
}
