/** The manual page, made of the definitions of the commands, in the macros of man(7). */

import { VERSION } from "../base/version.ts";
import { type Command, type Option, usageOf } from "./command.ts";
import { EXIT_CODES } from "./notes.ts";
import { generalOptions } from "./outputs.ts";

/** @param commands All of the program's, this one included. */
export const man = (commands: () => readonly Command[]): Command => ({
  name: "man",
  summary: "Print the manual page.",
  positionals: [],
  options: { General: { help: generalOptions.help! } },
  notes: `Examples:
  rqvae man | man -l -
  rqvae man > ~/.local/share/man/man1/rqvae.1
`,
  async run() {
    process.stdout.write(manualPage(commands()));
    return 0;
  },
});

/** Text as roff has it: nothing in it is a request or an escape, and a hyphen is the one that is typed. */
const escaped = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");

const bold = (text: string): string => `\\fB${escaped(text)}\\fR`;
const italic = (text: string): string => `\\fI${escaped(text)}\\fR`;

/** Paragraphs of a help text: lines that are indented stay as they are. */
function paragraphs(text: string): string[] {
  const lines: string[] = [];
  let isLiteral = false;
  const literal = (on: boolean) => {
    if (on !== isLiteral) lines.push(on ? ".PP\n.EX" : ".EE");
    isLiteral = on;
  };
  for (const paragraph of text.trim().split(/\n{2,}/)) {
    const block = paragraph.split("\n").filter((line) => line !== "");
    block.forEach((line, i) => {
      const isIndented = /^ {2}/.test(line);
      literal(isIndented);
      if (!isIndented && (i === 0 || /^ {2}/.test(block[i - 1]!))) lines.push(".PP");
      lines.push(escaped(isIndented ? line.slice(2) : line));
    });
    literal(false);
  }
  return lines;
}

function optionLines([name, { short, value, takesWord, help }]: [string, Option]): string[] {
  const names = [...(short === undefined ? [] : [bold(`-${short}`)]), bold(`--${name}`)].join(", ");
  const argument = value === undefined ? (takesWord ? `[=${italic("BOOL")}]` : "") : ` ${italic(value)}`;
  return [".TP", names + argument, ...help.split("\n").map(escaped)];
}

function commandLines(command: Command): string[] {
  return [
    `.SS ${bold(command.name)}`,
    escaped(command.summary),
    ".PP",
    `.B ${escaped(usageOf(command))}`,
    ...Object.entries(command.options).flatMap(([heading, options]) => [
      ".PP",
      `${italic(heading)}:`,
      ...Object.entries(options).flatMap(optionLines),
    ]),
    // The page has them once, at its end.
    ...paragraphs(command.notes.replace(EXIT_CODES, "")),
  ];
}

/** What a program that starts this one goes by. */
const EXIT_STATUS: readonly [code: string, meaning: string][] = [
  ["0", "Everything was done."],
  ["1", "An error: a file that cannot be read or written, items that are none, a training that diverged."],
  ["2", "Wrong usage: an unknown option, a value out of range. Nothing was changed."],
  ["130", "Stopped by Ctrl-C (SIGINT)."],
  ["143", "Stopped by SIGTERM."],
];

const ENVIRONMENT: readonly [name: string, meaning: string][] = [
  ["NO_COLOR", "Set to anything, it keeps colours out of the output."],
  ["COLUMNS", "Width of the output where it is no terminal (default: 80)."],
];

export function manualPage(commands: readonly Command[]): string {
  const terms = (pairs: readonly [string, string][]) =>
    pairs.flatMap(([term, meaning]) => [".TP", bold(term), escaped(meaning)]);
  return `${[
    '.\\" Made by: rqvae man',
    `.TH RQVAE 1 "" "rqvae ${VERSION}" "User Commands"`,
    ".SH NAME",
    "rqvae \\- semantic IDs for every item of a catalogue",
    ".SH SYNOPSIS",
    `.B rqvae\n${italic("command")} ...`,
    ".SH DESCRIPTION",
    "Learns semantic IDs from the embeddings of items, by a residual\\-quantised autoencoder, and gives them to new items.",
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ".SH EXIT STATUS",
    ...terms(EXIT_STATUS),
    ".SH ENVIRONMENT",
    ...terms(ENVIRONMENT),
  ].join("\n")}\n`;
}
