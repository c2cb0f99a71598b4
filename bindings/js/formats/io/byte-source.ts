/** Bytes from anywhere, read by ranges: the basis of readers that do not read whole files. */

import { openLocalFile } from "#local-file";
import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid, type RQVAEError } from "../../base/errors.ts";
import { reasonOf } from "../../base/reason.ts";
import { blobBytes, isBlob, requireReadable } from "../../base/web-objects.ts";
import { counted, thousands } from "../../base/words.ts";
import { localFile } from "../../runtime/location.ts";
import { asBytes } from "./bytes.ts";
import { freeBuffer } from "./float-list.ts";

/** Bytes whose ranges can be read. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on. @throws InvalidInputError if the source ends before that. */
  read(target: Uint8Array, position: number): void | Promise<void>;
  close(): Promise<void>;
}

/**
 * Where a file of embeddings is: a path (Node), a URL, a Blob or File, its bytes, or a stream of bytes (Node's, or any async iterable of
 * Uint8Array).
 */
export type FileSource = string | URL | Blob | Uint8Array | ArrayBuffer | AsyncIterable<Uint8Array>;

/** An opened source. */
export interface OpenedFile {
  bytes: ByteSource;
  /** The file's name, or "". */
  name: string;
  /** The source as plain data, which another thread can open again. */
  location: string | Blob | Uint8Array;
}

const STREAM_PIECE = 1 << 20;
const BLOB_PIECE = 1 << 19;
/** At least this much of a remote file is read at once. */
const REMOTE_PIECE = 1 << 22;

/** Opens a source. @throws InvalidInputError if there is none, or it cannot be read. */
export async function openFile(source: FileSource): Promise<OpenedFile> {
  if (isBlob(source) || tag(source) === "URL") requireReadable(source as Blob, "the source");
  if (typeof source === "string" || tag(source) === "URL") return openLocation(String(source));
  if (isBlob(source)) {
    const blob = source;
    return { bytes: blobSource(blob), name: (blob as Partial<File>).name ?? "", location: blob };
  }
  if (isByteStream(source)) {
    const whole = await collect(source);
    return { bytes: memorySource(whole), name: "", location: whole };
  }
  if (ArrayBuffer.isView(source) || /^(Shared)?ArrayBuffer$/.test(tag(source))) {
    const bytes = asBytes(source as Uint8Array);
    return { bytes: memorySource(bytes), name: "", location: bytes };
  }
  throw invalid()`expected a path, a URL, a Blob, a stream or the bytes of a file, got ${describeValue(source)}`;
}

/** Whether a source is a stream of bytes, which can be read only once. */
export function isByteStream(source: FileSource): source is AsyncIterable<Uint8Array> {
  return (
    !ArrayBuffer.isView(source) &&
    typeof (source as Partial<AsyncIterable<Uint8Array>> | null | undefined)?.[Symbol.asyncIterator] === "function"
  );
}

const tag = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

/** The pieces of a stream. @throws InvalidInputError for anything but bytes. */
export async function* piecesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    if (!ArrayBuffer.isView(piece)) {
      throw invalid()`a stream must give pieces of bytes, got ${describeValue(piece)}${{ hint: "do not set an encoding" }}`;
    }
    yield piece;
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of piecesOf(stream)) parts.push(piece);
  return joined(parts);
}

/** The first pieces, with at least `size` bytes if there are that many, and then all pieces in their original form. */
export async function peek(
  pieces: AsyncGenerator<Uint8Array>,
  size: number,
): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const parts: Uint8Array[] = [];
  for (let seen = 0; seen < size; ) {
    const next = await pieces.next();
    if (next.done) break;
    parts.push(next.value);
    seen += next.value.length;
  }
  const head = joined(parts);
  const all = (async function* () {
    try {
      yield head;
      yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  })();
  return { head, all };
}

/** Pieces as one array. */
export function joined(
  parts: readonly Uint8Array[],
  size = parts.reduce((sum, part) => sum + part.length, 0),
): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function openLocation(location: string): Promise<OpenedFile> {
  const file = localFile(location);
  if (file !== undefined) {
    if (openLocalFile) return { bytes: await localSource(file), name: location, location };
    if (typeof file !== "string") {
      throw invalid(
        "FILE_UNREADABLE",
      )`${{ file: location }}only Node can read local files${{ hint: "pass the File that was chosen", after: "; " }}`;
    }
  }
  const bytes = await remoteSource(location);
  const name = /^(data|blob):/i.test(location) ? "" : decodeURIComponentOr(new URL(location, "http://_").pathname);
  return { bytes, name, location };
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Bytes in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read(target, position) {
      if (position + target.length > bytes.length) throw endsEarly(bytes.length, position + target.length);
      target.set(bytes.subarray(position, position + target.length));
    },
    close: async () => {},
  };
}

function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(target, position) {
      const end = position + target.length;
      if (end > blob.size) throw endsEarly(blob.size, end);
      let got: number;
      try {
        got = await readBlob(blob.slice(position, end), target);
      } catch (cause) {
        if (cause instanceof InvalidInputError) throw cause;
        throw invalid(
          "FILE_UNREADABLE",
          cause,
        )`the bytes ${thousands(position)} to ${thousands(end - 1)} cannot be read: ${(cause as Error).message.replace(/\.?$/, ".")} Check whether it was moved or changed.`;
      }
      if (got !== target.length) throw endsEarly(position + got, end);
    },
    close: async () => {},
  };
}

/**
 * Copies a Blob to `target` through one small buffer that is reused: the results of `arrayBuffer()`, megabytes per read, would pile up
 * until they are collected.
 * @returns Number of bytes copied.
 */
async function readBlob(blob: Blob, target: Uint8Array): Promise<number> {
  const reader = blob.size > BLOB_PIECE ? byobReader(blob) : undefined;
  if (!reader) {
    const whole = await blobBytes(blob);
    const size = whole.byteLength;
    target.set(new Uint8Array(whole));
    freeBuffer(whole);
    return size;
  }
  inUse.add(reader);
  try {
    let at = 0;
    for (let buffer = new ArrayBuffer(BLOB_PIECE); at < blob.size; ) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      target.set(value, at);
      at += value.length;
      buffer = value.buffer;
    }
    return at;
  } finally {
    inUse.delete(reader);
    reader.cancel().catch(() => {});
  }
}

/** Chromium collects a stream that only its own promise holds, and the promise then never settles. */
const inUse = new Set<ReadableStreamBYOBReader>();

/** Undefined in engines whose Blobs do not return the buffer. */
function byobReader(blob: Blob): ReadableStreamBYOBReader | undefined {
  try {
    return blob.stream().getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

/** The system's error about a file, in plain words. */
export const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "a part of the path is not a folder",
  EACCES: "permission denied",
  ENAMETOOLONG: "too long for a file name",
};

async function localSource(path: string | URL): Promise<ByteSource> {
  const explain = (cause: unknown) => {
    const { code } = cause as { code?: string };
    return invalid("FILE_UNREADABLE", cause)`${{ file: String(path) }}${fileReasons[code ?? ""] ?? reasonOf(cause)}`;
  };
  const file = await openLocalFile!(path).catch((cause) => {
    throw explain(cause);
  });
  return {
    size: file.size,
    async read(target, position) {
      for (let done = 0; done < target.length; ) {
        const got = await file.read(done === 0 ? target : target.subarray(done), position + done).catch((cause) => {
          throw explain(cause);
        });
        if (got === 0) throw endsEarly(position + done, position + target.length);
        done += got;
      }
    },
    close: () => file.close(),
  };
}

/** By ranges if the server supports them, otherwise whole. */
async function remoteSource(url: string): Promise<ByteSource> {
  const isHttp = !/^(data|blob):/i.test(url);
  const file = { file: shortened(isHttp ? withoutQuery(url) : url) };
  const get = async (range?: string) => {
    let response: Response;
    try {
      response = await fetch(url, range === undefined ? {} : { headers: { range } });
    } catch (cause) {
      throw invalid("FILE_UNREADABLE", cause)`${file}${whyNoAnswer(cause)}`;
    }
    if (!response.ok && response.status !== 416) {
      throw invalid("FILE_UNREADABLE")`${file}${answered(response)}`;
    }
    return response;
  };
  const body = async (response: Response) => {
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw invalid("FILE_UNREADABLE", cause)`${file}${whyBrokenOff(cause)}`;
    }
    const [range, from, to] = /^bytes (\d+)-(\d+)/.exec(response.headers.get("content-range") ?? "") ?? [];
    const announced = Number(to) + 1 - Number(from);
    if (response.status === 206 && range !== undefined && bytes.length !== announced) {
      throw invalid(
        "FILE_UNREADABLE",
      )`${file}the server announced ${range}, which is ${counted(announced, "byte")}, but sent ${thousands(bytes.length)}${{ hint: "download the file and read the copy" }}`;
    }
    return bytes;
  };
  const first = await get(isHttp ? `bytes=0-${REMOTE_PIECE - 1}` : undefined);
  const total = Number(/^bytes 0-\d+\/(\d+)$/.exec(first.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
  if (first.status === 416) return memorySource(new Uint8Array(0)); // no byte 0, so the file is empty
  if (first.status !== 206) return memorySource(await body(first));
  if (!Number.isSafeInteger(total)) {
    await first.body?.cancel();
    return memorySource(await body(await get()));
  }
  const version = (response: Response) => response.headers.get("etag") ?? response.headers.get("last-modified");
  const original = version(first);
  let held = await body(first);
  let heldAt = 0;
  return {
    size: total,
    async read(target, position) {
      const end = position + target.length;
      if (end > total) throw endsEarly(total, end);
      for (let at = position; at < end; ) {
        if (at < heldAt || at >= heldAt + held.length) {
          const last = Math.min(total, Math.max(end, at + REMOTE_PIECE)) - 1;
          const range = `bytes=${at}-${last}`;
          const response = await get(range);
          if (response.status !== 206 || version(response) !== original) {
            await response.body?.cancel();
            throw invalid(
              "FILE_UNREADABLE",
            )`${{ ...file, form: "statement" }} changed while it was being read: the server answered the request for ${range} with ${response.status === 206 ? "another version" : `HTTP ${response.status}`}`;
          }
          held = await body(response);
          heldAt = at;
          if (held.length === 0) throw endsEarly(at, end);
        }
        const piece = held.subarray(at - heldAt, end - heldAt);
        target.set(piece, at - position);
        at += piece.length;
      }
    },
    close: async () => {
      held = new Uint8Array(0);
    },
  };
}

/** Without what may hold a token. */
const withoutQuery = (url: string) => url.replace(/[?#].*$/s, "");

/** What a server answered that did not send the file. */
export const answered = ({ status, statusText }: Response): string =>
  `the server answered ${`${status} ${statusText}`.trim()}`;

/** Why a request got no answer. */
export function whyNoAnswer(error: unknown): string {
  const { code } = causeOf(error);
  return code === "ERR_INVALID_URL" ? "this is not a valid URL" : `could not connect: ${reasonBehind(error)}`;
}

/** Why an answer is not whole. */
export const whyBrokenOff = (error: unknown): string => `the download broke off: ${reasonBehind(error)}`;

/** Node's fetch says only that it failed; what happened is in the cause. */
function reasonBehind(error: unknown): string {
  const { code, message } = causeOf(error);
  const isOwn = code?.startsWith("UND_"); // a name of Node's client, which has a sentence too
  return (isOwn ? undefined : code) ?? message ?? (error as Error).message;
}

const causeOf = (error: unknown) => (error as { cause?: { code?: string; message?: string } }).cause ?? {};

const shortened = (url: string) => (url.length > 200 ? `${url.slice(0, 200)}…` : url);

function endsEarly(size: number, wanted: number): RQVAEError {
  return invalid(
    "FILE_DAMAGED",
  )`the file is cut short: it has ${thousands(size)} bytes, but ${thousands(wanted)} are needed`;
}

/** A part of a source. Its bounds must have been checked. */
export function section(source: ByteSource, start: number, size: number): ByteSource {
  return {
    size,
    read(target, position) {
      if (position + target.length > size) throw endsEarly(size, position + target.length);
      return source.read(target, start + position);
    },
    close: () => source.close(),
  };
}

/** The bytes [start, end) as a separate array. */
export async function readBytes(source: ByteSource, start: number, end: number): Promise<Uint8Array> {
  if (end > source.size) throw endsEarly(source.size, end);
  const bytes = new Uint8Array(end - start);
  await source.read(bytes, start);
  return bytes;
}

/**
 * All bytes in pieces.
 * @param options Size of the pieces (default: 1 MB), and whether they share one buffer that is refilled; else each is a separate array.
 */
export async function* streamBytes(
  source: ByteSource,
  { piece = STREAM_PIECE, isReused = false }: { piece?: number; isReused?: boolean } = {},
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(isReused ? Math.min(piece, source.size) : 0);
  for (let at = 0; at < source.size; at += piece) {
    const size = Math.min(piece, source.size - at);
    const bytes = isReused ? buffer.subarray(0, size) : new Uint8Array(size);
    await source.read(bytes, at);
    yield bytes;
  }
}
