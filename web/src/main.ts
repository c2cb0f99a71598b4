import { SemanticIds } from "rqvae";
import { hook, scrollTo } from "./base/dom.ts";
import { offerOffline } from "./base/offline.ts";
import { onArrivals } from "./data/data-input.ts";
import { type DataSet, nameSource, sampleSource } from "./data/data-set.ts";
import { planIntake } from "./data/intake.ts";
import { Lab, LabGone } from "./lab/lab.ts";
import { looksLikeHistories } from "./lab/looks-like-histories.ts";
import { looksLikeIds } from "./lab/looks-like-ids.ts";
import type { DataSource, RunResult, Settings } from "./lab/types.ts";
import "./settings/options-form.css";
import { clearError, PageError, showError } from "./base/page-error.ts";
import { guideSteps } from "./base/steps-nav.ts";
import { CompareForm } from "./compare/compare-form.ts";
import { showDataSet, showFetching, showHistories, showNothing, showReading, showTitles } from "./data/preview.ts";
import { markSample, onSample } from "./data/sample-cards.ts";
import { showHero } from "./explore/hero.ts";
import { assessOwnIds } from "./explore/own-ids-view.ts";
import { Results, type Trained } from "./explore/results.ts";
import type { KeptContents } from "./keep/kept-results.ts";
import { offerResumption } from "./keep/resume-offer.ts";
import type { StoredRun } from "./lab/stored-run.ts";
import { PageMemory } from "./page-memory.ts";
import { dataOf, isRunning, lateTitles, PageMachine } from "./page-state.ts";
import {
  asksForSpectrum,
  holdTraining,
  levelsOf,
  onExpertView,
  onTrain,
  readSettings,
  readTyped,
  resetTouched,
  setNoData,
  setRunning,
  suggest,
  type Typed,
  takeSpectrum,
  typeFields,
  typeSettings,
} from "./settings/options-form.ts";
import "./take/reuse.css";
import { TakeAway } from "./take/take-away.ts";
import "./base/term.ts";
import { plural } from "./base/words.ts";
import { LiveMap } from "./training/live-map.ts";
import { TrainingView } from "./training/training-view.ts";

/** The worker that has items and model. */
const lab = new Lab();
const page = new PageMachine((state) => setRunning(isRunning(state), state.hasTrained));
const results = new Results(lab);
const takeAway = new TakeAway(lab);
const memory = new PageMemory({
  results,
  isRunning: () => isRunning(page.state),
  useSample: (key) => useSample(key),
  showKept: (contents, source) => showKept(contents, source),
  train: () => train(),
});
const view = new TrainingView({
  stop: () => void stop(),
  pause: () => void (page.state.name === "paused" ? goOn() : pause()),
  openCode: (level, code) => results.openCode(level, code),
});

const liveMap = new LiveMap();

const NOTHING_YET = "Stopped before the first step, so there are no IDs yet.";

/** Milliseconds after which a worker that was ended has let go of its run. */
const ENDED_MS = 700;
const offerInterrupted = offerResumption((stored, source) => void resume(stored, source));

/** Whether the page still listens to the job. */
const isCurrent = (job: number) => page.state.job === job;

function dropRun(): void {
  if (page.state.name === "training" || page.state.name === "measuring") void halt("drop");
}

/** Asks a run to end. Whether it does, the run says; a worker that is gone has none. */
const halt = (why: "pause" | "stop" | "drop") => lab.call("halt", { why }).catch(() => {});

/** Where the items that are shown, or being read, come from. */
const currentSource = () => (page.state.name === "reading" ? page.state.source : dataOf(page.state)?.source);

/** Files that arrive while others are looked at wait for them. */
let arrived: Promise<unknown> = Promise.resolve();

function takeFiles(files: File[]): void {
  const release = holdTraining();
  arrived = arrived
    .then(() => sortFiles(files, release))
    .catch(showError)
    .finally(release);
}

/**
 * Looks at what files are, and uses them for what they are good for. IDs that somebody already has are assessed, after anything else.
 * @param sorted is called once it is known whether there are other items to train on
 */
async function sortFiles(files: File[], sorted: () => void): Promise<void> {
  clearError();
  const heads = await Promise.all(files.map(async (file) => new Uint8Array(await file.slice(0, 4096).arrayBuffer())));
  const areIds = heads.map(looksLikeIds);
  const areHistories = heads.map(looksLikeHistories);
  const ids = files.filter((_, i) => areIds[i]);
  const histories = files.filter((_, i) => areHistories[i] && !areIds[i]);
  const others = files.filter((file) => !ids.includes(file) && !histories.includes(file));
  if (others.length > 0) await sortOthers(others, others.length < files.length);
  sorted();
  for (const file of histories) {
    if (dataOf(page.state)) {
      const used = await results.readHistories(file);
      if (used && results.section.hidden) showHistories(file.name);
    } else showError(new PageError(`${file.name} says what people chose: bring the items that it is about first.`));
  }
  for (const file of ids) await assessOwnIds(lab, file);
}

async function sortOthers(files: File[], wait = false): Promise<void> {
  const { open, titles, complaint } = planIntake(await lab.call("recognise", { files }), currentSource());
  // Not awaited to its end: titles may arrive while items are read.
  const used = open ? useData(open) : titles && useLabels(titles);
  if (complaint === "" && !wait) return;
  await used;
  if (complaint !== "") showError(new PageError(complaint));
}

async function useData(chosen: DataSource, isAlone?: true): Promise<boolean> {
  clearError();
  if (isRunning(page.state)) setTimeout(offerInterrupted, ENDED_MS);
  lab.end(); // frees the memory of the previous items; a run's last checkpoint stays
  if (dataOf(page.state)) resetTouched(); // forget what was typed for the last data set, but not what was typed before the first
  page.send({ type: "read", source: chosen, ...(isAlone && { isAlone }) });
  const { state } = page;
  if (state.name !== "reading") return false;
  const { job, source } = state;
  results.forget();
  takeAway.hide();
  view.section.hidden = true;
  const named = nameSource(source);
  markSample(source.kind === "sample" ? source.key : undefined);
  showReading(named.name);
  setNoData(`Reading ${named.name}…`);
  try {
    const summary = await lab.call("open", { source }, (event) => {
      if (event.kind === "fetching" && isCurrent(job)) showFetching(event.progress);
    });
    const late = lateTitles(page.state);
    const data = { ...named, ...summary, source };
    if (!page.send({ type: "opened", job, data })) return false;
    suggest(data.rows, data.dim);
    memory.choseData(source);
    showDataSet(data, leaveOutBadRows);
    if (late) await useLabels(late);
    return true;
  } catch (error) {
    if (error instanceof LabGone || !page.send({ type: "failed", job })) return false;
    if (source.kind === "files" && source.labels) return withoutTitles(source, error);
    showNothing();
    setNoData(`${named.name} could not be read, so there is nothing to train on. Choose other data.`);
    showError(error);
    return false;
  }
}

/** Titles that do not fit cost the items nothing: those are shown without them, and why. */
async function withoutTitles({ labels: _, ...items }: DataSource & { kind: "files" }, why: unknown): Promise<boolean> {
  const opened = await useData(items, true);
  if (opened) showError(why);
  return opened;
}

function leaveOutBadRows(): void {
  const source = dataOf(page.state)?.source;
  if (source?.kind === "files") void useData({ ...source, withoutBadRows: true });
}

async function useLabels(file: File): Promise<void> {
  clearError();
  if (page.send({ type: "titles", file })) {
    if (page.state.name !== "reading") showTitles(file.name, () => takeFiles([file]));
    return;
  }
  const items = dataOf(page.state)?.source;
  /** Whether the items are still those of the titles; other titles do not make them other items. */
  const isTheirs = () => itemsOf(dataOf(page.state)?.source) === itemsOf(items);
  try {
    const naming = await lab.call("setLabels", { file });
    const data = dataOf(page.state);
    if (!data || !isTheirs()) return;
    const { source } = data;
    const named = { ...data, ...naming, source: source.kind === "files" ? { ...source, labels: file } : source };
    page.send({ type: "named", data: named });
    memory.renamedItems(named.source);
    showDataSet(named, leaveOutBadRows);
    await results.relabel(named);
  } catch (error) {
    if (isTheirs()) showError(error);
  }
}

const itemsOf = (source: DataSource | undefined) => (source?.kind === "files" ? source.items : source);

/** Trains from the start, or from a stored checkpoint. */
async function train(stored?: StoredRun): Promise<void> {
  if (!dataOf(page.state)) return;
  clearError();
  let typed: Typed | undefined;
  let settings: Settings;
  try {
    typed = stored ? undefined : readTyped();
    settings = stored?.settings ?? readSettings(typed);
  } catch (error) {
    showError(error);
    return;
  }
  dropRun();
  const toMeasure = typed && asksForSpectrum(typed, settings) ? typed : undefined;
  page.send({ type: toMeasure ? "measure" : "train", settings });
  memory.began(settings);
  results.hide();
  takeAway.hide();
  view.start(levelsOf(settings), settings.train.epochs ?? 100);
  liveMap.start(dataOf(page.state)!);
  if (stored) view.replay(stored.records);
  scrollTo(view.section);
  if (toMeasure && !(await measure(toMeasure))) return;
  await follow(stored ? { stored: stored.key } : "start");
}

/** Measures the items and takes the settings that suit them. False if there is nothing left to train. */
async function measure(typed: Typed): Promise<boolean> {
  const { state } = page;
  if (state.name !== "measuring") return false;
  const { job, settings } = state;
  view.measuring();
  try {
    const spectrum = await lab.call("measure", { model: settings.model }, (event) => {
      if (event.kind === "measuring" && page.state.name === "measuring" && isCurrent(job))
        view.measuring(event.progress);
    });
    if (!spectrum || page.state.name !== "measuring" || !isCurrent(job)) return false;
    takeSpectrum(settings.model, spectrum);
    view.measured();
    return page.send({ type: "measured", job, settings: readSettings(typed) });
  } catch (error) {
    failed(job, error);
    return false;
  }
}

/** Follows the current run to its end or next pause. */
async function follow(from: "start" | "pause" | { stored: string }): Promise<void> {
  const { state } = page;
  if (state.name !== "training") return;
  const { job, data, settings } = state;
  if (from === "pause") liveMap.start(data, true);
  await finish(job, data, settings, () =>
    lab.call("train", { settings, noun: data.noun, from }, (event) => {
      if (!isCurrent(job)) return;
      if (event.kind === "finishing") view.finishing();
      else if (event.kind === "line") view.showLine(event.line);
      else if (event.kind === "kept") view.showKept(event.kept);
      else if (event.kind === "counts") view.showCounts(event.counts);
      else if (event.kind === "map") liveMap.add(event.frame);
      else if (event.kind === "progress" && page.state.name === "training" && !page.state.pausing)
        view.update(event.event);
    }),
  );
}

async function pause(): Promise<void> {
  if (!page.send({ type: "pause" })) return;
  view.pausing();
  await halt("pause");
}

async function goOn(): Promise<void> {
  if (!page.send({ type: "goOn" })) return;
  view.goOn();
  await follow("pause");
}

async function stop(): Promise<void> {
  const before = page.state;
  if (before.name === "measuring") {
    // At once, without waiting for pending results.
    page.send({ type: "nothing", job: before.job });
    view.done(NOTHING_YET);
    liveMap.end();
    await halt("stop");
    return;
  }
  if (before.name === "training") {
    await halt("stop");
    return;
  }
  if (before.name !== "paused" || !page.send({ type: "goOn" })) return;
  view.finishing();
  await finish(page.state.job, before.data, before.settings, () => lab.call("finish", undefined));
}

/** Waits for what a run gives, and shows it. */
async function finish(job: number, items: DataSet, settings: Settings, run: () => Promise<RunResult>): Promise<void> {
  try {
    const result = await run();
    if (!isCurrent(job)) return;
    liveMap.end();
    if (result.status === "paused") {
      page.send({ type: "paused", job });
      view.paused();
    } else if (result.status === "empty") {
      page.send({ type: "nothing", job });
      view.done(NOTHING_YET);
    } else await show(job, items, settings, result);
  } catch (error) {
    failed(job, error);
  }
}

function failed(job: number, error: unknown): void {
  if (!page.send({ type: "failed", job })) return;
  view.section.hidden = true;
  if (lab.hasCrashed) {
    // With it went the model of the results before; those that are kept can be opened again.
    results.forget();
    memory.lost();
    setTimeout(offerInterrupted, ENDED_MS);
  } else results.restore();
  showError(error);
}

/** Shows the IDs that a run gave. */
async function show(job: number, items: DataSet, settings: Settings, result: Trained): Promise<void> {
  if (result.statistics) view.showIds(result.statistics);
  // Follow the result down only if the visitor still watches the training.
  const { top, bottom } = view.section.getBoundingClientRect();
  const watching = top < innerHeight * 0.75 && bottom > innerHeight * 0.25;
  const shown = dataOf(page.state) ?? items; // their titles may have changed
  page.send({ type: "trained", job });
  const toKeep = lab.call("toKeep", undefined); // before the worker is busy with map and report
  const presented = present(job, shown, result);
  const ready = { toKeep, shown: presented };
  void memory.ended(shown, settings, result, ready, () => isCurrent(job)).catch(failedToKeep);
  await presented;
  if (!isCurrent(job)) return;
  const count = plural(items.rows, ...items.noun);
  view.done(
    result.status === "stopped"
      ? `Stopped. These are the IDs of ${count} after the training so far.`
      : `Done: ${count} ${items.rows === 1 ? "has its ID" : "have their IDs"}.${aboutVerdict(result)}`,
  );
  if (watching) scrollTo(results.section);
}

/** Other items were chosen before the result was kept: its worker is gone. */
function failedToKeep(error: unknown): void {
  if (!(error instanceof LabGone)) showError(error);
}

async function present(job: number, data: DataSet, result: Trained): Promise<void> {
  await results.show(data, result);
  if (!isCurrent(job)) return;
  view.allowOpeningCodes(result.ids);
  const { codes, codebookSizes, fingerprint } = result.ids;
  const example = SemanticIds.from({ codes, levels: codebookSizes.length }, result.ids).toTokens(0);
  takeAway.show(data, { config: result.config, fingerprint, example });
}

/** Shows a result of an earlier run as it was shown then. A run that began meanwhile would lose the race against it, or spoil it: it must wait. */
async function showKept(kept: KeptContents, source: DataSource): Promise<boolean> {
  const release = holdTraining();
  return reopen(kept, source).finally(release);
}

async function reopen(kept: KeptContents, source: DataSource): Promise<boolean> {
  if (!(await useData(source))) return false;
  const { job } = page.state;
  const data = dataOf(page.state);
  const { settings, trained, records } = kept;
  if (!data) return false;
  resetTouched();
  typeFields(kept.fields);
  if (settings.spectrum) takeSpectrum(settings.model, settings.spectrum);
  try {
    await lab.call("restore", kept);
    if (!page.send({ type: "reopened", job })) return false;
    view.start(levelsOf(settings), settings.train.epochs ?? 100);
    view.replay(records);
    if (trained.statistics) view.showIds(trained.statistics);
    await present(job, data, trained);
    if (!isCurrent(job)) return false;
    view.done(`A kept result: ${plural(data.rows, ...data.noun)} after ${plural(records.length, "epoch")}.`);
    return true;
  } catch (error) {
    failed(job, error);
    return false;
  }
}

/** Says when training was not worth it, by the same rule as the report. */
function aboutVerdict({ verdict, warnings }: Trained): string {
  if (verdict !== "same" || warnings.some(({ epoch }) => epoch < 0)) return "";
  return " Training did not improve on the starting point.";
}

async function resume(stored: StoredRun, source: DataSource): Promise<void> {
  if (!(await useData(source))) return;
  typeSettings(stored.settings);
  await train(stored);
}

results.onReport = ({ line }) => view.showLine(line);
async function useSample(key: string): Promise<boolean> {
  const source = sampleSource(key);
  return source !== undefined && (await useData(source));
}
hook("sample-button", HTMLButtonElement).addEventListener("click", async () => {
  if (await useSample("emoji")) await train();
});
onSample((key) => void useSample(key));
onArrivals({ files: takeFiles, titles: (file) => void useLabels(file) });
onTrain(() => void train());
new CompareForm(memory.kept);
// A model from a file is for few: its code comes with the first file that is chosen there.
const reuseInputs = ["model-input", "new-items-input"].map((name) => hook(name, HTMLInputElement));
async function startReuse({ target }: Event): Promise<void> {
  for (const input of reuseInputs) input.removeEventListener("change", startReuse);
  const { offerReuse } = await import("./take/reuse.ts");
  offerReuse();
  target?.dispatchEvent(new Event("change"));
}
for (const input of reuseInputs) input.addEventListener("change", startReuse);
// Published recipes; the form does without them if they cannot be loaded.
onExpertView(() => import("./settings/preset-picker.ts").then(({ offerPresets }) => offerPresets()).catch(() => {}));
guideSteps();
void showHero();
offerOffline();
void memory.start();
