import type { DataSet } from "../data/data-set.ts";
import { type GivenNames, keepNames, readNames } from "../keep/code-name-store.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import { type GroupName, nameGroups } from "./group-names.ts";

/** A code of a level, whatever codes come before it. */
export interface CodePlace {
  level: number;
  code: number;
}

/** A branch by its codes, or a code of a level. */
export type Named = readonly number[] | CodePlace;

const isBranch = (named: Named): named is readonly number[] => Array.isArray(named);

/** "17.4" for a branch, "*.4" for a second code. A first code is a branch. */
const keyOf = (named: Named): string =>
  isBranch(named) ? named.join(".") : [...Array(named.level).fill("*"), named.code].join(".");

/** A name in the file that the visitor takes away. */
export interface NamedCode {
  /** The codes of the branch; null stands for any code. */
  codes: (number | null)[];
  name: string;
  /** "titles": suggested by the titles of its items. */
  by: "you" | "titles";
  items: number;
}

/**
 * What codes are called: the names that the visitor gave them, or else the words that tell the titles of a branch from those of its
 * neighbours. Tree, rings, card and map ask it and watch it.
 */
export class CodeNames {
  private data: Pick<DataSet, "labels"> | undefined;
  private index: CatalogueIndex | undefined;
  private fingerprint: string | undefined;
  private given: GivenNames = {};
  private readonly suggested = new Map<string, GroupName>();
  private readonly prepared = new Map<string, Promise<void>>();
  private readonly watchers: (() => void)[] = [];

  setCatalogue(data: Pick<DataSet, "labels">, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.fingerprint = index.ids.fingerprint;
    this.given = this.fingerprint === undefined ? {} : readNames(this.fingerprint);
    this.suggested.clear();
    this.prepared.clear();
  }

  /** Calls `watcher` after a name has changed or more names are known. */
  watch(watcher: () => void): void {
    this.watchers.push(watcher);
  }

  /** "" where nothing is known (yet); `prepare` finds the names of a branch's parts. */
  nameOf(prefix: readonly number[]): string {
    return this.givenTo(prefix) ?? this.suggestionFor(prefix);
  }

  /** What the visitor calls a branch or, if it has no name of its own, the code that it ends with. */
  givenTo(prefix: readonly number[]): string | undefined {
    return this.given[keyOf(prefix)] ?? this.given[keyOf({ level: prefix.length - 1, code: prefix.at(-1) ?? -1 })];
  }

  /** What the visitor called exactly this. */
  givenExactly(named: Named): string {
    return this.given[keyOf(named)] ?? "";
  }

  suggestionFor(prefix: readonly number[]): string {
    return this.suggested.get(keyOf(prefix))?.words.join(", ") ?? "";
  }

  /** The words and labels of a branch, if its parent was prepared. */
  about(prefix: readonly number[]): GroupName | undefined {
    return this.suggested.get(keyOf(prefix));
  }

  /** Gives a name, or takes it back if it is empty. False if the browser could not keep it for the next visit. */
  give(named: Named, name: string): boolean {
    const { [keyOf(named)]: _, ...others } = this.given;
    const words = name.trim();
    this.given = words === "" ? others : { ...others, [keyOf(named)]: words };
    this.tell();
    return this.fingerprint !== undefined && keepNames(this.fingerprint, this.given);
  }

  /** Finds names for the parts of a branch: for all of them at once, as each is told from the others. */
  prepare(parent: readonly number[]): Promise<void> {
    const key = keyOf(parent);
    let preparing = this.prepared.get(key);
    if (!preparing) {
      preparing = this.suggest(parent);
      this.prepared.set(key, preparing);
    }
    return preparing;
  }

  /** Finds names for every branch on the way to an ID. */
  async prepareWay(codes: readonly number[]): Promise<void> {
    for (let depth = 0; depth < codes.length; depth++) await this.prepare(codes.slice(0, depth));
  }

  private async suggest(parent: readonly number[]): Promise<void> {
    const { data, index } = this;
    if (!data || !index) return;
    const groups = index.childrenOf(index.group(parent));
    const names = await nameGroups(data, index, groups, new AbortController().signal);
    if (index !== this.index || data !== this.data) return;
    groups.forEach(({ prefix }, i) => {
      this.suggested.set(keyOf(prefix), names[i]!);
    });
    this.tell();
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher();
  }

  /** The names that the visitor gave, and those of the first codes. */
  list(): NamedCode[] {
    const { index } = this;
    if (!index) return [];
    const { ids } = index;
    const named: NamedCode[] = Object.entries(this.given).map(([key, name]) => {
      const codes = key.split(".").map((part) => (part === "*" ? null : Number(part)));
      const fits = (item: number) => codes.every((code, level) => code === null || ids.at(item)[level] === code);
      const items = codes[0] === null ? index.order.filter(fits).length : sizeOf(index, codes as number[]);
      return { codes, name, by: "you", items };
    });
    for (const { prefix, start, end } of index.childrenOf(index.root)) {
      const name = this.suggestionFor(prefix);
      if (name && !this.givenTo(prefix)) named.push({ codes: [...prefix], name, by: "titles", items: end - start });
    }
    return named;
  }
}

function sizeOf(index: CatalogueIndex, prefix: readonly number[]): number {
  const { start, end } = index.range(prefix);
  return end - start;
}
