/** Reading a model file. Apart from its writing: who does not load a model is spared it. */

import { ModelFormatError } from "./errors.ts";
import {
  BLANK_CHECKSUM,
  checksumPosition,
  type FileTensor,
  FORMAT,
  findChecksum,
  type HashFunction,
  type ModelFile,
  type ModelMetadata,
  STATE,
} from "./model-file.ts";
import { TextDecoder, TextEncoder } from "./text-codecs.ts";
import { counted } from "./wording.ts";

/** Features that a reader must know to use a file; `requires` may name these only. "encodeBeam": IDs come from a beam search. */
const FEATURES: readonly string[] = ["encodeBeam"];
/** Longest header that is read: the format's own cap. */
const MAX_HEADER = 100_000_000;

/**
 * Reads a safetensors file and checks all of it: lengths, bounds, overlaps, shapes and, in a file of ours, format, required
 * features and checksum.
 * @throws ModelFormatError
 */
export function readModelFile(bytes: Uint8Array, hash: HashFunction): ModelFile {
  if (bytes.length < 8) {
    throw new ModelFormatError(
      `the model file has ${counted(bytes.length, "byte")}; a safetensors file has at least 8: it is truncated or empty`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (bytes[8] !== 0x7b || headerLength > BigInt(MAX_HEADER)) {
    throw new ModelFormatError(`this is not a safetensors model file: it begins with ${describeStart(bytes)}`);
  }
  if (headerLength > BigInt(bytes.length - 8)) {
    throw new ModelFormatError(
      `the model file is truncated: its header should have ${counted(Number(headerLength), "byte")}, but only ${bytes.length - 8} follow`,
    );
  }
  const dataStart = 8 + Number(headerLength);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (cause) {
    throw new ModelFormatError("the model file is damaged: its header is not valid JSON", { cause });
  }
  const metadata = readMetadata(header.__metadata__);
  if (metadata === undefined && findChecksum(bytes) !== undefined) {
    throw new ModelFormatError(
      "the model file is damaged: the name of its rqvae metadata is lost. Fetch or copy it again",
    );
  }
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, FileTensor>();
  const ranges: [number, number, string][] = [];
  const others: string[] = [];
  let state: Uint8Array | undefined;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (name === STATE && metadata?.checkpoint) {
      const [begin, end] = readRange(name, entry, 1, data);
      ranges.push([begin, end, name]);
      state = data.slice(begin, end);
      continue;
    }
    const width = metadata === undefined ? otherWidth(entry) : undefined;
    if (width !== undefined) {
      const [begin, end] = readRange(name, entry, width, data);
      ranges.push([begin, end, name]);
      others.push(name);
      continue;
    }
    const [begin, end, tensor] = readTensor(name, entry, data);
    ranges.push([begin, end, name]);
    tensors.set(name, tensor);
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let reached = 0;
  for (const [begin, end, name] of ranges) {
    if (begin !== reached) {
      throw new ModelFormatError(
        `the model file is damaged: tensor "${name}" begins at byte ${begin} of the data instead of ${reached}`,
      );
    }
    reached = end;
  }
  if (reached !== data.length) {
    throw new ModelFormatError(
      `the model file is damaged: its tensors take ${counted(reached, "byte")}, but ${counted(data.length, "byte")} of data are there`,
    );
  }
  if (metadata === undefined) return { tensors, others };
  const blanked = bytes.slice();
  blanked.set(new TextEncoder().encode(BLANK_CHECKSUM), checksumPosition(blanked));
  const checksum = hash(blanked);
  if (checksum !== metadata.checksum) {
    throw new ModelFormatError(
      `the model file is damaged: its checksum is ${checksum}, but it was written with ${metadata.checksum}. Fetch or copy it again`,
    );
  }
  return { tensors, metadata, ...(state ? { state } : {}) };
}

function describeStart(bytes: Uint8Array): string {
  const head = new TextDecoder().decode(bytes.subarray(0, 16));
  if (head.trimStart().startsWith("<")) return "HTML (a web server's page instead of the file?)";
  if (head.startsWith("PK"))
    return "a zip archive (a PyTorch .pt file? Save its state_dict with safetensors.torch.save_file, or convert it with examples/from-pytorch)";
  if (bytes[0] === 0x93 && head.slice(1).startsWith("NUMPY")) return "a NumPy array (items, not a model)";
  if (bytes[0] === 0x80)
    return "a Python pickle (a PyTorch .pt file? Save its state_dict with safetensors.torch.save_file, or convert it with examples/from-pytorch)";
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function readMetadata(metadata: unknown): ModelMetadata | undefined {
  const text = (metadata as { rqvae?: unknown } | undefined)?.rqvae;
  if (text === undefined) return undefined;
  let parsed: ModelMetadata;
  try {
    parsed = JSON.parse(text as string);
  } catch (cause) {
    throw new ModelFormatError("the model file is damaged: its rqvae metadata is not valid JSON", { cause });
  }
  if (parsed === null || typeof parsed !== "object" || !Number.isInteger(parsed.format)) {
    throw new ModelFormatError("the model file is damaged: its rqvae metadata has no format number");
  }
  if (parsed.format > FORMAT) {
    throw new ModelFormatError(
      `the model file has format ${parsed.format}; this release of rqvae reads up to format ${FORMAT}: update the package`,
    );
  }
  const unknown = Array.isArray(parsed.requires)
    ? parsed.requires.filter((feature) => !FEATURES.includes(feature))
    : undefined;
  if (unknown === undefined || unknown.length > 0) {
    throw new ModelFormatError(
      `the model file requires ${unknown === undefined ? "something unreadable" : unknown.map((f) => `"${f}"`).join(", ")}, which this release of rqvae does not know: update the package`,
    );
  }
  if (parsed.part !== "full" && parsed.part !== "encoder") {
    throw new ModelFormatError(`the model file is damaged: its part is ${JSON.stringify(parsed.part)}`);
  }
  if (parsed.config === null || typeof parsed.config !== "object") {
    throw new ModelFormatError("the model file is damaged: its metadata has no config");
  }
  return parsed;
}

const WIDTH: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2 };
/** Of whole numbers and truth values, which no weights are. */
const OTHER_WIDTH: Record<string, number> = { I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 };

/** Bytes a number of a tensor that is no float; undefined for floats and unknown types. */
function otherWidth(entry: unknown): number | undefined {
  const dtype = (entry as { dtype?: unknown } | null)?.dtype;
  return typeof dtype === "string" && Object.hasOwn(OTHER_WIDTH, dtype) ? OTHER_WIDTH[dtype] : undefined;
}

/** Where a tensor's bytes lie, checked against its shape. */
function readRange(name: string, entry: unknown, width: number, data: Uint8Array): [number, number, number[]] {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const natural = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  if (
    !Array.isArray(shape) ||
    !shape.every(natural) ||
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(natural)
  ) {
    throw new ModelFormatError(`the model file is damaged: the entry of tensor "${name}" is not a safetensors entry`);
  }
  const size = shape.reduce((product, extent) => product * extent, 1);
  const [begin, end] = offsets as [number, number];
  if (end > data.length) {
    throw new ModelFormatError(
      `the model file is truncated: tensor "${name}" ends at byte ${end} of the data, but only ${data.length} are there`,
    );
  }
  if (end - begin !== size * width) {
    throw new ModelFormatError(
      `the model file is damaged: tensor "${name}" of shape [${shape}] and ${dtype} takes ${counted(size * width, "byte")}, not ${end - begin}`,
    );
  }
  return [begin, end, shape];
}

function readTensor(name: string, entry: unknown, data: Uint8Array): [number, number, FileTensor] {
  const { dtype } = (entry ?? {}) as Record<string, unknown>;
  const width = typeof dtype === "string" && Object.hasOwn(WIDTH, dtype) ? WIDTH[dtype]! : undefined;
  if (width === undefined) {
    throw new ModelFormatError(
      entry === null || typeof entry !== "object" || dtype === undefined
        ? `the model file is damaged: the entry of tensor "${name}" is not a safetensors entry`
        : `tensor "${name}" has dtype ${JSON.stringify(dtype)}; save the model in float32 (or F16, BF16, F64)`,
    );
  }
  const [begin, end, shape] = readRange(name, entry, width, data);
  const size = (end - begin) / width;
  const view = new DataView(data.buffer, data.byteOffset + begin, end - begin);
  const values = new Float32Array(size);
  const bits = new DataView(new ArrayBuffer(4));
  for (let i = 0; i < size; i++) {
    if (dtype === "F32") values[i] = view.getFloat32(4 * i, true);
    else if (dtype === "F64") values[i] = view.getFloat64(8 * i, true);
    else if (dtype === "F16") values[i] = halfToNumber(view.getUint16(2 * i, true));
    else {
      bits.setUint32(0, view.getUint16(2 * i, true) << 16); // bfloat16 is the upper half of a float32
      values[i] = bits.getFloat32(0);
    }
    if (!Number.isFinite(values[i])) {
      throw new ModelFormatError(`tensor "${name}" holds ${values[i]} at position ${i}: the model is not usable`);
    }
  }
  return [begin, end, { name, shape, data: values }];
}

const TWO_56 = 72057594037927936;

/** A half's exponent and fraction, moved to a float's place, are the value divided by 2^112. Integers and one exact product only. */
export function halfToNumber(half: number): number {
  if ((half & 0x7c00) === 0x7c00) return Number.NaN; // infinite or NaN: refused either way
  const bits = new DataView(new ArrayBuffer(4));
  bits.setUint32(0, (half & 0x7fff) << 13);
  return (half & 0x8000 ? -1 : 1) * bits.getFloat32(0) * TWO_56 * TWO_56;
}
