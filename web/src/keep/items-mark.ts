import type { DataSet } from "../data/data-set.ts";

/** Tells items apart: the same for the same rows, however their file is called. */
export function itemsMark({ rows, dim, head, checks }: Pick<DataSet, "rows" | "dim" | "head" | "checks">): string {
  const { least, mean, most } = checks.norms;
  return [rows, dim, least, mean, most, ...(head[0] ?? [])].join(" ");
}
