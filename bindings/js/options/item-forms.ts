/** What people pass where items belong, and what to pass instead. */

import { proxiedArray, show } from "../base/option-reader.ts";

const READ = 'const items = await readItems(file), from "rqvae/formats"';

/** Field names that people's records use for an item's vector. */
const VECTOR = /embed|vector|emb|values|features/i;

/**
 * What a value is that cannot be read as items, and what to pass instead, as the end of a sentence; undefined if it is not recognised.
 * @param name Of the argument.
 */
export function adviseItems(value: unknown, name: string): string | undefined {
  if (typeof value === "string" || /^(URL|Blob|File|Response|FileList)$/.test(kindOf(value))) {
    return `received ${show(value)}: read the file first, ${READ}`;
  }
  if (value === null || typeof value !== "object") return undefined;
  const given = value as Record<string, unknown>;
  // Their length cannot be read; problems with a matrix's data are reported about the data.
  if (proxiedArray(value)) return `received ${show(value)}`;
  if (proxiedArray(given.data)) return undefined;
  if (typeof given.then === "function") return "received a promise: await it first";
  if (/^(Uint16|Float16)Array$/.test(kindOf(value))) {
    return `received ${kindOf(value)}: half floats need their shape, pass { data: ${name}, rows, dim }`;
  }
  if (ArrayBuffer.isView(value) || /^(Shared)?ArrayBuffer$/.test(kindOf(value))) {
    if (/^(Uint8Array|DataView|(Shared)?ArrayBuffer)$/.test(kindOf(value))) {
      return `received ${kindOf(value)}: read the bytes of a file first, ${READ}`;
    }
    return `received ${kindOf(value)}: pass { data: Float32Array.from(${name}), rows, dim }`;
  }
  if (Array.isArray(value)) return value.length > 0 ? adviseRow(value[0], name) : undefined;
  if (isItems(given.items)) return `received an object with items: pass ${name}.items`;
  if (given.codes !== undefined) return "received semantic IDs: pass the vectors that they were made from";
  if (given.config !== undefined && given.fingerprint !== undefined) return "received a model: pass the items' vectors";
  const shape = (given.dims ?? given.shape) as unknown;
  if (Array.isArray(shape)) {
    const field = given.dims === undefined ? "shape" : "dims";
    const data = ArrayBuffer.isView(given.data) ? `${name}.data` : `await ${name}.data()`;
    return `received a tensor of shape [${shape.join(", ")}]: pass { data: ${data}, rows: ${name}.${field}[0], dim: ${name}.${field}[1] }`;
  }
  if (ArrayBuffer.isView(given.data) && (given.rows === undefined || given.dim === undefined)) {
    const missing = ["rows", "dim"].filter((key) => given[key] === undefined).join(" and ");
    return `received data without ${missing}: give both, rows x dim is the number of values in data`;
  }
  if (Array.isArray(given.data)) {
    const [first] = given.data;
    if (typeof first === "number")
      return `received data as a plain array: pass Float32Array.from(${name}.data) as data`;
    const advice = first === undefined ? undefined : adviseRow(first, `${name}.data`);
    return advice ?? `received data as an array of rows: pass ${name}.data alone`;
  }
  if (given instanceof Map) return `received a Map: pass [...${name}.values()]`;
  if (typeof given[Symbol.iterator as never] === "function") return `received ${kindOf(value)}: pass [...${name}]`;
  if (typeof given[Symbol.asyncIterator as never] === "function") {
    return "received an async iterable: only encodeStream takes batches as they come; collect them in an array first";
  }
  if (typeof given.read === "function") {
    return `received a source of vectors: encodeAsync, encodeStream, train and fit read it, others take await ${name}.read(0, ${name}.rows)`;
  }
  const isField = (part: unknown) => isItems(part) && (!Array.isArray(part) || typeof part[0] === "object");
  if (Object.values(given).some(isField)) {
    return `received several vectors per item: make one of them, const items = await fuse([{ name, vectors }, …]), from "rqvae/fusion"`;
  }
  const field = vectorField(given);
  return field === undefined ? undefined : `received one item with ${fieldsOf(given)}: pass [${name}.${field}]`;
}

/** What the first row of an array is if it is not an array of numbers, and what to pass instead. */
function adviseRow(row: unknown, name: string): string | undefined {
  if (typeof row === "number") {
    return `received an array of numbers: pass [${name}] for one vector, or { data: Float32Array.from(${name}), rows, dim } for several, one after another`;
  }
  if (typeof row === "string") return "received an array of texts: pass their embeddings, which rqvae embed can make";
  if (row === null || typeof row !== "object" || Array.isArray(row) || ArrayBuffer.isView(row)) return undefined;
  if (proxiedArray(row)) return `received an array with ${show(row)}`;
  if (typeof (row as { then?: unknown }).then === "function")
    return `received an array of promises: pass await Promise.all(${name})`;
  const field = vectorField(row as Record<string, unknown>);
  const objects = `received an array of objects with ${fieldsOf(row)}`;
  return field === undefined
    ? `${objects}: pass an array of vectors, one array of numbers for each item`
    : `${objects}: pass ${name}.map((item) => item.${field})`;
}

function fieldsOf(row: object): string {
  const names = Object.keys(row);
  const shown = names.slice(0, 4).join(", ");
  if (names.length < 2) return names.length === 0 ? "no fields" : `the field ${shown}`;
  return `the fields ${shown}${names.length > 4 ? ", …" : ""}`;
}

function vectorField(row: Record<string, unknown>): string | undefined {
  const lists = Object.keys(row).filter((key) => {
    const list = row[key] as { length?: number; 0?: unknown } | null | undefined;
    return (
      typeof list === "object" &&
      list !== null &&
      !proxiedArray(list) &&
      Number(list.length) > 0 &&
      typeof list[0] === "number"
    );
  });
  return lists.length < 2 ? lists[0] : (lists.find((key) => VECTOR.test(key)) ?? undefined);
}

const isItems = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (Array.isArray(value) || "data" in value || "read" in value);

const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
