import type { Anatomy } from "../lab/types.ts";

/** The most bars of a strip; more would be too thin to tell apart. */
export const MOST_BARS = 32;

/** One step of an item's way from numbers to codes and back. */
export interface Step {
  /** "vector": before any code. "code": after another one. "rebuilt": what the decoder makes of them all. */
  kind: "vector" | "code" | "rebuilt";
  /** Of a code. */
  level: number;
  /** What the codes should reach, what they say so far, what the last of them added, and what is missing. */
  target: Float32Array;
  said: Float32Array;
  adds: Float32Array;
  missing: Float32Array;
  /** The number of the longest bar, the same for all steps in one space. */
  most: number;
  /** Share of the vector's squared length that the codes explain so far; for "rebuilt", of what sets the item apart. */
  share: number;
  nearest: readonly number[];
  /** Numbers in the space of the step, of which `target` holds the largest. */
  numbers: number;
}

/** The steps from an item's vector, code by code, to what is rebuilt. */
export function stepsOf(anatomy: Anatomy): Step[] {
  const { vector, steps, rebuilt } = anatomy;
  const shown = largest([vector, ...steps.map(({ adds }) => adds)]);
  const target = pick(vector, shown);
  const most = reach([target, ...steps.map(({ adds }) => pick(adds, shown))]);
  const length = squares(vector);
  const none = new Float32Array(vector.length);
  const common = { target, most, numbers: vector.length };
  const list: Step[] = [
    {
      ...common,
      ...{ kind: "vector", level: -1, share: 0, nearest: anatomy.nearest },
      ...{ said: pick(none, shown), adds: pick(none, shown), missing: target },
    },
  ];
  const said = none.slice();
  steps.forEach(({ adds, nearest }, level) => {
    for (let j = 0; j < said.length; j++) said[j]! += adds[j]!;
    const missing = vector.map((x, j) => x - said[j]!);
    list.push({
      ...common,
      ...{ kind: "code", level, share: length > 0 ? 1 - squares(missing) / length : 1, nearest },
      ...{ said: pick(said, shown), adds: pick(adds, shown), missing: pick(missing, shown) },
    });
  });
  if (!rebuilt) return list;
  const { original, restored, error } = rebuilt;
  const kept = largest([original, restored]);
  const [own, again] = [pick(original, kept), pick(restored, kept)];
  list.push({
    ...{ kind: "rebuilt", level: -1, share: Math.max(0, 1 - error), nearest: steps.at(-1)!.nearest },
    ...{ target: own, said: again, adds: new Float32Array(own.length), missing: own.map((x, j) => x - again[j]!) },
    ...{ most: reach([own, again]), numbers: original.length },
  });
  return list;
}

/** The places of the largest numbers, over all vectors, in their own order. */
function largest(vectors: readonly Float32Array[]): number[] {
  const places = [...vectors[0]!.keys()];
  if (places.length <= MOST_BARS) return places;
  const size = (j: number) => vectors.reduce((sum, vector) => sum + Math.abs(vector[j]!), 0);
  return places
    .sort((a, b) => size(b) - size(a))
    .slice(0, MOST_BARS)
    .sort((a, b) => a - b);
}

const pick = (vector: Float32Array, places: readonly number[]) => Float32Array.from(places, (j) => vector[j]!);
const squares = (vector: Float32Array) => vector.reduce((sum, x) => sum + x * x, 0);
const reach = (vectors: readonly Float32Array[]) => {
  let most = 0;
  for (const vector of vectors) for (const x of vector) most = Math.max(most, Math.abs(x));
  return most;
};
