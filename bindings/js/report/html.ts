import { invalid } from "../base/errors.ts";
import { OptionReader, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted, percent, short, thousands } from "../base/words.ts";
import { type CodeTreeNode, codeTree } from "../ids/code-tree.ts";
import { shapeOf } from "../ids/code-words.ts";
import { levelLetter, type SemanticIds } from "../ids/semantic-ids.ts";
import { checkLabels } from "../items/labels.ts";
import type { ItemLabels } from "../types.ts";
import { countCodes } from "./groups.ts";
import { STYLE, STYLE_HASH } from "./html-style.ts";
import type { IdComparison } from "./id-comparison.ts";
import {
  comparedFigures,
  describeLevel,
  describeSharing,
  FINDING_WORDS,
  type IdReport,
  prefixName,
} from "./id-report.ts";

/** What the page shows besides the report. */
export interface HtmlOptions {
  /** Heading of the page. Default: "Semantic IDs". */
  title?: string;
  /** Titles of the items. Default: those given to `assessIds`, or else row numbers. */
  labels?: Pick<ItemLabels, "titles">;
  /** Lines about the model, for the end of the page: version, seed, configuration, how its training went. */
  about?: readonly string[];
  /** What changed since earlier IDs, as `compareIds(before, report.ids)` says it. */
  churn?: IdComparison;
}

/** The most cells of a heat map; more codes than that share cells. */
const MOST_CELLS = 1024;
/** Number of codes per level with examples, the most frequent ones; number of branches of the tree, and of entries below each. */
const MOST_EXAMPLE_CODES = 48;
const BRANCHES = [48, 8, 6];
const EXAMPLES = 4;
/** The most items for which the tree has a third level. */
const SMALL_CATALOGUE = 100_000;
/** Items that moved, of those that are listed. */
const MOST_MOVED = 40;
/** The longest title that is shown. */
const MOST_CHARACTERS = 80;

type TitleOf = (row: number) => string;

/**
 * The report as one HTML page: key figures, what is fine and what to do, baselines, heat maps of the codes, sizes of the groups that share
 * an ID, examples of each code, and the code tree. It is self-contained, without scripts, images or requests; its content security policy
 * forbids all of them. It has a light and a dark mode and fits phones and large screens. The same report gives the same page.
 *
 * @throws InvalidInputError if `report` is not what `assessIds` returned, or if there is not one title per item.
 */
export function reportHtml(report: IdReport, options: HtmlOptions = {}): string {
  const read = new OptionReader(options, "reportHtml");
  const given = read.get("title") ?? "Semantic IDs";
  const title = typeof given === "string" ? given : read.fail("title", "text");
  const labels = read.get("labels") as HtmlOptions["labels"];
  const about = (read.get("about") ?? []) as readonly string[];
  if (!Array.isArray(about) || !about.every((line) => typeof line === "string")) read.fail("about", "an array of text");
  const churn = read.get("churn") as IdComparison | undefined;
  let changed = "";
  try {
    if (churn !== undefined) changed = churnSection(churn);
  } catch {
    read.fail("churn", "what compareIds returned"); // there is no cheaper check of all of it
  }
  read.refuseUnknown();
  const ids = report?.ids;
  if (ids === undefined) {
    throw invalid()`${call("reportHtml")}${{ argument: "report" }} must be what assessIds returned (a copy, as by JSON, has lost the IDs), received ${show(report)}`;
  }
  if (labels) checkLabels({ titles: labels.titles }, ids.length);
  const titles = labels?.titles ?? report.titles;
  const titleOf: TitleOf = (row) => {
    const given = String(titles?.[row] ?? ""); // a number is accepted as a title
    const text = given.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim() || `row ${row}`;
    const characters = [...text];
    return escapeHtml(
      characters.length > MOST_CHARACTERS ? `${characters.slice(0, MOST_CHARACTERS - 1).join("")}…` : text,
    );
  };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${STYLE_HASH}'; base-uri 'none'; form-action 'none'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${head(report, title)}
${findings(report)}
${baselines(report)}
${depths(report)}
${labelTable(report)}
${changed}
${groupSizes(report)}
${heatMaps(report, titleOf)}
${examples(ids, titleOf)}
${tree(ids, titleOf)}
${about.length === 0 ? "" : section("The model", "", about.map((line) => `<p>${escapeHtml(line)}</p>`).join("\n"))}
</main>
</body>
</html>
`;
}

/** Text that is safe in HTML, between tags and in attributes. */
function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

const token = (level: number, code: number) => `<code>&lt;${levelLetter(level)}_${code}&gt;</code>`;
const section = (heading: string, intro: string, body: string) =>
  `<section>\n<h2>${heading}</h2>\n${intro && `<p class="soft">${intro}</p>\n`}${body}\n</section>`;
const row = (cells: readonly string[], tag = "td") =>
  `<tr>${cells.map((cell) => `<${tag}${tag === "th" ? ' scope="col"' : ""}>${cell}</${tag}>`).join("")}</tr>`;
const table = (heads: readonly string[], rows: readonly string[][]) =>
  `<div class="wide" tabindex="0"><table><thead>${row(heads, "th")}</thead><tbody>\n${rows.map((cells) => row(cells)).join("\n")}\n</tbody></table></div>`;
const shown = (share: number | null | undefined) => (share === null || share === undefined ? "–" : percent(share));

function head(report: IdReport, title: string): string {
  const { ids, uniqueShare, distinctIds, itemsSharing, largestGroup, duplicates, reconstruction, neighbours } = report;
  const cards: [string, string][] = [
    [thousands(report.items), report.items === 1 ? "item" : "items"],
    [percent(uniqueShare), `distinct IDs per item (${thousands(distinctIds)})`],
    [thousands(itemsSharing), "items share their ID"],
    [thousands(largestGroup), "items in the largest group"],
  ];
  if (duplicates)
    cards.push([thousands(duplicates.itemsColliding), "share it with an item that has a different vector"]);
  if (reconstruction) cards.push([percent(reconstruction.explainedVariance), "of the items' variance explained"]);
  if (neighbours) cards.push([percent(neighbours.sharing[0]!), "of the nearest items share the first code"]);
  const by = ids.fingerprint === undefined ? "" : `, by model <code>${ids.fingerprint}</code>`;
  return `<header>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${shapeOf(ids.codebookSizes)} codes${by}</p>
<p class="lead">${escapeHtml(describeSharing(report))}</p>
</header>
<dl class="cards">
${cards.map(([figure, what]) => `<div><dt>${what}</dt><dd>${figure}</dd></div>`).join("\n")}
</dl>`;
}

function findings(report: IdReport): string {
  if (report.findings.length === 0) return "";
  const sentence = (text: string) => escapeHtml(text[0]!.toUpperCase() + text.slice(1));
  const items = report.findings.map(
    ({ kind, text }) => `<li class="${kind}"><b>${FINDING_WORDS[kind]}</b> ${sentence(text)}</li>`,
  );
  return section("What this means", "", `<ul class="findings">\n${items.join("\n")}\n</ul>`);
}

/** A bar in a grid of three columns: name, bar, figure. */
function bar(name: string, share: number | undefined, figure: string, own: boolean): string {
  const width = (100 * Math.min(1, Math.max(0, share ?? 0))).toFixed(2);
  const rects = `<rect class="rail" width="100" height="12"/><rect${own ? ' class="own"' : ""} width="${width}" height="12"/>`;
  return `<span>${name}</span><svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">${rects}</svg><span class="n">${figure}</span>`;
}

function baselines(report: IdReport): string {
  if (!report.baselines) return "";
  const { residualKMeans, randomHash } = report.baselines;
  const boxes = comparedFigures(report).map(({ name, of }) => {
    const bars = [
      { who: "these IDs", each: report },
      { who: "residual k-means", each: residualKMeans },
      { who: "random hash", each: randomHash },
    ].map(({ who, each }) => bar(who, of(each), shown(of(each)), each === report));
    return `<div class="box"><h3>${escapeHtml(name[0]!.toUpperCase() + name.slice(1))}</h3><div class="bars">${bars.join("")}</div></div>`;
  });
  return section(
    "Compared with two baselines",
    "Both have the same number of levels and codes and use the same items. Residual k-means needs no network; a random hash tells items apart but has no meaning.",
    `<div class="pairs">\n${boxes.join("\n")}\n</div>`,
  );
}

function depths(report: IdReport): string {
  const { perDepth, reconstruction, neighbours } = report;
  const heads = ["Items that share", "groups", "largest", "items in groups of several"];
  if (report.duplicates) heads.push("of them with different vectors");
  if (reconstruction) heads.push("variance explained");
  if (neighbours) heads.push(`share it with their ${neighbours.k} nearest`, "with a random item");
  const rows = perDepth.map((each, i) => [
    prefixName(each.depth, report),
    thousands(each.distinct),
    thousands(each.largestGroup),
    thousands(each.itemsSharing),
    ...(report.duplicates ? [thousands(each.itemsColliding!)] : []),
    ...(reconstruction ? [percent(reconstruction.byDepth[i]!)] : []),
    ...(neighbours ? [percent(neighbours.sharing[i]!), percent(each.chanceOfSharing)] : []),
  ]);
  const notes: string[] = [];
  if (reconstruction) {
    const of = reconstruction.items < report.items ? ` (on a sample of ${thousands(reconstruction.items)} items)` : "";
    notes.push(`Mean squared reconstruction error of an item: ${short(reconstruction.meanSquaredError)}${of}.`);
  }
  if (neighbours) {
    const { k, kept, queries, among } = neighbours;
    const still =
      kept === undefined ? "" : `${percent(kept)} of them are still among the ${k} nearest after decoding. `;
    notes.push(
      `${still}Neighbours of ${counted(queries, "item")} by Euclidean distance, searched among ${thousands(among)}.`,
    );
  }
  const after = notes.length > 0 ? `\n<p class="soft"><small>${notes.join(" ")}</small></p>` : "";
  return section("How the items divide, code by code", "", table(heads, rows) + after);
}

function labelTable(report: IdReport): string {
  if (!report.labels?.length) return "";
  const heads = ["Label", "values", ...report.perDepth.map(({ depth }) => prefixName(depth, report)), "at random"];
  const rows = report.labels.map(({ name, values, chance, byDepth }) => [
    escapeHtml(name),
    thousands(values),
    ...byDepth.map(shown),
    shown(chance),
  ]);
  return section(
    "Labels",
    "How often two items that share codes have the same label, compared with two random items.",
    table(heads, rows),
  );
}

/** Shares unchanged by depth, what became of the branches, and items that moved. */
function churnSection({ items, added, removed, perDepth, moved }: IdComparison): string {
  const states = ["kept", "renamed", "split", "merged", "scattered"] as const;
  const heads = [
    "First codes",
    "items unchanged",
    "after the best renaming",
    ...states.map((state) => `branches ${state}`),
  ];
  const rows = perDepth.map(({ depth, unchangedShare, alignedShare, branches }) => [
    String(depth),
    percent(unchangedShare),
    percent(alignedShare),
    ...states.map((state) => (branches ? thousands(branches[state]) : "")),
  ]);
  const tokens = (codes: readonly number[]) => codes.map((code, level) => token(level, code)).join("");
  const examples = moved
    .slice(0, MOST_MOVED)
    .map(({ itemId, before, after }) => [escapeHtml(String(itemId)), tokens(before), tokens(after)]);
  const list =
    moved.length === 0
      ? ""
      : `\n<h3>${counted(moved.length, "item")} moved${perDepth.every((each) => each.unchanged === each.aligned) ? "" : " beyond the renaming"}${moved.length > MOST_MOVED ? `; the first ${MOST_MOVED}` : ""}</h3>\n${table(["Item", "before", "now"], examples)}`;
  return section(
    "What changed since the earlier IDs",
    `${counted(items, "item")} in both; ${thousands(added.length)} added, ${thousands(removed.length)} removed.`,
    table(heads, rows) + list,
  );
}

/** Groups of 1, 2, 3, 4, then 5 to 8, 9 to 16, ... items. */
function groupSizes({ groupSizes: sizes, items }: IdReport): string {
  const buckets: { name: string; items: number; groups: number }[] = [];
  const largest = sizes.at(-1)!.size;
  for (let from = 1; from <= largest; ) {
    const to = from <= 4 ? from : 2 * (from - 1);
    const inside = sizes.filter(({ size }) => size >= from && size <= to);
    buckets.push({
      name: from === 1 ? "alone" : to === from ? `${from} items` : `${thousands(from)} to ${thousands(to)}`,
      items: inside.reduce((sum, { size, groups }) => sum + size * groups, 0),
      groups: inside.reduce((sum, { groups }) => sum + groups, 0),
    });
    from = to + 1;
  }
  const bars = buckets.map(({ name, items: count, groups }) =>
    bar(name, count / items, `${counted(count, "item")}, ${counted(groups, "ID")}`, true),
  );
  return section(
    "How many items share an ID",
    "Items by the number of items that have their ID.",
    `<div class="box"><div class="bars">${bars.join("\n")}</div></div>`,
  );
}

/** The items of each code of a level, ascending. At most `count` of each. */
function firstRows(ids: SemanticIds, level: number, count: number): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < ids.length; i++) {
    const code = ids.codes[i * ids.levels + level]!;
    const known = rows.get(code);
    if (!known) rows.set(code, [i]);
    else if (known.length < count) known.push(i);
  }
  return rows;
}

function heatMaps(report: IdReport, titleOf: TitleOf): string {
  const { ids, perLevel } = report;
  const figures = perLevel.map((level, l) => {
    const counts = countCodes(ids, l);
    const rows = firstRows(ids, l, EXAMPLES);
    const perCell = Math.ceil(level.codebookSize / MOST_CELLS);
    const cells = Math.ceil(level.codebookSize / perCell);
    const columns = Math.max(8, Math.ceil(Math.sqrt(cells)));
    const inCell = new Float64Array(cells);
    for (const [code, count] of counts) inCell[Math.floor(code / perCell)]! += count;
    const most = inCell.reduce((a, b) => Math.max(a, b), 0);
    const rects = [...inCell].map((count, cell) => {
      const [x, y] = [16 * (cell % columns) + 1, 16 * Math.floor(cell / columns) + 1];
      const heat = count === 0 ? 0 : Math.max(1, Math.ceil(6 * Math.sqrt(count / most)));
      const codes =
        perCell === 1
          ? `&lt;${levelLetter(l)}_${cell}&gt;`
          : `codes ${cell * perCell} to ${Math.min(level.codebookSize, (cell + 1) * perCell) - 1}`;
      const such = perCell === 1 && rows.has(cell) ? `, such as ${rows.get(cell)!.map(titleOf).join(", ")}` : "";
      return `<rect class="h${heat}" x="${x}" y="${y}" width="14" height="14" rx="2"><title>${codes}: ${counted(count, "item")}${such}</title></rect>`;
    });
    const height = 16 * Math.ceil(cells / columns);
    const words = describeLevel(level, report);
    const shared = perCell > 1 ? ` A cell stands for ${perCell} codes.` : "";
    return `<figure class="box"><h3>Level ${l + 1}</h3><svg class="heat" viewBox="0 0 ${16 * columns} ${height}" role="img" aria-label="Usage of the codes of level ${l + 1}: ${words}">${rects.join("")}</svg><figcaption>${words}; entropy ${percent(level.normalizedEntropy)}, Gini ${level.gini.toFixed(2)}; at most ${counted(most, "item")}${perCell > 1 ? " in a cell" : " on a code"}.${shared}</figcaption></figure>`;
  });
  const steps = [0, 1, 2, 3, 4, 5, 6].map(
    (heat) => `<rect class="h${heat}" x="${15 * heat + 1}" y="1" width="12" height="12" rx="2"/>`,
  );
  return section(
    "How the codes are used",
    "Each square is a code. The stronger its colour, the more items have it. Empty squares are codes that no item has.",
    `<p class="legend">unused <svg viewBox="0 0 105 14" aria-hidden="true">${steps.join("")}</svg> most items of the level</p>
<div class="grid">\n${figures.join("\n")}\n</div>`,
  );
}

function examples(ids: SemanticIds, titleOf: TitleOf): string {
  const levels = Array.from({ length: ids.levels }, (_, level) => {
    const rows = firstRows(ids, level, EXAMPLES);
    const counts = [...countCodes(ids, level)].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const lines = counts
      .slice(0, MOST_EXAMPLE_CODES)
      .map(
        ([code, count]) =>
          `<li>${token(level, code)} <span class="count">${thousands(count)}</span> ${listed(rows.get(code)!, count, titleOf)}</li>`,
      );
    return `<details${level === 0 ? " open" : ""}><summary>Level ${level + 1}: ${counted(counts.length, "code")} in use</summary><ul>\n${lines.join("\n")}${more(counts.length - lines.length, "code")}\n</ul></details>`;
  });
  return section(
    "Examples of each code",
    "The most frequent codes of each level and how many items have them. The first code says what an item is; later codes say what is left over, so their items are less similar.",
    levels.join("\n"),
  );
}

function tree(ids: SemanticIds, titleOf: TitleOf): string {
  const maxDepth = Math.min(ids.levels, ids.length > SMALL_CATALOGUE ? 2 : 3);
  const root = codeTree(ids, { maxDepth, itemsPerNode: EXAMPLES });
  const branch = (node: CodeTreeNode, level: number): string => {
    const line = `${token(level, node.code)} <span class="count">${thousands(node.count)}</span> ${listed(node.items!, node.count, titleOf)}`;
    if (node.children.length === 0) return `<li>${line}</li>`;
    return `<details><summary>${line}</summary>${branches(node, level + 1)}</details>`;
  };
  const branches = (node: CodeTreeNode, level: number): string => {
    const shownNodes = node.children.slice(0, BRANCHES[level]);
    const lines = shownNodes.map((child) => branch(child, level)).join("\n");
    const rest = more(node.children.length - shownNodes.length, "code");
    const isList = shownNodes[0]!.children.length === 0;
    return isList ? `<ul>\n${lines}${rest}\n</ul>` : `${lines}${rest && `<ul>${rest}</ul>`}`;
  };
  return section(
    "The code tree",
    "Similar items share their first codes. Open a code to see how its items divide. Only the largest branches are shown.",
    branches(root, 0),
  );
}

const listed = (rows: readonly number[], count: number, titleOf: TitleOf) =>
  rows.map(titleOf).join(", ") + (count > rows.length ? ", …" : "");
const more = (count: number, noun: string) =>
  count > 0 ? `<li class="count">and ${counted(count, `more ${noun}`)}</li>` : "";
