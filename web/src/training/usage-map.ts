import type { IdStatistics } from "rqvae";
import { resolveColor } from "../base/colors.ts";
import { hook, make } from "../base/dom.ts";
import { formatCount, ordinal, plural } from "../base/words.ts";
import type { CodeCounts } from "../lab/types.ts";
import "./usage-map.css";

/** The most cells of a level; larger codebooks put several codes in a cell. */
const MAX_CELLS = 1024;
/** Shade of a code that has an even share of the items. */
const EVEN = 0.55;

interface LevelMap {
  canvas: HTMLCanvasElement;
  text: HTMLElement;
  counts: Uint32Array | undefined;
}

/** Every code of every level as a square, which fills up as items choose the code. */
export class UsageMap {
  private readonly list = hook("usage", HTMLUListElement);
  private maps: LevelMap[] = [];
  private items = 0;
  private scheduled = false;

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  reset(levels: number): void {
    this.list.replaceChildren();
    this.maps = Array.from({ length: levels }, (_, level) => {
      const canvas = make("canvas", "usage-canvas");
      canvas.setAttribute("role", "img");
      const text = make("span", "usage-count", "–");
      const name = ordinal(level);
      const title = `${name[0]!.toUpperCase()}${name.slice(1)} code`;
      canvas.setAttribute("aria-label", `${title}: not counted yet`);
      this.list.append(make("li", "", make("span", "usage-name", title), text, canvas));
      return { canvas, text, counts: undefined };
    });
  }

  /** Counts over a sample, while the model trains. */
  showCounts({ items, perLevel }: CodeCounts): void {
    if (this.maps.length !== perLevel.length) this.reset(perLevel.length);
    this.items = items;
    perLevel.forEach((counts, level) => {
      const map = this.maps[level]!;
      map.counts = counts;
      if (map.text.textContent === "–") this.write(level, counts.filter((count) => count > 0).length, counts.length);
    });
    this.draw();
  }

  /** Counts over all items, in figures. */
  showStatistics(ids: IdStatistics): void {
    if (this.maps.length !== ids.usage.length) this.reset(ids.usage.length);
    ids.usage.forEach((share, level) => {
      const used = ids.usedCodes[level]!;
      this.write(level, used, Math.round(used / share) || 0);
      this.maps[level]!.text.title = `as diverse as ${plural(Math.round(ids.perplexity[level]!), "evenly used code")}`;
    });
  }

  private write(level: number, used: number, size: number): void {
    const { text, canvas } = this.maps[level]!;
    text.textContent = `${formatCount(used)} of ${formatCount(size)}`;
    const name = ordinal(level);
    canvas.setAttribute("aria-label", `${name} code: ${used} of ${plural(size, "code")} in use`);
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      const empty = resolveColor("--cell");
      const full = resolveColor("--accent");
      for (const map of this.maps) this.drawMap(map, empty, full);
    });
  }

  private drawMap({ canvas, counts }: LevelMap, empty: string, full: string): void {
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const context = canvas.getContext("2d");
    if (!counts || width === 0 || !context) return;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const perCell = Math.ceil(counts.length / MAX_CELLS);
    const cells = Math.ceil(counts.length / perCell);
    const { columns, side } = grid(cells, width, height);
    const gap = side > 6 ? 2 : side > 3 ? 1 : 0;
    const even = (this.items / counts.length) * perCell;
    for (let cell = 0; cell < cells; cell++) {
      let count = 0;
      for (let code = cell * perCell; code < Math.min(counts.length, (cell + 1) * perCell); code++)
        count += counts[code]!;
      const x = (cell % columns) * side;
      const y = Math.floor(cell / columns) * side;
      context.globalAlpha = 1;
      context.fillStyle = empty;
      context.fillRect(x, y, side - gap, side - gap);
      if (count === 0) continue;
      context.globalAlpha = Math.min(1, 0.18 + (EVEN * count) / even / 1.6);
      context.fillStyle = full;
      context.fillRect(x, y, side - gap, side - gap);
    }
  }
}

/** The largest squares that fit. */
function grid(cells: number, width: number, height: number): { columns: number; side: number } {
  let columns = Math.max(1, Math.ceil(Math.sqrt((cells * width) / height)));
  while (Math.ceil(cells / columns) * (width / columns) > height) columns++;
  return { columns, side: width / columns };
}
