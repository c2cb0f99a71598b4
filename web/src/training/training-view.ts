import type { EpochRecord, IdStatistics, TrainProgress } from "rqvae";
import { hook } from "../base/dom.ts";
import { ownShare } from "../base/own-ids.ts";
import { formatCount, formatDuration, formatShare, plural } from "../base/words.ts";
import { countCodes } from "../lab/count-codes.ts";
import type { CodeCounts, Line, PlainIds } from "../lab/types.ts";
import { LearningChart } from "./learning-chart.ts";
import { LossChart } from "./loss-chart.ts";
import { UsageMap } from "./usage-map.ts";
import { showWarnings } from "./warning-list.ts";
import "./training-view.css";

const GETTING_READY = "Getting ready…";
const MEASURING = "Measuring the items";

/** The third step of the page: progress, health and losses of the run. */
export class TrainingView {
  readonly section = document.querySelector<HTMLElement>("#training")!;
  private readonly progress = hook("progress", HTMLProgressElement);
  private readonly text = hook("progress-text", HTMLParagraphElement);
  private readonly announcement = hook("announce", HTMLParagraphElement);
  private readonly unique = hook("unique-share", HTMLElement);
  private readonly uniqueNote = hook("unique-note", HTMLElement);
  private readonly speed = hook("items-per-second", HTMLElement);
  private readonly timeLeft = hook("time-left", HTMLElement);
  private readonly timeTitle = hook("time-title", HTMLElement);
  private readonly timeNote = hook("time-note", HTMLElement);
  private readonly stop = hook("stop-button", HTMLButtonElement);
  private readonly pause = hook("pause-button", HTMLButtonElement);
  private readonly learning = new LearningChart();
  private readonly chart = new LossChart();
  private readonly usage: UsageMap;
  private phase = "";
  private epochSeen = false;
  private elapsed = 0;
  private levels = 1;
  private epochs = 1;

  constructor(handlers: { stop: () => void; pause: () => void; openCode: (level: number, code: number) => void }) {
    this.usage = new UsageMap(handlers.openCode);
    this.stop.addEventListener("click", handlers.stop);
    this.pause.addEventListener("click", handlers.pause);
  }

  start(levels: number, epochs: number): void {
    this.section.hidden = false;
    this.setRunning(GETTING_READY);
    this.phase = "";
    this.epochSeen = false;
    this.elapsed = 0;
    this.progress.removeAttribute("value");
    this.unique.textContent = "–";
    this.uniqueNote.textContent = "counted over the whole catalogue";
    this.speed.textContent = "–";
    this.timeTitle.textContent = "Time left";
    this.timeLeft.textContent = "–";
    this.timeNote.textContent = "";
    this.levels = levels;
    this.epochs = epochs;
    this.learning.reset(epochs);
    this.chart.reset(epochs, levels);
    this.usage.reset(levels);
    showWarnings([]);
  }

  /** The items are measured first; there is nothing to pause yet. */
  measuring(progress = 0): void {
    if (this.phase !== MEASURING) this.announcement.textContent = `${MEASURING}.`;
    this.phase = MEASURING;
    this.pause.disabled = true;
    this.text.textContent = MEASURING;
    this.progress.value = progress;
  }

  /** They were measured. */
  measured(): void {
    this.progress.removeAttribute("value");
    this.setRunning(GETTING_READY);
  }

  /** The same run resumes. */
  goOn(): void {
    this.setRunning("Resuming…");
  }

  private setRunning(text: string): void {
    this.section.dataset.state = "running";
    this.stop.hidden = false;
    this.pause.hidden = false;
    this.pause.disabled = false;
    this.pause.textContent = "Pause";
    this.text.textContent = text;
  }

  /** A pause was requested and comes with the next step. */
  pausing(): void {
    this.pause.disabled = true;
    this.text.textContent = "Pausing…";
  }

  paused(): void {
    this.section.dataset.state = "paused";
    this.pause.disabled = false;
    this.pause.textContent = "Resume";
    this.text.textContent = "Paused. This browser keeps the run, even if you close the page.";
    this.announcement.textContent = "Training is paused.";
    this.pause.focus({ preventScroll: true });
  }

  update(event: TrainProgress): void {
    this.elapsed = event.elapsedMs;
    this.progress.value = event.progress;
    const epoch = Math.min(event.epoch + 1, event.epochs);
    this.text.textContent =
      event.phase !== "train"
        ? "Finding a good starting point"
        : `Epoch ${formatCount(epoch)} of ${formatCount(event.epochs)}`;
    if (event.phase !== this.phase) {
      this.phase = event.phase;
      this.announcement.textContent =
        event.phase !== "train" ? "Finding a good starting point." : "Training has begun.";
    }
    if (event.itemsPerSecond !== undefined) this.speed.textContent = formatCount(event.itemsPerSecond);
    if (event.remainingMs !== undefined) this.timeLeft.textContent = formatDuration(event.remainingMs / 1000);
    this.timeNote.textContent = `${formatDuration(event.elapsedMs / 1000)} so far`;
    for (const record of event.newEpochs) this.addEpoch(record);
    // On a large catalogue the first epoch takes a while. Until it ends, the mean so far stands in for it.
    if (!this.epochSeen && event.epochLosses && event.totalSteps > 0) {
      this.chart.add((event.step / event.totalSteps) * event.epochs, event.epochLosses);
    }
    if (event.lastEpoch) {
      this.showIds(event.lastEpoch.ids);
    }
    showWarnings([...event.itemWarnings, ...(event.lastEpoch?.warnings ?? [])]);
  }

  /** Draws the epochs of a run that resumes after a reload. */
  replay(records: readonly EpochRecord[]): void {
    for (const record of records) this.addEpoch(record);
    const last = records.at(-1);
    if (last) this.showIds(last.ids);
  }

  private addEpoch(record: EpochRecord): void {
    if (!this.epochSeen) {
      this.chart.reset(this.epochs, this.levels);
      this.learning.restart();
    }
    this.epochSeen = true;
    this.chart.add(record.epoch + 1, record);
    this.learning.add(record);
  }

  /** The figures of residual k-means, when they are known. */
  showLine(line: Line | undefined): void {
    this.learning.showLine(line);
  }

  /** How much the final IDs keep. */
  showKept(kept: number): void {
    this.learning.addFinal(kept);
  }

  showIds(ids: IdStatistics): void {
    this.unique.textContent = formatShare(ownShare(ids));
    this.uniqueNote.textContent = `${formatCount(ids.items - ids.itemsSharing)} of ${plural(ids.items, "item")}`;
    this.usage.showStatistics(ids);
  }

  showCounts(counts: CodeCounts): void {
    this.usage.showCounts(counts);
  }

  /** Training is over and the IDs are being computed. */
  finishing(): void {
    this.stop.hidden = true;
    this.pause.hidden = true;
    this.text.textContent = "Giving every item its ID…";
  }

  /** There is a result: the squares of the codes lead to their pages. */
  allowOpeningCodes(ids: PlainIds): void {
    this.usage.allowOpening(countCodes(ids));
  }

  done(message: string): void {
    this.section.dataset.state = "done";
    this.stop.hidden = true;
    this.pause.hidden = true;
    if (!this.progress.hasAttribute("value")) this.progress.value = 0;
    this.text.textContent = message;
    this.learning.finish();
    this.announcement.textContent = message;
    this.timeTitle.textContent = "Time taken";
    this.timeLeft.textContent = formatDuration(this.elapsed / 1000);
    this.timeNote.textContent = "from start to finish";
  }
}
