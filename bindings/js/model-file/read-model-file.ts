/** Reads a model file. Separate from writing, so that programs that load no model do not load this. */

import { because, ModelFormatError } from "../base/errors.ts";
import { showName } from "../base/file-values.ts";
import {
  fields,
  finite,
  flag,
  hex16,
  is,
  list,
  oneOf,
  optional,
  readJson,
  type Shape,
  text,
  whole,
} from "../base/json-shape.ts";
import { show } from "../base/option-reader.ts";
import { TextDecoder, TextEncoder } from "../base/text-codecs.ts";
import { worded } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import { STORED_LAYOUT } from "../items/fields.ts";
import { halfValues } from "../items/half.ts";
import type { ModelOptions } from "../types.ts";
import {
  BLANK_CHECKSUM,
  type FileTensor,
  FORMAT,
  findChecksum,
  type HashFunction,
  HISTORY,
  type ModelFile,
  type ModelMetadata,
  STATE,
  type StoredConfig,
} from "./model-file.ts";
import { MAX_HEADER, readSafetensorsHeader, type TensorEntry } from "./safetensors-header.ts";

/**
 * Features that a reader must support to use a file; `requires` may name only these. "encodeBeam": IDs come from a beam search;
 * "firstCodeWeight": it weighs the first code.
 */
const FEATURES: readonly string[] = ["encodeBeam", "firstCodeWeight"];

/** What messages call the file if its name is not known. */
const FILE = { file: "the model file", form: "statement" } as const;
const UPDATE = { hint: "update the package" };

/**
 * Reads a safetensors file and checks all of it: lengths, bounds, overlaps, shapes and, in a file of ours, format, required
 * features and checksum.
 * @throws ModelFormatError
 */
export function readModelFile(bytes: Uint8Array, hash: HashFunction): ModelFile {
  if (bytes.length < 8) {
    throw new ModelFormatError(
      worded`${FILE} has ${counted(bytes.length, "byte")}, but a safetensors file has at least 8: it is truncated or empty`,
      { code: "FILE_DAMAGED" },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (bytes[8] !== 0x7b || headerLength > BigInt(MAX_HEADER)) {
    throw new ModelFormatError(`this is not a safetensors model file: it starts with ${describeStart(bytes)}`, {
      code: "FILE_FOREIGN",
    });
  }
  if (headerLength > BigInt(bytes.length - 8)) {
    throw new ModelFormatError(
      worded`${FILE} is truncated: its header should have ${counted(Number(headerLength), "byte")}, but only ${bytes.length - 8} follow`,
      { code: "FILE_DAMAGED" },
    );
  }
  const dataStart = 8 + Number(headerLength);
  const data = bytes.subarray(dataStart);
  const header = readSafetensorsHeader(bytes.subarray(8, dataStart), data.length, damaged);
  const metadata = readMetadata(header.metadata);
  if (metadata === undefined && findChecksum(bytes) !== undefined) {
    throw damaged("the name of its rqvae metadata is missing. Fetch or copy it again");
  }
  const tensors = new Map<string, FileTensor>();
  const others: string[] = [];
  let state: Uint8Array | undefined;
  for (const entry of header.tensors) {
    const { name, dtype, begin, end } = entry;
    if (name === STATE && metadata?.checkpoint) state = data.slice(begin, end);
    // Counters and flags, which are not weights.
    else if (metadata === undefined && /^([IU]\d+|BOOL)$/.test(dtype)) others.push(name);
    else tensors.set(name, readTensor(entry, data));
  }
  if (metadata === undefined) return { tensors, others };
  const blanked = bytes.slice();
  blanked.set(new TextEncoder().encode(BLANK_CHECKSUM), checksumPosition(blanked));
  const checksum = hash(blanked);
  if (checksum !== metadata.checksum) {
    throw new ModelFormatError(
      worded`${FILE} is damaged: its checksum is ${checksum}, but it was written with ${metadata.checksum}${{ hint: "Fetch or copy it again", after: ". " }}`,
      { code: "FILE_DAMAGED" },
    );
  }
  const history = header.metadata[HISTORY];
  return {
    tensors,
    metadata,
    ...(typeof history === "string" ? { history } : {}),
    ...(state ? { state } : {}),
  };
}

/** Where the checksum's digits are. @throws ModelFormatError */
export function checksumPosition(bytes: Uint8Array): number {
  const position = findChecksum(bytes);
  if (position === undefined) throw damaged("its metadata has no checksum");
  return position;
}

function describeStart(bytes: Uint8Array): string {
  const head = new TextDecoder().decode(bytes.subarray(0, 16));
  if (head.trimStart().startsWith("<")) return "HTML (probably a web server's page instead of the file)";
  if (head.startsWith("PK"))
    return "a zip archive (if it is a PyTorch .pt file, save its state_dict with safetensors.torch.save_file, or convert it with examples/from-pytorch)";
  if (bytes[0] === 0x93 && head.slice(1).startsWith("NUMPY")) return "a NumPy array (items, not a model)";
  if (bytes[0] === 0x80)
    return "a Python pickle (if it is a PyTorch .pt file, save its state_dict with safetensors.torch.save_file, or convert it with examples/from-pytorch)";
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

const nullable =
  (shape: Shape): Shape =>
  (value, complain, path) =>
    value === null || shape(value, complain, path);

/** Options by name: values, or lists of values. The readers of options check what each may be. */
const options: Shape = (value, complain, path) => {
  fields({})(value, complain, path);
  const isScalar = (entry: unknown) => typeof entry !== "object" || entry === null;
  const flat = is("a value or a list of values", (entry) =>
    Array.isArray(entry) ? entry.every(isScalar) : isScalar(entry),
  );
  for (const [name, entry] of Object.entries(value as object)) flat(entry, complain, `${path}.${name.slice(0, 40)}`);
};

const identity = { rows: whole(), dim: whole(), hash: text };

const METADATA = fields({
  numerics: whole(),
  part: oneOf(["full", "encoder"]),
  config: options,
  initialized: flag,
  training: nullable(
    fields({
      items: whole(),
      epochs: whole(),
      steps: whole(),
      selectedEpoch: whole(-1),
      reconstructionLoss: nullable(finite),
      quantizeLoss: nullable(finite),
      validationLoss: nullable(finite),
      uniqueShare: finite,
      options: optional(options),
    }),
  ),
  version: optional(text),
  data: optional(fields({ ...identity, fingerprint: optional(hex16), sums: optional(list(hex16)) })),
  from: optional(hex16),
  checkpoint: optional(
    fields({
      train: options,
      data: fields(identity),
      from: optional(hex16),
      published: optional(hex16),
      progress: optional(fields({ epoch: whole(), step: whole(), totalSteps: whole() })),
    }),
  ),
  fields: optional(STORED_LAYOUT),
  fingerprint: hex16,
  checksum: hex16,
});

function readMetadata(metadata: unknown): ModelMetadata | undefined {
  if (!Object.hasOwn((metadata ?? {}) as object, "rqvae")) return undefined;
  const json = (metadata as { rqvae: unknown }).rqvae;
  const complain = (what: string, cause?: unknown) => damaged(`of its rqvae metadata, ${what}`, cause);
  text(json, complain);
  const parsed = readJson<ModelMetadata>(json as string, fields({ format: whole() }), complain);
  // A newer file may have anything besides.
  if (parsed.format > FORMAT) {
    throw new ModelFormatError(
      worded`${FILE} has format ${parsed.format}, but this release of rqvae reads only up to format ${FORMAT}${UPDATE}`,
      { code: "FILE_NEWER" },
    );
  }
  fields({ requires: list(text) })(parsed, complain);
  const unknown = parsed.requires.filter((feature) => !FEATURES.includes(feature));
  if (unknown.length > 0) {
    throw new ModelFormatError(
      worded`${FILE} requires ${unknown.slice(0, 8).map(showName).join(", ")}, which this release of rqvae does not support${UPDATE}`,
      { code: "FILE_NEWER" },
    );
  }
  METADATA(parsed, complain);
  return parsed;
}

export const damaged = (what: string, cause?: unknown) =>
  new ModelFormatError(worded`${FILE} is damaged: ${what}`, { code: "FILE_DAMAGED", ...because(cause) });

const WIDTH: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

function readTensor({ name, dtype, shape, begin, end }: TensorEntry, data: Uint8Array): FileTensor {
  const width = Object.hasOwn(WIDTH, dtype) ? WIDTH[dtype] : undefined;
  if (width === undefined) {
    throw new ModelFormatError(
      `tensor ${showName(name)} has dtype ${show(dtype)}: save the model in float32 (or F16, BF16, F64)`,
      { code: "TYPE_UNSUPPORTED" },
    );
  }
  const size = (end - begin) / width;
  const view = new DataView(data.buffer, data.byteOffset + begin, end - begin);
  const values = new Float32Array(size);
  const bits = new DataView(new ArrayBuffer(4));
  for (let i = 0; i < size; i++) {
    if (dtype === "F32") values[i] = view.getFloat32(4 * i, true);
    else if (dtype === "F64") values[i] = view.getFloat64(8 * i, true);
    else if (dtype === "F16") values[i] = halfValues()[view.getUint16(2 * i, true)]!;
    else {
      bits.setUint32(0, view.getUint16(2 * i, true) << 16); // bfloat16 is the upper half of a float32
      values[i] = bits.getFloat32(0);
    }
    if (!Number.isFinite(values[i])) {
      throw new ModelFormatError(
        `tensor ${showName(name)} holds ${values[i]} at position ${i}: the model cannot be used`,
      );
    }
  }
  return { name, shape, data: values };
}
/** The unchecked options of a configuration as files have it. */
export function fromStored({ codebookSizes, ...rest }: StoredConfig): ModelOptions {
  return { firstCodeWeight: 0, ...rest, codebookSize: codebookSizes };
}
