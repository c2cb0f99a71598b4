import { OptionReader } from "../base/option-reader.ts";
import { requireIds, type SemanticIds, sortedRows } from "./semantic-ids.ts";

/** A prefix of IDs and everything below it. */
export interface CodeTreeNode {
  /** The last code of the prefix; -1 at the root, the empty prefix. */
  code: number;
  /** Number of items whose ID starts with the prefix. */
  count: number;
  /** The first of these items: row numbers, ascending. Absent if none were requested. */
  items?: number[];
  /** Longer prefixes, the most frequent first, then by code. Empty for a whole ID. */
  children: CodeTreeNode[];
}

/** How much of the tree to build. */
export interface CodeTreeOptions {
  /** Codes in the longest prefix. Default: all levels. */
  maxDepth?: number;
  /** The most row numbers listed at each node. Default: 3. */
  itemsPerNode?: number;
}

/**
 * The tree of all prefixes that occur: its root holds every item, a node at depth d the items that share the first d codes.
 * @throws InvalidInputError if an option is not a whole number from 0.
 */
export function codeTree(ids: SemanticIds, options: CodeTreeOptions = {}): CodeTreeNode {
  requireIds(ids);
  const read = new OptionReader(options, "codeTree");
  const maxDepth = read.integer("maxDepth", ids.levels, 0, Number.MAX_SAFE_INTEGER);
  const itemsPerNode = read.integer("itemsPerNode", 3, 0, Number.MAX_SAFE_INTEGER);
  const { codes, levels } = ids;
  const rows = sortedRows(ids);
  const codeAt = (position: number, level: number) => codes[rows[position]! * levels + level]!;

  // The node of rows[start ... end), which share their first `depth` codes.
  const build = (code: number, start: number, end: number, depth: number): CodeTreeNode => {
    const children: CodeTreeNode[] = [];
    if (depth < Math.min(maxDepth, levels)) {
      for (let from = start, to = start; from < end; from = to) {
        const next = codeAt(from, depth);
        while (to < end && codeAt(to, depth) === next) to++;
        children.push(build(next, from, to, depth + 1));
      }
      children.sort((a, b) => b.count - a.count || a.code - b.code);
    }
    const node: CodeTreeNode = { code, count: end - start, children };
    if (itemsPerNode > 0) {
      const candidates =
        children.length > 0 ? children.flatMap((child) => child.items!) : [...rows.subarray(start, end)];
      node.items = candidates.sort((a, b) => a - b).slice(0, itemsPerNode);
    }
    return node;
  };
  return build(-1, 0, ids.length, 0);
}
