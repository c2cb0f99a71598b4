import type { EpochRecord } from "rqvae";
import { isLarge } from "../base/large-file.ts";
import { PAGE_FOLDER } from "../base/page-folder.ts";
import type { DataSource, Settings } from "./types.ts";

/** A file that is too large to keep; the page asks for it again. */
export interface AbsentFile {
  kind: "absent";
  name: string;
  size: number;
  labels?: File;
  withoutBadRows?: boolean;
}

/** What an interrupted run leaves in this browser, and nowhere else. */
export interface StoredRun {
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

/** A run holds this lock while it lasts, so that other tabs do not offer to resume it. */
const LOCK = `rqvae-run ${PAGE_FOLDER}`;
const STORE = "runs";
const KEY = "last";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`rqvae-demo ${PAGE_FOLDER}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** What is kept of a source; the browser writes all of it with each checkpoint. */
export function keptOf(source: DataSource): StoredRun["source"] {
  if (source.kind === "sample" || !isLarge(source.items)) return source;
  const { items, ...rest } = source;
  return { ...rest, kind: "absent", name: items.name, size: items.size };
}

export const storeRun = (run: StoredRun): Promise<unknown> => inStore("readwrite", (store) => store.put(run, KEY));
export const forgetStoredRun = (): Promise<unknown> => inStore("readwrite", (store) => store.delete(KEY));
export const readStoredRun = (): Promise<StoredRun | undefined> => inStore("readonly", (store) => store.get(KEY));

/** The interrupted run, unless another tab is running it. Also undefined if the browser keeps nothing. */
export async function findInterruptedRun(): Promise<StoredRun | undefined> {
  try {
    const locks = await navigator.locks?.query();
    if (locks?.held?.some(({ name }) => name === LOCK)) return undefined;
    return await readStoredRun();
  } catch {
    return undefined;
  }
}

/** Holds the run's lock until what it returns is called. */
export function holdRunLock(): () => void {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  void navigator.locks?.request(LOCK, { mode: "shared" }, () => held);
  return release;
}
