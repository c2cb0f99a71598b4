/** Tables of figures as papers and notes have them: Markdown and LaTeX. */

/** A cell; the best of a column is bold. */
export interface Cell {
  text: string;
  isBest: boolean;
}

/** A table whose first `left` columns are words, the others figures. */
export interface Table {
  heads: readonly string[];
  rows: readonly (readonly Cell[])[];
  left: number;
  /** What the figures are, a sentence each. */
  notes: readonly string[];
  /** Whether a rule stands above row i. */
  hasRule(i: number): boolean;
}

export function markdownTable({ heads, rows, left, notes }: Table): string {
  const texts = rows.map((row) => row.map(({ text, isBest }) => (isBest ? `**${text}**` : text)));
  const widths = heads.map((head, i) => Math.max(3, head.length, ...texts.map((row) => row[i]!.length)));
  const pad = (text: string, i: number) => (i < left ? text.padEnd(widths[i]!) : text.padStart(widths[i]!));
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = widths.map((width, i) => (i < left ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return `${[line(heads), line(rule), ...texts.map(line), "", ...notes].join("\n")}\n`;
}

/** For the package booktabs. */
export function latexTable({ heads, rows, left, notes, hasRule }: Table): string {
  const line = (cells: readonly string[]) => `${cells.join(" & ")} \\\\`;
  const cellOf = ({ text, isBest }: Cell, i: number) => {
    if (i < left || text === "") return escapeLatex(text);
    const maths = text.replaceAll(",", "{,}").replaceAll("±", "\\pm").replaceAll(" / ", "\\,/\\,");
    return isBest ? `$\\mathbf{${maths}}$` : `$${maths}$`;
  };
  const body = rows.flatMap((row, i) => [...(hasRule(i) ? ["\\midrule"] : []), line(row.map(cellOf))]);
  return `${[
    ...notes.map((note) => `% ${note}`),
    `\\begin{tabular}{${heads.map((_, i) => (i < left ? "l" : "r")).join("")}}`,
    "\\toprule",
    line(heads.map(escapeLatex)),
    "\\midrule",
    ...body,
    "\\bottomrule",
    "\\end{tabular}",
  ].join("\n")}\n`;
}

const escapeLatex = (text: string): string => text.replaceAll(/[%&_#$]/g, (mark) => `\\${mark}`);
