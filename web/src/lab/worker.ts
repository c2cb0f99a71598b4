/** The worker behind the page: it reads files, trains, and answers questions about the result. Nothing it is given leaves it but to the page. */
import { RQVAE, type RQVAEError, SemanticIds } from "rqvae";
import { writeIds } from "rqvae/formats";
import { forgetStoredRun, keptOf, readStoredRun } from "../stored-run.ts";
import { plural } from "../words.ts";
import {
  aboutItems,
  type HeldItems,
  namingOf,
  openItemsFile,
  openSource,
  summarize,
  withLabelsFile,
  writtenIds,
} from "./items.ts";
import type { DataSource, LabApi, LabReply, LabRequest, Method, PlainIds, RunResult, TrainEvent } from "./protocol.ts";
import { Run } from "./run.ts";
import { Study } from "./study.ts";

let source: DataSource | undefined;
let held: HeldItems | undefined;
let run: Run | undefined;
/** A model that was loaded instead of trained. */
let loaded: RQVAE | undefined;
let ids: SemanticIds | undefined;
let study: Study | undefined;

/** The training under way, and the result before it, which stays until there is another. */
let training: Promise<RunResult> | undefined;
let previous: { run: Run; ids: SemanticIds | undefined; study: Study | undefined } | undefined;

/** A run came to nothing: what was there before is still there. */
function takeBack(failed: Run): void {
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

/** Takes what a run gave as the result that all questions are about. */
function keep(result: RunResult): RunResult {
  if (!("ids" in result)) return result;
  previous?.run.model.dispose();
  previous = undefined;
  ids = SemanticIds.from({ codes: result.ids.codes, levels: result.ids.codebookSizes.length }, result.ids);
  study = new Study(model(), need(held, "data"), ids);
  void forgetStoredRun().catch(() => {});
  return result;
}

const plain = ({ codes, codebookSizes, fingerprint }: SemanticIds): PlainIds => ({ codes, codebookSizes, fingerprint });

type Handler<M extends Method> = (
  input: LabApi[M]["input"],
  emit: (event: TrainEvent) => void,
) => Promise<LabApi[M]["output"]>;

const handlers: { [M in Method]: Handler<M> } = {
  async open(input) {
    held = await openSource(input.source);
    source = input.source;
    return summarize(held);
  },

  async setLabels({ file }) {
    held = await withLabelsFile(file, need(held, "data"));
    if (source?.kind === "files") source = { ...source, labels: file };
    if (study && ids) study = new Study(model(), held, ids);
    return namingOf(held);
  },

  async train({ settings, noun, from }, emit) {
    const { vectors } = need(held, "data");
    await training?.catch(() => {}); // a run that was told to end does so first
    if (from !== "pause") {
      const next = await Run.create(
        vectors,
        settings,
        source && { source: keptOf(source), settings, noun, items: vectors.rows },
      );
      if (run && !ids)
        run.model.dispose(); // was paused, and is given up
      else previous = run && { run, ids, study };
      run = next;
      ids = undefined;
      study = undefined;
    }
    const current = need(run, "run");
    const stored = from === "store" ? await readStoredRun() : undefined;
    training = current.train(emit, stored);
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

  async halt({ why }) {
    run?.halt(why);
    return undefined;
  },

  finish: async () => keep(await need(run, "run").result()),
  map: () => need(study, "result").map(),
  explain: ({ item }) => need(study, "result").explain(item),
  lookup: async ({ codes }) => need(study, "result").lookup(codes),
  report: () => need(study, "result").report(),
  reportFile: ({ title }) => need(study, "result").reportFile(title),

  async modelFile() {
    return new Blob([model().save() as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
  },

  async idsFile({ format }) {
    const itemIds = held && writtenIds(held);
    const pieces = writeIds(
      format,
      { ids: need(ids, "ID"), ...(itemIds ? { itemIds } : {}) },
      held?.labels ? { labels: held.labels } : {},
    );
    return new Blob([...pieces] as BlobPart[], { type: "application/octet-stream" });
  },

  async loadModel({ file }) {
    const next = await RQVAE.load(file);
    loaded?.dispose();
    loaded = next;
    return { config: next.config, fingerprint: next.fingerprint, part: next.part };
  },

  async encodeFile({ file }) {
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

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<LabRequest>) => void;
  postMessage(message: LabReply, transfer?: Transferable[]): void;
};

scope.onmessage = async ({ data: { call, method, input } }) => {
  try {
    const handler = handlers[method] as (input: unknown, emit: (event: unknown) => void) => Promise<unknown>;
    const output = await handler(input, (event) => scope.postMessage({ call, type: "event", event }));
    scope.postMessage({ call, type: "result", output });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    const { wording } = error as RQVAEError;
    scope.postMessage({ call, type: "error", error: { name, message, ...(wording && { wording }) } });
  }
};
scope.postMessage({ type: "started" });
