import { percent, short, thousands, wholePercent } from "../base/words.ts";
import type { JobProgress, TrainProgress, TrainWarning } from "../types.ts";
import { bar, columnsOf, duration, type Palette, paletteFor, shorten, wordWrap } from "./text.ts";
import { inCliWords } from "./words.ts";

/** Shows how far a long call has come. */
export interface ProgressView<Event> {
  update(event: Event): void;
  /** Writes a line that stays. */
  tell(line: string): void;
  /** Takes the last state away, or leaves it standing. */
  end(): void;
}

/** What a view says about an event: one line for logs, or the lines of a block for a terminal. */
interface Wording<Event> {
  /** Milliseconds before anything is shown: what is done sooner needs no progress. */
  patience: number;
  progress(event: Event): number;
  line(event: Event): string;
  /** Lines of an event that stand in the log whatever came before. */
  notices?(event: Event): string[];
  block(event: Event, columns: number, palette: Palette): string[];
}

/** Progress of training on a stream: a block that updates itself on a terminal, now and then a line elsewhere. */
export function trainView(stream: NodeJS.WriteStream): ProgressView<TrainProgress> {
  const warnings = watchWarnings();
  return viewOn(stream, {
    patience: 0,
    progress: (event) => event.progress,
    line: trainLine,
    notices: (event) => warnings.take(event).map(noticeText),
    block(event, columns, palette) {
      warnings.take(event);
      const { standing } = warnings;
      return [...trainBlock(event, columns, palette), ...(standing ? warningBlock(standing, columns, palette) : [])];
    },
  });
}

/** Progress of a long call that is not training. */
export function jobView(stream: NodeJS.WriteStream, title: string): ProgressView<JobProgress> {
  return viewOn(stream, {
    patience: 1000,
    progress: (event) => event.progress,
    line: (event) => `${title.toLowerCase()} ${wholePercent(event.progress)}`,
    block: (event, columns, palette) => [barLine(title, event.progress, "", columns, palette)],
  });
}

/** What training warns of, epoch by epoch. */
function watchWarnings() {
  const told = new Set<string>();
  return {
    /** The latest warning, until an evaluated epoch has none; then what the items themselves give cause for. */
    standing: undefined as TrainWarning | undefined,
    /** Takes the new epochs of an event in. @returns the warnings of a kind and level that there were none of before. */
    take({ newEpochs, epochs, itemWarnings }: TrainProgress): TrainWarning[] {
      const news = itemWarnings.filter(({ kind }) => !told.has(kind));
      for (const { kind } of news) told.add(kind);
      this.standing ??= itemWarnings[0];
      for (const { epoch, evaluated, warnings } of newEpochs) {
        // Shared IDs are what training still takes away: worth a word near its end only.
        const worth = warnings.filter(({ kind }) => kind !== "collisions" || 4 * (epoch + 1) > 3 * epochs);
        this.standing = worth.at(-1) ?? (evaluated ? itemWarnings[0] : this.standing);
        for (const warning of worth) {
          const key = `${warning.kind} ${warning.level}`;
          if (!told.has(key)) news.push(warning);
          told.add(key);
        }
      }
      return news;
    },
  };
}

/** A warning with the epoch that it is about, if it is about one. */
export const warningText = ({ epoch, wording }: TrainWarning): string =>
  `${epoch < 0 ? "" : `epoch ${epoch + 1}: `}${inCliWords(wording)}`;

/** The same while the training runs. */
const noticeText = ({ epoch, wording }: TrainWarning): string =>
  `warning${epoch < 0 ? "" : ` in epoch ${epoch + 1}`}: ${inCliWords(wording)}`;

/** A warning below the block, on three lines at most. */
function warningBlock(warning: TrainWarning, columns: number, palette: Palette): string[] {
  const lines = wordWrap(noticeText(warning), columns - 2, "  ");
  const shown = lines.length > 3 ? [...lines.slice(0, 2), lines.slice(2).join(" ")] : lines;
  return shown.map((line) => palette.warning(`  ${shorten(line, columns - 2)}`));
}

function viewOn<Event>(stream: NodeJS.WriteStream, wording: Wording<Event>): ProgressView<Event> {
  const view = stream.isTTY && process.env.TERM !== "dumb" ? blockView(stream, wording) : lineView(stream, wording);
  const started = performance.now();
  return {
    update(event) {
      if (performance.now() - started >= wording.patience) view.update(event);
    },
    tell: view.tell,
    end: view.end,
  };
}

/** One block at the foot of the terminal, drawn over itself. */
function blockView<Event>(stream: NodeJS.WriteStream, wording: Wording<Event>): ProgressView<Event> {
  let drawn = 0;
  // To the first line of the block, and clear from there to the end of the screen.
  const back = () => (drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : "");
  return {
    update(event) {
      const lines = wording.block(event, columnsOf(stream) - 1, paletteFor(stream));
      stream.write(back() + lines.map((line) => `${line}\n`).join(""));
      drawn = lines.length;
    },
    tell(line) {
      stream.write(`${back()}${line}\n`);
      drawn = 0;
    },
    end() {
      stream.write(back());
      drawn = 0;
    },
  };
}

/** A line at the start, at the end, and in between whenever two seconds or a tenth of the work have passed. */
function lineView<Event>(stream: NodeJS.WriteStream, wording: Wording<Event>): ProgressView<Event> {
  let shownAt = Number.NEGATIVE_INFINITY;
  let shownProgress = 0;
  let shownLine = "";
  let pending = "";
  // While the IDs are evaluated or the start is put back, only the pace changes: that is no news.
  const newsIn = (line: string) => line.replace(/, [\d,]+ items\/s.*$/, "");
  const show = (line: string) => {
    if (line && newsIn(line) !== shownLine) stream.write(`${line}\n`);
    shownLine = newsIn(line);
    pending = "";
  };
  return {
    tell: (line) => void stream.write(`${line}\n`),
    update(event) {
      for (const notice of wording.notices?.(event) ?? []) stream.write(`${notice}\n`);
      pending = wording.line(event);
      const progress = wording.progress(event);
      if (progress === 1) return; // the end shows it, with all that is known then
      if (performance.now() - shownAt < 2000 && progress < shownProgress + 0.1) return;
      shownAt = performance.now();
      shownProgress = progress;
      show(pending);
    },
    end: () => show(pending),
  };
}

/** A bar with its title, and on its right what there is room for. */
function barLine(title: string, share: number, right: string, columns: number, palette: Palette): string {
  const number = wholePercent(share).padStart(5);
  const room = columns - title.length - number.length - 5;
  const note = right && room - right.length >= 12 ? `  ${right}` : "";
  return `  ${palette.bold(title)}  ${bar(share, Math.min(50, room - note.length), palette)} ${number}${note}`;
}

/** The facts of an event, in the order of their weight; each is left out until it is known. */
function trainFacts(event: TrainProgress) {
  const { epochLosses: losses, lastEpoch, itemsPerSecond, remainingMs } = event;
  return {
    epoch: `epoch ${Math.min(event.epoch + 1, event.epochs)} of ${event.epochs}`,
    losses: losses
      ? [
          `loss ${short(losses.loss)}`,
          `reconstruction ${short(losses.reconstructionLoss)}`,
          `quantisation ${short(losses.quantizeLoss)}`,
        ]
      : [],
    distinct: lastEpoch ? [`distinct IDs ${percent(lastEpoch.ids.uniqueShare)}`] : [],
    usage: lastEpoch ? lastEpoch.ids.usage : [],
    pace: itemsPerSecond ? [`${thousands(Math.round(itemsPerSecond))} items/s`] : [],
    left: remainingMs === undefined || event.progress === 1 ? [] : [`${duration(remainingMs / 1000)} left`],
  };
}

function trainLine(event: TrainProgress): string {
  if (event.phase === "measure") return "looking at a sample of the items";
  if (event.phase === "initialize") return `preparing the codebooks, ${wholePercent(event.progress)}`;
  const { epoch, losses, distinct, usage, pace, left } = trainFacts(event);
  const codes = usage.length > 0 ? [`codes in use ${usage.map((share) => wholePercent(share)).join(" / ")}`] : [];
  return [epoch, ...losses, ...codes, ...distinct, ...pace, ...left].join(", ");
}

function trainBlock(event: TrainProgress, columns: number, palette: Palette): string[] {
  const elapsed = `${duration(event.elapsedMs / 1000)} so far`;
  if (event.phase !== "train") {
    return [
      barLine(event.phase === "measure" ? "Measuring" : "Preparing", event.progress, "", columns, palette),
      palette.dim(`  ${elapsed}`),
    ];
  }
  const { epoch, losses, distinct, usage, pace, left } = trainFacts(event);
  const codes =
    usage.length > 0 ? [`codes in use by level ${usage.map((share) => wholePercent(share)).join(", ")}`] : [];
  return [
    barLine("Training", event.progress, epoch, columns, palette),
    shorten(`  ${losses.join("   ")}`, columns),
    shorten(`  ${[...distinct, ...codes].join("   ")}`, columns),
    palette.dim(shorten(`  ${[...pace, elapsed, ...left].join("   ")}`, columns)),
  ];
}
