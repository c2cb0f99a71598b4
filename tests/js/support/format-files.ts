/** Small files of every format of embeddings, made by hand. */
import { crc32, deflateRawSync } from "node:zlib";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** 4 x 3, exact in every type of floats. */
export const MATRIX = { data: Float32Array.of(1, -2, 3, 0.5, 5, -0.25, 7, 8, 9, -10, 11, 12), rows: 4, dim: 3 };
export const HALVES = Uint16Array.of(
  ...[0x3c00, 0xc000, 0x4200, 0x3800, 0x4500, 0xb400, 0x4700, 0x4800, 0x4880, 0xc900, 0x4980, 0x4a00],
);

export interface Member {
  name: string;
  bytes: Uint8Array;
  stored?: boolean;
  /** What the directory says instead. */
  lie?: { size?: number; compressed?: number; method?: number; flags?: number; at?: number; crc?: number };
}

/** A zip archive; with `zip64` sizes stand in extra fields, as NumPy forces. */
export function makeZip(members: Member[], zip64 = false): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, stored = false, lie = {} } of members) {
    const data = stored ? Buffer.from(bytes) : deflateRawSync(bytes);
    const method = lie.method ?? (stored ? 0 : 8);
    const [size, compressed, crc] = [lie.size ?? bytes.length, lie.compressed ?? data.length, lie.crc ?? crc32(bytes)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc, 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(name.length, 26);
    parts.push(local, Buffer.from(name), data);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
      extra.writeBigUInt64LE(BigInt(compressed), 12);
      extra.writeBigUInt64LE(BigInt(lie.at ?? at), 20);
    }
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(lie.flags ?? 0, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(zip64 ? 0xffffffff : compressed, 20);
    entry.writeUInt32LE(zip64 ? 0xffffffff : size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(zip64 ? 0xffffffff : (lie.at ?? at), 42);
    directory.push(entry, Buffer.from(name), extra);
    at += 30 + name.length + data.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  if (!zip64) return new Uint8Array(Buffer.concat([...parts, list, end]));
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(members.length), 24);
  record.writeBigUInt64LE(BigInt(members.length), 32);
  record.writeBigUInt64LE(BigInt(list.length), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(at + list.length), 64);
  end.writeUInt16LE(0xffff, 10);
  end.writeUInt32LE(0xffffffff, 12);
  end.writeUInt32LE(0xffffffff, 16);
  return new Uint8Array(Buffer.concat([...parts, list, record, end]));
}

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
  offsets?: [number, number];
}

export function makeSafetensors(tensors: Tensor[], metadata?: object): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  for (const { name, dtype, shape, bytes, offsets } of tensors) {
    header[name] = { dtype, shape, data_offsets: offsets ?? [at, at + bytes.length] };
    at += bytes.length;
  }
  return withHeader(JSON.stringify(header), ...tensors.map(({ bytes }) => bytes));
}

export function withHeader(header: string, ...data: Uint8Array[]): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return new Uint8Array(Buffer.concat([length, Buffer.from(header), ...data]));
}

export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** An npy file of any type, as its header and data say. */
export function makeNpy(descr: string, shape: string, data: ArrayBufferView, fortran = false, version = 1): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`;
  const preamble = version === 1 ? 10 : 12;
  const header = `${text.padEnd(Math.ceil((preamble + text.length + 1) / 64) * 64 - preamble - 1)}\n`;
  const length =
    version === 1 ? [header.length & 255, header.length >> 8] : [header.length & 255, header.length >> 8, 0, 0];
  const head = [0x93, ...utf8("NUMPY"), version, 0, ...length, ...utf8(header)];
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), bytesOf(data)]));
}

export const npy = writeNpy(MATRIX);
export const columnMajor = Float32Array.from({ length: 12 }, (_, k) => MATRIX.data[(k % 4) * 3 + Math.floor(k / 4)]!);
