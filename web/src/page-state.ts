/** What the page is doing, as one machine: what may follow what is written here and nowhere else. */

import type { DataSet } from "./data-set.ts";
import type { DataSource, Settings } from "./lab/types.ts";

/** What every state knows. */
interface Always {
  /** Number of the job under way, or of the last: what an earlier one still says is not heard. */
  job: number;
  /** A file of titles that came before its items. */
  titles: File | undefined;
  hasTrained: boolean;
}

export type PageState = Always &
  (
    | { name: "idle" }
    | { name: "reading"; source: DataSource }
    | { name: "ready"; data: DataSet }
    /** Looks at the items before it trains: the latent width follows them. */
    | { name: "measuring"; data: DataSet; settings: Settings }
    /** `pausing`: a pause was asked for, and comes with the next step. */
    | { name: "training"; data: DataSet; settings: Settings; pausing: boolean }
    | { name: "paused"; data: DataSet; settings: Settings }
    | { name: "done"; data: DataSet }
    /** Of a file that could not be read there are no data; of a run that came to nothing there are. */
    | { name: "failed"; data?: DataSet }
  );

/** What happens: by the visitor, or (with the job's number) by a job. */
export type PageEvent =
  | { type: "read"; source: DataSource }
  | { type: "opened"; job: number; data: DataSet }
  /** Titles while there are no items that they could be of. */
  | { type: "titles"; file: File }
  /** The items got other titles. */
  | { type: "named"; data: DataSet }
  | { type: "train"; settings: Settings }
  /** As `train`, after a look at the items; then come the settings that suit them. */
  | { type: "measure"; settings: Settings }
  | { type: "measured"; job: number; settings: Settings }
  | { type: "pause" }
  | { type: "paused"; job: number }
  /** A paused run goes on, or is ended as far as it came. */
  | { type: "goOn" }
  | { type: "trained"; job: number }
  /** The run was stopped before there was anything to keep. */
  | { type: "nothing"; job: number }
  | { type: "failed"; job: number };

export const START: PageState = { name: "idle", job: 0, titles: undefined, hasTrained: false };

/** The items that there are, in whatever state. */
export const dataOf = (state: PageState): DataSet | undefined => ("data" in state ? state.data : undefined);

/** Whether there is a run that a new one would take the place of. */
export const isRunning = ({ name }: PageState): boolean =>
  name === "measuring" || name === "training" || name === "paused";

/** The state after an event; the same where the event has no place: it came too late, or from nowhere. */
export function next(state: PageState, event: PageEvent): PageState {
  const { job, titles, hasTrained } = state;
  const always: Always = { job, titles, hasTrained };
  const begun: Always = { ...always, job: job + 1 };
  const data = dataOf(state);
  if ("job" in event && event.job !== job) return state;
  switch (event.type) {
    case "read":
      return event.source.kind === "sample"
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

/** The titles that came while the items were read with others, or with none. */
export function lateTitles(state: PageState): File | undefined {
  if (state.name !== "reading" || state.source.kind !== "files") return state.titles;
  return state.titles === state.source.labels ? undefined : state.titles;
}

/** The machine, and who watches it. */
export class PageMachine {
  private current = START;
  private readonly watch: (state: PageState) => void;

  constructor(watch: (state: PageState) => void) {
    this.watch = watch;
  }

  get state(): PageState {
    return this.current;
  }

  /** Takes an event. False where it has no place. */
  send(event: PageEvent): boolean {
    const state = next(this.current, event);
    if (state === this.current) return false;
    this.current = state;
    this.watch(state);
    return true;
  }
}
