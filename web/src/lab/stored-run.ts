import type { EpochRecord } from "rqvae";
import { isLarge } from "../base/large-file.ts";
import { Database, heldLocks, holdLock } from "./database.ts";
import type { DataSource, Settings } from "./types.ts";

/** A file that is too large to keep; the page asks for it again. */
export interface AbsentFile {
  kind: "absent";
  name: string;
  size: number;
  labels?: File;
  withoutBadRows?: boolean;
  fromWords?: true;
}

/** What an interrupted run leaves in this browser, and nowhere else. Each run has a place of its own, so that tabs do not disturb each other. */
export interface StoredRun {
  key: string;
  source: DataSource | AbsentFile;
  settings: Settings;
  items: number;
  noun: [one: string, many: string];
  epoch: number;
  epochs: number;
  /** The epochs so far, for the curves. */
  records: EpochRecord[];
  /** Milliseconds since 1970. */
  savedAt: number;
  checkpoint: Blob;
}

/** Interrupted runs that are kept. */
const MOST = 3;

const database = new Database("rqvae-demo", ["runs"]);
/** A run holds this lock while it lasts, paused or not, so that other tabs do not offer to resume it. */
const lockOf = (key: string) => `rqvae-run ${key}`;

/** What is kept of a source; the browser writes all of it with each checkpoint. */
export function keptOf(source: DataSource): StoredRun["source"] {
  if (source.kind === "sample" || !isLarge(source.items)) return source;
  return withoutFile(source);
}

/** What stays of files once the items' is left out. */
export function withoutFile({ items, ...rest }: Extract<DataSource, { kind: "files" }>): AbsentFile {
  return { ...rest, kind: "absent", name: items.name, size: items.size };
}

export const storeRun = (run: StoredRun): Promise<unknown> =>
  database.run("readwrite", (store) => store("runs").put(run, run.key));
export const forgetStoredRun = (key: string): Promise<unknown> =>
  database.run("readwrite", (store) => store("runs").delete(key));
export const readStoredRun = (key: string): Promise<StoredRun | undefined> =>
  database.run("readonly", (store) => store("runs").get(key));

/** The last interrupted run that no tab is running. Also undefined if the browser keeps nothing. */
export async function findInterruptedRun(): Promise<StoredRun | undefined> {
  try {
    const keys = (await database.run("readonly", (store) => store("runs").getAllKeys())) as string[];
    const running = await heldLocks(keys.map(lockOf));
    const free = keys.filter((key) => !running.has(lockOf(key)));
    const runs = await Promise.all(free.map(async (key) => ({ ...(await readStoredRun(key))!, key })));
    runs.sort((a, b) => b.savedAt - a.savedAt);
    for (const { key } of runs.slice(MOST)) void forgetStoredRun(key);
    return runs[0];
  } catch {
    return undefined;
  }
}

/** Whether a tab is running it, or has paused it. */
export const isRunningSomewhere = async (key: string): Promise<boolean> => (await heldLocks([lockOf(key)])).size > 0;

/** Holds the run's lock until what it returns is called. */
export const holdRunLock = (key: string): (() => void) => holdLock(lockOf(key));
