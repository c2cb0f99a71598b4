import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid } from "../../base/errors.ts";
import { fields, list, readJson, text, whole } from "../../base/json-shape.ts";
import { requireThat } from "../../base/option-reader.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import type { Wording } from "../../base/wording.ts";
import { counted } from "../../base/words.ts";
import { type CodeArray, requireIds, SemanticIds } from "../../ids/semantic-ids.ts";
import { requireUnique } from "../../items/join.ts";
import { writeSafetensors } from "../../model-file/model-file.ts";
import { readSafetensorsHeader, safetensorsDataStart } from "../../model-file/safetensors-header.ts";
import { asBytes } from "../io/bytes.ts";
import { checkedItemIds } from "./id-table.ts";

/** The IDs of a range of a catalogue's rows, as encoded by one of several machines. */
export interface IdShard {
  /** IDs of rows first, first + 1, ...; with the model's fingerprint. */
  ids: SemanticIds;
  /** Row of the first of them in the catalogue. */
  first: number;
  /** Rows of the whole catalogue. */
  rows: number;
  /** The items' own IDs, one for each of `ids`. Default: the row numbers. */
  itemIds?: readonly string[];
}

/** Version of the file; a reader refuses a higher one. */
const FORMAT = 1;
const KEY = "rqvae.ids";

interface Metadata {
  format: number;
  first: number;
  rows: number;
  codebookSizes: number[];
  fingerprint: string;
}

const METADATA = fields({
  first: whole(),
  rows: whole(1),
  codebookSizes: list(whole(1, 2 ** 32)),
  fingerprint: text,
});

/**
 * A shard as a file: safetensors with the tensor `codes` (n x L, U16 or U32), with `item_ids` (U8: a JSON array as UTF-8) if the shard has
 * item IDs, and the rest as JSON in its metadata. The same shard gives the same bytes.
 * @throws InvalidInputError for IDs without a fingerprint, a range outside the catalogue, or item IDs that are empty, not unique, or not
 *   one per ID.
 */
export function writeIdShard(shard: IdShard): Uint8Array<ArrayBuffer> {
  requireShard(shard, "shard");
  const { ids, first, rows, itemIds } = shard;
  const { codes, codebookSizes, fingerprint, length, levels } = ids;
  if (fingerprint === undefined) {
    throw invalid()`${{ argument: "ids" }} have no fingerprint: a shard must name the model that made it`;
  }
  if (!isStretch(first, length, rows)) {
    throw invalid()`rows ${describeValue(first)} to ${describeValue(first + length - 1)} are not in a catalogue of ${counted(rows, "row")}`;
  }
  const metadata: Metadata = { format: FORMAT, first, rows, codebookSizes: [...codebookSizes], fingerprint };
  const dtype = codes.BYTES_PER_ELEMENT === 2 ? "U16" : "U32";
  checkedItemIds({ ids, ...(itemIds && { itemIds }) });
  const names = itemIds && new TextEncoder().encode(JSON.stringify(itemIds));
  return writeSafetensors({ [KEY]: JSON.stringify(metadata) }, [
    { name: "codes", dtype, shape: [length, levels], data: codes },
    ...(names ? [{ name: "item_ids", dtype: "U8", shape: [names.length], data: names } as const] : []),
  ]);
}

/** @throws InvalidInputError for anything but a shard. */
function requireShard(shard: IdShard, name: string): void {
  requireThat(typeof shard === "object" && shard !== null, name, "an object { ids, first, rows }", shard);
  requireIds(shard.ids, `${name}.ids`);
  for (const key of ["first", "rows"] as const) {
    requireThat(isWhole(shard[key]), `${name}.${key}`, "a whole number from 0", shard[key]);
  }
}

function requireShards(shards: readonly IdShard[], names: readonly string[] | undefined): void {
  requireThat(Array.isArray(shards), "shards", "an array of shards", shards);
  const isSo = names === undefined || (Array.isArray(names) && names.every((name) => typeof name === "string"));
  requireThat(isSo, "names", "an array of strings", names);
  Array.from(shards).forEach((shard, i) => {
    requireShard(shard, `shards[${i}]`);
  });
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isStretch = (first: unknown, count: number, rows: unknown) =>
  isWhole(first) && isWhole(rows) && count > 0 && first + count <= rows;

/** Reads what `writeIdShard` wrote. @throws InvalidInputError for bytes that are truncated, damaged or something else. */
export function readIdShard(file: Uint8Array | ArrayBuffer): IdShard {
  const bytes = asBytes(file);
  if (bytes[8] !== 0x7b) throw foreign("it does not start like one");
  const dataStart = safetensorsDataStart(bytes, bytes.length, () => foreign("it does not start like one"));
  const data = bytes.subarray(dataStart);
  const { metadata, tensors } = readSafetensorsHeader(bytes.subarray(8, dataStart), data.length, damaged);
  const json = Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined;
  if (typeof json !== "string") throw foreign(`its metadata has no ${KEY}`);
  const complain = (what: string) => damaged(`of its metadata, ${what}`);
  const described = readJson<Metadata>(json, fields({ format: whole() }), complain);
  if (described.format > FORMAT) {
    throw invalid(
      "FILE_NEWER",
    )`the shard has format ${described.format}, but this release of rqvae reads ${FORMAT}${{ hint: "use a newer release" }}`;
  }
  METADATA(described, complain);
  const { first, rows, codebookSizes, fingerprint } = described;
  const of = (name: string) => tensors.find((tensor) => tensor.name === name);
  const [stored, names] = [of("codes"), of("item_ids")];
  const [count = 0, levels] = stored?.shape ?? [];
  const width = { U16: 2, U32: 4 }[stored?.dtype ?? ""];
  if (!stored || width === undefined || stored.shape.length !== 2 || levels !== codebookSizes.length) {
    throw damaged("it has no codes for these codebooks");
  }
  if (!isStretch(first, count, rows))
    throw damaged(`rows ${first} to ${first + count - 1} are not in 0 to ${rows - 1}`);
  const codes = new (width === 2 ? Uint16Array : Uint32Array)(data.slice(stored.begin, stored.end).buffer);
  const ids = asDamaged(() => SemanticIds.from({ codes, levels }, { codebookSizes, fingerprint }));
  const itemIds = names && readItemIds(data.slice(names.begin, names.end), ids);
  return { ids, first, rows, ...(itemIds && { itemIds }) };
}

function readItemIds(bytes: Uint8Array, ids: SemanticIds): string[] {
  let json: string;
  try {
    json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw damaged("its item_ids are not UTF-8", cause);
  }
  const itemIds = readJson<string[]>(json, list(text), (what, cause) => damaged(`of its item_ids, ${what}`, cause));
  asDamaged(() => checkedItemIds({ ids, itemIds }));
  return itemIds;
}

/** Errors in a file's content are reported as the file's, not the caller's. */
function asDamaged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof InvalidInputError ? damaged(error.wording, error) : error;
  }
}

const damaged = (why: string | Wording, cause?: unknown) =>
  invalid("FILE_DAMAGED", cause)`the shard is truncated or damaged: ${why}${{ hint: "Encode it again", after: ". " }}`;

const foreign = (why: string) =>
  invalid("FILE_FOREIGN")`not a shard of IDs, as rqvae encode --shard or writeIdShard makes it: ${why}`;

/**
 * The IDs of the whole catalogue, with the items' own IDs if the shards have them, from its shards in any order. Add suffixes and resolve
 * collisions afterwards, since that needs all IDs.
 * @param names What messages call the shards. Default: their numbers.
 * @throws InvalidInputError if the shards belong to different models or catalogues, a row is missing or occurs twice, only some shards have
 *   item IDs, or an item occurs in two rows.
 */
export function mergeIdShards(
  shards: readonly IdShard[],
  names?: readonly string[],
): { ids: SemanticIds; itemIds?: string[] } {
  const nameOf = (index: number) => names?.[index] ?? `shard ${index}`;
  requireShards(shards, names);
  const ids = mergedIds(shards, nameOf);
  const itemIds = mergedItemIds(shards, nameOf);
  return { ids, ...(itemIds && { itemIds }) };
}

function mergedIds(shards: readonly IdShard[], nameOf: (index: number) => string): SemanticIds {
  const [model] = shards;
  if (model === undefined) throw invalid("EMPTY")`there are no shards to merge`;
  const { codebookSizes, fingerprint } = model.ids;
  shards.forEach(({ ids, rows }, index) => {
    const differs = (what: string, own: unknown, other: unknown) =>
      invalid(
        "OTHER_MODEL",
      )`${nameOf(index)} is of ${what} ${String(own)}, but ${nameOf(0)} of ${what} ${String(other)}${{ hint: "merge shards of one model and one catalogue" }}`;
    if (ids.fingerprint !== fingerprint) throw differs("model", ids.fingerprint, fingerprint);
    if (ids.codebookSizes.join() !== codebookSizes.join()) {
      throw differs("codebook sizes", ids.codebookSizes.join(), codebookSizes.join());
    }
    if (rows !== model.rows) throw differs("a catalogue of rows", rows, model.rows);
  });
  const most = model.rows;
  shards.forEach(({ ids, first }, index) => {
    if (first + ids.length <= most) return;
    throw invalid(
      "COUNTS_DIFFER",
    )`${nameOf(index)} ends with row ${first + ids.length - 1}, beyond its catalogue of ${counted(most, "row")}`;
  });
  const codes: CodeArray = SemanticIds.allocate(model.rows, codebookSizes);
  const order = [...shards.keys()].sort((a, b) => shards[a]!.first - shards[b]!.first);
  let end = 0;
  let before: number | undefined;
  for (const index of order) {
    const { ids, first } = shards[index]!;
    if (first > end) throw missing(end, first);
    if (first < end) {
      throw invalid(
        "ITEM_TWICE",
      )`${nameOf(index)} starts with ${{ row: first }}, but ${nameOf(before!)} ends with row ${end - 1}: a row may be in only one shard`;
    }
    codes.set(ids.codes, first * codebookSizes.length);
    end = first + ids.length;
    before = index;
  }
  if (end < model.rows) throw missing(end, model.rows);
  return SemanticIds.from(
    { codes, levels: codebookSizes.length },
    fingerprint === undefined ? { codebookSizes } : { codebookSizes, fingerprint },
  );

  function missing(from: number, to: number): InvalidInputError {
    return invalid(
      "COUNTS_DIFFER",
    )`rows ${from} to ${to - 1} of ${model!.rows} are ${shards.length === 1 ? "not in the shard" : `in none of the ${counted(shards.length, "shard")}`}${{ hint: "encode them too" }}`;
  }
}

/** Undefined if no shard has any. */
function mergedItemIds(shards: readonly IdShard[], nameOf: (index: number) => string): string[] | undefined {
  const without = shards.findIndex(({ itemIds }) => itemIds === undefined);
  const having = shards.findIndex(({ itemIds }) => itemIds !== undefined);
  if (having < 0) return undefined;
  if (without >= 0) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${nameOf(having)} has item IDs, but ${nameOf(without)} has none${{ hint: "encode it again from items with their IDs" }}`;
  }
  for (const { ids, itemIds } of shards) checkedItemIds({ ids, ...(itemIds && { itemIds }) });
  const itemIds = [...shards].sort((a, b) => a.first - b.first).flatMap((shard) => shard.itemIds as string[]);
  requireUnique(itemIds, "the shards");
  return itemIds;
}
