/** Published IDs: the options of the commands that give items IDs, and the index that they make. */

import { RQVAEError } from "../base/errors.ts";
import { counted } from "../base/words.ts";
import type { ItemId } from "../ids/item-id.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { COLLISIONS, type Collisions } from "../index/index-contents.ts";
import { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { isSource } from "../items/embedding-source.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { EmbeddingSource, ItemLabels, Items } from "../types.ts";
import { type Given, type Option, oneOf, text, UsageError, wholeNumber } from "./command.ts";
import { FileError } from "./file-error.ts";
import { STDOUT, saveWhole } from "./files.ts";
import { messageOf } from "./words.ts";

export const publishingOptions: Record<string, Option> = {
  collisions: {
    value: "HOW",
    choices: COLLISIONS,
    help: "of items with one ID. share: they keep it (default);\nsuffix: one more code tells them apart; reassign:\nnearest free IDs of the same length",
  },
  capacity: { value: "N", help: "with suffix: the most suffixes (default: 256)" },
  priority: {
    value: "NAME",
    help: "a column of numbers in --labels or in <items>, such\nas popularity: larger ones get the better ID",
  },
  index: {
    value: "FILE",
    help: "write the index of the published IDs, to look up and\nto extend: SemanticIdIndex.load",
  },
};

/** What is to be published. */
export interface Publishing {
  collisions: Collisions;
  capacity?: number;
  /** Name of the column. */
  priority?: string;
  indexPath?: string;
}

/** What was asked for; undefined for raw IDs. @throws UsageError */
export function readPublishing(given: Given): Publishing | undefined {
  const collisions = oneOf(given, "collisions", COLLISIONS);
  const capacity = wholeNumber(given, "capacity");
  const [priority, indexPath] = [text(given, "priority"), text(given, "index")];
  if (capacity !== undefined && collisions !== "suffix") throw new UsageError("--capacity needs --collisions suffix");
  if (priority !== undefined && (collisions ?? "share") === "share") {
    throw new UsageError("--priority needs --collisions suffix or reassign");
  }
  if (indexPath === STDOUT)
    throw new UsageError("--index: an index goes into a file, not to standard output; name one");
  if (collisions === undefined && indexPath === undefined) return undefined;
  return {
    collisions: collisions ?? "share",
    ...(capacity !== undefined && { capacity }),
    ...(priority !== undefined && { priority }),
    ...(indexPath !== undefined && { indexPath }),
  };
}

/** Where items come from and what is known of them. */
interface Published {
  items: Items | EmbeddingSource;
  rows: number;
  itemIds?: readonly ItemId[] | undefined;
  labels?: ItemLabels | undefined;
}

/** Looks, before any work is done, whether what was asked for can be done with these items. @throws FileError */
export function checkPublishing(publishing: Publishing | undefined, of: Published, itemsPath: string): void {
  if (publishing?.collisions === "reassign" && isSource(of.items)) {
    throw new FileError(
      `${itemsPath}: is too large to be held in memory, which --collisions reassign needs for the vectors: use --collisions suffix, which reads IDs only`,
    );
  }
  prioritiesOf(publishing, of);
}

/** The priority of each row, and what is to be said about it. @throws UsageError, FileError */
function prioritiesOf(
  publishing: Publishing | undefined,
  { labels, itemIds }: Published,
): { priority?: number[]; text: string } {
  const name = publishing?.priority;
  if (name === undefined) return { text: "" };
  const column = labels?.labels?.[name];
  if (!column) {
    const names = Object.keys(labels?.labels ?? {});
    throw new UsageError(
      `--priority ${name}: there is no such column among the labels; ${names.length > 0 ? `there is ${names.join(", ")}` : "give a table with it as --labels"}`,
    );
  }
  const isMissing = (value: string | number) => typeof value === "string" && value.trim() === "";
  const numbers = column.map((value) => (isMissing(value) ? Number.NaN : Number(value)));
  const wrong = column.findIndex((value, row) => !isMissing(value) && !Number.isFinite(numbers[row]));
  if (wrong >= 0) {
    throw new FileError(
      `--priority ${name}: item ${itemIds?.[wrong] ?? wrong} has ${JSON.stringify(column[wrong])}, which is not a number`,
    );
  }
  const missing = numbers.filter(Number.isNaN).length;
  if (missing === 0) return { priority: numbers, text: "" };
  let lowest = 0;
  for (const value of numbers) if (value < lowest) lowest = value;
  return {
    priority: numbers.map((value) => (Number.isNaN(value) ? lowest - 1 : value)),
    text: `--priority ${name}: ${counted(missing, "item")} without a value ${missing === 1 ? "comes" : "come"} last.`,
  };
}

/** Published IDs by row, and what to say about them. */
export interface PublishedIds {
  ids: SemanticIds;
  index: SemanticIdIndex;
  text: string;
}

/**
 * The published IDs of all rows.
 * @throws FileError that says how to try again; nothing else depends on it.
 */
export async function publishIds(
  publishing: Publishing,
  model: RQVAE,
  ids: SemanticIds,
  of: Published,
): Promise<PublishedIds> {
  const { collisions, capacity } = publishing;
  const { priority, text } = prioritiesOf(publishing, of);
  const itemIds: readonly ItemId[] = of.itemIds ?? Array.from({ length: of.rows }, (_, row) => row);
  try {
    const index = await SemanticIdIndex.buildAsync(itemIds, ids, {
      collisions,
      ...(capacity !== undefined && { capacity }),
      ...(priority && { priority }),
      ...(!isSource(of.items) && { model, items: of.items }),
    });
    const published = index.table(itemIds).ids;
    const changed = itemIds.filter((itemId, row) => {
      const own = published.at(row);
      if (collisions === "share") return index.items(own).length > 1;
      return collisions === "suffix" ? own.at(-1) !== 0 : String(own) !== String(index.getRaw(itemId));
    }).length;
    const told = {
      share:
        changed === 0
          ? ""
          : `Published as they are: ${counted(changed, "item")} share an ID with others; see --collisions.`,
      suffix: `Published with a suffix: ${counted(changed, "item")} got another one than 0.`,
      reassign: `Published without collisions: ${counted(changed, "item")} got another ID than the model gives.`,
    }[collisions];
    return { ids: published, index, text: [text, told].filter((line) => line !== "").join("\n") };
  } catch (error) {
    if (!(error instanceof RQVAEError)) throw error;
    throw new FileError(`--collisions ${collisions}: ${messageOf(error)}`, { cause: error });
  }
}

/** Writes the index. @returns its size in bytes */
export async function writeIndex(path: string, index: SemanticIdIndex): Promise<number> {
  const bytes = path.toLowerCase().endsWith(".json") ? new TextEncoder().encode(JSON.stringify(index)) : index.save();
  await saveWhole(path, () => bytes);
  return bytes.length;
}
