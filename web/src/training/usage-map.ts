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
/** The most pixels that the squares of a level are high. */
const HEIGHT = 88;

interface LevelMap {
  canvas: HTMLCanvasElement;
  text: HTMLElement;
  counts: Uint32Array | undefined;
  title: string;
  /** The square that the keyboard or the pointer is on. */
  cell: number | undefined;
}

/** Every code of every level as a square, which fills up as items choose the code. */
export class UsageMap {
  private readonly list = hook("usage", HTMLUListElement);
  private maps: LevelMap[] = [];
  private items = 0;
  private scheduled = false;
  private readonly tip = make("p", "usage-tip hint");
  private readonly onOpen: (level: number, code: number) => void;
  /** Whether the squares lead to the pages of their codes. */
  private canOpen = false;

  constructor(onOpen: (level: number, code: number) => void) {
    this.onOpen = onOpen;
    this.tip.setAttribute("aria-live", "polite");
    this.tip.dataset.testid = "usage-tip";
    this.list.after(this.tip);
    new ResizeObserver(() => this.draw()).observe(this.list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  reset(levels: number): void {
    this.canOpen = false;
    this.tip.textContent = "";
    this.list.replaceChildren();
    this.maps = Array.from({ length: levels }, (_, level) => {
      const canvas = make("canvas", "usage-canvas");
      canvas.setAttribute("role", "img");
      const text = make("span", "usage-count", "–");
      const name = ordinal(level);
      const title = `${name[0]!.toUpperCase()}${name.slice(1)} code`;
      canvas.setAttribute("aria-label", `${title}: not counted yet`);
      this.list.append(make("li", "", make("span", "usage-name", title), text, canvas));
      this.listen(canvas, level);
      return { canvas, text, counts: undefined, title, cell: undefined };
    });
  }

  /** From now on, a square leads to the page of its code: by a click, or by the arrow keys and Enter. */
  allowOpening(counts: CodeCounts): void {
    this.showCounts(counts);
    this.canOpen = true;
    this.tip.textContent = "Press a square to see what its code stands for.";
    this.maps.forEach(({ canvas }, level) => {
      canvas.setAttribute("role", "button");
      canvas.tabIndex = 0;
      canvas.classList.add("opens");
      this.describe(level);
    });
  }

  private listen(canvas: HTMLCanvasElement, level: number): void {
    canvas.addEventListener("pointermove", ({ offsetX, offsetY }) =>
      this.goTo(level, this.cellAt(level, offsetX, offsetY)),
    );
    canvas.addEventListener("pointerleave", () => this.goTo(level, undefined));
    canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      this.goTo(level, this.cellAt(level, offsetX, offsetY));
      this.open(level);
    });
    canvas.addEventListener("keydown", (event) => {
      if (!this.canOpen) return;
      const { columns, cells } = this.layOut(level);
      const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
      const step = steps[event.key];
      const { cell } = this.maps[level]!;
      if (step !== undefined) {
        const next = cell === undefined ? 0 : cell + step;
        if (next >= 0 && next < cells) this.goTo(level, next);
      } else if (event.key === "Enter" || event.key === " ") this.open(level);
      else return;
      event.preventDefault();
    });
  }

  private goTo(level: number, cell: number | undefined): void {
    const map = this.maps[level]!;
    if (!this.canOpen || map.cell === cell) return;
    map.cell = cell;
    if (cell !== undefined) this.tip.textContent = `${map.title} ${this.wordsOf(level, cell)}`;
    this.describe(level);
    this.draw();
  }

  private open(level: number): void {
    const { cell } = this.maps[level]!;
    if (this.canOpen && cell !== undefined) this.onOpen(level, this.codesOf(level, cell)[0]!);
  }

  /** The codes of a square: several where the codebook is large. The most frequent comes first. */
  private codesOf(level: number, cell: number): number[] {
    const { counts } = this.maps[level]!;
    const { perCell } = this.layOut(level);
    const codes = Array.from({ length: perCell }, (_, k) => cell * perCell + k).filter((code) => code < counts!.length);
    return codes.sort((a, b) => counts![b]! - counts![a]!);
  }

  private wordsOf(level: number, cell: number): string {
    const codes = this.codesOf(level, cell);
    const { counts } = this.maps[level]!;
    const count = counts![codes[0]!]!;
    const has = count === 0 ? "no item" : plural(count, "item");
    const name = formatCount(codes[0]!);
    return codes.length === 1 ? `${name}: ${has}` : `${name}, the most frequent of ${codes.length} here: ${has}`;
  }

  private describe(level: number): void {
    const { canvas, title, text, cell } = this.maps[level]!;
    const where = cell === undefined ? "Arrow keys choose a code" : `code ${this.wordsOf(level, cell)}. Enter opens it`;
    if (this.canOpen) canvas.setAttribute("aria-label", `${title}, ${text.textContent} in use. ${where}.`);
  }

  private layOut(level: number): { columns: number; side: number; cells: number; perCell: number } {
    const { canvas, counts } = this.maps[level]!;
    const size = counts?.length ?? 1;
    const perCell = Math.ceil(size / MAX_CELLS);
    const cells = Math.ceil(size / perCell);
    return { cells, perCell, ...grid(cells, canvas.clientWidth, HEIGHT) };
  }

  private cellAt(level: number, x: number, y: number): number | undefined {
    const { columns, side, cells } = this.layOut(level);
    const column = Math.floor(x / side);
    const cell = Math.floor(y / side) * columns + column;
    return column >= 0 && column < columns && cell >= 0 && cell < cells ? cell : undefined;
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
      const mark = resolveColor("--ink");
      for (const [level, map] of this.maps.entries()) this.drawMap(map, this.layOut(level), { empty, full, mark });
    });
  }

  private drawMap(
    { canvas, counts, cell: marked }: LevelMap,
    { columns, side, cells, perCell }: { columns: number; side: number; cells: number; perCell: number },
    { empty, full, mark }: { empty: string; full: string; mark: string },
  ): void {
    canvas.style.blockSize = `${Math.ceil(Math.ceil(cells / columns) * side)}px`;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const context = canvas.getContext("2d");
    if (!counts || width === 0 || !context) return;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
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
    if (marked === undefined) return;
    context.globalAlpha = 1;
    context.strokeStyle = mark;
    context.lineWidth = 2;
    const [x, y] = [(marked % columns) * side, Math.floor(marked / columns) * side];
    context.strokeRect(x + 1, y + 1, Math.max(2, side - gap - 2), Math.max(2, side - gap - 2));
  }
}

/** The largest squares that fit. */
function grid(cells: number, width: number, height: number): { columns: number; side: number } {
  let columns = Math.max(1, Math.ceil(Math.sqrt((cells * width) / height)));
  while (Math.ceil(cells / columns) * (width / columns) > height) columns++;
  // A little smaller if that fills the last row, which otherwise looks as if codes were missing.
  const left = (count: number) => Math.ceil(cells / count) * count - cells;
  const most = columns * 1.5;
  for (let wider = columns + 1; wider <= most; wider++) if (left(wider) < left(columns)) columns = wider;
  return { columns, side: width / columns };
}
