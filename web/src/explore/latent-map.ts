import { idChips } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { download } from "../base/download.ts";
import { splitGlyph } from "../base/glyph.ts";
import { showError } from "../base/page-error.ts";
import { inSlices } from "../base/slices.ts";
import { formatCount, formatPercent, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import type { KeptNeighbours } from "../lab/layout/kept-neighbours.ts";
import type { LayoutEvent } from "../lab/layout/make-layout.ts";
import { MapLayout } from "../lab/map-layout.ts";
import type { Latents } from "../lab/types.ts";
import { placeAmong } from "../map/place-among.ts";
import { darkScheme } from "../map/scheme.ts";
import { MapStage } from "../map/stage.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { CodeNames } from "./code-names.ts";
import { type Arrangement, MapBar } from "./map-bar.ts";
import { type ColorBy, colorChoices, colorPoints } from "./map-colors.ts";
import { labelBranches } from "./map-labels.ts";
import "./latent-map.css";

export interface MapHandlers {
  pick(item: number): void;
  walk(prefix: readonly number[]): void;
  /** Lists only these items, or all again. */
  select(items: Uint32Array | undefined): void;
}

/** One picture of the items. */
interface Arranged {
  points: Float32Array;
  kept: KeptNeighbours | undefined;
}

/** Milliseconds that the points take from one picture to the next, and on their way to a layout. */
const MOVE_MS = 900;
const STEP_MS = 240;

/**
 * The items of a result where the network sees them: first along the two widest directions, then arranged so that neighbours stay
 * neighbours. It begins when somebody looks at it.
 */
export class LatentMapView {
  private readonly host = hook("map", HTMLDivElement);
  private readonly status = make("p", "map-status");
  private readonly progress = make("progress");
  private readonly handlers: MapHandlers;
  private readonly lab: Lab;
  private readonly layout = new MapLayout();
  private readonly stage: MapStage;
  private readonly bar: MapBar;
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private readonly names: CodeNames;
  private isLabelling = false;
  /** The item of each point, in ascending order. */
  private items: Uint32Array = new Uint32Array();
  private directions: (Arranged & { shares: [number, number] }) | undefined;
  private neighbours: Arranged | undefined;
  private shown: Arrangement = "directions";
  private by: ColorBy = { level: 0 };
  private prefix: readonly number[] = [];
  private rows: Uint32Array | undefined;
  private selected = -1;
  /** An item that is not of the catalogue, and the points that it is placed among. */
  private guest: { title: string; points: number[]; near: number[] } | undefined;
  private latents: Promise<Latents> | undefined;
  private state: "empty" | "waiting" | "started" = "empty";
  private isOpen = false;
  private life = new AbortController();
  private labelling = new AbortController();

  constructor(lab: Lab, names: CodeNames, handlers: MapHandlers) {
    this.lab = lab;
    this.names = names;
    names.watch(() => this.isLabelling || this.relabel()); // it names branches itself
    this.handlers = handlers;
    this.stage = new MapStage({
      pick: (point) => handlers.pick(this.items[point]!),
      enclose: (points) => this.enclose(points),
      open: ({ prefix }) => handlers.walk(prefix),
      describe: (point) => this.describe(this.items[point]!),
      leave: () => handlers.select(undefined),
      recolor: () => this.recolor(),
    });
    this.bar = new MapBar({
      color: (by) => {
        this.by = by;
        this.recolor();
      },
      arrange: (by) => this.arrange(by, MOVE_MS),
      lasso: (on) => {
        this.stage.drawing = on;
      },
      listView: () => this.enclose(this.stage.inView()),
      save: (format) => this.save(format).catch(showError),
      zoom: (factor) => this.stage.zoomBy(factor),
      showAll: () => this.stage.showAll(),
    });
    const { element } = this.stage;
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.dataset.testid = "map-stage";
    this.progress.max = 1;
    this.progress.setAttribute("aria-label", "Arranging by neighbours");
    this.progress.hidden = true;
    this.bar.legend.hidden = true;
    this.status.setAttribute("aria-live", "polite");
    this.status.dataset.testid = "map-status";
    const frame = make("div", "map-frame", element, this.bar.zoom);
    this.host.append(this.bar.element, frame, this.bar.legend, this.progress, this.status);
  }

  /** Nothing is shown any more, and nothing is computed. */
  clear(): void {
    this.life.abort();
    this.labelling.abort();
    this.layout.end();
    this.state = "empty";
    this.latents = undefined;
    this.guest = undefined;
    this.progress.hidden = true;
    this.directions = undefined;
    this.neighbours = undefined;
    this.items = new Uint32Array();
    this.stage.setLabels([]);
    this.stage.setGuest(undefined);
    this.stage.setPoints(new Float32Array());
    this.bar.showLegend([]);
  }

  /** Another result. Its map is made when the visitor looks at it. */
  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.clear();
    this.data = data;
    this.index = index;
    this.prefix = [];
    this.rows = undefined;
    this.by = { level: 0 };
    this.bar.offer(colorChoices(data, index.ids.levels));
    this.bar.setArrangement("directions", false);
    this.status.textContent = "Finding the two widest directions…";
    this.state = "waiting";
    this.latents = this.lab.call("latents", undefined);
    this.latents.catch(() => {}); // whoever looks at the map is told
    this.begin();
  }

  /** Resolves when the lab has handed over what the map is made of, which takes it less time than a report. */
  async prepared(): Promise<void> {
    await this.latents;
  }

  /** The visitor looks at the map, or does not. */
  setOpen(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.begin();
  }

  /** Lights up the items of the table's rows; undefined: of every item. */
  light(rows: Uint32Array, prefix: readonly number[]): void {
    this.rows = this.index && rows.length < this.index.order.length ? rows : undefined;
    this.applyLight();
    if (prefix.join() === this.prefix.join()) return;
    this.prefix = prefix;
    this.relabel();
  }

  select(item: number): void {
    this.selected = item;
    this.stage.select(this.pointOf(item));
  }

  /** Shows an item that is new: at the mean of its nearest items, weighted by nearness. False if none of them is on the map. */
  showNew(title: string, nearest: ArrayLike<number>, distances: ArrayLike<number>): boolean {
    const points: number[] = [];
    const near: number[] = [];
    for (let i = 0; i < nearest.length; i++) {
      const point = this.pointOf(nearest[i]!);
      if (point < 0) continue;
      points.push(point);
      near.push(distances[i]!);
    }
    this.guest = points.length > 0 ? { title, points, near } : undefined;
    this.placeGuest();
    return points.length > 0;
  }

  private placeGuest(): void {
    const { guest } = this;
    if (!guest || this.items.length === 0) {
      this.stage.setGuest(undefined);
      return;
    }
    const [x, y] = placeAmong(this.stage.points, guest.points, guest.near);
    this.stage.setGuest({ x, y, text: guest.title });
  }

  private begin(): void {
    if (this.state !== "waiting" || !this.isOpen) return;
    this.state = "started";
    this.life = new AbortController();
    const { signal } = this.life;
    this.make(signal).catch((error: Error) => {
      if (signal.aborted || error instanceof LabGone) return;
      this.progress.hidden = true;
      this.status.textContent = error.message;
    });
  }

  private async make(signal: AbortSignal): Promise<void> {
    const given = await this.latents;
    if (!given || signal.aborted) return;
    const { items, latents, dim } = given;
    this.latents = undefined; // they go to the worker of the layout
    this.items = items;
    await this.layout.make({ latents, dim, seed: 1 }, (event) => {
      if (!signal.aborted) this.follow(event);
    });
  }

  /** The map as it comes: the first picture, the way, the last. */
  private follow(event: LayoutEvent): void {
    switch (event.kind) {
      case "plane":
        this.directions = { points: event.points, shares: event.shares, kept: undefined };
        this.arrange("directions", 0);
        this.recolor();
        this.applyLight();
        void this.findGlyphs(this.life.signal);
        this.progress.hidden = false;
        this.progress.removeAttribute("value");
        break;
      case "planeKept":
        if (this.directions) this.directions.kept = event.kept;
        this.describeShown();
        break;
      case "progress":
        this.progress.value = event.progress;
        break;
      case "moving":
        this.progress.value = event.progress;
        this.stage.setLabels([]);
        this.stage.setPoints(event.points, STEP_MS);
        break;
      case "done":
        this.progress.hidden = true;
        if (!event.layout) break;
        this.neighbours = event.layout;
        this.arrange("neighbours", MOVE_MS / 2);
    }
  }

  /** Moves the points to one of the pictures. */
  private arrange(by: Arrangement, ms: number): void {
    const arranged = by === "neighbours" ? this.neighbours : this.directions;
    if (!arranged) return;
    this.shown = by;
    this.stage.setPoints(arranged.points, ms);
    this.stage.select(this.pointOf(this.selected));
    this.bar.setArrangement(by, this.neighbours !== undefined);
    this.placeGuest();
    this.describeShown();
    this.relabel();
  }

  /** Says what the picture is worth: how many neighbours are neighbours on it. */
  private describeShown(): void {
    const { data, directions, neighbours, items } = this;
    if (!data || !directions) return;
    const { kept } = (this.shown === "neighbours" ? neighbours : directions) ?? {};
    const [one, many] = data.noun;
    const parts: string[] = [];
    if (this.shown === "directions") {
      parts.push(
        `These two directions show ${formatPercent(directions.shares[0] + directions.shares[1])} of the differences.`,
      );
    }
    if (kept) {
      const [ten, fifty] = [formatPercent(kept.amongTen), formatPercent(kept.amongFifty)];
      const asked = kept.asked < items.length ? ` Counted for ${formatCount(kept.asked)} of them.` : "";
      parts.push(
        `Of the ten ${many} most similar to ${/^[aeiou]/i.test(one) ? "an" : "a"} ${one}, ${fifty} are among the fifty nearest to it on this map, ${ten} among the ten nearest.${asked}`,
      );
    }
    if (items.length < data.rows) parts.push(`A sample of ${plural(items.length, one, many)}.`);
    this.status.textContent = parts.join(" ");
    this.stage.element.setAttribute(
      "aria-label",
      `Map of ${plural(items.length, one, many)}. Arrow keys move it, plus and minus zoom, Home shows all. “List what is shown” lists its points in the table below.`,
    );
  }

  private recolor(): void {
    const { data, index, items } = this;
    if (!data || !index || !this.directions) return;
    const { colors, legend } = colorPoints(this.by, data, index, items, darkScheme.matches);
    this.stage.setColors(colors);
    this.bar.showLegend(legend);
  }

  private applyLight(): void {
    const { rows, items } = this;
    const lit = new Uint8Array(items.length);
    if (!rows) lit.fill(1);
    else
      for (const item of rows) {
        const point = this.pointOf(item);
        if (point >= 0) lit[point] = 1;
      }
    this.stage.setLit(lit);
  }

  private relabel(): void {
    const { index, names } = this;
    this.labelling.abort();
    this.labelling = new AbortController();
    const { signal } = this.labelling;
    if (!index || !this.directions) return;
    this.isLabelling = true;
    const { points } = this.stage;
    labelBranches(
      index,
      names,
      this.prefix,
      (item) => this.pointOf(item),
      points,
      signal,
      (labels) => {
        if (!signal.aborted) this.stage.setLabels(labels);
      },
    )
      .catch((error) => signal.aborted || showError(error))
      .finally(() => {
        if (!signal.aborted) this.isLabelling = false;
      });
  }

  private async findGlyphs(signal: AbortSignal): Promise<void> {
    const { data, items } = this;
    if (!data || items.length === 0 || splitGlyph(titleOf(data, items[0]!)).glyph === undefined) {
      this.stage.setGlyphs(() => undefined);
      return;
    }
    const glyphs: (string | undefined)[] = [];
    await inSlices(items.length, (i) => glyphs.push(splitGlyph(titleOf(data, items[i]!)).glyph), signal).catch(
      () => {},
    );
    if (!signal.aborted) this.stage.setGlyphs((point) => glyphs[point]);
  }

  private describe(item: number): (Node | string)[] {
    const { data, index, names } = this;
    if (!data || !index) return [];
    const name = names.nameOf(index.ids.at(item).slice(0, 1));
    const label =
      "label" in this.by ? `${this.by.label}: ${data.labels?.labels?.[this.by.label]?.[item] ?? "–"}` : name;
    return [make("b", "", titleOf(data, item)), idChips(index.ids, item), ...(label ? [make("small", "", label)] : [])];
  }

  private enclose(points: Uint32Array): void {
    if (points.length > 0) this.handlers.select(points.map((point) => this.items[point]!));
  }

  private async save(format: "png" | "svg"): Promise<void> {
    const { toPng, toSvg } = await import("../map/picture.ts");
    const view = this.stage.picture();
    if (format === "png") download(await toPng(view), "map.png");
    else download(new Blob([toSvg(view)], { type: "image/svg+xml" }), "map.svg");
  }

  /** The point of an item; -1 if it is not on the map. */
  private pointOf(item: number): number {
    const { items, data } = this;
    if (items.length === data?.rows) return item;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle]! < item) low = middle + 1;
      else high = middle;
    }
    return items[low] === item ? low : -1;
  }
}
