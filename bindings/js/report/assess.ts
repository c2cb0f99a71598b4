import { endOf } from "../base/behind-proxy.ts";
import { invalid } from "../base/errors.ts";
import { checkOptionNames, checkSignal, OptionReader } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { SemanticIds, sortedRows } from "../ids/semantic-ids.ts";
import { isSource } from "../items/embedding-source.ts";
import { type ItemProfile, ItemProfiler } from "../items/item-profile.ts";
import { type ItemRows, type Matrix, readItemRows, readSourceRows } from "../items/item-rows.ts";
import { explainedVariance, nearestNeighbours, squaredErrors } from "../items/measures.ts";
import { figureRows, mix, sampleRows } from "../items/sample.ts";
import type { VectorClasses } from "../items/vector-classes.ts";
import type { AsyncIdModel } from "../model/id-model.ts";
import { residualKMeans } from "../model/residual-kmeans.ts";
import { RQVAE } from "../model/rqvae.ts";
import { writeModelFile } from "../model-file/model-file.ts";
import { readModelFile } from "../model-file/read-model-file.ts";
import { checkColumnNames, useHints } from "../options/train-config.ts";
import { hashOf } from "../runtime/hash.ts";
import { drive, nextTurn, Stop } from "../runtime/jobs.ts";
import { native } from "../runtime/native.ts";
import type { EmbeddingSource, ItemLabels, Items } from "../types.ts";
import { assessBehaviour, compareBehaviour, type MeasuredBehaviour } from "./behaviour.ts";
import { type LabelOption, readLabelOption, requireHistories, requireIds, requireOwnIds } from "./check.ts";
import type { NeighbourReport, ReconstructionReport } from "./figures.ts";
import { assessLevel, commonPrefix, countGroups, labelAgreement } from "./groups.ts";
import { type IdFigures, IdReport } from "./id-report.ts";

/** What `assessIds` takes besides the IDs. */
export interface AssessOptions {
  /**
   * The vectors that the IDs were made from, in the same order. They distinguish exact duplicates from collisions, and near items from far
   * ones. A source is read a few times in blocks; a sample of its vectors is kept in memory.
   */
  items?: Items | EmbeddingSource;
  /** Titles of the items (for the HTML page) and labels, one entry per item; or the labels alone. An empty string means no label. */
  labels?: LabelOption;
  /** The model that made the IDs, here or in a worker. It decodes them. Needs `items`. */
  model?: AsyncIdModel;
  /** Whether to measure residual k-means and a random hash on the same items for comparison. Needs `items`. Default: false. */
  baseline?: boolean;
  /**
   * What users chose, as `readHistories` gives it for the same items in the same order: adds `behaviour`, which says whether items that
   * people choose together have IDs that begin with the same codes.
   */
  histories?: Histories;
  /** Names of the items' dimensions, in their order, so that a finding about a dimension names the data's column. */
  columnNames?: readonly string[];
  signal?: AbortSignal;
}

/** The most multiplications that the search for neighbours takes, unless that would leave very few queries. */
const NEIGHBOUR_PRODUCTS = 4e9;
const MOST_QUERIES = 1000;
const FEWEST_QUERIES = 100;
/** Nearest items of each query. */
const NEIGHBOURS = 10;
/** Rows that are decoded or read between two turns of the event loop. */
const SLICE = 1024;

/** See `assessIds` in assess-ids.ts. */
export async function assessIds(ids: SemanticIds, options: AssessOptions = {}): Promise<IdReport> {
  useHints();
  checkOptionNames(options, "assessIds", [
    "items",
    "labels",
    "model",
    "baseline",
    "histories",
    "columnNames",
    "signal",
  ]);
  const read = new OptionReader(options, "assessIds");
  const signal = checkSignal(read);
  const baseline = read.boolean("baseline", false);
  const { model, columnNames, histories } = options;
  requireIds(ids, "assessIds");
  for (const [name, given] of Object.entries({ model, baseline, columnNames })) {
    if (given && options.items === undefined) {
      throw invalid("MODEL_NEEDED")`${call("assessIds")}${name} needs items, the vectors that the IDs were made from`;
    }
  }
  const labels = readLabelOption(options.labels, ids.length, "assessIds");
  if (histories !== undefined) requireHistories(histories, ids.length);
  if (model !== undefined) requireOwnIds(ids, model, "assessIds");
  const items = options.items === undefined ? undefined : openRows(options.items, ids.length, model, signal);
  if (items) checkColumnNames(new OptionReader(options, "assessIds"), items.dim);
  const yardstick = items && (await layYardstick(items, signal));
  if (yardstick && columnNames) yardstick.columnNames = columnNames;
  const about: About = { labels, yardstick, histories, signal, behaviours: [] };
  const own = await measure(ids, about, model);
  if (!baseline || !yardstick) return new IdReport(own, ids, labels);
  const baselines = await measureBaselines(ids, options.items!, { ...about, yardstick }, model);
  const [behaviour, ofKMeans] = about.behaviours;
  if (behaviour && ofKMeans) compareBehaviour(behaviour, ofKMeans);
  return new IdReport({ ...own, baselines }, ids, labels);
}

function openRows(
  items: Items | EmbeddingSource,
  n: number,
  model: AsyncIdModel | undefined,
  signal: AbortSignal | undefined,
): ItemRows {
  const dim = model?.config.inputDim;
  return isSource(items)
    ? readSourceRows(items, n, "assessIds", dim, new Stop(signal, model && endOf(model)))
    : readItemRows(items, n, "assessIds", dim);
}

/** What is known of the items whatever their IDs are. */
export interface Yardstick {
  /** Which vectors are the same. */
  classes: VectorClasses;
  profile: ItemProfile;
  columnNames?: readonly string[];
  /** Rows of the sample, and their vectors. */
  rows: Uint32Array;
  sample: Matrix;
  /** Room for the sample's vectors as decoded from IDs. It is as large as the sample, so one set of IDs after another uses it. */
  decoded: Float32Array;
  /** Rows of the sample whose neighbours are searched; queries x k rows of the sample. Empty if there is only one item. */
  queries: Uint32Array;
  nearest: Int32Array;
  k: number;
}

export async function layYardstick(items: ItemRows, signal: AbortSignal | undefined): Promise<Yardstick> {
  const { rows: n, dim } = items;
  const profiler = await lookThrough(items, signal);

  const rows = figureRows(n, dim);
  const size = rows.length;
  const sample = await items.take(size === n ? undefined : rows);
  const affordable = Math.floor(NEIGHBOUR_PRODUCTS / (size * dim));
  const queries = sampleRows(size, Math.min(MOST_QUERIES, Math.max(FEWEST_QUERIES, affordable)));
  const k = Math.min(NEIGHBOURS, size - 1);
  const nearest = k === 0 ? new Int32Array(0) : await findNeighbours(sample, queries, k, signal);
  return {
    classes: profiler.classes,
    profile: profiler.finish(),
    rows,
    sample,
    decoded: new Float32Array(0),
    queries: k === 0 ? queries.subarray(0, 0) : queries,
    nearest,
    k,
  };
}

/** Reads all items once, to see which are equal and how they vary. */
async function lookThrough(items: ItemRows, signal: AbortSignal | undefined): Promise<ItemProfiler> {
  const { rows, dim } = items;
  const profiler = new ItemProfiler(rows, dim);
  for (let first = 0; first < rows; first += SLICE) {
    await nextTurn();
    signal?.throwIfAborted();
    profiler.add(await items.read(first, Math.min(SLICE, rows - first)));
  }
  return profiler;
}

async function findNeighbours(
  sample: Matrix,
  queries: Uint32Array,
  k: number,
  signal: AbortSignal | undefined,
): Promise<Int32Array> {
  const nearest = new Int32Array(queries.length * k);
  let q = 0;
  await drive({
    advance() {
      if (q === queries.length) return false;
      nearest.set(nearestNeighbours(sample, queries.subarray(q, q + 1), k), q * k);
      return ++q < queries.length;
    },
    stop: new Stop(signal),
  });
  return nearest;
}

/** What is known of the items and their users, whatever their IDs are. */
interface About {
  labels: Partial<ItemLabels> | undefined;
  yardstick: Yardstick | undefined;
  histories: Histories | undefined;
  signal: AbortSignal | undefined;
  /** Takes the behaviour of the model's own IDs and then of k-means. */
  behaviours: MeasuredBehaviour[];
}

async function measure(
  ids: SemanticIds,
  { labels, yardstick, histories, signal, behaviours }: About,
  model: AsyncIdModel | undefined,
): Promise<IdFigures> {
  const rows = sortedRows(ids);
  await nextTurn();
  const { perDepth, groupSizes, itemsIdentical } = countGroups(ids, rows, yardstick?.classes.firstRows);
  const figures: IdFigures = {
    items: ids.length,
    itemsSharing: perDepth.at(-1)!.itemsSharing,
    perDepth,
    perLevel: [],
    groupSizes,
  };
  for (let level = 0; level < ids.levels; level++) {
    await nextTurn();
    figures.perLevel.push(assessLevel(ids, level));
  }
  if (labels?.labels) {
    figures.labels = [];
    for (const [name, values] of Object.entries(labels.labels)) {
      await nextTurn();
      figures.labels.push(labelAgreement(ids, rows, name, values));
    }
  }
  if (histories) {
    const behaviour = await assessBehaviour(ids, rows, histories, labels?.labels, signal);
    figures.behaviour = behaviour.report;
    behaviours.push(behaviour);
  }
  if (!yardstick) return figures;
  const { profile, columnNames, queries } = yardstick;
  const { distinct, itemsWithTwin, evenVectors, dominant } = profile;
  figures.duplicates = {
    distinctVectors: distinct,
    itemsWithTwin,
    itemsIdentical: itemsIdentical!,
    itemsColliding: perDepth.at(-1)!.itemsColliding!,
  };
  figures.evenVectors = evenVectors;
  if (dominant) {
    const name = columnNames?.[dominant.column];
    figures.dominantColumn = { ...dominant, ...(name !== undefined && { name }) };
    // A model that scales each dimension is not affected, but the figures measured here are.
    if (model?.config.inputScaling === "perDimension") figures.dominantColumn.isScaled = true;
  }
  const decoded = model?.part === "full" ? await measureReconstruction(ids, yardstick, model, signal) : undefined;
  if (decoded) figures.reconstruction = decoded.report;
  if (queries.length > 0) figures.neighbours = await measureNeighbours(ids, yardstick, decoded?.vectors, signal);
  return figures;
}

async function measureReconstruction(
  ids: SemanticIds,
  yardstick: Yardstick,
  model: AsyncIdModel,
  signal: AbortSignal | undefined,
): Promise<{ report: ReconstructionReport; vectors: Float32Array }> {
  const { rows, sample } = yardstick;
  const byDepth: number[] = [];
  if (yardstick.decoded.length === 0) yardstick.decoded = new Float32Array(sample.rows * sample.dim);
  const vectors = yardstick.decoded;
  let error = 0;
  for (let depth = 1; depth <= ids.levels; depth++) {
    const part = depth === ids.levels ? undefined : await firstLevels(model, depth);
    try {
      await decodeRows(part ?? model, ids, rows, depth, vectors, signal);
    } finally {
      part?.dispose();
    }
    const errors = squaredErrors(sample, vectors);
    byDepth.push(errors.total > 0 ? 1 - errors.error / errors.total : errors.error === 0 ? 1 : 0);
    error = errors.error;
  }
  const report = {
    items: sample.rows,
    explainedVariance: byDepth.at(-1)!,
    byDepth,
    meanSquaredError: error / sample.rows,
  };
  return { report, vectors };
}

/** Share of the variance of these rows, whose vectors are given, that their IDs explain. */
export async function explainedBy(
  model: Pick<AsyncIdModel, "decode">,
  ids: SemanticIds,
  rows: Uint32Array,
  vectors: Matrix,
  signal?: AbortSignal,
): Promise<number> {
  const decoded = new Float32Array(vectors.data.length);
  await decodeRows(model, ids, rows, ids.levels, decoded, signal);
  return explainedVariance(vectors, decoded);
}

/** The vectors that the first `depth` codes of the given rows stand for. */
async function decodeRows(
  model: Pick<AsyncIdModel, "decode">,
  { codes, levels, codebookSizes }: SemanticIds,
  rows: Uint32Array,
  depth: number,
  vectors: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const dim = vectors.length / rows.length;
  const sizes = codebookSizes.slice(0, depth);
  for (let first = 0; first < rows.length; first += SLICE) {
    await nextTurn();
    signal?.throwIfAborted();
    const chosen = rows.subarray(first, first + SLICE);
    const prefixes = SemanticIds.allocate(chosen.length, sizes);
    chosen.forEach((row, i) => {
      prefixes.set(codes.subarray(row * levels, row * levels + depth), i * depth);
    });
    vectors.set(await model.decode(SemanticIds.trusted(prefixes, sizes)), first * dim);
  }
}

/** The model without the levels after `depth`, which decodes the first codes of an ID. */
async function firstLevels(model: AsyncIdModel, depth: number): Promise<RQVAE> {
  const module = await native();
  const hash = (bytes: Uint8Array) => hashOf(module, bytes);
  const { tensors, metadata } = readModelFile(await model.save(), hash);
  const levelOf = (name: string) => Number(/^quantization_layers\.(\d+)\./.exec(name)?.[1] ?? 0);
  const kept = [...tensors.values()].filter(({ name }) => levelOf(name) < depth);
  const { config: whole } = model;
  const config = {
    ...whole,
    codebookSize: whole.codebookSize.slice(0, depth),
    sinkhornEpsilon: whole.sinkhornEpsilon.slice(0, depth),
    nQuantizationLayers: depth,
  };
  const { numerics, part, initialized, fingerprint } = metadata!;
  const bytes = writeModelFile(kept, { numerics, part, config, initialized, training: null, fingerprint }, hash);
  return RQVAE.load(bytes, { config: { nQuantizationLayers: depth } }); // overriding: the fingerprint is another one
}

export async function measureNeighbours(
  ids: SemanticIds,
  { rows, sample, queries, nearest, k }: Yardstick,
  vectors: Float32Array | undefined,
  signal: AbortSignal | undefined,
): Promise<NeighbourReport> {
  const sharing = new Array<number>(ids.levels).fill(0);
  nearest.forEach((neighbour, i) => {
    const common = commonPrefix(ids, rows[queries[Math.floor(i / k)]!]!, rows[neighbour]!);
    for (let depth = 0; depth < common; depth++) sharing[depth]!++;
  });
  const report: NeighbourReport = {
    queries: queries.length,
    among: sample.rows,
    k,
    sharing: sharing.map((count) => count / nearest.length),
  };
  if (!vectors) return report;
  const after = await findNeighbours({ ...sample, data: vectors }, queries, k, signal);
  let kept = 0;
  for (let q = 0; q < queries.length; q++) {
    const still = new Set(after.subarray(q * k, (q + 1) * k));
    for (const neighbour of nearest.subarray(q * k, (q + 1) * k)) if (still.has(neighbour)) kept++;
  }
  return { ...report, kept: kept / nearest.length };
}

/** Residual k-means, with the model's beam, and codes by a hash of the vector. */
async function measureBaselines(
  ids: SemanticIds,
  items: Items | EmbeddingSource,
  about: About & { yardstick: Yardstick },
  model: AsyncIdModel | undefined,
): Promise<{ residualKMeans: IdReport; randomHash: IdReport }> {
  const { codebookSizes, levels, length } = ids;
  const { labels, yardstick, signal } = about;
  const watch = signal ? { signal } : {};
  // Fitted on the sample, which is all items unless there are very many; k-means uses a sample anyway. It is read as needed, since a copy
  // of all of it on the heap would stay there.
  const { rows, dim, data } = yardstick.sample;
  const read = (first: number, count: number) => data.subarray(first * dim, (first + count) * dim);
  const kmeans = await residualKMeans(
    { rows, dim, read },
    {
      codebookSize: codebookSizes,
      encodeBeam: model?.config.encodeBeam ?? 1,
      ...watch,
    },
  );
  let byKMeans: IdReport;
  try {
    const theirs = await kmeans.encodeAsync(items, watch);
    byKMeans = new IdReport(await measure(theirs, about, kmeans), theirs, labels);
  } finally {
    kmeans.dispose();
  }
  const codes = SemanticIds.allocate(length, codebookSizes);
  const { firstRows } = yardstick.classes;
  for (let row = 0; row < length; row++) {
    for (let level = 0; level < levels; level++) {
      // By the vector's first row, so that equal vectors have equal IDs and nothing else has a meaning.
      codes[row * levels + level] = mix(mix(firstRows[row]! + 0x9e3779b9) + level) % codebookSizes[level]!;
    }
  }
  const hashed = SemanticIds.trusted(codes, codebookSizes);
  const byHash = new IdReport(await measure(hashed, about, undefined), hashed, labels);
  return { residualKMeans: byKMeans, randomHash: byHash };
}
