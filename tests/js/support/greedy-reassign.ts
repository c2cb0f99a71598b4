/**
 * How "reassign" once chose, and a plain way to do it: of the items with the same raw ID the nearest keeps it, and each of the others,
 * nearest first, gets the nearest free code of the last level; if its prefix is full, the nearest code one level up that has a free ID
 * below it, and so on. It works with sets of whole IDs only.
 */

export interface Catalogue {
  /** Raw IDs, in the order that decides. */
  raw: number[][];
  latents: number[][];
  /** Vectors of each level's codes. */
  books: number[][][];
  held: number[][];
}

/** ||z - sum of q||^2 */
export function costOf({ latents, books }: Catalogue, row: number, id: readonly number[]): number {
  const left = latents[row]!.map((value, j) =>
    id.reduce((rest, code, level) => rest - books[level]![code]![j]!, value),
  );
  return left.reduce((sum, value) => sum + value * value, 0);
}

export const totalOf = (catalogue: Catalogue, ids: readonly (readonly number[])[]): number =>
  ids.reduce((sum, id, row) => sum + costOf(catalogue, row, id), 0);

/** Whether an ID that is not taken starts so. */
export function isFree({ books }: Catalogue, taken: ReadonlySet<string>, prefix: number[]): boolean {
  if (prefix.length === books.length) return !taken.has(String(prefix));
  return books[prefix.length]!.some((_, code) => isFree({ books } as Catalogue, taken, [...prefix, code]));
}

/** The nearest free ID, code by code, below the longest prefix of the raw ID that has one. */
export function nearestFree(catalogue: Catalogue, taken: ReadonlySet<string>, row: number, from?: number): number[] {
  const { raw, latents, books } = catalogue;
  let prefix = raw[row]!.slice(0, from ?? books.length - 1);
  while (!isFree(catalogue, taken, prefix)) prefix = prefix.slice(0, -1);
  while (prefix.length < books.length) {
    const distance = (code: number) => {
      const left = latents[row]!.map((value, j) =>
        [...prefix, code].reduce((rest, each, level) => rest - books[level]![each]![j]!, value),
      );
      return left.reduce((sum, value) => sum + value * value, 0);
    };
    const codes = [...books[prefix.length]!.keys()].filter((code) => isFree(catalogue, taken, [...prefix, code]));
    prefix = [...prefix, codes.reduce((a, b) => (distance(b) < distance(a) ? b : a))];
  }
  return prefix;
}

export function greedyReassign(catalogue: Catalogue): number[][] {
  const { raw, held } = catalogue;
  const groups = new Map<string, number[]>();
  raw.forEach((id, row) => {
    groups.set(String(id), [...(groups.get(String(id)) ?? []), row]);
  });
  const isHeld = new Set(held.map(String));
  const taken = new Set([...isHeld, ...groups.keys()]);
  const ids: number[][] = [];
  for (const [id, rows] of groups) {
    const nearest = [...rows].sort((a, b) => costOf(catalogue, a, raw[a]!) - costOf(catalogue, b, raw[b]!));
    if (!isHeld.has(id)) {
      const keeper = nearest.shift()!;
      ids[keeper] = raw[keeper]!;
    }
    for (const row of nearest) {
      ids[row] = nearestFree(catalogue, taken, row);
      taken.add(String(ids[row]));
    }
  }
  return ids;
}
