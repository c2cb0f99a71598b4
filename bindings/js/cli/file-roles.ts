/** Looks at what the files of a command are before it reads them: two that were swapped are told apart from one that is wrong. */

import { access, constants, open } from "node:fs/promises";
import { sniff } from "../formats/io/bytes.ts";
import { MAGIC } from "../index/write-index-file.ts";
import { UsageError } from "./command.ts";
import { FileError, on } from "./file-error.ts";
import { isLocal, isUrl, nameOfInput, peekBytes, requireOneStdin } from "./inputs.ts";

/** What a file can be given as. */
export type Role = "model" | "items" | "titles" | "ids" | "histories" | "index";

/** What a file is, in words, and what it may serve as. */
interface Seen {
  what: string;
  serves: readonly Role[];
}

/** A file of the command line. */
export interface RoledFile {
  /** How it was given: "<items>", "--labels". */
  as: string;
  path: string | undefined;
  role: Role;
  /** Whether only some of its rows are read. */
  isPartial?: boolean;
}

const WANTED: Record<Role, string> = {
  model: "a model (.safetensors, written by rqvae train)",
  items: "a table of vectors",
  titles: "a file of text, such as titles",
  ids: "a file of IDs",
  histories: "a file of what users chose",
  index: "an index of published IDs",
};

/** Enough for the header of a model file: its tensors are few. */
const LOOKED_AT = 1 << 16;

/**
 * Refuses files that cannot be what they were given as. What cannot be told is let through, and complained about by its reader.
 * @throws UsageError that says which to swap. @throws FileError that says what a file is.
 */
export async function checkRoles(files: readonly RoledFile[]): Promise<void> {
  requireOneStdin(files.map(({ path }) => path));
  for (const { path } of files) {
    // What is not there is reported before what stands in the way of the outputs.
    if (path !== undefined && isLocal(path)) await on(path, () => access(path, constants.R_OK));
  }
  const seen = await Promise.all(
    files.flatMap(({ path, ...file }) =>
      path === undefined ? [] : look(path, file.isPartial).then((is) => ({ ...file, path: nameOfInput(path), is })),
    ),
  );
  for (const file of seen) {
    if (file.is === undefined || file.is.serves.includes(file.role)) continue;
    const twin = seen.find(
      (other) =>
        other !== file &&
        file.is!.serves.includes(other.role) &&
        (other.is === undefined || other.is.serves.includes(file.role)),
    );
    if (twin?.is) {
      throw new UsageError(
        `${file.as} is ${file.path}, which is ${file.is.what}, and ${twin.as} is ${twin.path}, which is ${twin.is.what}: swap the two`,
      );
    }
    throw new FileError(`${file.path}: is ${file.is.what}, but ${file.as} must be ${WANTED[file.role]}`);
  }
}

/** What a file is; undefined when it cannot be opened, or anything is possible. */
async function look(path: string, isPartial = false): Promise<Seen | undefined> {
  if (!isLocal(path)) {
    // A part of the rows is read by ranges: the file may be too large to be fetched for a look.
    if (isUrl(path) && isPartial) return undefined;
    const head = (await peekBytes(path)).subarray(0, LOOKED_AT);
    return head.length === 0 ? undefined : describe(Buffer.from(head));
  }
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOKED_AT), 0, LOOKED_AT, 0);
    return bytesRead === 0 ? undefined : describe(buffer.subarray(0, bytesRead));
  } catch {
    return undefined; // a folder, a pipe
  } finally {
    await file.close();
  }
}

/** What a file is by its first bytes, in words; undefined when it cannot be told. */
export const nameOfContent = (bytes: Uint8Array): string | undefined =>
  describe(Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LOOKED_AT)))?.what;

function describe(head: Buffer): Seen | undefined {
  if (isIndex(head)) return { what: "an index of published IDs", serves: ["index", "ids"] };
  const { format, foreign } = sniff(head);
  if (format === "safetensors") return describeSafetensors(head.toString("latin1", 8));
  if (format === "npy") {
    // IDs are whole numbers, vectors are not.
    const isFloat = /'descr':\s*'[<>=|]?f/.test(head.toString("latin1", 0, 256));
    return isFloat
      ? { what: "an npy file of vectors", serves: ["items"] }
      : { what: "an npy file of whole numbers", serves: ["items", "ids"] };
  }
  if (format === "zip") return { what: describeZip(head), serves: ["items"] };
  if (format === "parquet") return { what: "a Parquet file", serves: ["items", "ids"] };
  if (format !== undefined || foreign) return undefined;
  return describeText(head.toString("utf8"));
}

/** Whether these are the first bytes of what `SemanticIdIndex.save` gives. */
export const isIndex = (bytes: Uint8Array) =>
  new RegExp(`^(${MAGIC}|\\s*\\{\\s*"format"\\s*:\\s*"rqvae-index")`).test(
    String.fromCharCode(...bytes.subarray(0, 64)),
  );

/** A zip archive by the name of its first member. */
function describeZip(head: Buffer): string {
  const name = head.length < 30 ? "" : head.toString("latin1", 30, 30 + head.readUInt16LE(26)); // an empty archive has 22 bytes
  if (name.endsWith(".npy")) return "an npz archive";
  return name.endsWith("/data.pkl")
    ? "a PyTorch file (save its state_dict with safetensors.torch.save_file)"
    : "a zip archive";
}

/** What `encode --shard` writes. */
export const SHARD = "a shard of IDs, for rqvae merge";

function describeSafetensors(header: string): Seen {
  if (/"rqvae\.ids"\s*:/.test(header)) return { what: SHARD, serves: [] };
  const isModel =
    /"rqvae"\s*:/.test(header) || /"(encoder|quantization_layers|rq\.vq_layers|layers)\.\d*\.?[\w.]*"\s*:/.test(header);
  return isModel
    ? { what: "a model", serves: ["model"] }
    : { what: "a safetensors file without a model", serves: ["items"] };
}

/** Lines of text that are looked at. */
const LINES = 12;

function describeText(text: string): Seen | undefined {
  if (/^\uFEFF?(item,(title,)?code_1,|items,semantic_ids\b)/.test(text))
    return { what: "a file of IDs", serves: ["ids"] };
  if (/^\s*[[{]/.test(text)) {
    if (/^\s*\{\s*"titles"\s*:/.test(text)) return { what: "a file of titles", serves: ["titles"] };
    return /^\s*\[\s*"/.test(text)
      ? { what: "a list of texts", serves: ["titles", "ids", "histories"] }
      : { what: "JSON", serves: ["items", "titles", "ids", "histories"] };
  }
  // The first line may be a header, the last one is cut.
  const lines = text.split(/\r?\n/).slice(1, LINES);
  const complete = lines.slice(0, -1).filter((line) => line.trim() !== "");
  if (complete.length === 0) return undefined;
  const numbersOf = (line: string) => line.match(/(?<![\w.])-?\d*\.?\d+(e[-+]?\d+)?(?![\w])/gi)?.length ?? 0;
  if (complete.every((line) => numbersOf(line) === 0))
    return { what: "text without numbers", serves: ["titles", "ids", "histories"] };
  // Words beside numbers: titles with their properties, or vectors with their titles.
  if (complete.some((line) => /\p{L}{2}/u.test(line))) return undefined;
  const isTable = complete.every(
    (line) => numbersOf(line) >= 4 && numbersOf(line) >= line.split(/[,;\t |]+/).length - 3,
  );
  return isTable ? { what: "a table of numbers", serves: ["items", "ids", "histories"] } : undefined;
}
