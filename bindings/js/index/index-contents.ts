import { because, ModelFormatError, RQVAEError } from "../base/errors.ts";
import { fields, finite, flag, hex16, list, oneOf, optional, whole } from "../base/json-shape.ts";
import { type Wording, worded } from "../base/wording.ts";
import { checkItemIds, compareItemIds, type ItemId } from "../ids/item-id.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { compareCodes } from "../ids/sorted-ids.ts";
import { ItemTable } from "./item-table.ts";

/** What to do with items that share an ID. */
export const COLLISIONS = ["share", "suffix", "reassign"] as const;
/** See `IndexOptions.collisions`. */
export type Collisions = (typeof COLLISIONS)[number];

/**
 * What happened to an index: one entry per call, or two if a call both added and replaced items. A migration has "migrate" with the items that
 * moved, even if none did, and then "remove" and "add" with those that are gone and new.
 */
export interface IndexChange {
  kind: "build" | "add" | "remove" | "replace" | "migrate";
  /** Number of items concerned. */
  items: number;
  /** Their item IDs; not kept for "build". */
  itemIds: readonly ItemId[];
  /** The published IDs that they had, for "remove", "replace" and "migrate". */
  before?: SemanticIds;
  /** The published IDs that they got, for "add", "replace" and "migrate". */
  after?: SemanticIds;
}

/** The contents of an index as written to files; n IDs in lexicographic order, equal ones by item ID. */
export interface IndexContents {
  collisions: Collisions;
  /** Number of suffixes. */
  capacity: number;
  /** Codebook sizes of raw IDs. */
  codebookSizes: readonly number[];
  /** Whether the sizes are only the smallest that hold the codes, see `SemanticIds.hasInferredSizes`. */
  hasInferredSizes?: true | undefined;
  fingerprint?: string | undefined;
  /** Whether it has no raw IDs, retired IDs and journal, and is only for look-ups. */
  compact: boolean;
  /** The item of each ID; undefined for a retired ID whose item now has another. */
  itemIds: readonly (ItemId | undefined)[];
  /** n x levels: published IDs. */
  codes: CodeArray;
  /** n x raw levels, for "reassign" and since a migration: the model's IDs. */
  raw?: CodeArray | undefined;
  /** Positions of IDs that no item holds any more and none gets. */
  retired: readonly number[];
  /** Limit for the catalogue that the index was built on, see drift.ts. */
  driftLimit?: number | undefined;
  /** New items inspected since, and how many of them exceeded the limit. */
  drift: readonly [items: number, outside: number];
  journal: readonly IndexChange[];
  /** What each earlier generation was made by, the first one first. Absent in the first generation. */
  earlier?: readonly { codebookSizes: readonly number[]; fingerprint?: string }[];
}

/** What the files of an index say about it, besides its items and journal. */
export const HEADER = {
  collisions: oneOf(COLLISIONS),
  capacity: whole(1, 2 ** 32),
  codebookSizes: list(whole(1, 2 ** 32)),
  fingerprint: optional(hex16),
  compact: optional(flag),
  driftLimit: optional(finite),
  drift: list(whole(), 2),
  earlier: optional(list(fields({ codebookSizes: list(whole(1, 2 ** 32)), fingerprint: optional(hex16) }))),
};
export const CHANGES = ["build", "add", "remove", "replace", "migrate"] as const;

/** Number of codes at each level of published IDs. */
export function publishedSizes({
  collisions,
  capacity,
  codebookSizes,
}: Pick<IndexContents, "collisions" | "capacity" | "codebookSizes">): readonly number[] {
  return collisions === "suffix" ? [...codebookSizes, capacity] : codebookSizes;
}

/**
 * Checks the contents of a file whose JSON is as `HEADER` describes.
 * @throws ModelFormatError
 */
export function checkContents(contents: IndexContents): void {
  const { collisions, codebookSizes, itemIds, codes, raw, retired, journal, earlier = [] } = contents;
  const require = (isGood: boolean, what: string) => {
    if (!isGood) throw damaged(what);
  };
  const sizes = publishedSizes(contents);
  const levels = sizes.length;
  const n = itemIds.length;
  readIds({ codes, levels }, sizes);
  const rawLevels = codebookSizes.length;
  if (raw) readIds({ codes: raw, levels: rawLevels }, codebookSizes);
  asDamaged(() => {
    const held = itemIds.filter((id) => id !== undefined);
    ItemTable.of(checkItemIds(held, "the index"), "the index");
    for (const { itemIds, before, after } of journal) {
      checkItemIds(itemIds, "the journal");
      const isWhole = (ids: SemanticIds | undefined) => ids === undefined || ids.length === itemIds.length;
      require(isWhole(before) && isWhole(after), "its journal does not have one ID per item");
    }
  });
  require(codes.length === n * levels && (!raw || raw.length === n * rawLevels), "it does not have one ID per item");
  for (let i = 1; i < n; i++) {
    let comparison = compareCodes(codes, (i - 1) * levels, codes, i * levels, levels);
    if (comparison === 0 && collisions === "share") comparison = compareItemIds(itemIds[i - 1]!, itemIds[i]!);
    require(comparison < 0, "its IDs are not in order, or one occurs twice");
  }
  const unheld = new Set(retired);
  require(unheld.size === retired.length && retired.every((i) => i < n), "its retired IDs are unreadable");
  const migrations = journal.filter(({ kind }) => kind === "migrate").length;
  require(migrations === (contents.compact ? 0 : earlier.length), "its journal does not fit its generation");
  require(earlier.every((before) => before.codebookSizes.length === rawLevels), "its generations differ in levels");
  require(itemIds.every((id, i) => id !== undefined || unheld.has(i)), "an ID has no item");
}

/** IDs from a file. @throws ModelFormatError for codes that are out of range. */
export function readIds(
  rows: readonly (readonly number[])[] | { codes: ArrayLike<number>; levels: number },
  codebookSizes: readonly number[],
): SemanticIds {
  return asDamaged(() => SemanticIds.from(rows, { codebookSizes }));
}

/** Errors in a file's content are reported as the file's, not the caller's. */
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
