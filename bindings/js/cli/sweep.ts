import { mkdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { counted, percent, thousands } from "../base/words.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { type PresetName, presets } from "../options/presets.ts";
import { type Base, baseOf } from "../sweep/base.ts";
import { Catalogue } from "../sweep/catalogue.ts";
import { fitRun } from "../sweep/fit-run.ts";
import type { RunRecord } from "../sweep/record.ts";
import { type Axis, type Run, runKey, runsOf, runText } from "../sweep/settings.ts";
import { SORTS, type Sort, summarise } from "../sweep/summary.ts";
import { sweepTable, TABLE_FORMATS } from "../sweep/table.ts";
import { type Command, type Given, number, oneOf, text, wholeNumber } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { type CatalogueItems, exists, FileError, nameFile, on, openCatalogue, writeWhole } from "./files.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { ITEM_FILES, itemOptions, readingOf } from "./item-options.ts";
import { INPUTS, notesOf } from "./notes.ts";
import { computingOptions } from "./outputs.ts";
import { programName } from "./program-name.ts";
import { jobView } from "./progress.ts";
import { type Earlier, ResultsFile } from "./results-file.ts";
import { adviseSetting, Problems, planOf, readAxes, readSeeds, requireParts, requireShare } from "./sweep-settings.ts";
import { duration, shellWord } from "./text.ts";

/** Of the items, as the field's papers hold out. */
const HELD_OUT = 0.2;
const { "item-ids": _, ...readingOptions } = itemOptions;

export const sweep: Command = {
  name: "sweep",
  summary: "Train with many settings and seeds, and compare them in one table.",
  positionals: ["<items>"],
  options: {
    Runs: {
      set: {
        value: "NAME=V,V",
        repeats: true,
        help: "values of an option, separated by commas; repeat it for\nevery combination. A single value is the same for all",
      },
      seeds: {
        value: "N",
        help: "how many seeds each setting is trained with (from 0);\nor which: 5,8 or 10:13 (default: 1)",
      },
      preset: {
        value: "NAME",
        choices: Object.keys(presets),
        help: "put the settings on a recipe of the field: tiger,\nlcrec or hopwise (default: on what rqvae train chooses)",
      },
      "no-baseline": { help: "leave out residual k-means, the line to beat" },
      "dry-run": { help: "list the runs and stop" },
    },
    "Held-out items": {
      "held-out": { value: "X", help: `share of the items that no run sees, above 0 to 0.5\n(default: ${HELD_OUT})` },
      seed: { value: "N", help: "chooses which, the same for all runs (default: 0)" },
    },
    Files: {
      output: {
        short: "o",
        value: "FILE",
        help: "a line of JSON for each finished run (default:\nsweep.jsonl); runs that it has are not repeated",
      },
      "keep-models": { value: "DIR", help: "keep each model in this folder" },
      force: { short: "f", help: "start again; results that exist already are kept as\nFILE.old" },
      ...readingOptions,
    },
    Table: {
      format: { value: "NAME", choices: TABLE_FORMATS, help: "form of the table: markdown (default), latex or json" },
      sort: {
        value: "NAME",
        choices: SORTS,
        help: "order of the rows: best first by held-out (default),\ngain, seen, distinct, collisions, neighbours or\nseconds; or by setting",
      },
    },
    General: {
      ...computingOptions,
      quiet: { short: "q", help: "print the table and errors only" },
    },
  },
  notes: notesOf(
    [
      `<items> is a table of numbers, one row per item: ${ITEM_FILES}.
${INPUTS}`,
      `--set takes every option of rqvae train, by either name: codebookSize or codes.
Commas separate values, slashes the entries of a list:
  --set codes=64,256               two settings: 64 or 256 codes at each level
  --set codes=64/256/1024          one setting: three levels of different sizes
  --set hidden=none,512,512/256    three settings
All settings are checked before the first run.`,
      `Every run trains on the same items and is measured on the same others, which no
run has seen; equal vectors stay together. Distinct IDs, collisions, perplexity
and neighbours are those of all items. Residual k-means with the same codes and
search is fitted to the same items: a setting is worth its training if it gains
on that. The table has mean ± standard deviation over the seeds.`,
      `To resume after Ctrl-C, a kill or a power cut, run the same command again. It
may have more values or seeds: only what is missing is trained. Results of other
items, other held-out rows or another base are refused. When nothing is missing,
the command prints the table at once, in any --format. Finished runs are never
overwritten: --force moves them to FILE.old.`,
    ],
    "rqvae sweep items.npy --set codebookSize=64,256 \\\n    --set commitmentWeight=.1,.25 --seeds 3 -o sweep.jsonl",
    "rqvae sweep items.npy --set codebookSize=64,256 --seeds 3 --format latex",
  ),
  advise: adviseSetting,
  run,
};

async function run(given: Given): Promise<number> {
  try {
    return await sweepItems(given);
  } catch (error) {
    if (error instanceof Problems) {
      process.stderr.write(error.problems.map((problem) => `${problem}\n`).join(""));
    }
    throw error;
  }
}

/** What is asked for, as far as it can be read without the items. */
function readRequest(given: Given) {
  const assigned = readAxes(given.lists.set ?? []);
  const seeds = readSeeds(text(given, "seeds"));
  return {
    assigned,
    seeds,
    recipe: oneOf(given, "preset", Object.keys(presets) as PresetName[]) ?? ("fit" as const),
    share: requireShare(number(given, "held-out") ?? HELD_OUT, "held-out"),
    seed: wholeNumber(given, "seed", 0) ?? 0,
    results: new ResultsFile(text(given, "output") ?? "sweep.jsonl"),
    models: text(given, "keep-models"),
    format: oneOf(given, "format", TABLE_FORMATS) ?? "markdown",
    sort: oneOf<Sort>(given, "sort", SORTS) ?? "held-out",
    isQuiet: given.values.quiet === true,
  };
}
type Request = ReturnType<typeof readRequest>;

async function sweepItems(given: Given): Promise<number> {
  const request = readRequest(given);
  const isDry = given.values["dry-run"] === true;
  if (isDry) return sweepWith(given, request, isDry);
  await request.results.lock([given.positionals[0]!]);
  try {
    return await sweepWith(given, request, isDry);
  } finally {
    await request.results.unlock();
  }
}

async function sweepWith(given: Given, request: Request, isDry: boolean): Promise<number> {
  const { assigned, seeds, recipe, share, seed, results } = request;
  const itemsPath = given.positionals[0]!;
  const items = await openSweptItems(given).catch((error) => {
    throw assigned.problems.length > 0 ? new Problems(assigned.problems) : error;
  });
  // Mistakes are reported before the items are read through, which takes long where they are many.
  if (assigned.problems.length > 0) await planOf(assigned, seeds.length, recipe, items);
  const catalogue = await interruptible((signal) => Catalogue.open(items, { share, seed, signal })).catch((error) => {
    throw nameFile(itemsPath, error);
  });
  const { seen, heldOut, data } = catalogue;
  requireParts(itemsPath, seen.rows, heldOut.rows, share);
  const { settings, baselines } = await planOf(assigned, seeds.length, recipe, seen);
  const runs = runsOf(settings, given.values["no-baseline"] ? [] : baselines, seeds);
  const base = await baseOf(recipe, seen);
  const restart = given.values.force === true;
  const found = restart ? undefined : await results.read({ data, heldOut, base });
  const done = new Map(found?.records.map((record) => [runKey(record), record]));
  const earlier = restart ? await results.earlier() : undefined;
  if (isDry) {
    if (earlier) {
      process.stderr.write(`${results.path}: ${counted(earlier.lines, "line")} would be moved to ${earlier.to}.\n`);
    }
    return list(runs, done);
  }
  if (request.models !== undefined) await makeFolder(request.models);
  if (earlier) await results.setAside(earlier);
  if (found) await results.mend(found);
  if (!request.isQuiet) greet(runs, done, results.path, found?.isCut === true, earlier);
  const stopped = await fitAll(runs, done, catalogue, base, request);
  if (stopped) {
    const finished = runs.filter((each) => done.has(runKey(each))).length;
    process.stderr.write(
      `Stopped: ${finished} of ${counted(runs.length, "run")} are finished, in ${results.path}. To resume:\n  ${commandToResume(given)}\n`,
    );
    return stopped.exitCode;
  }
  await tell(runs, done, assigned.axes, catalogue, base, request);
  return 0;
}

async function openSweptItems(given: Given): Promise<CatalogueItems> {
  const path = given.positionals[0]!;
  await checkRoles([{ as: "<items>", path, role: "items" }]);
  return (await openCatalogue(path, undefined, readingOf(given))).items;
}

function list(runs: readonly Run[], done: ReadonlyMap<string, RunRecord>): number {
  const width = String(runs.length).length;
  const lines = runs.map((each, i) => {
    const isDone = done.has(runKey(each));
    return `${String(i + 1).padStart(width)}  ${runText(each)}${isDone ? "  (finished)" : ""}\n`;
  });
  process.stdout.write(lines.join(""));
  return 0;
}

function greet(
  runs: readonly Run[],
  done: ReadonlyMap<string, RunRecord>,
  path: string,
  isCut: boolean,
  earlier: Earlier | undefined,
): void {
  const finished = runs.filter((each) => done.has(runKey(each))).length;
  const others = done.size - finished;
  const lines = [
    ...(earlier ? [`${path}: ${counted(earlier.lines, "line", "is", "are")} kept in ${earlier.to}.`] : []),
    ...(isCut ? [`${path}: the last line was cut off while it was written, and is removed.`] : []),
    ...(others > 0 ? [`${path}: ${counted(others, "run", "is", "are")} not part of this sweep and left alone.`] : []),
    finished > 0
      ? `${counted(runs.length, "run")}, ${thousands(finished)} of which ${finished === 1 ? "is" : "are"} in ${path} already.`
      : `${counted(runs.length, "run")}. Results go to ${path}.`,
  ];
  process.stderr.write(lines.map((line) => `${line}\n`).join(""));
}

/**
 * Fits what is not done yet, adding it to `done`.
 * @returns the interruption, if there was one
 */
async function fitAll(
  runs: readonly Run[],
  done: Map<string, RunRecord>,
  catalogue: Catalogue,
  base: Base,
  { results, models, isQuiet }: Request,
): Promise<Interrupted | undefined> {
  const start = performance.now();
  const missing = runs.filter((each) => !done.has(runKey(each)));
  try {
    await interruptible(
      async (signal) => {
        for (const [i, each] of missing.entries()) {
          signal.throwIfAborted();
          const number = runs.indexOf(each) + 1;
          const view = runView(`Run ${number} of ${runs.length}: ${runText(each)}`, isQuiet);
          const keep = models === undefined ? undefined : (model: RQVAE) => keepModel(models, each, model);
          const record = await fitRun(each, catalogue, base, { signal, onProgress: view.update, ...(keep && { keep }) })
            .catch((error) => {
              throw error instanceof Interrupted || error instanceof FileError
                ? error
                : new Error(`${runText(each)}: ${(error as Error).message}`, { cause: error });
            })
            .finally(view.end);
          await results.append(record);
          done.set(runKey(each), { sweep: 1, ...record });
          if (isQuiet) continue;
          const left = ((performance.now() - start) / (i + 1)) * (missing.length - i - 1);
          process.stderr.write(`${finishedLine(record, number, runs.length, left / 1000)}\n`);
        }
      },
      () => process.stderr.write("Stopping: the run that is under way is dropped. A second Ctrl-C ends at once.\n"),
    );
    return undefined;
  } catch (error) {
    if (error instanceof Interrupted) return error;
    throw error;
  }
}

/** How far a run has come, on a terminal; a log has a line when it is finished. */
function runView(title: string, isQuiet: boolean): { update(progress: number): void; end(): void } {
  if (isQuiet || !process.stderr.isTTY) return { update() {}, end() {} };
  const view = jobView(process.stderr, title);
  return { update: (progress) => view.update({ phase: "encode", progress }), end: view.end };
}

function finishedLine(record: Omit<RunRecord, "sweep">, number: number, of: number, left: number): string {
  const { failed, heldOutExplainedVariance, distinctIds, seconds } = record;
  const result =
    failed !== undefined
      ? "training diverged"
      : `held-out variance ${percent(heldOutExplainedVariance!)}, ${counted(distinctIds!, "distinct ID")}`;
  const time = [duration(seconds), ...(left > 0 ? [`about ${duration(left)} left`] : [])].join("; ");
  return `${String(number).padStart(String(of).length)}/${of}  ${runText(record)}: ${result}, ${time}`;
}

/** A folder and those that it is in, one by one: Node's recursive mkdir never ends in /proc. @throws FileError */
async function makeFolder(folder: string): Promise<void> {
  const make = async (path: string): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return;
    if (found) throw new FileError(`--keep-models ${folder}: ${path} is a file; name a folder`);
    await make(dirname(path));
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if ((await stat(path).catch(() => undefined))?.isDirectory()) return; // another sweep was first
      if (error.code === "ENOENT") throw new FileError(`--keep-models ${folder}: no folder can be made there`);
      await on(folder, () => Promise.reject(error), dirname(path));
    });
  };
  await make(resolve(folder));
}

/** Longest name of a model that tells its setting. */
const LONGEST_NAME = 120;

/** Models of the same setting, made of other items, have other fingerprints: none takes another's name. */
async function keepModel(folder: string, each: Run, model: RQVAE): Promise<string> {
  const { fingerprint } = model;
  const words = runText(each).replaceAll(/[^\w.=-]+/g, "-");
  const path = join(folder, `${words.length > LONGEST_NAME ? "" : `${words}.`}${fingerprint}.safetensors`);
  await writeWhole(path, model.save());
  return path;
}

/** Prints the table, and what there is to say beside it. */
async function tell(
  runs: readonly Run[],
  done: ReadonlyMap<string, RunRecord>,
  axes: readonly Axis[],
  { data, heldOut }: Catalogue,
  base: Base,
  { sort, format, models }: Request,
): Promise<void> {
  const records = runs.map((each) => done.get(runKey(each))!);
  const summary = summarise(records, axes, sort);
  process.stdout.write(sweepTable(summary, records, { data, heldOut, base }, format));
  if (models === undefined) return;
  const isKept = await Promise.all(
    records.map(async ({ model, failed }) => failed || (model && (await exists(join(models, basename(model)))))),
  );
  const unkept = isKept.filter((is) => !is).length;
  if (unkept > 0) {
    process.stderr.write(
      `${counted(unkept, "finished run", "has", "have")} no model in ${models}; --force trains all runs again.\n`,
    );
  }
}

function commandToResume({ args }: Given): string {
  // Started again with --force, it would begin anew.
  const words = args
    .filter((word) => word !== "--force")
    .map((word) => (/^-[qf]+$/.test(word) ? word.replaceAll("f", "") : word))
    .filter((word) => word !== "-");
  return `${programName()} ${["sweep", ...words].map(shellWord).join(" ")}`;
}
