/** What the jobs do, as functions of files: encode a range of rows, merge the ranges. Done again, they write the same bytes. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UnrecoverableError } from "bullmq";
import { RQVAE, SemanticIdIndex } from "rqvae";
import { mergeIdShards, openItems, readIdShard, writeIdShard } from "rqvae/formats";

/** The ranges { first, count } of so many rows each; the last may have fewer. */
export function rowRanges(rows, rowsPerJob) {
  const ranges = [];
  for (let first = 0; first < rows; first += rowsPerJob) {
    ranges.push({ first, count: Math.min(rowsPerJob, rows - first) });
  }
  return ranges;
}

/**
 * Encodes rows [first, first + count) of the catalogue into a shard.
 * @param job model, items: paths; fingerprint of the model and rows of the catalogue, as they were when the job was made; first, count;
 * folder of the shards
 * @returns the shard's path
 */
export async function encodeShard({ model: modelPath, fingerprint, items: itemsPath, rows, first, count, folder }) {
  const model = await loadModel(modelPath, fingerprint);
  const items = await openItems(itemsPath);
  try {
    if (items.rows !== rows) throw outdated(`${itemsPath} has ${items.rows} rows, but the job was made for ${rows}`);
    const range = { rows: count, dim: items.dim, read: (from, many) => items.read(first + from, many) };
    const ids = await model.encodeAsync(range);
    const path = join(folder, `${fingerprint}-${first}-${count}.shard`);
    await writeWhole(path, writeIdShard({ ids, first, rows }));
    return path;
  } finally {
    await items.close();
  }
}

/**
 * Merges the shards, gives items that share an ID a suffix, and writes the index.
 * @param job items, output: paths; fingerprint of the model; capacity: number of suffixes at most
 * @param shards their paths, in any order
 */
export async function mergeShards({ items: itemsPath, fingerprint, output, capacity }, shards) {
  const parts = [];
  for (const path of shards) parts.push(readIdShard(await readFile(path)));
  const { ids } = mergeIdShards(parts, shards);
  if (ids.fingerprint !== fingerprint)
    throw new Error(`the shards are of model ${ids.fingerprint}, not ${fingerprint}`);
  const items = await openItems(itemsPath);
  await items.close();
  const itemIds = items.itemIds ?? Array.from({ length: ids.length }, (_, row) => row);
  const index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", capacity });
  await writeWhole(output, index.save());
  return { output, items: ids.length };
}

/** The model of the last job: usually that of the next one, too. */
let loaded;

async function loadModel(path, fingerprint) {
  if (loaded?.fingerprint === fingerprint) return loaded;
  const model = await RQVAE.load(path);
  if (model.fingerprint !== fingerprint) {
    const error = outdated(`${path} is model ${model.fingerprint}, but the job was made for ${fingerprint}`);
    model.dispose();
    throw error;
  }
  loaded?.dispose();
  loaded = model;
  return model;
}

/** Trying such a job again would not help. */
const outdated = (message) => new UnrecoverableError(`${message}: enqueue it again`);

/** The file appears under its name when it is whole and on the disk, also when two workers write it at once. */
async function writeWhole(path, bytes) {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
