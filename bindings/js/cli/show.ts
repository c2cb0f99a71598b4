import { counted, percent, short, thousands } from "../base/words.ts";
import { type CodeTreeNode, codeTree } from "../ids/code-tree.ts";
import { levelLetter, type SemanticIds, sortedRows } from "../ids/semantic-ids.ts";
import { assessIds } from "../report/assess-ids.ts";
import type { ItemLabels } from "../types.ts";
import { bar, displayWidth, listed, oneLine, type Palette, shorten, wordWrap } from "./text.ts";

/** How a model came about. */
export interface Story {
  /** "100 epochs in 4.2 s" */
  effort: string;
  /** More about it, a sentence each. */
  remarks?: readonly string[];
  warnings?: readonly string[];
  /** More files that were written. */
  files?: { path: string; what: string; size: string }[];
}

/** What is told at the end about a model that was made. */
export interface Summary extends Story {
  ids: SemanticIds;
  dim: number;
  labels: ItemLabels | undefined;
  /** What the items are called where they have no titles. */
  itemIds?: readonly string[] | undefined;
  losses: { reconstruction: number; quantization: number };
  explainedVariance: number | undefined;
  /** Version, seed and fingerprint. */
  identity: string;
  /** As options of the command line. */
  configuration: string;
  files: { path: string; what: string; size: string }[];
  /** A command to go on with. */
  next: string;
}

/** First codes, and second codes under each, that the tree shows; items in the sample. */
const firstCodes = 9;
const secondCodes = 2;
const sampleSize = 8;

/** The summary as text for a terminal of this many columns. */
export async function describeModel(summary: Summary, columns: number, palette: Palette): Promise<string> {
  const width = Math.min(columns, 120);
  const { ids, labels, itemIds, warnings = [] } = summary;
  const titleOf = (row: number) => {
    const name = labels ? (labels.titles[row] ?? "") : itemIds?.[row];
    return name === undefined ? `row ${row}` : oneLine(String(name));
  };
  const heading = (text: string) => ["", palette.bold(text)];
  return [
    ...about(summary, width, palette),
    ...(warnings.length > 0 ? heading("Warnings") : []),
    ...warnings.flatMap((warning) => paragraph(warning, width)).map(palette.warning),
    ...heading("The IDs"),
    ...(await aboutIds(ids, warnings.length === 0, width, palette)),
    ...heading(labels || itemIds ? "Some items" : "Some items (give --labels to see titles)"),
    ...sample(ids, titleOf, width, palette),
    ...heading("The largest branches of the code tree: similar items share their first codes"),
    ...tree(ids, titleOf, width, palette),
    ...heading("Configuration"),
    ...wordWrap(summary.configuration.replaceAll(/(--[\w-]+) (?!-)/g, "$1\u00a0"), width - 2).map((line) =>
      palette.dim(`  ${line.replaceAll("\u00a0", " ")}`),
    ),
    ...heading("Written"),
    ...written(summary.files, palette),
    "",
    `Next: ${palette.code(summary.next)}`,
  ].join("\n");
}

function about(
  { ids, dim, effort, remarks = [], losses, explainedVariance, identity, configuration }: Summary,
  width: number,
  palette: Palette,
): string[] {
  const codes = ids.codebookSizes.map(thousands).join(" x ");
  // By default the loss is of the scaled items, not in the units of the error that rqvae report prints.
  const isScaled = !/--input-scaling (none|center)\b/.test(configuration);
  const facts = [
    effort,
    `reconstruction loss ${short(losses.reconstruction)}${isScaled ? " (scaled)" : ""}`,
    `quantisation loss ${short(losses.quantization)}`,
    ...(explainedVariance === undefined ? [] : [`explained variance ${percent(explainedVariance)}`]),
  ];
  return [
    palette.bold(
      `Learned ${counted(ids.length, "item")} of dimension ${dim}: ${counted(ids.levels, "code")} each, ${codes}`,
    ),
    ...wrapped(facts, width),
    ...remarks.flatMap((remark) => paragraph(remark, width)),
    `  ${identity}`,
  ];
}

/** Facts side by side, on as many lines as they need. */
function wrapped(facts: string[], width: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + fact.length + 3 <= width) lines[lines.length - 1] = `${last}   ${fact}`;
    else lines.push(`  ${fact}`);
  }
  return lines;
}

/** A sentence on as many lines as it needs; the ones after the first are indented. */
function paragraph(text: string, width: number): string[] {
  return wordWrap(text, width - 2, "  ").map((line) => `  ${line}`);
}

async function aboutIds(ids: SemanticIds, hint: boolean, width: number, palette: Palette): Promise<string[]> {
  const { items, itemsSharing, distinctIds, largestGroup, perLevel } = await assessIds(ids);
  const alone = items - itemsSharing;
  const sharing =
    itemsSharing === 0
      ? ["  Every item has an ID of its own."]
      : [
          `  ${thousands(alone)} of ${counted(items, "item")} (${percent(alone / items)}) ${alone === 1 ? "has an ID of its own" : "have an ID of their own"}.`,
          `  ${thousands(itemsSharing)} share theirs, at most ${counted(largestGroup, "item")} on one: ${counted(distinctIds, "distinct ID")} in all.`,
        ];
  if (hint && itemsSharing > items / 10) {
    sharing.push(palette.dim("  More codes (--codes) or levels (--levels) tell more items apart."));
  }
  const used = perLevel.map(({ usedCodes, codebookSize }) => `${thousands(usedCodes)} of ${thousands(codebookSize)}`);
  const column = Math.max(...used.map((text) => text.length));
  const levels = perLevel.map(({ usage, perplexity }, level) => {
    const name = `  level ${level + 1}  `;
    const codes = `  ${used[level]!.padStart(column)} codes used`;
    const diversity = `, as diverse as ${thousands(Math.round(perplexity))}`;
    const room = width - name.length - codes.length - diversity.length;
    return `${name}${bar(usage, Math.min(20, Math.max(room, 0)), palette)}${codes}${palette.dim(diversity)}`;
  });
  return [...sharing, ...levels];
}

/** Items at equal distances in the order of the IDs, so that they come from all over the tree. */
function sample(ids: SemanticIds, titleOf: (row: number) => string, width: number, palette: Palette): string[] {
  const rows = spread(sortedRows(ids), sampleSize);
  const column = Math.max(...rows.map((row) => ids.toTokens(row).length));
  return rows.map((row) => {
    const id = ids.toTokens(row).padEnd(column);
    return `  ${palette.code(id)}  ${shorten(titleOf(row), width - column - 4)}`;
  });
}

function tree(ids: SemanticIds, titleOf: (row: number) => string, width: number, palette: Palette): string[] {
  const root = codeTree(ids, { maxDepth: Math.min(2, ids.levels), itemsPerNode: 1000 });
  const shown = root.children.slice(0, firstCodes);
  const rows = shown.flatMap((node) => [
    { node, level: 0 },
    ...node.children.slice(0, secondCodes).map((child) => ({ node: child, level: 1 })),
  ]);
  const nameOf = (node: CodeTreeNode, level: number) => `${"  ".repeat(level)}<${levelLetter(level)}_${node.code}>`;
  const nameColumn = Math.max(...rows.map(({ node, level }) => nameOf(node, level).length));
  const countColumn = Math.max(5, thousands(shown[0]?.count ?? 0).length);
  const lines = rows.map(({ node, level }) => {
    const name = nameOf(node, level).padEnd(nameColumn);
    const items = thousands(node.count).padStart(countColumn);
    const titles = spread(node.items ?? [], 16).map(titleOf);
    const examples = listed(titles, width - nameColumn - countColumn - 6, node.count);
    return `  ${level === 0 ? palette.code(name) : name}  ${palette.dim(items)}  ${examples}`;
  });
  const hidden = root.children.length - shown.length;
  return [
    palette.dim(`  ${"code".padEnd(nameColumn)}  ${"items".padStart(countColumn)}  for example`),
    ...lines,
    ...(hidden > 0 ? [palette.dim(`  and ${thousands(hidden)} more first codes`)] : []),
  ];
}

/** At most n of the values, at equal distances. */
function spread<T>(values: ArrayLike<T>, n: number): T[] {
  const chosen = Math.min(n, values.length);
  return Array.from({ length: chosen }, (_, i) => values[Math.floor(((i + 0.5) * values.length) / chosen)] as T);
}

function written(files: Summary["files"], palette: Palette): string[] {
  const column = Math.max(...files.map(({ path }) => displayWidth(path)));
  return files.map(({ path, what, size }) => {
    const name = path + " ".repeat(column - displayWidth(path));
    return `  ${name}  ${palette.dim(`${what}, ${size}`)}`;
  });
}
