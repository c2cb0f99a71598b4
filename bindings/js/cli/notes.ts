/** Paragraphs that the help of several commands shares. */

/** Where a command's inputs can come from. */
export const INPUTS = `Every input file can also be - (standard input, for one file) or an http(s) URL;
both are held in memory whole.`;

/** The rule about outputs, the same for every command. */
export const OVERWRITING = `An output that you name is overwritten. An output with a default name is
overwritten only with --force, and an input never.`;

/** The rule about outputs of commands that have no default names. */
export const OVERWRITING_NAMED = "An output that you name is overwritten; an input never is.";

export const EXIT_CODES = `Exit codes:
  0    done
  1    an error: a file, the data or the training
  2    wrong usage: a command, an option or a value
  130  stopped by Ctrl-C (SIGINT); 143 by SIGTERM`;

/** The notes of a command: paragraphs, then the exit codes, then examples. */
export const notesOf = (paragraphs: readonly string[], ...examples: readonly string[]): string =>
  `${[...paragraphs, EXIT_CODES].join("\n\n")}\n\n${examples.length > 1 ? "Examples" : "Example"}:\n${examples.map((line) => `  ${line}\n`).join("")}`;
