#!/usr/bin/env node
import { VERSION } from "../base/version.ts";
/** The command line: `rqvae train`, `rqvae encode` and the others. */
import { useHints } from "../options/hints.ts";
import { type Command, helpOf, parseCommandLine, suggest, UsageError } from "./command.ts";
import { completion } from "./completion.ts";
import { convert } from "./convert.ts";
import { embed } from "./embed.ts";
import { encode } from "./encode.ts";
import { closeFiles } from "./files.ts";
import { hopwise } from "./hopwise.ts";
import { Interrupted } from "./interrupt.ts";
import { kmeans } from "./kmeans.ts";
import { man } from "./man.ts";
import { merge } from "./merge.ts";
import { programName } from "./program-name.ts";
import { report } from "./report.ts";
import { sweep } from "./sweep.ts";
import { train } from "./train.ts";
import { messageOf } from "./words.ts";

const commands: Command[] = [
  ...[embed, train, kmeans, encode, merge, report, sweep, convert, hopwise],
  completion(() => commands),
  man(() => commands),
];

const help = `Semantic IDs for every item of a catalogue, learned from its embeddings.

Usage: rqvae <command> ...

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

Options:
  -h, --help     show this help; rqvae <command> --help shows a command's own
  -V, --version  show the version

Example:
  rqvae train items.npy --labels titles.txt
  rqvae encode model.safetensors new-items.npy
  rqvae report model.safetensors items.npy --html report.html
`;

/** @returns the exit code: 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C. */
async function main([name, ...args]: string[]): Promise<number> {
  useHints();
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (name === "--version" || name === "-V") return print(`${VERSION}\n`);
    if (name === "--help" || name === "-h" || name === "help") {
      const asked = commands.find((candidate) => candidate.name === args[0]);
      return print(asked ? helpOf(asked) : help);
    }
    if (name === undefined) throw new UsageError("a command is missing");
    if (!command) {
      const names = commands.map((candidate) => candidate.name);
      throw new UsageError(
        `unknown ${name.startsWith("-") ? "option" : "command"} "${name}"${suggest(name, [...names, "--help", "--version"])}`,
      );
    }
    const given = parseCommandLine(command, args);
    return given.values.help ? print(helpOf(command)) : await command.run(given);
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode;
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, " ");
    const hint =
      error instanceof UsageError ? ` (see ${programName()} ${command ? `${command.name} ` : ""}--help)` : "";
    process.stderr.write(`rqvae: ${message}${hint}\n`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await closeFiles();
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

// `rqvae encode ... | head` closes the pipe early: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`rqvae: standard output cannot be written: ${error.message}\n`);
  process.exit(1);
});
// Not process.exit: what was written to a pipe must get through.
process.exitCode = await main(process.argv.slice(2));
