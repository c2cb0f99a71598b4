import { formatCount } from "../base/words.ts";
import type { AbsentFile } from "../lab/stored-run.ts";
import type { DataSource, DataSummary, Naming } from "../lab/types.ts";
import { sampleOf } from "./samples.ts";

/** What a model is trained on, as the page knows it. The numbers themselves are in the worker. */
export interface DataSet extends DataSummary {
  name: string;
  source: DataSource;
  /** What to call one item and many. */
  noun: [one: string, many: string];
  /** Titles of items that are good to show first. */
  showFirst: readonly string[];
}

/** The title of an item, or its number where there are no titles. */
export const titleOf = (data: Pick<DataSet, "labels">, item: number): string =>
  data.labels?.titles[item] || `item ${formatCount(item)}`;

/** A sentence about what names the items in the downloads. */
export function describeNaming({ itemIds, hasOwnIds, twins }: Naming): string {
  const shown = itemIds?.slice(0, 3).map((itemId) => `“${itemId}”`);
  const names = shown && `${shown.join(", ")}${itemIds!.length > 3 ? ", …" : "."}`;
  if (hasOwnIds) return `Downloads name the items by their own IDs: ${names}`;
  const numbers = names ? `their row numbers in the file: ${names}` : "their row numbers, starting at 0.";
  if (!twins) return `There are no item IDs, so downloads name the items by ${numbers}`;
  const [first, second] = twins.rows.map(formatCount);
  const why =
    first === second ? `Row ${first} has no item ID` : `Rows ${first} and ${second} are both item “${twins.itemId}”`;
  return `${why}, so the file’s item IDs are not used, and downloads name the items by ${numbers}`;
}

/** What to call a source, before and after it is read. */
export function nameSource(source: DataSource | AbsentFile): Pick<DataSet, "name" | "noun" | "showFirst"> {
  if (source.kind !== "sample") {
    const { name } = source.kind === "files" ? source.items : source;
    return { name, noun: ["item", "items"], showFirst: [] };
  }
  const sample = sampleOf(source.key);
  return {
    name: sample ? `${sample.name} sample` : "Sample",
    noun: sample?.noun ?? ["item", "items"],
    showFirst: sample?.showFirst ?? [],
  };
}

/** The source of a sample, wherever this version of the page keeps it. */
export function sampleSource(key: string): DataSource | undefined {
  const sample = sampleOf(key);
  return sample && { kind: "sample", key, itemsUrl: abs(sample.itemsUrl), labelsUrl: abs(sample.labelsUrl) };
}

/** A worker's base is its own script's address, not the page's. */
const abs = (url: string) => new URL(url, document.baseURI).href;
