/** Words, numbers and colours for a terminal. */

import { counted } from "../base/words.ts";

type Paint = (text: string) => string;

/** Colours for a stream: none unless it is a terminal and the user has not asked for none (no-color.org). */
export interface Palette {
  bold: Paint;
  dim: Paint;
  code: Paint;
  bar: Paint;
  warning: Paint;
}

const wrap =
  (on: number, off: number): Paint =>
  (text) =>
    text && `\x1b[${on}m${text}\x1b[${off}m`;
const plain: Paint = (text) => text;

export function paletteFor(stream: NodeJS.WriteStream): Palette {
  const colour = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  if (!colour) return { bold: plain, dim: plain, code: plain, bar: plain, warning: plain };
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    code: wrap(36, 39),
    bar: wrap(32, 39),
    warning: wrap(33, 39),
  };
}

/** Columns of a stream, 80 when it has none. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return Math.max(40, stream.columns || Number(process.env.COLUMNS) || 80);
}

/** 8.2 -> "8 s", 75 -> "1 min 15 s", 4000 -> "1 h 7 min" */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** 1234567 -> "1.2 MB" */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return counted(bytes, "byte");
  const [unit, size] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(bytes / size).toFixed(bytes / size < 10 ? 1 : 0)} ${unit}`;
}

/** A bar of `width` columns, `share` of it filled. */
export function bar(share: number, width: number, palette: Palette): string {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return palette.bar("━".repeat(filled)) + palette.dim("─".repeat(width - filled));
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/**
 * Columns that a grapheme takes. Terminals differ for joined emoji: this counts the parts, as those do that cannot join
 * them, so that a line is never longer than reckoned.
 */
function graphemeWidth(grapheme: string): number {
  let width = 0;
  for (const character of grapheme) {
    // Two regional indicators make a flag of two columns.
    if (/\p{RI}/u.test(character)) width += 1;
    else if (!/[\p{M}\p{Cf}]/u.test(character)) width += wide.test(character) ? 2 : 1;
  }
  return grapheme.includes("\ufe0f") ? Math.max(width, 2) : width;
}

/** Columns that a text takes on a terminal: emoji and East Asian characters take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The text in at most `columns` columns, cut with an ellipsis. */
export function shorten(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let cut = "";
  let width = 1;
  for (const { segment } of graphemes.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns) break;
    cut += segment;
  }
  return `${cut.trimEnd()}…`;
}

/** Those of the texts that fit in `columns` columns, separated by commas; an ellipsis says that there are more than these. */
export function listed(texts: readonly string[], columns: number, total = texts.length): string {
  let line = "";
  let shown = 0;
  for (const text of texts) {
    const next = line ? `${line}, ${text}` : text;
    const rest = shown + 1 < total ? 3 : 0;
    if (displayWidth(next) + rest > columns) continue;
    line = next;
    shown++;
  }
  if (!line) return shorten(texts[0] ?? "", columns);
  return shown < total ? `${line}, …` : line;
}

/** A title on one line, without control characters that could move the cursor. */
export const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();

/** The text in lines of at most `columns` columns, broken between words; a longer word stands alone. `indent` begins all but the first. */
export function wordWrap(text: string, columns: number, indent = ""): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    const longer = `${last} ${word}`;
    if (last !== undefined && displayWidth(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(last === undefined ? word : indent + word);
  }
  return lines;
}

/** A word of a command line, quoted for a shell where it needs it. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
