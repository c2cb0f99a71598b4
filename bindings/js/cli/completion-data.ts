/** What a shell can complete, in the terms that all shells share: read off the definitions of the commands. */

import { ID_FORMATS } from "../formats/ids/id-formats.ts";
import { OPTIONS } from "../options/describe.ts";
import type { Command, Option } from "./command.ts";
import { DTYPES, POOLINGS } from "./text-model.ts";

/** What stands at a place of the command line: one of a few words, a file, a folder, an assignment for `--set`, or anything. */
export type Argument =
  | { kind: "words"; words: readonly string[] }
  /** By the ends of its name; any file where there are none. */
  | { kind: "file"; endings: readonly string[] }
  | { kind: "folder" }
  | { kind: "assignment" }
  | { kind: "other" };

export interface CompletedOption {
  name: string;
  short?: string;
  /** A few words about it. */
  about: string;
  /** A switch may have a word all the same, behind an equals sign. */
  needs: "nothing" | "word" | "value";
  argument: Argument;
  repeats: boolean;
}

export interface CompletedCommand {
  name: string;
  about: string;
  options: CompletedOption[];
  /** In their order; the last one repeats where that is so. */
  positionals: Argument[];
  repeats: boolean;
}

const ITEMS = ["npy", "npz", "safetensors", "parquet", "csv", "tsv", "json", "jsonl", "ndjson", "gz"];
const IDS = ["csv", "jsonl", "ndjson", "json", "item", "semanticids", "npy", "parquet"];
const TEXT = ["json", "csv", "tsv", "item", "txt", "jsonl", "ndjson"];

/** The ends of the names of files; what is not here can have any. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  "<items>": ITEMS,
  "<model>": ["safetensors"],
  "<table>": ["csv", "tsv", "json", "jsonl", "ndjson", "item"],
  "<in>": IDS,
  "<out>": IDS,
  "<ids>": [...IDS, "index"],
  model: ["safetensors"],
  labels: TEXT,
  "item-ids": TEXT,
  ids: IDS,
  html: ["html"],
  item: ["item"],
  latents: ["npy", "csv", "jsonl", "ndjson", "parquet"],
  plain: ["safetensors"],
};

/** The words of options that are defined without them. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  collisions: ["share", "suffix"],
  dtype: DTYPES,
  format: ID_FORMATS,
  from: ID_FORMATS,
  pooling: POOLINGS,
  to: ID_FORMATS,
  preset: ["tiger", "lcrec", "hopwise"],
};

const FILES = ["FILE", "MODEL"];
const FOLDERS = ["DIR", "FOLDER"];

function argumentOf(name: string, { value = "", choices = WORDS[name] }: Option): Argument {
  if (name === "set") return { kind: "assignment" };
  if (choices) return { kind: "words", words: choices };
  if (FILES.includes(value)) return { kind: "file", endings: ENDINGS[name] ?? [] };
  return FOLDERS.includes(value) ? { kind: "folder" } : { kind: "other" };
}

function positionalOf(name: string, words: readonly string[] | undefined): Argument {
  if (words) return { kind: "words", words };
  if (name.includes("folder")) return { kind: "folder" };
  return { kind: "file", endings: ENDINGS[name] ?? [] };
}

/** The beginning of a help text: what fits beside a name in a list. */
const briefly = (help: string): string => help.replaceAll("\n", " ").split(/; | \(|: |\. /)[0]!;

/** Everything that can be completed. */
export function completionsOf(commands: readonly Command[]): CompletedCommand[] {
  return commands.map(({ name, summary, options, positionals, words }) => ({
    name,
    about: summary.replace(/\.$/, ""),
    options: Object.entries(options)
      .flatMap(([, group]) => Object.entries(group))
      .map(([long, option]) => ({
        name: long,
        ...(option.short === undefined ? {} : { short: option.short }),
        about: briefly(option.help),
        needs: option.value !== undefined ? "value" : option.takesWord ? "word" : "nothing",
        argument: argumentOf(long, option),
        repeats: option.repeats ?? false,
      })),
    positionals: positionals.map((each) => positionalOf(each.replace(/\.\.\.$/, ""), words)),
    repeats: positionals.at(-1)?.endsWith("...") ?? false,
  }));
}

/** What stands on the left of an assignment, with the words that may stand on its right. A sweep has its own option for seeds. */
export const ASSIGNMENTS: readonly { name: string; about: string; words: readonly string[] }[] = OPTIONS.filter(
  ({ name }) => name !== "seed",
).map(({ name, help, kind, choices = [], also }) => ({
  name,
  about: briefly(help),
  words: kind === "flag" ? ["true", "false", ...(also === undefined ? [] : [also])] : choices,
}));

/** Options of the program itself. */
export const OWN: readonly { name: string; short: string; about: string }[] = [
  { name: "help", short: "h", about: "show the help" },
  { name: "version", short: "V", about: "show the version" },
];
