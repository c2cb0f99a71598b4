// A catalogue larger than memory: trains one epoch and encodes from an EmbeddingSource, in a process of its own whose peak memory is
// measured. The file (2 M x 768 float32: 6.1 GB) is made in the temporary folder and removed.
//
//   npm run bench:large                         two million rows of dimension 768
//   npm run bench:large -- --rows 100000 --dim 768
//   --json FILE    an array of { name, value, unit, target, holds }
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { atLeast, atMost, describeTargets, reported } from "./figures.mjs";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "2000000" },
    dim: { type: "string", default: "768" },
    json: { type: "string" },
  },
});
const [rows, dim] = [Number(values.rows), Number(values.dim)];
const CHUNK_ROWS = 4096;
/** Rows of the part that is encoded in memory too. */
const PART = 50_000;

const bytes = 4 * rows * dim;
const folder = mkdtempSync(join(tmpdir(), "rqvae-large-"));
const clear = () => rmSync(folder, { recursive: true, force: true });
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    clear();
    process.exit(1);
  });
}

/** Values in [-1, 1), the same on every machine. @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = Math.imul(state ^ (state >>> 16), 0x45d9f3b) >>> 0;
    return (x ^ (x >>> 13)) / 2 ** 31 - 1;
  };
}

/** Rows around a thousand centres, each with one of 4,093 offsets: all different, and quickly made. @param {string} path */
async function writeItems(path) {
  const next = generator(1);
  const centres = Float32Array.from({ length: 1000 * dim }, next);
  const offsets = Float32Array.from({ length: 4093 * dim }, () => 0.4 * next());
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const start = Buffer.from(`\x93NUMPY\x01\x00v\x00${header.padEnd(117)}\n`, "latin1"); // 128 bytes
  const file = await open(path, "w");
  try {
    await file.write(start);
    const chunk = new Float32Array(CHUNK_ROWS * dim);
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rows - first);
      for (let i = 0; i < count; i++) {
        const centre = (Math.imul(first + i, 0x9e3779b1) >>> 0) % 1000;
        const offset = (first + i) % 4093;
        for (let j = 0; j < dim; j++) chunk[i * dim + j] = centres[centre * dim + j] + offsets[offset * dim + j];
      }
      await file.write(new Uint8Array(chunk.buffer, 0, 4 * count * dim));
    }
  } finally {
    await file.close();
  }
}

/**
 * Runs `large/JOB.mjs` in a process of its own.
 * @param {string} job
 * @param {...string} more
 */
function measure(job, ...more) {
  const script = fileURLToPath(new URL(`large/${job}.mjs`, import.meta.url));
  const args = [script, join(folder, "items.npy"), join(folder, "model.safetensors"), ...more];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }));
}

try {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes + 1e9) throw new Error(`${tmpdir()} has no room for ${(bytes / 1e9).toFixed(1)} GB`);
  console.error(`making ${rows} x ${dim} floats (${(bytes / 1e9).toFixed(2)} GB)`);
  await writeItems(join(folder, "items.npy"));
  console.error("training one epoch, encoding");
  const streamed = measure("streamed", join(folder, "codes.bin"));
  console.error("encoding a part in memory");
  const part = Math.min(PART, rows);
  const memory = measure("memory", String(part));
  const codes = readFileSync(join(folder, "codes.bin"));
  const same = createHash("sha256").update(codes.subarray(0, memory.bytes)).digest("hex") === memory.hash;
  const megabytes = streamed.peakBytes / 2 ** 20;
  const figures = [
    atMost("peak memory of the process, training one epoch and encoding", megabytes, 700, "MB"),
    atLeast("encoded from the source / encoded in memory", streamed.encodedPerSecond / memory.encodedPerSecond, 0.8),
    atLeast("the first IDs are those of memory", same ? 1 : 0, 1),
    reported("trained from the source", streamed.trainedPerSecond, "items/s"),
    reported("encoded from the source", streamed.encodedPerSecond, "items/s"),
    reported("encoded in memory", memory.encodedPerSecond, "items/s"),
    reported("initialisation, epoch and evaluation", streamed.trainSeconds, "s"),
  ];
  for (const { name, value, unit } of figures) console.log(`${name}: ${Number(value?.toFixed(2))} ${unit}`);
  console.log(describeTargets(figures.filter(({ target }) => target !== null)));
  if (values.json) writeFileSync(values.json, JSON.stringify(figures, null, 2));
  if (figures.some(({ holds }) => holds === false)) process.exitCode = 1;
} finally {
  clear();
}
