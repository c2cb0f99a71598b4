/** Which part of a map is seen: points of the map, about -1 to 1 in both directions, to pixels of its canvas. */
export class Camera {
  static readonly MOST = 60;
  /** How many times closer than the view of everything. */
  k = 1;
  /** The point of the map in the middle of the canvas. */
  x = 0;
  y = 0;
  width = 1;
  height = 1;
  /** How far the points reach from 0. */
  reach: [x: number, y: number] = [1, 1];
  /** Pixels that stay free around the view of everything. */
  private readonly margin = 30;

  /** Pixels of one unit of the map; the same in both directions, so that distances are true. */
  get scale(): number {
    const { width, height, margin, reach } = this;
    const fit = Math.min((width - 2 * margin) / (2 * reach[0]), (height - 2 * margin) / (2 * reach[1]));
    return Math.max(1, fit) * this.k;
  }

  toScreenX(x: number): number {
    return this.width / 2 + this.scale * (x - this.x);
  }

  toScreenY(y: number): number {
    return this.height / 2 + this.scale * (y - this.y);
  }

  toMap(x: number, y: number): [x: number, y: number] {
    return [this.x + (x - this.width / 2) / this.scale, this.y + (y - this.height / 2) / this.scale];
  }

  /** Zooms so that what is at a pixel stays there. */
  zoomAt(factor: number, x: number, y: number): void {
    const [mapX, mapY] = this.toMap(x, y);
    this.k = Math.min(Camera.MOST, Math.max(1, this.k * factor));
    this.x = mapX - (x - this.width / 2) / this.scale;
    this.y = mapY - (y - this.height / 2) / this.scale;
    this.hold();
  }

  panBy(dx: number, dy: number): void {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.hold();
  }

  /** Brings a point into view if it is not. True if the view has changed. */
  reveal(x: number, y: number, margin = 40): boolean {
    const [left, top] = [this.toScreenX(x), this.toScreenY(y)];
    if (left >= margin && left <= this.width - margin && top >= margin && top <= this.height - margin) return false;
    [this.x, this.y] = [x, y];
    this.hold();
    return true;
  }

  showAll(): void {
    [this.k, this.x, this.y] = [1, 0, 0];
  }

  /** The points stay in view: the middle of the canvas cannot leave them, and everything is centred. */
  private hold(): void {
    const room = 1 - 1 / this.k;
    this.x = clamp(this.x, room * this.reach[0]);
    this.y = clamp(this.y, room * this.reach[1]);
  }
}

const clamp = (value: number, most: number) => Math.min(most, Math.max(-most, value)) || 0;
