import { requireAttached } from "../base/attached.ts";
import { checkSignal, OptionReader, requireThat } from "../base/option-reader.ts";
import type { Matrix } from "../items/item-rows.ts";
import { Neighbours, requireMatrix, squaredErrors } from "../items/measures.ts";
import { sampleRows } from "../items/sample.ts";
import { inSlices } from "./followers.ts";

/** How well rows are predicted. */
export interface ColdQuality {
  rows: number;
  /** Mean cosine of predicted and known vectors, and that of the mean of all known vectors. */
  cosine: number;
  baseline: number;
  /** 1 - squared error / variance. */
  explainedVariance: number;
}

/** What `coldMap` gives. */
export interface ColdMap {
  /** rows x dim: the behaviour vectors, and where there are none the predicted ones. */
  data: Float32Array;
  rows: number;
  dim: number;
  /** How well it predicts known rows that it was not told of: a tenth of them. Absent if fewer than ten rows are known. */
  heldOut?: ColdQuality;
}

const WHERE = "coldMap";
/** Neighbours that a prediction is the mean of, and the power of the cosine that each counts by. */
const NEIGHBOURS = 50;
const POWER = 8;
/** Of the known rows, how many are neighbours at most, and how many are predicted to see how well that works. */
const MOST_NEIGHBOURS = 2 ** 16;
const MOST_HELD_OUT = 2000;

/**
 * Predicts behaviour vectors of items without history from their content: the mean of the vectors of the 50 items with the nearest content
 * (by cosine), each by the eighth power of its cosine.
 *
 * @param content A vector of each item: a Float32Array of rows x dim.
 * @param behaviour What `behaviourVectors` gives: a row for each row of the content.
 * @param known 1 for each row that has a behaviour vector. Default: that of `behaviour`.
 * @throws InvalidInputError
 */
export async function coldMap(
  content: Matrix,
  behaviour: Matrix & { known?: Uint8Array },
  known: Uint8Array | undefined = behaviour?.known,
  options: { signal?: AbortSignal } = {},
): Promise<ColdMap> {
  const read = new OptionReader(options, WHERE);
  const signal = checkSignal(read);
  read.refuseUnknown();
  requireMatrix(content, "content");
  requireMatrix(behaviour, "behaviour");
  const { rows, dim } = behaviour;
  requireThat(rows === content.rows, "behaviour", `of ${content.rows} rows, as content is`, rows, WHERE);
  requireThat(
    known instanceof Uint8Array && known.length === rows,
    "known",
    `a Uint8Array of ${rows} values`,
    known,
    WHERE,
  );
  requireAttached(known, "known");
  const data = behaviour.data.slice();
  const warm: number[] = [];
  const cold: number[] = [];
  for (const [row, isKnown] of known.entries()) (isKnown ? warm : cold).push(row);
  const asked = sampleRows(warm.length, Math.min(MOST_HELD_OUT, Math.floor(warm.length / 10)));
  const isAsked = new Uint8Array(warm.length);
  for (const i of asked) isAsked[i] = 1;
  const told = warm.filter((_, i) => !isAsked[i]);
  const heldOut = Array.from(asked, (i) => warm[i]!);
  const result: ColdMap = { data, rows, dim };
  if (heldOut.length > 0) {
    const predicted = new Float32Array(heldOut.length * dim);
    await predict(content, behaviour, told, heldOut, signal, (i, vector) => predicted.set(vector, i * dim));
    result.heldOut = quality(behaviour, told, heldOut, predicted);
  }
  await predict(content, behaviour, warm, cold, signal, (i, vector) => data.set(vector, cold[i]! * dim));
  return result;
}

/** Predicts the vectors of the rows `asked` from those of the rows `told`. */
async function predict(
  content: Matrix,
  { data, dim }: Matrix,
  told: readonly number[],
  asked: readonly number[],
  signal: AbortSignal | undefined,
  take: (i: number, vector: Float32Array) => void,
): Promise<void> {
  const among = sampleRows(told.length, Math.min(told.length, MOST_NEIGHBOURS));
  const of = Array.from(among, (i) => told[i]!);
  const width = content.dim;
  const unit = unitRows(content, [...of, ...asked]);
  const near = new Neighbours({ data: unit, rows: of.length + asked.length, dim: width }, of.length, NEIGHBOURS);
  await inSlices(
    asked.length,
    signal,
    (i) => {
      const own = of.length + i;
      const sum = new Float64Array(dim);
      let weights = 0;
      for (const each of near.of(own)) {
        if (each < 0) continue;
        let cosine = 0;
        for (let j = 0; j < width; j++) cosine += unit[own * width + j]! * unit[each * width + j]!;
        const weight = Math.max(cosine, 1e-3) ** POWER;
        weights += weight;
        for (let j = 0; j < dim; j++) sum[j]! += weight * data[of[each]! * dim + j]!;
      }
      take(
        i,
        Float32Array.from(sum, (each) => (weights > 0 ? each / weights : 0)),
      );
    },
    1,
  );
}

/** The rows, each of length 1 or 0. */
function unitRows({ data, dim }: Matrix, rows: readonly number[]): Float32Array {
  const unit = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    const vector = data.subarray(row * dim, (row + 1) * dim);
    const length = Math.sqrt(vector.reduce((sum, each) => sum + each * each, 0));
    if (length > 0)
      vector.forEach((each, j) => {
        unit[i * dim + j] = each / length;
      });
  });
  return unit;
}

function quality(
  { data, dim }: Matrix,
  told: readonly number[],
  heldOut: readonly number[],
  predicted: Float32Array,
): ColdQuality {
  const truth = Float32Array.from(
    { length: predicted.length },
    (_, i) => data[heldOut[Math.floor(i / dim)]! * dim + (i % dim)]!,
  );
  const mean = new Float32Array(dim);
  for (const row of told) for (let j = 0; j < dim; j++) mean[j]! += data[row * dim + j]! / told.length;
  const rows = heldOut.length;
  const all = Array.from({ length: rows }, (_, i) => i);
  const units = (values: Float32Array) => unitRows({ data: values, rows, dim }, all);
  const wanted = units(truth);
  const cosine = (values: Float32Array) => units(values).reduce((sum, each, i) => sum + each * wanted[i]!, 0) / rows;
  const { error, total } = squaredErrors({ data: truth, rows, dim }, predicted);
  return {
    rows,
    cosine: cosine(predicted),
    baseline: cosine(Float32Array.from(truth, (_, i) => mean[i % dim]!)),
    explainedVariance: total > 0 ? 1 - error / total : 0,
  };
}
