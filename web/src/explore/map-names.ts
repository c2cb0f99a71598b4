import type { DataSet } from "../data/data-set.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import { nameGroups } from "./group-names.ts";

/** What branches are called. */
export interface BranchNames {
  /** Finds the names of a branch's parts. */
  prepare(parent: readonly number[]): Promise<void>;
  /** "" where nothing is known. */
  nameOf(prefix: readonly number[]): string;
}

/** Names by the titles in a branch. */
export class MapNames implements BranchNames {
  private readonly data: DataSet;
  private readonly index: CatalogueIndex;
  private readonly names = new Map<string, string>();
  private readonly prepared = new Map<string, Promise<void>>();

  constructor(data: DataSet, index: CatalogueIndex) {
    this.data = data;
    this.index = index;
  }

  nameOf(prefix: readonly number[]): string {
    return this.names.get(prefix.join()) ?? "";
  }

  prepare(parent: readonly number[]): Promise<void> {
    const key = parent.join();
    let preparing = this.prepared.get(key);
    if (!preparing) {
      preparing = this.name(parent);
      this.prepared.set(key, preparing);
    }
    return preparing;
  }

  private async name(parent: readonly number[]): Promise<void> {
    const groups = this.index.childrenOf(this.index.group(parent));
    const names = await nameGroups(this.data, this.index, groups, new AbortController().signal);
    groups.forEach(({ prefix }, i) => {
      this.names.set(prefix.join(), names[i]!.words.join(", "));
    });
  }
}
