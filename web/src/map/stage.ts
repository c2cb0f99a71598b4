import { make } from "../base/dom.ts";
import { hoverAt } from "../base/pointer.ts";
import { Camera } from "./camera.ts";
import type { Cloud, Painter } from "./cloud.ts";
import { Gestures } from "./gestures.ts";
import { glyphZooms } from "./glyph-zoom.ts";
import { type Box, type MapLabel, type PlacedLabel, placeLabels } from "./labels.ts";
import { pointsInside } from "./lasso.ts";
import { drawOverlay, type Overlay, type Star, widthOf } from "./overlay.ts";
import { makePainter } from "./painter.ts";
import { PointGrid } from "./point-grid.ts";
import { currentScheme, darkScheme } from "./scheme.ts";
import "./stage.css";

export interface StageHandlers {
  pick?(point: number): void;
  /** An outline was drawn around these points. */
  enclose?(points: Uint32Array): void;
  open?(label: MapLabel): void;
  /** What the card at a point says. */
  describe?(point: number): (Node | string)[];
  /** Escape. */
  leave?(): void;
  /** The page is in the other colour scheme now. */
  recolor(): void;
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
/** How near the pointer must be to a point, and the room of a glyph, in pixels. */
const REACH = 18;
const GLYPH_ROOM = 25;
/** Points with glyphs: finding room for more takes longer than a frame. */
const MOST_GLYPHS = 3000;
const ZOOM_KEY = `${/Mac/.test(navigator.platform) ? "⌘" : "Ctrl"} + scroll to zoom`;
const NO_GLYPHS: Overlay["glyphs"] = { text: [], order: new Uint32Array(), zooms: new Float32Array() };

/** A map of points: draws them, moves them, and says what the visitor points at. What the points are, its owner knows. */
export class MapStage {
  readonly element = make("div", "map-stage");
  readonly camera = new Camera();
  private readonly painter: Painter;
  private readonly over = make("canvas", "map-over");
  private readonly tip = make("div", "map-tip");
  private readonly note = make("p", "map-note");
  private readonly gestures: Gestures;
  private readonly handlers: StageHandlers;
  private cloud: Cloud = emptyCloud();
  private reach: { from: [number, number]; to: [number, number] } = { from: [1, 1], to: [1, 1] };
  private grid: PointGrid | undefined;
  private glyphs = NO_GLYPHS;
  private glyphOf: (point: number) => string | undefined = () => undefined;
  private labels: readonly MapLabel[] = [];
  private placed: readonly PlacedLabel[] = [];
  private stars: readonly Star[] = [];
  private starsBefore: readonly Star[] = [];
  private guest: Overlay["guest"];
  private selected = -1;
  private hovered = -1;
  private outline: readonly number[] = [];
  private motion: { start: number; ms: number } | undefined;
  private scheduled = 0;
  private noteTimer = 0;
  /** Frames since the map was made, and glyphs of the last. */
  readonly work = { frames: 0, glyphs: 0, labels: 0 };

  constructor(handlers: StageHandlers) {
    this.handlers = handlers;
    this.painter = makePainter();
    this.tip.hidden = true;
    this.note.hidden = true;
    this.painter.canvas.setAttribute("aria-hidden", "true");
    this.over.setAttribute("aria-hidden", "true");
    this.element.dataset.painter = this.painter.kind;
    this.element.append(this.painter.canvas, this.over, this.tip, this.note);
    this.gestures = new Gestures(this.element, this.camera, {
      moved: () => {
        this.hideTip();
        this.draw();
      },
      tapped: (x, y) => this.tap(x, y),
      outlined: (outline, ended) => this.drawOutline(outline, ended),
      scrolledPast: () => this.say(this.element.tabIndex < 0 ? ZOOM_KEY : `${ZOOM_KEY}, or click the map first`),
      escaped: () => this.handlers.leave?.(),
    });
    new ResizeObserver(() => {
      if (!this.motion) this.sortGlyphs();
      this.draw();
    }).observe(this.element);
    darkScheme.addEventListener("change", () => {
      this.handlers.recolor();
      this.draw();
    });
    hoverAt(this.over, (at) => this.hover(at));
  }

  get points(): Float32Array {
    return this.cloud.to;
  }

  /** Moves the points to other places within some milliseconds; other points appear at once. */
  setPoints(points: Float32Array, ms = 0): void {
    const same = points.length === this.cloud.to.length;
    const moves = same && ms > 0 && !reducedMotion.matches;
    const from = moves ? this.current() : points;
    const n = points.length / 2;
    const { colors, lit } = this.cloud;
    const shownReach = moves ? this.camera.reach : reachOf(points);
    this.reach = { from: shownReach, to: reachOf(points) };
    this.cloud = {
      ...{ from, to: points, t: moves ? 0 : 1 },
      colors: same ? colors : new Uint8Array(3 * n).fill(128),
      lit: same ? lit : new Uint8Array(n).fill(1),
      version: this.cloud.version + 1,
    };
    this.grid = undefined;
    this.motion = moves ? { start: performance.now(), ms } : undefined;
    if (!same) {
      this.camera.showAll();
      this.selected = -1;
      this.hovered = -1;
      this.glyphs = NO_GLYPHS;
    }
    this.camera.reach = shownReach;
    // On the way the glyphs stay as they are: sorting them anew takes longer than a frame.
    if (!this.motion) this.sortGlyphs();
    this.draw();
  }

  /** @param colors Red, green and blue of each point. */
  setColors(colors: Uint8Array): void {
    this.cloud = { ...this.cloud, colors, version: this.cloud.version + 1 };
    this.draw();
  }

  /** @param lit 1 for each point that stands out, 0 for the others. */
  setLit(lit: Uint8Array): void {
    this.cloud = { ...this.cloud, lit, version: this.cloud.version + 1 };
    this.draw();
  }

  setGlyphs(glyphOf: (point: number) => string | undefined): void {
    this.glyphOf = glyphOf;
    this.sortGlyphs();
    this.draw();
  }

  setLabels(labels: readonly MapLabel[]): void {
    this.labels = labels;
    this.draw();
  }

  /**
   * Marks that are no items. Call it right after `setPoints`, with which they move.
   * @param named Which of them may have their names shown, the most important first.
   */
  setStars(stars: readonly Star[], named: readonly number[] = []): void {
    this.starOrder = named;
    // What was never painted has no place to come from.
    const moves = this.motion && this.stars.length === stars.length && this.starsNow.length === stars.length;
    this.starsBefore = moves ? this.starsNow : stars;
    this.stars = stars;
    this.draw();
  }

  private starsNow: readonly Star[] = [];
  private starOrder: readonly number[] = [];

  /** The stars on their way. */
  private currentStars(): readonly Star[] {
    const { t } = this.cloud;
    this.starsNow =
      t >= 1
        ? this.stars
        : this.stars.map((star, i) => {
            const before = this.starsBefore[i]!;
            return { ...star, x: before.x + t * (star.x - before.x), y: before.y + t * (star.y - before.y) };
          });
    return this.starsNow;
  }

  setGuest(guest: Overlay["guest"]): void {
    this.guest = guest;
    if (guest) this.camera.reveal(guest.x, guest.y);
    this.draw();
  }

  /** Rings a point, and brings it into view. */
  select(point: number): void {
    this.selected = point;
    if (point >= 0) this.camera.reveal(this.points[2 * point]!, this.points[2 * point + 1]!);
    this.draw();
  }

  /** Whether drags draw an outline around points. */
  set drawing(draws: boolean) {
    this.gestures.drawing = draws;
    this.element.classList.toggle("drawing", draws);
  }

  zoomBy(factor: number): void {
    this.camera.zoomAt(factor, this.camera.width / 2, this.camera.height / 2);
    this.draw();
  }

  showAll(): void {
    this.camera.showAll();
    this.draw();
  }

  /** The points in view. */
  inView(): Uint32Array {
    const { width, height } = this.camera;
    const [left, top] = this.camera.toMap(0, 0);
    const [right, bottom] = this.camera.toMap(width, height);
    return pointsInside(this.points, this.gridNow(), [left, top, right, top, right, bottom, left, bottom]);
  }

  /** What is in view, for a picture of it. */
  picture() {
    const scheme = currentScheme();
    const { camera, cloud, placed, glyphs } = this;
    const stars = this.currentStars();
    return { camera, cloud, labels: placed, glyphs, stars, scheme, size: this.dotSize() };
  }

  private sortGlyphs(): void {
    const points = this.cloud.to;
    const n = points.length / 2;
    const step = Math.ceil(n / MOST_GLYPHS);
    const text = Array.from({ length: n }, (_, i) => (i % step === 0 ? this.glyphOf(i) : undefined));
    if (!text.some((glyph) => glyph)) {
      this.glyphs = NO_GLYPHS;
      return;
    }
    const [reachX, reachY] = reachOf(points);
    const { width, height } = this.element.getBoundingClientRect();
    const fit = Math.max(1, Math.min(((width || 800) - 60) / (2 * reachX), ((height || 500) - 60) / (2 * reachY)));
    const zooms = glyphZooms(points, (i) => text[i] !== undefined, GLYPH_ROOM / fit, Camera.MOST);
    const order = Uint32Array.from({ length: n }, (_, i) => i)
      .filter((i) => zooms[i]! < Infinity)
      .sort((a, b) => zooms[a]! - zooms[b]! || a - b);
    this.glyphs = { text, order, zooms };
  }

  /** Where the points are now, on their way. */
  private current(): Float32Array {
    const { from, to, t } = this.cloud;
    return t >= 1 ? to : to.map((x, i) => from[i]! + t * (x - from[i]!));
  }

  private gridNow(): PointGrid {
    this.grid ??= new PointGrid(this.cloud.to);
    return this.grid;
  }

  draw(): void {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0;
      this.paint();
    });
  }

  private dotSize(): number {
    const n = Math.max(1, this.cloud.to.length / 2);
    const base = Math.max(2, Math.min(6.5, 330 / Math.sqrt(n)));
    return Math.min(12, base * this.camera.k ** 0.4);
  }

  private paint(): void {
    const { camera, cloud, motion, over } = this;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return;
    [camera.width, camera.height] = [width, height];
    if (motion) {
      const part = Math.min(1, (performance.now() - motion.start) / motion.ms);
      cloud.t = ease(part);
      if (part === 1) {
        this.motion = undefined;
        this.sortGlyphs();
      }
    }
    camera.reach = [0, 1].map((axis) => {
      const [from, to] = [this.reach.from[axis]!, this.reach.to[axis]!];
      return from + cloud.t * (to - from);
    }) as [number, number];
    this.painter.paint(cloud, camera, this.dotSize());

    const context = over.getContext("2d")!;
    const dpr = devicePixelRatio;
    const [pixelsX, pixelsY] = [Math.round(width * dpr), Math.round(height * dpr)];
    if (over.width !== pixelsX) over.width = pixelsX;
    if (over.height !== pixelsY) over.height = pixelsY;
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    context.clearRect(0, 0, width, height);
    const stars = this.currentStars();
    const labels = [...this.starOrder.flatMap((star) => starLabel(stars[star]!)), ...(this.motion ? [] : this.labels)];
    this.placed = placeLabels(labels, camera, widthOf, [zoomButtons(width), ...this.selectedBox()]);
    const { glyphs, guest, outline } = this;
    const rings = [
      { point: this.hovered, strong: false },
      { point: this.selected, strong: true },
    ].filter(({ point }) => point >= 0);
    const overlay = { glyphs, labels: this.placed, rings, stars, guest, outline };
    this.work.glyphs = drawOverlay(
      context,
      overlay,
      camera,
      (point) => this.placeOf(point),
      (point) => cloud.lit[point] === 1,
      currentScheme(),
    );
    this.work.frames++;
    this.work.labels = this.placed.length;
    if (this.motion) this.draw();
  }

  /** Names keep off the selected point. */
  private selectedBox(): Box[] {
    if (this.selected < 0) return [];
    const [x, y] = this.placeOf(this.selected);
    return [{ left: x - 18, top: y - 18, width: 36, height: 36 }];
  }

  private placeOf(point: number): [x: number, y: number] {
    const { from, to, t } = this.cloud;
    const x = from[2 * point]! + t * (to[2 * point]! - from[2 * point]!);
    const y = from[2 * point + 1]! + t * (to[2 * point + 1]! - from[2 * point + 1]!);
    return [this.camera.toScreenX(x), this.camera.toScreenY(y)];
  }

  private pointAt(x: number, y: number): number {
    if (this.motion || this.cloud.to.length === 0) return -1;
    const [mapX, mapY] = this.camera.toMap(x, y);
    return this.gridNow().nearest(mapX, mapY, REACH / this.camera.scale, (point) => this.cloud.lit[point] === 1);
  }

  private labelAt(x: number, y: number): MapLabel | undefined {
    return this.placed.find(
      ({ left, top, width, height }) => x >= left && x <= left + width && y >= top && y <= top + height,
    )?.label;
  }

  private tap(x: number, y: number): void {
    const label = this.handlers.open && this.labelAt(x, y);
    if (label) {
      this.handlers.open!(label);
      return;
    }
    const point = this.pointAt(x, y);
    if (point >= 0) this.handlers.pick?.(point);
  }

  private drawOutline(outline: readonly number[], ended: boolean): void {
    this.outline = ended ? [] : outline;
    this.draw();
    if (!ended || outline.length < 6) return;
    const corners: number[] = [];
    for (let i = 0; i < outline.length; i += 2) corners.push(...this.camera.toMap(outline[i]!, outline[i + 1]!));
    const { lit } = this.cloud;
    this.handlers.enclose?.(pointsInside(this.points, this.gridNow(), corners).filter((point) => lit[point] === 1));
  }

  private hover(at: { x: number; y: number } | undefined): void {
    if (!this.handlers.describe || this.gestures.isDragging) return;
    const label = at && this.handlers.open && this.labelAt(at.x, at.y);
    const point = at && !label ? this.pointAt(at.x, at.y) : -1;
    this.over.style.cursor = point >= 0 || label ? "pointer" : "";
    if (point === this.hovered) return;
    this.hovered = point;
    this.tip.hidden = point < 0;
    if (point >= 0) {
      this.tip.replaceChildren(...this.handlers.describe(point));
      const [x, y] = this.placeOf(point);
      const { offsetWidth, offsetHeight } = this.tip;
      const left = Math.max(4, Math.min(x - offsetWidth / 2, this.camera.width - offsetWidth - 4));
      this.tip.style.translate = `${left}px ${y > offsetHeight + 24 ? y - offsetHeight - 20 : y + 20}px`;
    }
    this.draw();
  }

  private hideTip(): void {
    this.hovered = -1;
    this.tip.hidden = true;
  }

  /** Says something over the map for a moment. */
  private say(text: string): void {
    this.note.textContent = text;
    this.note.hidden = false;
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => {
      this.note.hidden = true;
    }, 1600) as unknown as number;
  }
}

const zoomButtons = (width: number): Box => ({ left: width - 52, top: 0, width: 52, height: 130 });

/** The name of a star, below it. */
const starLabel = ({ x, y, hue, text }: Star): MapLabel[] =>
  text ? [{ text, x, y, hue, level: 0, prefix: [], below: 16 }] : [];

const emptyCloud = (): Cloud => ({
  from: new Float32Array(),
  to: new Float32Array(),
  t: 1,
  colors: new Uint8Array(),
  lit: new Uint8Array(),
  version: 0,
});

/** How far points reach from 0 in both directions. */
function reachOf(points: Float32Array): [x: number, y: number] {
  let [x, y] = [0, 0];
  for (let i = 0; i < points.length; i += 2) {
    x = Math.max(x, Math.abs(points[i]!));
    y = Math.max(y, Math.abs(points[i + 1]!));
  }
  return [x || 1, Math.max(y, 0.05 * x) || 1];
}

const ease = (t: number) => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);
