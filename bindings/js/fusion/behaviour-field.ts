/** The field of what users chose together. */

import { invalid } from "../base/errors.ts";
import { behaviourVectors } from "../behaviour/behaviour-vectors.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { type Field, type OpenField, openField, writeField } from "../items/fields.ts";
import type { JobOptions } from "../types.ts";
import { linearGuess } from "./linear-guess.ts";
import type { Part } from "./part.ts";

/** Its name. */
export const BEHAVIOUR = "behaviour";

export interface Behaviour {
  part(weight: number): Part;
  known: Uint8Array;
}

export interface BehaviourSettings {
  dim: number;
  window: number;
  smoothing: number;
  seed: number;
}

export async function behaviourField(
  histories: Histories,
  rows: number,
  settings: BehaviourSettings,
  { signal }: Pick<JobOptions, "signal">,
): Promise<Behaviour> {
  const { data, dim, known } = await behaviourVectors(histories, { rows, ...settings, ...(signal && { signal }) });
  if (!known.some(Boolean)) {
    throw invalid(
      "EMPTY",
    )`${{ argument: "histories" }}: nobody chose two different items, so that they say nothing about any`;
  }
  const open: OpenField = openField({ data, rows, dim }, `${BEHAVIOUR}.vectors`);
  const place = Int32Array.from({ length: rows }, (_, row) => (known[row] ? row : -1));
  return { known, part: (weight) => ({ name: BEHAVIOUR, weight, open, rows: place, extra: 0, text: "" }) };
}

/** The fields, of which the last one, behaviour, is guessed from the others where it is missing. */
export function withGuess(fields: readonly Field[], parts: readonly Part[], rows: number): Field[] {
  const behaviour = fields.at(-1)!;
  const width = fields.reduce((sum, { dim }) => sum + dim, 0);
  const before = width - behaviour.dim;
  const [content, target] = [new Float32Array(rows * before), new Float32Array(rows * behaviour.dim)];
  const known = new Uint8Array(rows);
  const out = new Float32Array(width);
  for (let row = 0; row < rows; row++) {
    out.fill(0);
    let at = 0;
    fields.forEach((field, f) => {
      const place = parts[f]!.rows[row]!;
      const had = writeField(field, place < 0 ? undefined : parts[f]!.open.unit(place), out, at, 0);
      if (f === fields.length - 1) known[row] = Number(had);
      at += field.dim;
    });
    content.set(out.subarray(0, before), row * before);
    target.set(out.subarray(before), row * behaviour.dim);
  }
  const guess = linearGuess({ data: content, rows, dim: before }, { data: target, rows, dim: behaviour.dim }, known);
  return [...fields.slice(0, -1), { ...behaviour, guess }];
}
