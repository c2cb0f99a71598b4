import { SemanticIds } from "rqvae";
import { idChips } from "./code-chips.ts";
import { onFiles } from "./data-input.ts";
import { type DataSet, nameSource, sampleSource } from "./data-set.ts";
import { hook, scrollTo } from "./dom.ts";
import { Lab, LabGone } from "./lab/client.ts";
import type { DataSource, RunResult, Settings, TrainEvent } from "./lab/protocol.ts";
import { offerOffline } from "./offline.ts";
import { levelsOf, onTrain, readSettings, resetTouched, setRunning, suggest, typeSettings } from "./options-form.ts";
import { clearError, showError } from "./page-error.ts";
import { readLink, setLinkedSample } from "./page-link.ts";
import { showDataSet, showNothing, showReading } from "./preview.ts";
import { Results } from "./results.ts";
import { offerResumption } from "./resume-offer.ts";
import { offerReuse } from "./reuse.ts";
import { markSample, onSample } from "./sample-cards.ts";
import { guideSteps } from "./steps-nav.ts";
import type { StoredRun } from "./stored-run.ts";
import { TakeAway } from "./take-away.ts";
import "./term.ts";
import { TrainingView } from "./training-view.ts";
import { plural } from "./words.ts";

/** The worker that has items and model. */
const lab = new Lab();
let data: DataSet | undefined;
/** A labels file that came before its items. */
let waitingLabels: File | undefined;
/** The run under way or paused. Another run takes its place: what the first still says is not heard. */
let run: { paused: boolean; pausing: boolean } | undefined;
let trainedBefore = false;
/** Counts the data sets asked for, so that a slow file does not overtake a later one. */
let reading = 0;

const results = new Results(lab);
const takeAway = new TakeAway(lab);
const view = new TrainingView({
  stop: () => void stop(),
  pause: () => void (run?.paused ? goOn() : pause()),
});

function endRun(): void {
  if (run && !run.paused) void lab.call("halt", { why: "drop" }).catch(() => {});
  run = undefined;
  setRunning(false, trainedBefore);
}

async function useData(source: DataSource): Promise<boolean> {
  const turn = ++reading;
  clearError();
  endRun();
  lab.end(); // gives back the memory of what was there before
  if (data) resetTouched(); // what was typed for the last data set; not what was typed before the first
  results.forget();
  takeAway.hide();
  view.section.hidden = true;
  data = undefined;
  const named = nameSource(source);
  markSample(source.kind === "sample" ? source.key : undefined);
  showReading(named.name);
  try {
    const waiting = waitingLabels;
    const labels = source.kind === "files" && !source.labels ? waiting : undefined;
    const whole: DataSource = labels && source.kind === "files" ? { ...source, labels } : source;
    const summary = await lab.call("open", { source: whole });
    if (turn !== reading) return false;
    // Titles that came while the items were read.
    const late = waitingLabels === waiting ? undefined : waitingLabels;
    waitingLabels = undefined;
    data = { ...named, ...summary, source: whole };
    suggest(data.rows, data.dim);
    setLinkedSample(source.kind === "sample" ? source.key : undefined);
    showDataSet(data, leaveOutBadRows);
    if (late) await useLabels(late);
    return true;
  } catch (error) {
    if (turn !== reading || error instanceof LabGone) return false;
    showNothing();
    showError(error);
    return false;
  }
}

function leaveOutBadRows(): void {
  if (data?.source.kind === "files") void useData({ ...data.source, withoutBadRows: true });
}

async function useLabels(file: File): Promise<void> {
  clearError();
  const turn = reading;
  if (!data) {
    waitingLabels = file;
    return;
  }
  try {
    const naming = await lab.call("setLabels", { file });
    if (turn !== reading || !data) return;
    data = { ...data, ...naming };
    if (data.source.kind === "files") data.source = { ...data.source, labels: file };
    showDataSet(data, leaveOutBadRows);
    await results.relabel(data);
  } catch (error) {
    if (turn === reading) showError(error);
  }
}

/** Trains from the start, or from a stored checkpoint. */
async function train(stored?: StoredRun): Promise<void> {
  if (!data) return;
  clearError();
  let settings: Settings;
  try {
    settings = stored?.settings ?? readSettings();
  } catch (error) {
    showError(error);
    return;
  }
  endRun();
  results.hide();
  takeAway.hide();
  view.start(levelsOf(settings), settings.train.epochs ?? 100);
  if (stored) view.replay(stored.records);
  scrollTo(view.section);
  await follow(settings, stored ? "store" : "start");
}

/** Follows a run to its end or next pause. */
async function follow(settings: Settings, from: "start" | "store" | "pause"): Promise<void> {
  const items = data;
  if (!items) return;
  const own = { paused: false, pausing: false };
  run = own;
  current = settings;
  setRunning(true, trainedBefore);
  const onEvent = (event: TrainEvent) => {
    if (run !== own) return;
    if (event.kind === "finishing") view.finishing();
    else if (event.kind === "counts") view.showCounts(event.counts);
    else if (!own.pausing) view.update(event.event);
  };
  try {
    const result = await lab.call("train", { settings, noun: items.noun, from }, onEvent);
    if (run !== own) return;
    if (result.status === "paused") {
      own.paused = true;
      view.paused();
      return;
    }
    await finish(items, result);
  } catch (error) {
    if (run !== own) return;
    view.section.hidden = true;
    results.restore();
    showError(error);
  }
  if (run === own) {
    run = undefined;
    setRunning(false, trainedBefore);
  }
}

/** The settings of the run under way. */
let current: Settings | undefined;

async function pause(): Promise<void> {
  if (!run || run.pausing) return;
  run.pausing = true;
  view.pausing();
  await lab.call("halt", { why: "pause" });
}

async function goOn(): Promise<void> {
  if (!current) return;
  view.goOn();
  await follow(current, "pause");
}

async function stop(): Promise<void> {
  if (!run) return;
  if (!run.paused) {
    await lab.call("halt", { why: "stop" });
    return;
  }
  const items = data;
  run = undefined;
  setRunning(false, trainedBefore);
  try {
    view.finishing();
    const result = await lab.call("finish", undefined);
    if (items) await finish(items, result);
  } catch (error) {
    showError(error);
  }
}

async function finish(items: DataSet, result: RunResult): Promise<void> {
  if (!("ids" in result)) {
    view.done("Stopped before the first step, so there are no IDs yet.");
    return;
  }
  trainedBefore = true;
  if (result.statistics) view.showIds(result.statistics);
  // Follow the result down only if the visitor still watches the training.
  const { top, bottom } = view.section.getBoundingClientRect();
  const watching = top < innerHeight * 0.75 && bottom > innerHeight * 0.25;
  const shown = data?.source === items.source ? data : items;
  await results.show(shown, result);
  const { codes, codebookSizes, fingerprint } = result.ids;
  const example = SemanticIds.from({ codes, levels: codebookSizes.length }, result.ids).toTokens(0);
  takeAway.show(shown, { config: result.config, fingerprint, example });
  const count = plural(items.rows, ...items.noun);
  view.done(
    result.status === "stopped"
      ? `Stopped. These are the IDs of ${count} as far as it had learned.`
      : `Done: ${count} ${items.rows === 1 ? "has its ID" : "have their IDs"}.${aboutVerdict(result)}`,
  );
  if (watching) scrollTo(results.section);
}

/** Says so when training was not worth it, by the same rule as the report. */
function aboutVerdict({ verdict, warnings }: Extract<RunResult, { ids: unknown }>): string {
  if (verdict !== "same" || warnings.some(({ epoch }) => epoch < 0)) return "";
  return " Training found nothing better than the good starting point.";
}

async function resume(stored: StoredRun, source: DataSource): Promise<void> {
  if (!(await useData(source))) return;
  typeSettings(stored.settings);
  await train(stored);
}

for (const place of document.querySelectorAll<HTMLElement>("[data-example]")) {
  const codes = place.dataset.example!.split(",").map(Number);
  place.replaceChildren(...idChips(SemanticIds.from([codes], { codebookSizes: codes.map(() => 32) }), 0).childNodes);
}

const useSample = (key: string) => {
  waitingLabels = undefined;
  return useData(sampleSource(key)!);
};
hook("sample-button", HTMLButtonElement).addEventListener("click", async () => {
  if (await useSample("emoji")) await train();
});
onSample((key) => void useSample(key));
onFiles(
  (file) => void useData({ kind: "files", items: file }),
  (file) => void useLabels(file),
);
onTrain(() => void train());
offerReuse();
guideSteps();
offerOffline();
void offerResumption((stored, source) => void resume(stored, source));
const linked = readLink();
if (linked && sampleSource(linked)) void useSample(linked);
