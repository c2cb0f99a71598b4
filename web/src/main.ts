import { type ItemLabels, SemanticIds } from "rqvae";
import { idChips } from "./code-chips.ts";
import { onFiles } from "./data-input.ts";
import { type DataSet, loadSample, readDataSet, readLabelsFile, withLabels } from "./data-set.ts";
import { hook, scrollTo } from "./dom.ts";
import { onTrain, readSettings, resetTouched, setRunning, suggest } from "./options-form.ts";
import { clearError, showError } from "./page-error.ts";
import { showDataSet, showNothing, showReading } from "./preview.ts";
import { Results } from "./results.ts";
import { type TrainedModel, trainModel } from "./training-run.ts";
import { TrainingView } from "./training-view.ts";
import { plural } from "./words.ts";

let data: DataSet | undefined;
/** A labels file that came before its items. */
let waitingLabels: { labels: ItemLabels; name: string } | undefined;
/** The run in progress; aborting it with this reason throws its results away. */
let run: AbortController | undefined;
const REPLACED = new DOMException("Another run took its place", "AbortError");
let trainedBefore = false;
/** Counts the data sets asked for, so that a slow file does not overtake a later one. */
let reading = 0;

const results = new Results();
const view = new TrainingView(() => run?.abort());

function endRun(): void {
  run?.abort(REPLACED);
  run = undefined;
  setRunning(false, trainedBefore);
}

async function useData(name: string, load: () => Promise<DataSet>): Promise<boolean> {
  const turn = ++reading;
  clearError();
  endRun();
  if (data) resetTouched(); // what was typed for the last data set; not what was typed before the first
  results.forget();
  view.section.hidden = true;
  data = undefined;
  showReading(name);
  try {
    let loaded = await load();
    if (turn !== reading) return false;
    if (waitingLabels && !loaded.labels) loaded = withLabels(loaded, waitingLabels.labels, waitingLabels.name);
    waitingLabels = undefined;
    suggest(loaded.items.rows, loaded.items.dim);
    data = loaded;
    showDataSet(loaded);
    return true;
  } catch (error) {
    if (turn !== reading) return false;
    showNothing();
    showError(error);
    return false;
  }
}

async function useLabels(file: File): Promise<void> {
  clearError();
  const turn = reading;
  try {
    const labels = await readLabelsFile(file);
    if (turn === reading && data) {
      data = withLabels(data, labels, file.name);
      showDataSet(data);
      await results.relabel(data);
    } else waitingLabels = { labels, name: file.name };
  } catch (error) {
    showError(error);
  }
}

async function train(): Promise<void> {
  const items = data;
  if (!items) return;
  clearError();
  endRun();
  const controller = new AbortController();
  run = controller;
  const { signal } = controller;
  const replaced = () => signal.reason === REPLACED;
  try {
    const settings = readSettings();
    const sizes = settings.model.codebookSize;
    const levels = settings.model.nQuantizationLayers ?? (typeof sizes === "object" ? sizes.length : 3);
    results.hide();
    setRunning(true, trainedBefore);
    view.start(levels, settings.train.epochs ?? 100);
    scrollTo(view.section);
    const model = await trainModel(
      items,
      settings,
      (event) => view.update(event),
      () => replaced() || view.finishing(),
      signal,
    );
    if (replaced()) return;
    trainedBefore = true;
    await finish(items, model);
  } catch (error) {
    if (replaced()) return;
    view.section.hidden = true;
    results.restore();
    showError(error);
  } finally {
    if (run === controller) {
      run = undefined;
      setRunning(false, trainedBefore);
    }
  }
}

async function finish(items: DataSet, model: TrainedModel | undefined): Promise<void> {
  if (!model) {
    view.done("Stopped before the first step, so there are no IDs yet.");
    return;
  }
  if (model.statistics) view.showIds(model.statistics);
  // Follow the result down only if the visitor still watches the training.
  const { top, bottom } = view.section.getBoundingClientRect();
  const watching = top < innerHeight * 0.75 && bottom > innerHeight * 0.25;
  await results.show(data && data.items === items.items ? data : items, model);
  const count = plural(items.items.rows, ...items.noun);
  view.done(
    model.stopped
      ? `Stopped. These are the IDs of ${count} as far as it had learned.`
      : `Done: ${count} have their IDs.`,
  );
  if (watching) scrollTo(results.section);
}

for (const place of document.querySelectorAll<HTMLElement>("[data-example]")) {
  const codes = place.dataset.example!.split(",").map(Number);
  place.replaceChildren(...idChips(SemanticIds.from([codes], { codebookSizes: codes.map(() => 32) }), 0).childNodes);
}

hook("sample-button", HTMLButtonElement).addEventListener("click", async () => {
  waitingLabels = undefined;
  if (await useData("the emoji sample", loadSample)) await train();
});
onFiles(
  (file) => void useData(file.name, () => readDataSet(file)),
  (file) => void useLabels(file),
);
onTrain(() => void train());
