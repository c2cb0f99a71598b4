import { familyHue } from "../base/code-chips.ts";
import { nextTask } from "../base/slices.ts";
import type { MapLabel } from "../map/labels.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";
import type { CodeNames } from "./code-names.ts";

/** The most branches that are named, and of those whose parts are named from closer by; the fewest items of a named part. */
const BRANCHES = 100;
const OPENED = 40;
const FEWEST = 4;
/** Cells of the map in each direction, by which a branch's densest place is found. */
const CELLS = 28;
/** Words of a name; a map has little room. */
const WORDS = 2;

/**
 * The names of a branch's parts, and of theirs, each at the place where most of its items are; the largest branches first.
 * @param tell Gets the names as more of them are known.
 */
export async function labelBranches(
  index: CatalogueIndex,
  names: Pick<CodeNames, "prepare" | "nameOf">,
  prefix: readonly number[],
  pointOf: (item: number) => number,
  points: Float32Array,
  signal: AbortSignal,
  tell: (labels: MapLabel[]) => void,
): Promise<void> {
  const { levels } = index.ids;
  const labels: MapLabel[] = [];
  tell(labels);
  if (prefix.length >= levels) return;
  const add = (group: CodeGroup, level: number) => {
    const text = names.nameOf(group.prefix).split(", ").slice(0, WORDS).join(", ");
    const at = text && densest(index, group, pointOf, points);
    if (at) labels.push({ text, x: at[0], y: at[1], level, hue: familyHue(group.prefix), prefix: group.prefix });
  };
  await names.prepare(prefix);
  signal.throwIfAborted();
  const branches = index.childrenOf(index.group(prefix)).slice(0, BRANCHES);
  for (const branch of branches) add(branch, 0);
  tell([...labels]);
  if (prefix.length + 1 >= levels) return;
  for (const branch of branches.slice(0, OPENED)) {
    await names.prepare(branch.prefix);
    await nextTask();
    signal.throwIfAborted();
    for (const part of index.childrenOf(branch)) if (part.end - part.start >= FEWEST) add(part, 1);
  }
  tell(labels);
}

/** The mean of the items in the fullest part of the map. */
function densest(
  { order }: CatalogueIndex,
  { start, end }: CodeGroup,
  pointOf: (item: number) => number,
  points: Float32Array,
): [x: number, y: number] | undefined {
  const cells = new Map<number, number[]>();
  for (let i = start; i < end; i++) {
    const point = pointOf(order[i]!);
    if (point < 0) continue;
    const cell = cellOf(points[2 * point]!) * CELLS + cellOf(points[2 * point + 1]!);
    const members = cells.get(cell);
    if (members) members.push(point);
    else cells.set(cell, [point]);
  }
  let best: number[] = [];
  for (const cell of cells.keys()) {
    const around = [-CELLS - 1, -CELLS, -CELLS + 1, -1, 0, 1, CELLS - 1, CELLS, CELLS + 1].flatMap(
      (step) => cells.get(cell + step) ?? [],
    );
    if (around.length > best.length) best = around;
  }
  if (best.length === 0) return undefined;
  const mean = (axis: number) => best.reduce((sum, point) => sum + points[2 * point + axis]!, 0) / best.length;
  return [mean(0), mean(1)];
}

const cellOf = (at: number) => Math.min(CELLS - 1, Math.max(0, Math.floor(((at + 1) / 2) * CELLS)));
