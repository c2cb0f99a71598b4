import type { ItemLabels, ItemMatrix } from "rqvae";
import sampleLabels from "../../examples/data/emoji/emoji.labels.json?url";
import sampleItems from "../../examples/data/emoji/emoji-glovesif100.f16.npy?url";
import { fileTask } from "./files.ts";
import { PageError } from "./page-error.ts";
import { formatCount } from "./words.ts";

/** What a model is trained on: item vectors, and titles to show beside their IDs. */
export interface DataSet {
  name: string;
  items: ItemMatrix;
  /** Number type of the items as they were read. */
  type: string;
  labels: ItemLabels | undefined;
  /** What to call one item and many. */
  noun: [one: string, many: string];
  /** Titles of items that are good to show first. */
  showFirst?: string[];
}

/** The title of an item, or its number where there are no titles. */
export const titleOf = (data: DataSet, item: number): string =>
  data.labels?.titles[item] ?? `item ${formatCount(item)}`;

function numberType({ data }: ItemMatrix): string {
  if (data instanceof Uint16Array) return "float16";
  return data instanceof Float64Array ? "float64" : "float32";
}

/** The same data set with other titles. @throws PageError when there is not one title for each item. */
export function withLabels(data: DataSet, labels: ItemLabels, fileName: string): DataSet {
  const { rows } = data.items;
  if (labels.titles.length !== rows) {
    throw new PageError(
      `${fileName} has ${formatCount(labels.titles.length)} titles, but the data has ${formatCount(rows)} items. ` +
        "It must give one title for each item, in the same order.",
    );
  }
  return { ...data, labels };
}

/** Reads a file of embeddings. */
export async function readDataSet(file: File): Promise<DataSet> {
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch (error) {
    throw new PageError(`${file.name} could not be read. It may have moved, or be too large for this browser.`, {
      cause: error,
    });
  }
  if (bytes.byteLength === 0) throw new PageError(`${file.name} is empty.`);
  const { items, labels } = await fileTask("readItems", { bytes, name: file.name }, [bytes]).catch((error: Error) => {
    throw new PageError(`${file.name} could not be read as embeddings: ${error.message}.`, { cause: error });
  });
  const data: DataSet = { name: file.name, items, type: numberType(items), labels: undefined, noun: ["item", "items"] };
  return labels ? withLabels(data, labels, file.name) : data;
}

/** Reads a file of titles. */
export async function readLabelsFile(file: File): Promise<ItemLabels> {
  try {
    return await fileTask("readLabels", { text: await file.text() });
  } catch (error) {
    throw new PageError(`${file.name} could not be read as titles: ${(error as Error).message}.`, { cause: error });
  }
}

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok)
    throw new PageError("The emoji sample could not be loaded. Please check your connection and try again.");
  return response;
}

/** The emoji sample, served with the page. */
export async function loadSample(): Promise<DataSet> {
  const [bytes, text] = await Promise.all([
    fetchOwn(sampleItems).then((response) => response.arrayBuffer()),
    fetchOwn(sampleLabels).then((response) => response.text()),
  ]);
  const [{ items }, labels] = await Promise.all([
    fileTask("readItems", { bytes, name: "emoji.npy" }, [bytes]),
    fileTask("readLabels", { text }),
  ]);
  return {
    name: "Emoji sample",
    items,
    type: numberType(items),
    labels,
    noun: ["emoji", "emoji"],
    showFirst: ["❤️ red heart", "🐈 cat", "🍎 red apple", "🎸 guitar", "🚲 bicycle", "🌧️ cloud with rain"],
  };
}
