import { because, ModelFormatError, RQVAEError } from "../base/errors.ts";
import { finite, flag, hex16, list, oneOf, optional, whole } from "../base/json-shape.ts";
import { type Wording, worded } from "../base/wording.ts";
import { checkItemIds, compareItemIds, type ItemId } from "../ids/item-id.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { compareCodes } from "../ids/sorted-ids.ts";
import { ItemTable } from "./item-table.ts";

/** What becomes of items that share an ID. */
export const COLLISIONS = ["share", "suffix", "reassign"] as const;
/** See `IndexOptions.collisions`. */
export type Collisions = (typeof COLLISIONS)[number];

/** What happened to an index: one entry a call, two when a call both added and replaced. */
export interface IndexChange {
  kind: "build" | "add" | "remove" | "replace";
  /** Number of items concerned. */
  items: number;
  /** Who they are; of "build" it is not kept. */
  itemIds: readonly ItemId[];
  /** The published IDs that they had: of "remove" and "replace". */
  before?: SemanticIds;
  /** The published IDs that they got: of "add" and "replace". */
  after?: SemanticIds;
}

/** All that an index knows, as it is written to files; n IDs in lexicographic order, equal ones by item ID. */
export interface IndexContents {
  collisions: Collisions;
  /** Number of suffixes. */
  capacity: number;
  /** Of raw IDs. */
  codebookSizes: readonly number[];
  /** The sizes are only what holds the codes, see `SemanticIds.hasInferredSizes`. */
  hasInferredSizes?: true | undefined;
  fingerprint?: string | undefined;
  /** Without raw IDs, retired IDs and journal: for looking up only. */
  compact: boolean;
  /** Who holds each ID; undefined for a retired one whose item has another by now. */
  itemIds: readonly (ItemId | undefined)[];
  /** n x levels: published IDs. */
  codes: CodeArray;
  /** n x levels, of "reassign": what the model said. */
  raw?: CodeArray | undefined;
  /** Places of IDs that nobody holds any more and nobody gets. */
  retired: readonly number[];
  /** Of the catalogue the index was built on, see drift.ts. */
  driftLimit?: number | undefined;
  /** New items looked at since, and how many of them were beyond the limit. */
  drift: readonly [items: number, outside: number];
  journal: readonly IndexChange[];
}

/** What an index says of itself in its files, beside its items and journal. */
export const HEADER = {
  collisions: oneOf(COLLISIONS),
  capacity: whole(1, 2 ** 32),
  codebookSizes: list(whole(1, 2 ** 32)),
  fingerprint: optional(hex16),
  compact: optional(flag),
  driftLimit: optional(finite),
  drift: list(whole(), 2),
};
export const CHANGES = ["build", "add", "remove", "replace"] as const;

/** Number of codes at each level of published IDs. */
export function publishedSizes({
  collisions,
  capacity,
  codebookSizes,
}: Pick<IndexContents, "collisions" | "capacity" | "codebookSizes">): readonly number[] {
  return collisions === "suffix" ? [...codebookSizes, capacity] : codebookSizes;
}

/**
 * Checks what came from a file whose JSON is as `HEADER` describes.
 * @throws ModelFormatError
 */
export function checkContents(contents: IndexContents): void {
  const { collisions, codebookSizes, itemIds, codes, raw, retired, journal } = contents;
  const require = (isGood: boolean, what: string) => {
    if (!isGood) throw damaged(what);
  };
  const sizes = publishedSizes(contents);
  const levels = sizes.length;
  const n = itemIds.length;
  readIds({ codes, levels }, sizes);
  if (raw) readIds({ codes: raw, levels }, codebookSizes);
  asDamaged(() => {
    const held = itemIds.filter((id) => id !== undefined);
    ItemTable.of(checkItemIds(held, "the index"), "the index");
    for (const { itemIds, before, after } of journal) {
      checkItemIds(itemIds, "the journal");
      const isWhole = (ids: SemanticIds | undefined) => ids === undefined || ids.length === itemIds.length;
      require(isWhole(before) && isWhole(after), "its journal has not one ID an item");
    }
  });
  require(codes.length === n * levels && (!raw || raw.length === codes.length), "it has not one ID an item");
  for (let i = 1; i < n; i++) {
    let comparison = compareCodes(codes, (i - 1) * levels, codes, i * levels, levels);
    if (comparison === 0 && collisions === "share") comparison = compareItemIds(itemIds[i - 1]!, itemIds[i]!);
    require(comparison < 0, "its IDs are not in order, or one is there twice");
  }
  const unheld = new Set(retired);
  require(unheld.size === retired.length && retired.every((i) => i < n), "its retired IDs are unreadable");
  require(itemIds.every((id, i) => id !== undefined || unheld.has(i)), "an ID is held by no item");
}

/** IDs of a file. @throws ModelFormatError for codes that are out of range. */
export function readIds(
  rows: readonly (readonly number[])[] | { codes: ArrayLike<number>; levels: number },
  codebookSizes: readonly number[],
): SemanticIds {
  return asDamaged(() => SemanticIds.from(rows, { codebookSizes }));
}

/** What is wrong with the content of a file is the file's fault, not the caller's. */
function asDamaged<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof RQVAEError)) throw cause;
    throw damaged(cause.wording, cause);
  }
}

export function damaged(what: string | Wording, cause?: unknown): ModelFormatError {
  return new ModelFormatError(
    worded`the index file is damaged: ${what}${{ hint: "Fetch or copy it again", after: ". " }}`,
    { code: "FILE_DAMAGED", ...because(cause) },
  );
}
