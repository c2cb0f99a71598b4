/** Chooses the embeddings among several arrays in a file. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { clippedName } from "../../base/file-values.ts";
import { option, worded } from "../../base/wording.ts";
import type { ColumnOptions, TableColumns } from "../../items/columns.ts";
import { writtenShape } from "./npy.ts";

/** What a file says about an array. */
export interface TensorInfo {
  name: string;
  shape: readonly number[];
  /** In the terms of the file's format. */
  type: string;
  /** Whether its elements can be read as embeddings. */
  isReadable: boolean;
}

/** A type's name, which comes from the file and may be anything. */
export const brief = (type: string) => type.slice(0, 20);

/** Names that people give to embeddings. */
const usualNames =
  /(^|[._/-])((item|text|sentence|product|doc)?_?(embeddings?|embs?|vectors?|vecs?|features?)|x|arr_0|data|weight)$/i;

/**
 * The requested array, or the only candidate: the only matrix, or the only one of several with a usual name.
 * @throws InvalidInputError that lists the arrays.
 */
export function chooseTensor<T extends TensorInfo>(
  tensors: readonly T[],
  { embedding: wanted }: ColumnOptions,
  where: string,
): T {
  const listed = tensors
    .slice(0, 12)
    .map(({ name, shape, type }) => `${describeValue(name)} ${brief(type)} ${writtenShape(shape.slice(0, 8))}`)
    .join(", ");
  const there = tensors.length === 0 ? "it has no tensors" : `it has ${listed}${tensors.length > 12 ? ", …" : ""}`;
  if (wanted !== undefined) {
    const found = tensors.find(({ name }) => name === wanted);
    if (!found) throw invalid("COLUMN_MISSING")`${where} has no tensor ${describeValue(wanted)}: ${there}`;
    if (!found.isReadable) {
      throw invalid(
        "TYPE_UNSUPPORTED",
      )`${where}: tensor ${describeValue(wanted)} holds ${brief(found.type)}, which cannot be read as embeddings${{ hint: "convert it to float32", after: "; " }}`;
    }
    if (found.shape.length !== 2 || found.shape.includes(0)) {
      throw invalid(
        "TYPE_UNSUPPORTED",
      )`${where}: embeddings need two dimensions, rows x dim, but tensor ${describeValue(wanted)} has the shape ${writtenShape(found.shape.slice(0, 8))}`;
    }
    return found;
  }
  const isMatrix = ({ shape }: TensorInfo) => shape.length === 2 && !shape.includes(0);
  const unread = tensors.find((tensor) => isMatrix(tensor) && !tensor.isReadable && usualNames.test(tensor.name));
  if (unread) {
    throw invalid(
      "COLUMN_UNCLEAR",
    )`${where}: ${describeValue(unread.name)} seems to be the embedding, but holds ${brief(unread.type)}, which cannot be read as embeddings${{ hint: `convert it to float32; ${there}` }}`;
  }
  const all = tensors.filter((tensor) => isMatrix(tensor) && tensor.isReadable);
  // A column of numbers next to a wider matrix is not one.
  const wide = all.filter(({ shape }) => shape[1]! > 1);
  const matrices = wide.length > 0 ? wide : all;
  if (matrices.length === 1) return matrices[0]!;
  if (matrices.length === 0) {
    throw invalid("COLUMN_MISSING")`${where} has no matrix of numbers (rows x dim): ${there}`;
  }
  const named = matrices.filter(({ name }) => usualNames.test(name));
  if (named.length === 1) return named[0]!;
  throw invalid(
    "COLUMN_UNCLEAR",
  )`${where} has several matrices${{ hint: worded`choose one, ${option("embedding", clippedName(matrices[0]!.name))}; ${there}` }}`;
}

/** The requested array of item IDs. @throws InvalidInputError that lists the arrays. */
export function chooseIds<T extends TensorInfo>(tensors: readonly T[], { itemId }: ColumnOptions): T | undefined {
  if (itemId === undefined) return undefined;
  const found = tensors.find(({ name }) => name === itemId);
  if (found) return found;
  const names = tensors.slice(0, 12).map(({ name }) => describeValue(name));
  throw invalid(
    "COLUMN_MISSING",
  )`${option("itemId")}: there is no array ${describeValue(itemId)} next to the vectors; the others are: ${names.join(", ") || "none"}`;
}

/** What the arrays of a file were taken for; undefined if there is only one. */
export function tensorColumns(
  tensors: readonly TensorInfo[],
  vector: string,
  { itemId, title, labels = [] }: { itemId?: string | undefined; title?: string | undefined; labels?: string[] },
): TableColumns | undefined {
  if (tensors.length < 2) return undefined;
  const used = new Set([vector, itemId, title, ...labels]);
  return {
    vector: [vector],
    ...(itemId !== undefined && { itemId }),
    ...(title !== undefined && { title }),
    labels,
    ignored: tensors.map(({ name }) => name).filter((name) => !used.has(name)),
  };
}
