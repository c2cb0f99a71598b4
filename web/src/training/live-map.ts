import { familyHue } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { inSlices } from "../base/slices.ts";
import { formatCount, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import { tellingWords, wordsOf } from "../data/telling-words.ts";
import type { LiveFrame } from "../lab/types.ts";
import { darkScheme, rgbOf } from "../map/scheme.ts";
import { MapStage } from "../map/stage.ts";
import { addFrame } from "./film.ts";
import "./live-map.css";

/** Milliseconds from one picture to the next: at least and at most while it learns, and in a replay. */
const STEP_MS = [250, 1500] as const;
const REPLAY_MS = 380;
/** Milliseconds between two namings of the codes, and the fewest items of a code with a name. */
const NAME_MS = 1500;
const FEWEST = 3;
const WHOLE = 32767;
const MOST_GLYPHS = 2000;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Items and first codes where the network sees them, while it learns; afterwards the same again, by a slider. */
export class LiveMap {
  private readonly host = hook("live-map", HTMLElement);
  private readonly slider = make("input");
  private readonly play = make("button", "button small");
  private readonly epoch = make("output", "live-epoch");
  private readonly note = make("p", "hint");
  private readonly stage: MapStage;
  private data: DataSet | undefined;
  private film: LiveFrame[] = [];
  private at = -1;
  /** Names of the first codes. */
  private names: string[] = [];
  private named = Number.NEGATIVE_INFINITY;
  private naming = new AbortController();
  private isRunning = false;
  /** When the last picture came. */
  private added = 0;
  private timer = 0;

  constructor() {
    this.stage = new MapStage({
      describe: (point) => this.describe(point),
      recolor: () => this.at >= 0 && this.color(this.film[this.at]!),
    });
    this.stage.element.setAttribute("role", "img");
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.dataset.testid = "live-slider";
    this.slider.setAttribute("aria-label", "Epoch of the map");
    this.slider.addEventListener("input", () => {
      const chosen = Number(this.slider.value);
      this.stopReplay();
      this.show(chosen, 250);
    });
    this.play.type = "button";
    this.play.dataset.testid = "live-play";
    this.play.addEventListener("click", () => (this.timer ? this.stopReplay() : this.replay()));
    this.host.replaceChildren(
      make("h3", "", "The items, as the network sees them"),
      this.note,
      this.stage.element,
      make("div", "live-bar", this.play, this.slider, this.epoch),
    );
  }

  /** A run begins, with the pictures of the last one if it goes on. */
  start(data: DataSet, goesOn = false): void {
    this.data = data;
    this.isRunning = true;
    this.stopReplay();
    this.host.hidden = false;
    if (goesOn) return;
    this.naming.abort();
    this.film = [];
    this.at = -1;
    this.names = [];
    this.named = Number.NEGATIVE_INFINITY;
    this.stage.setStars([]);
    this.stage.setPoints(new Float32Array());
    this.note.textContent = `Each dot is ${/^[aeiou]/i.test(data.noun[0]) ? "an" : "a"} ${data.noun[0]}, each star a first code, in the two directions that show most.`;
    this.epoch.textContent = "";
    this.enable();
  }

  /** What the worker saw. */
  add(frame: LiveFrame): void {
    const { data } = this;
    if (!data) return;
    const follows = this.at === this.film.length - 1;
    this.film = addFrame(this.film, frame);
    if (frame.items.length < data.rows && this.film.length === 1)
      this.note.textContent += ` A sample of ${formatCount(frame.items.length)}.`;
    if (this.film.length === 1) this.showGlyphs(frame, data);
    // Without motion there is one picture: the last.
    if (reducedMotion.matches && this.film.length > 1 && this.isRunning) this.at = this.film.length - 1;
    else if (follows) this.show(this.film.length - 1, this.paceOf(performance.now()));
    else this.at = Math.min(this.at, this.film.length - 1);
    this.enable();
    if (performance.now() - this.named > NAME_MS) void this.name(frame);
  }

  /** The run has ended, and its pictures can be seen again. */
  end(): void {
    this.isRunning = false;
    const last = this.film.at(-1);
    if (!last) {
      this.host.hidden = true;
      return;
    }
    this.show(this.film.length - 1, STEP_MS[0]);
    void this.name(last);
    this.enable();
  }

  /** As long as the last picture took to come, so that the dots never stand still while the model learns. */
  private paceOf(now: number): number {
    const pace = Math.min(STEP_MS[1], Math.max(STEP_MS[0], now - this.added));
    this.added = now;
    return pace;
  }

  private enable(): void {
    const canReplay = this.film.length > 1 && !this.isRunning;
    this.slider.disabled = this.film.length < 2;
    this.slider.max = String(Math.max(0, this.film.length - 1));
    this.slider.value = String(Math.max(0, this.at));
    this.play.disabled = !canReplay;
    this.play.textContent = this.timer ? "Pause" : "Replay";
  }

  private show(at: number, ms: number): void {
    const frame = this.film[at];
    if (!frame) return;
    this.at = at;
    this.stage.setPoints(
      Float32Array.from(frame.points, (x) => x / WHOLE),
      ms,
    );
    this.color(frame);
    this.placeStars(frame);
    this.slider.value = String(at);
    this.epoch.textContent = frame.epoch === 0 ? "before the first epoch" : `after epoch ${formatCount(frame.epoch)}`;
    this.slider.setAttribute("aria-valuetext", this.epoch.textContent);
    this.stage.element.setAttribute(
      "aria-label",
      `Map of ${plural(frame.items.length, ...this.data!.noun)} ${this.epoch.textContent}. The table of the results lists them.`,
    );
  }

  private color({ codes, stars }: LiveFrame): void {
    const tone = darkScheme.matches ? "dark-dot" : "light-dot";
    const colorOf = Array.from({ length: stars.length / 2 }, (_, code) => rgbOf(familyHue([code]), tone));
    const colors = new Uint8Array(3 * codes.length);
    codes.forEach((code, i) => {
      colors.set(colorOf[code]!, 3 * i);
    });
    this.stage.setColors(colors);
  }

  /** The codes that have items, the largest first, since they get the first names. */
  private placeStars({ stars, codes }: LiveFrame): void {
    const counts = new Uint32Array(stars.length / 2);
    for (const code of codes) counts[code]!++;
    const shown = [...counts.keys()].filter((code) => counts[code]! > 0);
    // All of them in one order, so that each moves from where it was.
    const placed = [...counts.keys()].map((code) => ({
      x: stars[2 * code]! / WHOLE,
      y: stars[2 * code + 1]! / WHOLE,
      hue: familyHue([code]),
      text: counts[code]! >= FEWEST ? (this.names[code] ?? "") : "",
      isHidden: counts[code] === 0,
    }));
    this.stage.setStars(
      placed,
      shown.sort((a, b) => counts[b]! - counts[a]!),
    );
  }

  /** Where titles begin with emoji, they are easier to know than dots. */
  private showGlyphs({ items }: LiveFrame, data: DataSet): void {
    const first = items.subarray(0, MOST_GLYPHS);
    const glyphs = Array.from(first, (item) => splitGlyph(titleOf(data, item)).glyph);
    this.stage.setGlyphs((point) => glyphs[point]);
  }

  private async name({ items, codes, stars }: LiveFrame): Promise<void> {
    const { data } = this;
    if (!data?.labels) return;
    this.named = performance.now();
    this.naming.abort();
    this.naming = new AbortController();
    const { signal } = this.naming;
    const groups = Array.from({ length: stars.length / 2 }, () => ({ read: 0, words: new Map<string, number>() }));
    const everywhere = new Map<string, number>();
    const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
    try {
      await inSlices(
        items.length,
        (i) => {
          const group = groups[codes[i]!]!;
          group.read++;
          for (const found of wordsOf(splitGlyph(titleOf(data, items[i]!)).words)) {
            add(everywhere, found);
            add(group.words, found);
          }
        },
        signal,
      );
    } catch {
      return; // a later picture is being named
    }
    if (signal.aborted) return;
    this.names = groups.map(({ words, read }) =>
      tellingWords(words, read, everywhere, items.length).slice(0, 1).join(),
    );
    const frame = this.film[this.at];
    if (frame) this.placeStars(frame);
  }

  private describe(point: number): (Node | string)[] {
    const frame = this.film[this.at];
    if (!frame || !this.data) return [];
    const name = this.names[frame.codes[point]!];
    return [
      make("b", "", titleOf(this.data, frame.items[point]!)),
      make("small", "", `first code ${frame.codes[point]}${name ? `: ${name}` : ""}`),
    ];
  }

  private replay(): void {
    let next = this.at >= this.film.length - 1 ? 0 : this.at + 1;
    const step = () => {
      this.show(next++, REPLAY_MS);
      if (next >= this.film.length) this.stopReplay();
    };
    this.timer = setInterval(step, REPLAY_MS) as unknown as number;
    step();
    this.enable();
  }

  private stopReplay(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.enable();
  }
}
