import type { ItemLabels, ItemMatrix } from "rqvae";
import { checkLabels, readItems, readItemsAsync, readLabels } from "rqvae/formats";
import { badRowsOf, checkItems, numberType, rowReader } from "./checks.ts";
import type { DataSource, DataSummary } from "./protocol.ts";

const HEAD_ROWS = 6;
const HEAD_COLUMNS = 12;

/** Items and their titles, held by the worker. */
export interface HeldItems {
  items: ItemMatrix;
  labels: ItemLabels | undefined;
  /** Rows of the file, where some were left out. */
  fileRows: Uint32Array | undefined;
  bad: Uint32Array;
}

/** Reads the items of a source. */
export async function readSource(source: DataSource): Promise<HeldItems> {
  if (source.kind === "sample") {
    const [bytes, text] = await Promise.all([
      fetchOwn(source.itemsUrl).then((response) => response.arrayBuffer()),
      fetchOwn(source.labelsUrl).then((response) => response.text()),
    ]);
    const { items } = readItems(new Uint8Array(bytes), "sample.npy");
    return { items, labels: readLabels(text), fileRows: undefined, bad: badRowsOf(items) };
  }
  let held = await readItemsFile(source.items);
  if (source.labels) held = { ...held, labels: await readLabelsFile(source.labels, held.items.rows) };
  return source.withoutBadRows ? leaveOut(held) : held;
}

export async function readItemsFile(file: File): Promise<HeldItems> {
  if (file.size === 0) throw new Error(`${file.name} is empty`);
  try {
    // The values are checked here: a row with NaN is shown, and left out when the user says so.
    const { items, labels } = await readItemsAsync(file, file.name, { checkValues: false });
    return { items, labels, fileRows: undefined, bad: badRowsOf(items) };
  } catch (error) {
    const reason =
      error instanceof RangeError || (error as Error).name === "OutOfMemoryError"
        ? "there is not enough memory for it in this browser. Try half as many rows, or float16 numbers"
        : (error as Error).message.replace(`${file.name}: `, "");
    throw new Error(`${file.name} could not be read as embeddings: ${reason}`, { cause: error });
  }
}

/** Reads a file of titles. @throws Error when there is not one title for each of the rows. */
export async function readLabelsFile(file: File, rows: number): Promise<ItemLabels> {
  let labels: ItemLabels;
  try {
    labels = readLabels(await file.text());
  } catch (error) {
    throw new Error(`${file.name} could not be read as titles: ${(error as Error).message}`, { cause: error });
  }
  if (labels.titles.length !== rows) {
    const count = (n: number) => n.toLocaleString("en");
    throw new Error(
      `${file.name} has ${count(labels.titles.length)} titles, but the data has ${count(rows)} items. ` +
        "It must give one title for each item, in the same order",
    );
  }
  checkLabels(labels, rows);
  return labels;
}

/** The same without the rows that hold numbers that are none. */
function leaveOut({ items, labels, bad }: HeldItems): HeldItems {
  const dropped = new Set(bad);
  const kept = Uint32Array.from({ length: items.rows }, (_, i) => i).filter((i) => !dropped.has(i));
  const { dim } = items;
  const data = items.data.slice(0, kept.length * dim) as ItemMatrix["data"];
  kept.forEach((row, i) => {
    data.set(items.data.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  const pick = <T>(values: readonly T[]) => Array.from(kept, (row) => values[row]!);
  return {
    items: { data, rows: kept.length, dim },
    labels: labels && {
      titles: pick(labels.titles),
      ...(labels.labels && {
        labels: Object.fromEntries(Object.entries(labels.labels).map(([name, values]) => [name, pick(values)])),
      }),
    },
    fileRows: kept,
    bad: new Uint32Array(),
  };
}

export function summarize({ items, labels, bad }: HeldItems): DataSummary {
  const { rows, dim } = items;
  const read = rowReader(items);
  const row = new Float64Array(dim);
  return {
    rows,
    dim,
    type: numberType(items),
    bytes: items.data.byteLength,
    labels,
    checks: checkItems(items, bad),
    head: Array.from({ length: Math.min(rows, HEAD_ROWS) }, (_, i) => [...read(i, row).subarray(0, HEAD_COLUMNS)]),
  };
}

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new Error("The sample could not be loaded. Please check your connection and try again");
  return response;
}
