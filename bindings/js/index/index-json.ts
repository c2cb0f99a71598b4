import { ModelFormatError } from "../base/errors.ts";
import { fields, list, oneOf, whole } from "../base/json-shape.ts";
import { show } from "../base/option-reader.ts";
import type { ItemId } from "../ids/item-id.ts";
import {
  CHANGES,
  checkContents,
  damaged,
  HEADER,
  type IndexChange,
  type IndexContents,
  publishedSizes,
  readIds,
} from "./index-contents.ts";

/** An index as JSON: everything that its file has, for other programs and for people. */
export interface IndexJson extends Omit<IndexContents, "itemIds" | "codes" | "raw" | "retired" | "journal"> {
  format: "rqvae-index";
  /** 2 since the second generation. */
  version: 1 | 2;
  /** Sorted by ID. */
  items: {
    /** null: no item has the ID any more. */
    id: ItemId | null;
    codes: number[];
    /** The model's ID, if it differs. */
    raw?: number[];
    /** No item holds it, and none gets it. */
    retired?: true;
  }[];
  journal: (Omit<IndexChange, "before" | "after"> & { before?: number[][]; after?: number[][] })[];
}

export function toIndexJson(contents: IndexContents): IndexJson {
  const { itemIds, codes, raw, retired, journal, ...header } = contents;
  const levels = publishedSizes(contents).length;
  const rawLevels = contents.codebookSizes.length;
  const unheld = new Set(retired);
  return {
    format: "rqvae-index",
    version: contents.earlier ? 2 : 1,
    ...header,
    items: itemIds.map((id, row) => {
      const own = (of: ArrayLike<number>, count: number) =>
        Array.prototype.slice.call(of, row * count, (row + 1) * count) as number[];
      const item: IndexJson["items"][number] = { id: id ?? null, codes: own(codes, levels) };
      if (raw && String(own(raw, rawLevels)) !== String(item.codes.slice(0, rawLevels))) item.raw = own(raw, rawLevels);
      if (unheld.has(row)) item.retired = true;
      return item;
    }),
    journal: journal.map(({ before, after, ...change }) => ({
      ...change,
      ...(before ? { before: [...before] } : {}),
      ...(after ? { after: [...after] } : {}),
    })),
  };
}

/** Codes are checked where they become IDs, and item IDs by `checkContents`. */
const INDEX = fields({
  ...HEADER,
  items: list(fields({})),
  journal: list(fields({ kind: oneOf(CHANGES), items: whole() })),
});

/** @throws ModelFormatError for anything but an index, or for a damaged one. */
export function fromIndexJson(value: unknown): IndexContents {
  const json = value as IndexJson;
  if (json?.format !== "rqvae-index")
    throw new ModelFormatError('this is not an index: its format is not "rqvae-index"', { code: "FILE_FOREIGN" });
  if (json.version !== 1 && json.version !== 2) {
    throw new ModelFormatError(
      `the index has version ${show(json.version)}, but this release of rqvae reads up to version 2: update the package`,
      { code: "FILE_NEWER" },
    );
  }
  const { format: _, version: __, items, journal, ...header } = json;
  INDEX(json, damaged);
  const sizes = publishedSizes(header);
  const contents: IndexContents = {
    ...header,
    itemIds: items.map(({ id }) => id ?? undefined),
    codes: readIds(
      items.map(({ codes }) => codes),
      sizes,
    ).codes,
    ...((header.collisions === "reassign" || header.earlier) && !header.compact
      ? {
          raw: readIds(
            items.map(({ codes, raw }) => raw ?? codes.slice(0, header.codebookSizes.length)),
            header.codebookSizes,
          ).codes,
        }
      : {}),
    retired: [...items.keys()].filter((row) => items[row]!.retired),
    journal: journal.map(({ kind, items, itemIds, before, after }) => ({
      kind,
      items,
      itemIds,
      ...(before ? { before: readIds(before, sizes) } : {}),
      ...(after ? { after: readIds(after, sizes) } : {}),
    })),
  };
  checkContents(contents);
  return contents;
}
