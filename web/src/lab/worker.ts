/** The worker behind the page reads files, trains, and answers questions about the result. It sends nothing to anyone but the page. */
import { type ModelOptions, measureSpectrum, RQVAE, SemanticIds, type Spectrum } from "rqvae";
import { answerCalls, type CallContext } from "rqvae/worker";
import { plural } from "../base/words.ts";
import type { SideToCompare } from "./compare-results.ts";
import { newKey } from "./database.ts";
import { aboutItems, type HeldItems, namingOf, openItemsFile, openSource, summarize, withLabelsFile } from "./items.ts";
import { recognise } from "./recognise.ts";
import { Run } from "./run.ts";
import { keptOf, readStoredRun } from "./stored-run.ts";
import { Study } from "./study.ts";
import type {
  AssessedIds,
  DataSource,
  DataSummary,
  HowUnique,
  IdFile,
  KeptModel,
  LoadedModel,
  Naming,
  NewItem,
  PlainIds,
  RunResult,
  Settings,
  TrainEvent,
} from "./types.ts";

let source: DataSource | undefined;
let held: HeldItems | undefined;
let run: Run | undefined;
/** Ends the measurement of the items before a run. */
let measuring: AbortController | undefined;
/** A model that was loaded rather than trained. */
let loaded: RQVAE | undefined;
let ids: SemanticIds | undefined;
let study: Study | undefined;

/** The current training, and the previous result, which stays until there is another. */
let training: Promise<RunResult> | undefined;
let previous: { run: Run; ids: SemanticIds | undefined; study: Study | undefined } | undefined;

/** A run without a result leaves the previous result in place. */
function takeBack(failed: Run): void {
  failed.forget();
  failed.model.dispose();
  run = previous?.run;
  ids = previous?.ids;
  study = previous?.study;
  previous = undefined;
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`There is no ${what} yet`);
  return value;
}

const model = () => need(loaded ?? run?.model, "model");

/** Makes what a run gave the result that all questions are about. */
function keep(result: RunResult): RunResult {
  if (!("ids" in result)) return result;
  previous?.run.model.dispose();
  previous = undefined;
  ids = SemanticIds.from({ codes: result.ids.codes, levels: result.ids.codebookSizes.length }, result.ids);
  study = new Study(model(), need(held, "data"), ids);
  run?.forget();
  return result;
}

const plain = ({ codes, codebookSizes, fingerprint }: SemanticIds): PlainIds => ({ codes, codebookSizes, fingerprint });

function modelFile(): Blob {
  return new Blob([model().save() as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
}

const methods = {
  /** What files are, by their content. */
  recognise: ({ files }: { files: File[] }) => Promise.all(files.map(recognise)),

  async open(input: { source: DataSource }, { onProgress }: CallContext<TrainEvent>): Promise<DataSummary> {
    held = await openSource(input.source, (progress) => onProgress({ kind: "fetching", progress }));
    source = input.source;
    return summarize(held);
  },

  async setLabels({ file }: { file: File }): Promise<Naming> {
    held = await withLabelsFile(file, need(held, "data"));
    if (source?.kind === "files") source = { ...source, labels: file };
    if (study && ids) {
      const unique = study.howUnique;
      study = new Study(model(), held, ids);
      if (unique) await study.makeUnique(unique); // what was published stays so
    }
    return namingOf(held);
  },

  /** What the latent width for these options is chosen by; undefined if the measurement was ended. */
  async measure(
    { model: options }: { model: ModelOptions },
    { onProgress }: CallContext<TrainEvent>,
  ): Promise<Spectrum | undefined> {
    const { vectors } = need(held, "data");
    const { inputDim, codebookSize, nQuantizationLayers, seed } = options;
    measuring = new AbortController();
    const { signal } = measuring;
    await training?.catch(() => {}); // let a run that was asked to end do so first
    (await RQVAE.create(options)).dispose(); // refuse bad options before spending time
    try {
      return await measureSpectrum(vectors.reader(), {
        ...{ inputDim, signal },
        ...(codebookSize === undefined ? {} : { codebookSize }),
        ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
        ...(seed === undefined ? {} : { seed }),
        onProgress: ({ progress }) => onProgress({ kind: "measuring", progress }),
      });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  },

  async train(
    {
      settings,
      noun,
      from,
    }: { settings: Settings; noun: [one: string, many: string]; from: "start" | "pause" | { stored: string } },
    { onProgress }: CallContext<TrainEvent>,
  ): Promise<RunResult> {
    const { vectors } = need(held, "data");
    await training?.catch(() => {}); // let a run that was asked to end do so first
    const storedKey = typeof from === "object" ? from.stored : undefined;
    if (from !== "pause") {
      const key = storedKey ?? newKey();
      const next = await Run.create(
        vectors,
        settings,
        source && { key, source: keptOf(source), settings, noun, items: vectors.rows },
      );
      if (run && !ids) {
        run.forget(); // was paused and is discarded
        run.model.dispose();
      } else previous = run && { run, ids, study };
      run = next;
      ids = undefined;
      study = undefined;
    }
    const current = need(run, "run");
    const stored = storedKey ? await readStoredRun(storedKey) : undefined;
    training = current.train(onProgress, stored);
    try {
      const result = await training;
      if (result.status === "empty") takeBack(current);
      return keep(result);
    } catch (error) {
      takeBack(current);
      throw error;
    } finally {
      training = undefined;
    }
  },

  /** Ends the run: "pause" keeps a checkpoint, "stop" keeps the model as it is, "drop" discards it. */
  halt({ why }: { why: "pause" | "stop" | "drop" }): void {
    measuring?.abort(why);
    run?.halt(why);
  },

  /** Takes up a result of an earlier visit. */
  async restore({ model: file, ids: given, settings }: KeptModel): Promise<void> {
    const { vectors } = need(held, "data");
    if (vectors.rows * given.codebookSizes.length !== given.codes.length) {
      throw new Error(
        `These are ${plural(vectors.rows, "item")}, but the result has ${plural(given.codes.length / given.codebookSizes.length, "ID")}: the file must have changed`,
      );
    }
    const next = await RQVAE.load(file);
    run?.model.dispose();
    run = Run.ended(next, vectors, await vectors.sample(), settings);
    ids = SemanticIds.from({ codes: given.codes, levels: given.codebookSizes.length }, given);
    study = new Study(next, need(held, "data"), ids);
  },

  /** Keeps the model of a paused run as it is. */
  finish: async () => keep(await need(run, "run").result()),
  latents: () => need(study, "result").latents(),
  explain: ({ item }: { item: number }) => need(study, "result").explain(item),
  code: (input: { level: number; code: number; before?: readonly number[] }) =>
    need(study, "result").inside.code(input),
  anatomy: ({ item }: { item: number }) => need(study, "result").inside.anatomy(item),
  /** `codes`: a whole ID, or its beginning, within the codebooks. */
  lookup: ({ codes }: { codes: number[] }) => need(study, "result").lookup(codes),
  async placeNew({ item }: { item: NewItem }) {
    const { placeNew } = await import("./place-new.ts");
    return placeNew(item, { model: model(), held: need(held, "data"), ids: need(ids, "ID") });
  },
  /** What people chose: the report is about it from now on. */
  async histories({ file }: { file: File }): Promise<void> {
    const items = need(held, "data");
    const { openHistories } = await import("./histories.ts");
    const histories = await openHistories(file, items);
    held = { ...items, histories };
    study?.useHistories(histories);
  },
  companions: ({ item }: { item: number }) => need(study, "result").companions(item),
  report: () => need(study, "result").report(),
  makeUnique: ({ how }: { how: HowUnique }) => need(study, "result").makeUnique(how),
  undoUnique: () => need(study, "result").undoUnique(),
  indexFile: () => need(study, "result").indexFile(),
  /** Assesses IDs that were made elsewhere, next to the items that are open. */
  async openIds({ file }: { file: File }): Promise<AssessedIds> {
    const { assessIdFile } = await import("./own-ids.ts"); // with the readers of every format, which few visitors need
    return assessIdFile(file, held);
  },
  reportFile: ({ title }: { title: string }) => need(study, "result").reportFile(title),

  modelFile,
  /** What a finished run is kept with. */
  toKeep: () => ({ model: modelFile(), records: [...need(run, "run").epochs] }),

  // Whatever few visitors need is loaded when they do.
  async idsFile({ format }: { format: IdFile }): Promise<Blob> {
    const { idsFile } = await import("./ids-file.ts");
    return idsFile(format, study?.publishedIds ?? need(ids, "ID"), held);
  },

  /** Two kept results, or one and residual k-means of its items. */
  async compare({ before, after }: { before: SideToCompare; after: SideToCompare | "kmeans" }) {
    const { compareResults } = await import("./compare-results.ts");
    return compareResults(before, after);
  },

  async loadModel({ file }: { file: Blob }): Promise<LoadedModel> {
    const next = await RQVAE.load(file);
    loaded?.dispose();
    loaded = next;
    return { config: next.config, fingerprint: next.fingerprint, part: next.part };
  },

  /** Gives the items of a file their IDs by the current model; `idsFile` then writes them. */
  async encodeFile({ file }: { file: File }): Promise<{ ids: PlainIds } & Naming> {
    const opened = await openItemsFile(file);
    const own = model();
    if (opened.vectors.dim !== own.config.inputDim) {
      throw new Error(
        `${file.name} has ${plural(opened.vectors.dim, "number")} in each row, but this model was made for ${own.config.inputDim}. Use embeddings of the same kind as in training`,
      );
    }
    const encoded = await own.encodeAsync(opened.vectors.reader()).catch((error: Error) => {
      throw aboutItems(file.name, error);
    });
    held = opened;
    ids = encoded;
    return { ids: plain(encoded), ...namingOf(opened) };
  },
};

export type LabMethods = typeof methods;
answerCalls(methods);
