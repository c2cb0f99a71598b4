/** Embeddings in safetensors files. */

import { describeValue } from "../../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { option, worded } from "../../base/wording.ts";
import { counted } from "../../base/words.ts";
import { type ColumnOptions, mayBeItemIdName, type TableColumns } from "../../items/columns.ts";
import { readSafetensorsHeader, safetensorsDataStart } from "../../model-file/safetensors-header.ts";
import { type ByteSource, readBytes } from "../io/byte-source.ts";
import { dtypes } from "./npy.ts";
import { bfloat16, elementKind, RawMatrix } from "./raw-matrix.ts";
import { brief, chooseIds, chooseTensor, type TensorInfo, tensorColumns } from "./tensor-choice.ts";

const floatKinds = {
  F16: elementKind(dtypes.f2!, false),
  BF16: bfloat16,
  F32: elementKind(dtypes.f4!, false),
  F64: elementKind(dtypes.f8!, false),
};
interface Tensor extends TensorInfo {
  begin: number;
  end: number;
}

/** A matrix of a file, with the IDs of its rows if there is a tensor of integers with such a name. */
export interface OpenSafetensors {
  matrix: RawMatrix;
  tensor: string;
  itemIds?: string[];
  columns?: TableColumns;
}

/**
 * Opens a matrix of floats (F16, BF16, F32, F64).
 * @param options `embedding` says which one. Default: the only one, or the only one with a usual name.
 * @throws InvalidInputError if header and sizes contradict each other or the file, or if there is no such matrix.
 */
export async function openSafetensors(source: ByteSource, options: ColumnOptions): Promise<OpenSafetensors> {
  const { tensors, dataStart, isModel } = await readHeader(source);
  if (isModel && options.embedding === undefined) {
    throw invalid(
      "FILE_FOREIGN",
    )`it is a model of rqvae, not embeddings${{ hint: worded`read it with RQVAE.load, or name one of its tensors (${option("embedding")})` }}`;
  }
  // A column of IDs is not a matrix of embeddings.
  const candidates = tensors.filter(
    ({ name, shape }) => options.embedding !== undefined || shape[1] !== 1 || !isIdsName(name),
  );
  const chosen = chooseTensor(candidates, options, "the safetensors file");
  const [rows, dim] = chosen.shape as [number, number];
  const kind = floatKinds[chosen.type as keyof typeof floatKinds];
  const matrix = new RawMatrix(source, { start: dataStart + chosen.begin, kind, fortran: false, rows, dim });
  const ids = idsBeside(tensors, chosen, options);
  const columns = tensorColumns(tensors, chosen.name, { itemId: ids?.name });
  const opened = { matrix, tensor: chosen.name, ...(columns && { columns }) };
  if (!ids) return opened;
  const bytes = await readBytes(source, dataStart + ids.begin, dataStart + ids.end);
  return { ...opened, itemIds: integers(bytes, ids.type) };
}

/**
 * The tensor of the items' IDs.
 * @throws InvalidInputError if a tensor with such a name is not of integers, or has another length than the matrix and does not belong to
 * another one.
 */
function idsBeside(tensors: readonly Tensor[], chosen: Tensor, options: ColumnOptions): Tensor | undefined {
  const rows = chosen.shape[0]!;
  const lengthOf = ({ shape }: Tensor) => (shape.length === 1 || shape[1] === 1 ? shape[0]! : undefined);
  const asked = chooseIds(
    tensors.filter((tensor) => tensor !== chosen),
    options,
  );
  const named = tensors.filter(
    (tensor) =>
      tensor !== chosen &&
      (asked ? tensor === asked : isIdsName(tensor.name)) &&
      tensor.shape.length <= 2 &&
      lengthOf(tensor) !== undefined,
  );
  const ids = named.find((tensor) => lengthOf(tensor) === rows);
  if (ids) {
    if (Object.hasOwn(integerReaders, ids.type)) return ids;
    throw invalid(
      "ITEM_ID_INVALID",
    )`the tensor ${describeValue(ids.name)} holds ${brief(ids.type)}, which cannot be item IDs${{ hint: "save it as integers, ids.to(torch.int64)" }}`;
  }
  const ofOther = (length: number) =>
    tensors.some(
      (other) => other !== chosen && other.shape.length === 2 && other.shape[1] !== 1 && other.shape[0] === length,
    );
  const wrong = named.find((tensor) => !ofOther(lengthOf(tensor)!));
  if (!wrong) return undefined;
  throw invalid(
    "COUNTS_DIFFER",
  )`the tensor ${describeValue(wrong.name)} has ${counted(lengthOf(wrong)!, "entry")}, but ${describeValue(chosen.name)} has ${counted(rows, "row")}${{ hint: "give one item ID per row" }}`;
}

/** "ids" and "item_ids" as well as "id" and "item_id". */
export const isIdsName = (name: string): boolean =>
  /^(idx|index|indices|(item|id)_?list)$/i.test(name) ||
  (!/codes?$/i.test(name) && [name, name.replace(/s$/i, "")].some(mayBeItemIdName));

const integerReaders: Record<string, (view: DataView, at: number) => number | bigint> = {
  U8: (view, at) => view.getUint8(at),
  I8: (view, at) => view.getInt8(at),
  U16: (view, at) => view.getUint16(at, true),
  I16: (view, at) => view.getInt16(at, true),
  U32: (view, at) => view.getUint32(at, true),
  I32: (view, at) => view.getInt32(at, true),
  U64: (view, at) => view.getBigUint64(at, true),
  I64: (view, at) => view.getBigInt64(at, true),
};

function integers(bytes: Uint8Array, type: string): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Number(type.slice(1)) / 8;
  return Array.from({ length: bytes.length / size }, (_, i) => String(integerReaders[type]!(view, i * size)));
}

async function readHeader(source: ByteSource): Promise<{ tensors: Tensor[]; dataStart: number; isModel: boolean }> {
  const dataStart = safetensorsDataStart(await readBytes(source, 0, Math.min(8, source.size)), source.size, damaged);
  const json = await readBytes(source, 8, dataStart);
  const { metadata, tensors } = readSafetensorsHeader(json, source.size - dataStart, damaged);
  return {
    tensors: tensors.map(({ dtype, ...tensor }) => ({
      ...tensor,
      type: dtype,
      isReadable: Object.hasOwn(floatKinds, dtype),
    })),
    dataStart,
    isModel: Object.hasOwn(metadata, "rqvae"),
  };
}

function damaged(why: string, cause?: unknown): InvalidInputError {
  return invalid("FILE_DAMAGED", cause)`the safetensors file is damaged or cut short: ${why}`;
}
