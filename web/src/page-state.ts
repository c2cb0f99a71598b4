/** What the page is doing, as one state machine. Which state may follow which is decided here and nowhere else. */

import type { DataSet } from "./data/data-set.ts";
import type { DataSource, Settings } from "./lab/types.ts";

/** What every state has. */
interface Always {
  /** Number of the current or last job; events of earlier ones are ignored. */
  job: number;
  /** A file of titles that arrived before its items. */
  titles: File | undefined;
  hasTrained: boolean;
}

export type PageState = Always &
  (
    | { name: "idle" }
    | { name: "reading"; source: DataSource }
    | { name: "ready"; data: DataSet }
    /** Measures the items before training, since the latent width follows them. */
    | { name: "measuring"; data: DataSet; settings: Settings }
    /** `pausing`: a pause was requested and comes with the next step. */
    | { name: "training"; data: DataSet; settings: Settings; pausing: boolean }
    | { name: "paused"; data: DataSet; settings: Settings }
    | { name: "done"; data: DataSet }
    /** A file that could not be read leaves no data; a failed run does. */
    | { name: "failed"; data?: DataSet }
  );

/** What happens, caused by the visitor or (with the job's number) by a job. */
export type PageEvent =
  /** `isAlone`: without the titles that arrived before, which do not fit. */
  | { type: "read"; source: DataSource; isAlone?: true }
  | { type: "opened"; job: number; data: DataSet }
  /** Titles that arrived before any items. */
  | { type: "titles"; file: File }
  /** The items have new titles. */
  | { type: "named"; data: DataSet }
  | { type: "train"; settings: Settings }
  /** Like `train`, after measuring the items; the settings that suit them follow. */
  | { type: "measure"; settings: Settings }
  | { type: "measured"; job: number; settings: Settings }
  | { type: "pause" }
  | { type: "paused"; job: number }
  /** A paused run resumes, or ends where it is. */
  | { type: "goOn" }
  | { type: "trained"; job: number }
  /** The run was stopped before there was anything to keep. */
  | { type: "nothing"; job: number }
  | { type: "failed"; job: number };

export const START: PageState = { name: "idle", job: 0, titles: undefined, hasTrained: false };

/** The current items, in any state. */
export const dataOf = (state: PageState): DataSet | undefined => ("data" in state ? state.data : undefined);

/** Whether a new run would replace another. */
export const isRunning = ({ name }: PageState): boolean =>
  name === "measuring" || name === "training" || name === "paused";

/** The state after an event, or the same state if the event does not apply: it came too late or from an unknown job. */
export function next(state: PageState, event: PageEvent): PageState {
  const { job, titles, hasTrained } = state;
  const always: Always = { job, titles, hasTrained };
  const begun: Always = { ...always, job: job + 1 };
  const data = dataOf(state);
  if ("job" in event && event.job !== job) return state;
  switch (event.type) {
    case "read":
      return event.source.kind === "sample" || event.source.fromWords || event.isAlone
        ? { ...begun, name: "reading", source: event.source, titles: undefined }
        : { ...begun, name: "reading", source: titles ? { labels: titles, ...event.source } : event.source };
    case "opened":
      return state.name === "reading" ? { ...always, name: "ready", data: event.data, titles: undefined } : state;
    case "titles":
      return data ? state : { ...state, titles: event.file };
    case "named":
      return data ? ({ ...state, data: event.data } as PageState) : state;
    case "train":
      return data ? { ...begun, name: "training", data, settings: event.settings, pausing: false } : state;
    case "measure":
      return data ? { ...begun, name: "measuring", data, settings: event.settings } : state;
    case "measured":
      return state.name === "measuring"
        ? { ...always, name: "training", data: state.data, settings: event.settings, pausing: false }
        : state;
    case "pause":
      return state.name === "training" && !state.pausing ? { ...state, pausing: true } : state;
    case "paused":
      return state.name === "training"
        ? { ...always, name: "paused", data: state.data, settings: state.settings }
        : state;
    case "goOn":
      return state.name === "paused"
        ? { ...begun, name: "training", data: state.data, settings: state.settings, pausing: false }
        : state;
    case "trained":
      return state.name === "training" ? { ...always, name: "done", data: state.data, hasTrained: true } : state;
    case "nothing":
      return state.name === "training" || state.name === "measuring"
        ? { ...always, name: "ready", data: state.data }
        : state;
    case "failed":
      return { ...always, name: "failed", ...(data && { data }) };
  }
}

/** The titles that arrived while the items were being read with others or with none. */
export function lateTitles(state: PageState): File | undefined {
  if (state.name !== "reading" || state.source.kind !== "files") return state.titles;
  return state.titles === state.source.labels ? undefined : state.titles;
}

/** The state machine and its watchers. */
export class PageMachine {
  private current = START;
  private readonly watch: (state: PageState) => void;

  constructor(watch: (state: PageState) => void) {
    this.watch = watch;
  }

  get state(): PageState {
    return this.current;
  }

  /** Handles an event. False if it does not apply. */
  send(event: PageEvent): boolean {
    const state = next(this.current, event);
    if (state === this.current) return false;
    this.current = state;
    this.watch(state);
    return true;
  }
}
