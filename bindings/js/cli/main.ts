#!/usr/bin/env node
import { VERSION } from "../base/version.ts";
/** The command line: `rqvae train`, `rqvae encode` and the others. */
import { useHints } from "../options/hints.ts";
import { startOnce } from "../runtime/load.ts";
import { align } from "./align.ts";
import { churn } from "./churn.ts";
import { type Command, type Given, helpOf, parseCommandLine, suggest, UsageError, wholeNumber } from "./command.ts";
import { completion } from "./completion.ts";
import { convert } from "./convert.ts";
import { decode } from "./decode.ts";
import { embed } from "./embed.ts";
import { encode } from "./encode.ts";
import { evaluate } from "./evaluate.ts";
import { features } from "./features.ts";
import { closeFiles } from "./files.ts";
import { fuse } from "./fuse.ts";
import { hopwise } from "./hopwise.ts";
import { inspect } from "./inspect.ts";
import { Interrupted } from "./interrupt.ts";
import { kmeans } from "./kmeans.ts";
import { lookup } from "./lookup.ts";
import { man } from "./man.ts";
import { merge } from "./merge.ts";
import { migrate } from "./migrate.ts";
import { EXIT_CODES } from "./notes.ts";
import { programName } from "./program-name.ts";
import { report } from "./report.ts";
import { similar } from "./similar.ts";
import { sweep } from "./sweep.ts";
import { train } from "./train.ts";
import { messageOf } from "./words.ts";

const commands: Command[] = [
  ...[embed, fuse, train, kmeans, encode, merge, report, evaluate, churn, align, migrate, inspect, lookup, similar],
  ...[decode, features, sweep, convert, hopwise],
  completion(() => commands),
  man(() => commands),
];

const commandNames = commands.map(({ name }) => name);

const help = `Semantic IDs for every item of a catalogue, learned from its embeddings.

Usage: rqvae <command> [arguments] [options]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

Options:
  -h, --help     show this help; rqvae <command> --help and rqvae help <command>
                 show a command's own
  -V, --version  show the version

Files: every input can also be - (standard input) or an http(s) URL. An output
that you name is overwritten; one with a default name only with --force.

${EXIT_CODES}

Examples:
  rqvae train items.npy --labels titles.txt
  rqvae encode model.safetensors new-items.npy
  rqvae report model.safetensors items.npy --html report.html
`;

/** @returns the exit code, as EXIT_CODES has them. */
async function main([name, ...args]: string[]): Promise<number> {
  useHints();
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (name === "--version" || name === "-V") return print(`${VERSION}\n`);
    if (name === "--help" || name === "-h" || name === "help") {
      const [about] = args;
      const asked = commands.find((candidate) => candidate.name === about);
      if (asked) return print(helpOf(asked));
      if (about === undefined || about.startsWith("-")) return print(help);
      throw new UsageError(`unknown command "${about}"${suggest(about, commandNames)}`);
    }
    if (name === undefined) throw new UsageError("a command is missing");
    if (!command) {
      throw new UsageError(
        `unknown ${name.startsWith("-") ? "option" : "command"} "${name}"${suggest(name, [...commandNames, "--help", "--version"])}`,
      );
    }
    const given = parseCommandLine(command, args);
    if (given.values.help) return print(helpOf(command));
    await useThreads(given);
    return await command.run(given);
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

/** @throws UsageError */
async function useThreads(given: Given): Promise<void> {
  const threads = wholeNumber(given, "threads");
  if (threads === undefined) return;
  if (threads > 64) throw new UsageError(`--threads must be at most 64, but is ${threads}`);
  await startOnce({ threads });
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
// Progress that nobody reads any more is no reason to lose the work.
process.stderr.on("error", () => {});
// Not process.exit: what was written to a pipe must get through.
process.exitCode = await main(process.argv.slice(2));
