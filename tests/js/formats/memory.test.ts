/**
 * What reading a file takes beside its result: 64 MB at most, whatever the format, however long its text. Only JSON that is one value is
 * read as a whole, in three times its size.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeVectors } from "../../../bindings/js/formats/index.ts";
import { makeNpy, makeSafetensors, makeZip } from "../support/format-files.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const [rows, dim] = [12_000, 512];
const REPEATS = 12;
const BYTES = 4 * rows * dim;

const data = new Float32Array(rows * dim);
for (let i = 0, state = 1; i < data.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  data[i] = i < data.length / REPEATS ? state / 2 ** 31 - 1 : data[i - data.length / REPEATS]!;
}
/** Rows of numbers between commas, with as many digits as doubles have. */
const lists = Array.from({ length: rows / REPEATS }, (_, row) =>
  Array.from(data.subarray(row * dim, (row + 1) * dim), String).join(","),
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rqvae-memory-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A text of rows, in pieces: each row has a title that is long enough to hold the text around it in memory. */
function* text(begin: string, row: (i: number, list: string) => string, between: string, end: string) {
  yield begin;
  for (let i = 0; i < rows; i++) yield (i > 0 ? between : "") + row(i, lists[i % lists.length]!);
  yield end;
}

const title = (i: number) => `item ${i}, "of some kind"`;
const cell = (i: number) => `"${title(i).replaceAll('"', '""')}"`;
const object = (i: number, list: string) => `{"id":"a${i}","title":${JSON.stringify(title(i))},"embedding":[${list}]}`;
const header = `id,title,${Array.from({ length: dim }, (_, j) => `x${j}`).join(",")}`;

const npy = makeNpy("<f4", `(${rows}, ${dim})`, data);
const texts: Record<string, () => Generator<string>> = {
  "columns.csv": () =>
    text(`${header}\n`, (i, list) => `a${i},${i % 8 ? `plain title ${i}` : cell(i)},${list}`, "\r\n", "\n"),
  "list.csv": () => text("id,title,embedding\n", (i, list) => `a${i},${cell(i)},"[${list}]"`, "\n", ""),
  "lines.jsonl": () => text("", object, "\n", "\n"),
  "nested.json": () => text('{"model":"m","data":[', object, ",\n", '],"usage":{"tokens":1}}'),
};

const made: Record<string, () => Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>> = {
  "a.npy": () => [npy],
  "stored.npz": () => [makeZip([{ name: "x.npy", bytes: npy, stored: true }])],
  "deflated.npz": () => [makeZip([{ name: "x.npy", bytes: npy }])],
  "a.safetensors": () => [
    makeSafetensors([{ name: "e", dtype: "F32", shape: [rows, dim], bytes: npy.subarray(-BYTES) }]),
  ],
  "a.parquet": () => writeVectors("parquet", { data, rows, dim }),
  ...texts,
};

async function write(name: string): Promise<string> {
  const path = join(folder, name);
  if (name.endsWith(".gz")) {
    writeFileSync(path, gzipSync(readFileSync(await write(name.slice(0, -3))), { level: 1 }));
    return path;
  }
  const file = openSync(path, "w");
  let piece = "";
  for await (const part of made[name]!()) {
    if (typeof part !== "string") writeSync(file, part);
    else piece += part;
    if (piece.length > 1 << 20) {
      writeSync(file, piece);
      piece = "";
    }
  }
  writeSync(file, piece);
  closeSync(file);
  return path;
}

/** In a process of its own: what its memory grew by, at most, while it read the file. */
const program = `
  import { readFileSync } from "node:fs";
  import { readItems } from "rqvae/formats";
  const peak = () => 1024 * Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  const small = new TextEncoder().encode("a,b\\n1,2\\n3,4\\n");
  await readItems(small, { fileName: "a.csv" });
  const before = process.memoryUsage().rss;
  const items = await readItems(process.argv[1]);
  const growth = peak() - before;
  let sum = 0;
  for (const value of items.data) sum += value;
  console.log(JSON.stringify({ rows: items.rows, dim: items.dim, sum, growth }));
`;

const sum = data.reduce((total, value) => total + value, 0);

test.skipIf(process.platform !== "linux").each([...Object.keys(made), "a.npy.gz", "columns.csv.gz"])(
  "%s",
  async (name) => {
    const path = await write(name);
    const args = ["--input-type=module", "-e", program, path];
    const result = JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", timeout: 280_000 }));
    expect(result).toMatchObject({ rows, dim });
    expect(result.sum).toBeCloseTo(sum, 6);
    // The text is longer than what may be taken.
    if (name in texts) expect(statSync(path).size).toBeGreaterThan(BYTES + 2 ** 26);
    const most = name === "nested.json" ? 3 * statSync(path).size : BYTES + 2 ** 26;
    expect(result.growth, `${(result.growth / 2 ** 20).toFixed(0)} MB`).toBeLessThanOrEqual(most);
  },
);
