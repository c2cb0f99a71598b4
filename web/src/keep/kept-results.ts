import type { EpochRecord } from "rqvae";
import { PAGE_FOLDER } from "../base/page-folder.ts";
import { Database, heldLocks, holdLock, newKey } from "../lab/database.ts";
import { type AbsentFile, keptOf, withoutFile } from "../lab/stored-run.ts";
import type { DataSource, KeptModel, RunResult } from "../lab/types.ts";

type Trained = Extract<RunResult, { ids: unknown }>;

/** What the list shows of a result. */
export interface KeptResult {
  key: string;
  /** The visitor may change it. */
  name: string;
  items: number;
  noun: [one: string, many: string];
  codebookSizes: readonly number[];
  /** Milliseconds since 1970. */
  savedAt: number;
  /** About how much of the browser's storage it takes. */
  bytes: number;
  /** Results with the same mark are of the same items. */
  itemsMark: string;
  /** What the address says of the place where the visitor was last. */
  place: string;
}

/** All of a result. */
export interface KeptContents extends KeptModel {
  source: DataSource | AbsentFile;
  /** What the form said, by field. */
  fields: [name: string, text: string][];
  trained: Trained;
  /** The epochs, for the curves. */
  records: EpochRecord[];
}

export type NewResult = Omit<KeptResult, "key" | "savedAt" | "bytes"> & { contents: Omit<KeptContents, "ids"> };

/** Results that are kept. */
export const MOST_KEPT = 5;

const database = new Database("rqvae-results", ["results", "contents"]);
/** A tab holds this lock as long as it shows the result, so that no other tab's results push it out. */
const lockOf = (key: string) => `rqvae-result ${key}`;

/** The results that this browser keeps, for all tabs. Each run has a slot of its own. */
export class KeptResults {
  /** Why the browser keeps nothing, in words for the visitor; "" if it does. */
  problem = "";
  private readonly watchers: (() => void)[] = [];
  private readonly tabs = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(channelName);
  private shown: { key: string; release(): void } | undefined;

  constructor() {
    this.tabs?.addEventListener("message", () => this.tell());
  }

  /** Calls `watcher` after every change, here or in another tab. */
  watch(watcher: () => void): void {
    this.watchers.push(watcher);
  }

  /** The last one first. */
  async list(): Promise<KeptResult[]> {
    try {
      const all = await database.run<KeptResult[]>("readonly", (store) => store("results").getAll());
      return all.sort((a, b) => b.savedAt - a.savedAt);
    } catch {
      return [];
    }
  }

  async get(key: string): Promise<KeptResult | undefined> {
    return (await this.list()).find((each) => each.key === key);
  }

  async read(key: string): Promise<KeptContents | undefined> {
    return database.run("readonly", (store) => store("contents").get(key)).catch(() => undefined);
  }

  /** Keeps a result in a slot of its own and lets the oldest go. Undefined if the browser refuses, which `problem` then explains. */
  async add({ contents, ...result }: NewResult): Promise<string | undefined> {
    const key = newKey();
    const source = contents.source.kind === "absent" ? contents.source : keptOf(contents.source);
    const slim = source.kind === "files" ? withoutFile(source) : undefined;
    this.problem = "";
    // Without the file there may be room; the page then asks for it again.
    for (const [i, each] of [source, ...(slim ? [slim] : [])].entries()) {
      const whole: KeptContents = { ...contents, source: each, ids: contents.trained.ids };
      try {
        await this.write({ ...result, key, savedAt: Date.now(), bytes: bytesOf(whole) }, whole);
        await this.letGo(key);
        this.changed();
        return key;
      } catch (error) {
        if (i > 0 || !slim) this.problem = whyNot(error);
      }
    }
    this.tell();
    return undefined;
  }

  async change(key: string, changes: Partial<Pick<KeptResult, "name" | "place">>): Promise<void> {
    const known = await this.get(key);
    if (!known) return;
    const changed = { ...known, ...changes };
    if (JSON.stringify(changed) === JSON.stringify(known)) return;
    await database.run("readwrite", (store) => store("results").put(changed, key)).catch(() => {});
    if (changes.name !== undefined) this.changed();
  }

  /** The items have other titles. */
  async changeSource(key: string, source: DataSource): Promise<void> {
    const contents = await this.read(key);
    const known = await this.get(key);
    if (!contents || !known) return;
    const isAbsent = contents.source.kind === "absent" && source.kind === "files";
    const next = { ...contents, source: isAbsent ? withoutFile(source) : keptOf(source) };
    await this.write({ ...known, bytes: bytesOf(next) }, next).catch(() => {});
    this.changed();
  }

  async remove(key: string): Promise<void> {
    await database
      .run("readwrite", (store) => {
        store("results").delete(key);
        return store("contents").delete(key);
      })
      .catch(() => {});
    this.changed();
  }

  /** This tab shows a result, or none. */
  show(key: string | undefined): void {
    if (key === this.shown?.key) return;
    this.shown?.release();
    this.shown = key === undefined ? undefined : { key, release: holdLock(lockOf(key)) };
    this.tell();
  }

  get shownKey(): string | undefined {
    return this.shown?.key;
  }

  private write(result: KeptResult, contents: KeptContents): Promise<unknown> {
    return database.run("readwrite", (store) => {
      store("results").put(result, result.key);
      return store("contents").put(contents, result.key);
    });
  }

  /** Lets go of the oldest beyond the last five, but of none that a tab shows. */
  private async letGo(added: string): Promise<void> {
    const all = await this.list();
    const shown = await heldLocks(all.map(({ key }) => lockOf(key)));
    const free = all.filter(({ key }) => key !== added && !shown.has(lockOf(key)));
    const surplus = Math.max(0, all.length - MOST_KEPT);
    for (const { key } of free.reverse().slice(0, surplus)) await this.remove(key);
  }

  private changed(): void {
    this.tabs?.postMessage("");
    this.tell();
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher();
  }
}

const channelName = `rqvae-results ${PAGE_FOLDER}`;

function bytesOf({ model, source, trained }: KeptContents): number {
  const files =
    source.kind === "files"
      ? source.items.size + (source.labels?.size ?? 0)
      : source.kind === "absent"
        ? (source.labels?.size ?? 0)
        : 0;
  return model.size + trained.ids.codes.byteLength + files;
}

function whyNot(error: unknown): string {
  const { name = "" } = (error ?? {}) as { name?: string };
  const why =
    name === "QuotaExceededError"
      ? "This browser has no room left for results"
      : "This browser keeps no results, as in a private window";
  return `${why}, so this one lasts only as long as the page. Download the model and the IDs to keep them.`;
}
