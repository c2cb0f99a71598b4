import { familyHue } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { EMOJI_FONT, splitGlyph } from "../base/glyph.ts";
import { hoverAt } from "../base/pointer.ts";
import { nextTask } from "../base/slices.ts";
import { formatCount, formatPercent } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { LatentMap } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import "./latent-map.css";

/** Pixels between two glyphs; cells of the grid used to find the point under the pointer; how near that point must be. */
const GLYPH_ROOM = 26;
const CELL = 24;
const REACH = 18;
const MAX_ZOOM = 12;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Thousands of items where the network sees them, projected onto the two widest directions, coloured by their first code. */
export class LatentMapView {
  private readonly host = hook("map", HTMLDivElement);
  private readonly canvas = make("canvas", "map-canvas");
  private readonly tip = make("div", "map-tip");
  private readonly status = make("p", "map-status");
  private readonly onPick: (item: number) => void;
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private map: LatentMap | undefined;
  /** Glyphs of the items that have one, by point; found in idle time. */
  private glyphs: (string | undefined)[] = [];
  private grid = new Map<number, number[]>();
  private prefix: readonly number[] = [];
  private selected = -1;
  private hovered = -1;
  private zoom = { k: 1, x: 0, y: 0 };
  /** Of the canvas when it was last painted: asking the canvas for every point takes longer than drawing it. */
  private size = { width: 0, height: 0 };
  private scheduled = false;

  constructor(onPick: (item: number) => void) {
    this.onPick = onPick;
    this.canvas.setAttribute("role", "img");
    this.tip.hidden = true;
    this.host.append(this.canvas, this.tip, this.makeTools(), this.status);
    new ResizeObserver(() => this.draw()).observe(this.host);
    dark.addEventListener("change", () => this.draw());
    hoverAt(this.canvas, (at) => this.hover(at));
    this.canvas.addEventListener("click", (event) => {
      const point = this.pointAt(event.offsetX, event.offsetY);
      if (point >= 0 && this.map) this.onPick(this.map.items[point]!);
    });
    this.dragToMove();
  }

  /** Nothing to show until the latents arrive. */
  clear(): void {
    this.map = undefined;
    this.glyphs = [];
    this.status.textContent = "Finding the view that shows most…";
    this.draw();
  }

  async show(data: DataSet, index: CatalogueIndex, map: LatentMap): Promise<void> {
    this.data = data;
    this.index = index;
    this.map = map;
    this.zoom = { k: 1, x: 0, y: 0 };
    const all = map.items.length === data.rows ? "" : ` · a sample of ${formatCount(map.items.length)}`;
    this.status.textContent = `These two directions show ${formatPercent(map.shares[0] + map.shares[1])} of the differences${all}`;
    this.canvas.setAttribute(
      "aria-label",
      `Map of ${formatCount(map.items.length)} ${data.noun[1]}, coloured by their first code. Similar ones lie close together. The table below lists the same items.`,
    );
    this.draw();
    this.glyphs = [];
    if (splitGlyph(titleOf(data, map.items[0]!)).glyph === undefined) return;
    for (let i = 0; i < map.items.length && this.map === map; i++) {
      this.glyphs[i] = splitGlyph(titleOf(data, map.items[i]!)).glyph;
      if (i % 256 === 255) await nextTask();
    }
    this.draw();
  }

  highlight(prefix: readonly number[]): void {
    this.prefix = prefix;
    this.draw();
  }

  select(item: number): void {
    this.selected = item;
    this.draw();
  }

  private makeTools(): HTMLElement {
    const button = (text: string, label: string, act: () => void) => {
      const made = make("button", "button small", text);
      made.type = "button";
      made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      return made;
    };
    return make(
      "div",
      "map-tools",
      button("+", "Closer", () => this.zoomBy(1.6)),
      button("−", "Farther", () => this.zoomBy(1 / 1.6)),
    );
  }

  private zoomBy(factor: number): void {
    const { zoom } = this;
    zoom.k = Math.min(MAX_ZOOM, Math.max(1, zoom.k * factor));
    if (zoom.k === 1) Object.assign(zoom, { x: 0, y: 0 });
    this.draw();
  }

  private dragToMove(): void {
    let from: { x: number; y: number } | undefined;
    this.canvas.addEventListener("pointerdown", (event) => {
      if (this.zoom.k > 1) from = { x: event.clientX, y: event.clientY };
    });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      this.zoom.x += (event.clientX - from.x) / this.zoom.k;
      this.zoom.y += (event.clientY - from.y) / this.zoom.k;
      from = { x: event.clientX, y: event.clientY };
      this.draw();
    });
    addEventListener("pointerup", () => {
      from = undefined;
    });
  }

  /** Where a point is on the canvas. */
  private place(point: number): [x: number, y: number] {
    const { width, height } = this.size;
    const { k, x, y } = this.zoom;
    const { points } = this.map!;
    return [
      width / 2 + k * (points[2 * point]! * (width / 2 - 24) + x),
      height / 2 + k * (points[2 * point + 1]! * (height / 2 - 24) * 1.15 + y),
    ];
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.paint();
    });
  }

  private paint(): void {
    const { canvas, map, index } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    this.size = { width, height };
    const context = canvas.getContext("2d");
    if (width === 0 || !context) return;
    const scale = devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    this.grid = new Map();
    if (!map || !index) return;
    const n = map.items.length;
    const size = Math.max(1.5, Math.min(4.5, 260 / Math.sqrt(n))) * Math.min(2, Math.sqrt(this.zoom.k));
    const { ids } = index;
    const taken = new Set<number>();
    // For rings, and for glyphs that the reader's font draws in one colour.
    const ink = dark.matches ? "#fff" : "#1c1b22";
    // One colour at a time: changing it costs more than a point.
    const byCode = new Map<number, number[]>();
    for (let i = 0; i < n; i++) {
      const code = ids.codes[map.items[i]! * ids.levels]!;
      const list = byCode.get(code);
      if (list) list.push(i);
      else byCode.set(code, [i]);
    }
    for (const [code, members] of byCode) {
      context.fillStyle = colorOf(code, 1);
      for (const i of members) {
        const [x, y] = this.place(i);
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        const cell = cellOf(x, y);
        const list = this.grid.get(cell);
        if (list) list.push(i);
        else this.grid.set(cell, [i]);
        context.globalAlpha = this.isLit(map.items[i]!) ? 0.85 : 0.12;
        context.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    context.font = `19px ${EMOJI_FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let i = 0; i < this.glyphs.length; i++) {
      const glyph = this.glyphs[i];
      if (!glyph || !this.isLit(map.items[i]!)) continue;
      const [x, y] = this.place(i);
      const room = 4096 * Math.floor(y / GLYPH_ROOM) + Math.floor(x / GLYPH_ROOM);
      if (taken.has(room)) continue;
      taken.add(room);
      context.globalAlpha = 1;
      context.fillStyle = ink;
      context.fillText(glyph, x, y);
    }
    context.globalAlpha = 1;
    context.fillStyle = ink;
    for (const [item, width_] of [
      [this.selected, 3],
      [this.hovered >= 0 ? map.items[this.hovered]! : -1, 2],
    ] as const) {
      const point = item < 0 ? -1 : map.items.indexOf(item);
      if (point < 0) continue;
      const [x, y] = this.place(point);
      const glyph = this.glyphs[point];
      if (glyph) context.fillText(glyph, x, y);
      context.beginPath();
      context.arc(x, y, glyph ? 15 : 10, 0, 2 * Math.PI);
      context.lineWidth = width_;
      context.strokeStyle = ink;
      context.stroke();
    }
  }

  /** Whether an item belongs to the current branch. */
  private isLit(item: number): boolean {
    const { ids } = this.index!;
    return this.prefix.every((code, level) => ids.codes[item * ids.levels + level] === code);
  }

  private pointAt(x: number, y: number): number {
    let best = -1;
    let nearest = REACH ** 2;
    for (const dx of [-CELL, 0, CELL]) {
      for (const dy of [-CELL, 0, CELL]) {
        for (const i of this.grid.get(cellOf(x + dx, y + dy)) ?? []) {
          const [px, py] = this.place(i);
          const distance = (px - x) ** 2 + (py - y) ** 2;
          if (distance >= nearest) continue;
          nearest = distance;
          best = i;
        }
      }
    }
    return best;
  }

  private hover(at: { x: number; y: number } | undefined): void {
    const point = at && this.map ? this.pointAt(at.x, at.y) : -1;
    if (point === this.hovered) return;
    this.hovered = point;
    this.canvas.style.cursor = point >= 0 ? "pointer" : "";
    this.tip.hidden = point < 0;
    if (point >= 0) {
      const item = this.map!.items[point]!;
      const [x, y] = this.place(point);
      this.tip.replaceChildren(
        make("b", "", titleOf(this.data!, item)),
        make("span", "", this.index!.ids.toTokens(item)),
      );
      const left = Math.max(
        4,
        Math.min(x - this.tip.offsetWidth / 2, this.canvas.clientWidth - this.tip.offsetWidth - 4),
      );
      this.tip.style.translate = `${left}px ${y > 70 ? y - this.tip.offsetHeight - 16 : y + 18}px`;
    }
    this.draw();
  }
}

const cellOf = (x: number, y: number) => 4096 * Math.floor(y / CELL) + Math.floor(x / CELL);

const colorOf = (code: number, alpha: number) =>
  dark.matches ? `oklch(0.72 0.14 ${familyHue([code])} / ${alpha})` : `oklch(0.6 0.15 ${familyHue([code])} / ${alpha})`;
