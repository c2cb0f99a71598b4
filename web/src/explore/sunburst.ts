import { type HierarchyRectangularNode, hierarchy, partition } from "d3-hierarchy";
import { familyHue } from "../base/code-chips.ts";
import { resolveColor } from "../base/colors.ts";
import { make } from "../base/dom.ts";
import { EMOJI_FONT, splitGlyph } from "../base/glyph.ts";
import { hoverAt } from "../base/pointer.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";
import { isSamePrefix as isSame } from "./exploration.ts";
import "./sunburst.css";

/** A group, or what is left of one without the parts that are large enough to draw: `rest` is its ring. */
interface Part extends CodeGroup {
  rest?: number;
}

type Arc = HierarchyRectangularNode<Part>;

/** Where rings start and end, as shares of the radius, by the number of rings: the innermost is the widest, as it says the most. */
const EDGES: Record<number, readonly number[]> = {
  1: [0.34, 0.8],
  2: [0.34, 0.7, 1],
  3: [0.34, 0.63, 0.85, 1],
};
const RINGS = 3;
const HOLE = 0.34;
/** The share of the circle below which a part is not drawn, and the width in pixels that a label needs. */
const LEAST_SHARE = 0.0004;
const LABEL_ROOM = { glyph: 9, word: 10 };
const WALK_MS = 420;
const TURN = 2 * Math.PI;

/** The part of a layout that fills the circle, and by how many rings it has moved inwards. */
interface Window {
  from: number;
  to: number;
  inwards: number;
}

const WHOLE: Window = { from: 0, to: TURN, inwards: 0 };
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * A branch of the code tree as rings: the next code innermost, later codes around it. Pressing an arc opens it; pressing the middle goes
 * back.
 */
export class Sunburst {
  readonly element = make("div", "sunburst-box");
  readonly middle = make("div", "sunburst-middle");
  private readonly canvas = make("canvas", "sunburst-canvas");
  private readonly handlers: { walk(prefix: readonly number[]): void; hover(group: CodeGroup | undefined): void };
  private readonly labelOf: (group: CodeGroup) => string;
  private index: CatalogueIndex | undefined;
  private focus: CodeGroup | undefined;
  private arcs: Arc[] = [];
  private hovered: Arc | undefined;
  private frame = 0;
  private walking = false;
  private readonly mostRings: number;

  constructor(labelOf: Sunburst["labelOf"], handlers: Sunburst["handlers"], mostRings = RINGS) {
    this.mostRings = mostRings;
    this.labelOf = labelOf;
    this.handlers = handlers;
    this.canvas.setAttribute("aria-hidden", "true"); // the list beside it says and does the same
    this.element.append(this.canvas, this.middle);
    new ResizeObserver(() => this.draw()).observe(this.element);
    dark.addEventListener("change", () => this.draw());
    hoverAt(this.canvas, (at) => this.setHovered(at && this.arcAt(at.x, at.y)));
    this.canvas.addEventListener("click", (event) => {
      const arc = this.arcAt(event.offsetX, event.offsetY);
      const { focus } = this;
      if (arc) this.handlers.walk(arc.data.prefix);
      else if (focus && focus.prefix.length > 0 && this.inMiddle(event.offsetX, event.offsetY)) {
        this.handlers.walk(focus.prefix.slice(0, -1));
      }
    });
  }

  show(index: CatalogueIndex, focus: CodeGroup): void {
    const before = this.index === index ? this.focus : undefined;
    const old = this.arcs;
    this.index = index;
    this.focus = focus;
    this.arcs = layOut(index, focus, this.rings);
    this.hovered = undefined;
    this.walking = false;
    cancelAnimationFrame(this.frame);
    const walked = before && before.prefix.length !== focus.prefix.length && !reducedMotion.matches;
    const into = walked && before.prefix.length < focus.prefix.length ? find(old, focus) : undefined;
    const outOf = walked && before.prefix.length > focus.prefix.length ? find(this.arcs, before) : undefined;
    if (into) this.walk(old, WHOLE, windowOf(into));
    else if (outOf) this.walk(this.arcs, windowOf(outOf), WHOLE);
    else this.draw();
  }

  /** Moves from one window of a layout to another, so that the eye sees where it goes. */
  private walk(arcs: Arc[], from: Window, to: Window): void {
    const start = performance.now();
    this.walking = true;
    const step = () => {
      const t = Math.min(1, (performance.now() - start) / WALK_MS);
      const ease = t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t);
      const between = (a: number, b: number) => a + (b - a) * ease;
      this.paint(arcs, {
        from: between(from.from, to.from),
        to: between(from.to, to.to),
        inwards: between(from.inwards, to.inwards),
      });
      if (t < 1) this.frame = requestAnimationFrame(step);
      else {
        this.walking = false;
        this.draw();
      }
    };
    step();
  }

  /** Paints anew, also when names have changed. */
  draw(): void {
    if (this.walking) return; // which ends with the same picture
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint(this.arcs, WHOLE));
  }

  private get rings(): number {
    const left = this.index!.ids.levels - this.focus!.prefix.length;
    return Math.max(1, Math.min(this.mostRings, left));
  }

  private get radius(): number {
    return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / 2 - 2;
  }

  private paint(arcs: Arc[], window: Window): void {
    const { canvas } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const context = canvas.getContext("2d");
    if (width === 0 || !context || !this.index || !this.focus) return;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, (width / 2) * scale, (height / 2) * scale);
    context.clearRect(-width / 2, -height / 2, width, height);
    const { radius } = this;
    const { rings } = this;
    context.lineWidth = 1;
    context.strokeStyle = resolveColor("--gap");
    for (const arc of arcs) {
      const depth = arc.depth - window.inwards;
      if (depth < 0.01 || depth > rings + 0.01) continue;
      const place = (x: number) =>
        TURN * Math.min(1, Math.max(0, (x - window.from) / (window.to - window.from))) - Math.PI / 2;
      const [start, end] = [place(arc.x0), place(arc.x1)];
      if (end - start < 0.0015) continue;
      const [inner, outer] = [radius * edge(rings, depth - 1), radius * edge(rings, depth)];
      context.beginPath();
      context.arc(0, 0, outer, start, end);
      context.arc(0, 0, inner, end, start, true);
      context.closePath();
      context.fillStyle = fillOf(arc, arc === this.hovered);
      context.fill();
      if ((end - start) * inner > 3) context.stroke();
      this.label(context, arc, start, end, inner, outer);
    }
  }

  /** A word or glyph along the radius, if the arc is wide enough. */
  private label(
    context: CanvasRenderingContext2D,
    arc: Arc,
    start: number,
    end: number,
    inner: number,
    outer: number,
  ): void {
    const breadth = (end - start) * (inner + outer) * 0.5;
    if (breadth < LABEL_ROOM.glyph || arc.data.rest !== undefined) return;
    const text = this.labelOf(arc.data);
    const isGlyph = splitGlyph(text).glyph !== undefined;
    if (!isGlyph && breadth < LABEL_ROOM.word) return;
    const size = isGlyph ? Math.min(26, breadth * 0.85) : Math.min(13, breadth * 0.9);
    context.font = isGlyph ? `${size}px ${EMOJI_FONT}` : `500 ${size}px system-ui, sans-serif`;
    context.fillStyle = dark.matches ? "#f2f1f8" : "#1c1b22";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const room = outer - inner - 8;
    let shown = text;
    while (shown.length > 2 && context.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
    if (context.measureText(shown).width > room) return;
    const angle = (start + end) / 2;
    const middle = (inner + outer) / 2;
    context.save();
    context.rotate(angle);
    context.translate(middle, 0);
    if (isGlyph) context.rotate(-angle);
    else if (Math.cos(angle) < 0) context.rotate(Math.PI);
    context.fillText(shown, 0, 0);
    context.restore();
  }

  /** Lights up the arc of a branch, as if the pointer were on it. */
  point(prefix: readonly number[] | undefined): void {
    this.setHovered(prefix && this.arcs.find(({ data }) => data.rest === undefined && isSame(data.prefix, prefix)));
  }

  private setHovered(arc: Arc | undefined): void {
    if (arc === this.hovered) return;
    this.hovered = arc;
    this.canvas.style.cursor = arc ? "pointer" : "";
    this.handlers.hover(arc?.data.rest === undefined ? arc?.data : undefined);
    this.draw();
  }

  private inMiddle(x: number, y: number): boolean {
    const { clientWidth, clientHeight } = this.canvas;
    return Math.hypot(x - clientWidth / 2, y - clientHeight / 2) < this.radius * HOLE;
  }

  private arcAt(x: number, y: number): Arc | undefined {
    const dx = x - this.canvas.clientWidth / 2;
    const dy = y - this.canvas.clientHeight / 2;
    const { radius, index, focus } = this;
    const distance = Math.hypot(dx, dy);
    if (!index || !focus || distance > radius || distance < radius * HOLE) return undefined;
    const depth = EDGES[this.rings]!.findIndex((share) => distance < share * radius);
    if (depth < 1) return undefined;
    const angle = (Math.atan2(dy, dx) + Math.PI / 2 + TURN) % TURN;
    return this.arcs.find((arc) => arc.depth === depth && arc.x0 <= angle && angle < arc.x1);
  }
}

/** Where a ring ends; a value between two rings while the picture moves. */
function edge(rings: number, depth: number): number {
  const edges = EDGES[rings]!;
  const below = Math.max(0, Math.min(rings, Math.floor(depth)));
  const above = Math.min(rings, below + 1);
  return edges[below]! + (edges[above]! - edges[below]!) * Math.max(0, Math.min(1, depth - below));
}

function layOut(index: CatalogueIndex, focus: CodeGroup, rings: number): Arc[] {
  const least = (focus.end - focus.start) * LEAST_SHARE;
  const children = (group: Part): Part[] => {
    if (group.rest !== undefined) return group.rest < rings ? [{ ...group, rest: group.rest + 1 }] : [];
    const ring = group.prefix.length - focus.prefix.length + 1;
    if (ring > rings) return [];
    const all = index.childrenOf(group);
    const drawn: Part[] = all.filter(({ start, end }) => end - start >= least);
    const left = all.slice(drawn.length).reduce((sum, { start, end }) => sum + end - start, 0);
    return left === 0
      ? drawn
      : [...drawn, { prefix: group.prefix, start: group.start, end: group.start + left, rest: ring }];
  };
  const root = hierarchy<Part>(focus, children);
  root.each((node) => {
    // The layout uses a node's value as it is, so parts too small to draw leave a gap.
    (node as { value?: number }).value = node.data.end - node.data.start;
  });
  return partition<Part>().size([TURN, RINGS])(root).descendants();
}

const find = (arcs: Arc[], { prefix }: CodeGroup) => arcs.find((arc) => arc.data.prefix.join() === prefix.join());

const windowOf = (arc: Arc): Window => ({ from: arc.x0, to: arc.x1, inwards: arc.depth });

function fillOf({ data: { prefix, rest } }: Arc, hovered: boolean): string {
  if (rest !== undefined) {
    const hue = prefix.length > 0 ? familyHue(prefix) : 0;
    return dark.matches ? `oklch(0.3 0.03 ${hue})` : `oklch(0.94 0.025 ${hue})`;
  }
  const outwards = Math.min(3, prefix.length - 1);
  // Alternating shades tell neighbours apart.
  const shade = ((prefix.at(-1)! * 7) % 5) * 0.012;
  const chroma = (hovered ? 0.16 : 0.105) - outwards * 0.018;
  return dark.matches
    ? `oklch(${(hovered ? 0.6 : 0.46) - outwards * 0.035 + shade} ${chroma} ${familyHue(prefix)})`
    : `oklch(${(hovered ? 0.76 : 0.83) + outwards * 0.025 - shade} ${chroma} ${familyHue(prefix)})`;
}
