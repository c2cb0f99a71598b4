import { basename } from "node:path";
import { adviseCapacity } from "../assess-ids.ts";
import { InvalidInputError } from "../errors.ts";
import type { IdTable } from "../formats/index.ts";
import { assessIds } from "../report/assess.ts";
import { reportHtml } from "../report/html.ts";
import type { IdReport } from "../report/id-report.ts";
import { RQVAE } from "../rqvae.ts";
import type { SemanticIds } from "../semantic-ids.ts";
import { type Command, type Given, text, UsageError, wholeNumber } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import {
  type CatalogueItems,
  checkOutput,
  FileError,
  nameFile,
  naming,
  openCatalogue,
  readBytes,
  readIdFile,
  writeWhole,
} from "./files.ts";
import { interruptible } from "./interrupt.ts";
import { itemOptions, readingOf } from "./item-options.ts";
import { defined, readCodes } from "./options.ts";
import { generalOptions, labelsOption } from "./outputs.ts";
import { jobView } from "./progress.ts";
import { columnsOf, plural, wordWrap } from "./text.ts";
import { inCliWords, messageOf } from "./words.ts";

export const report: Command = {
  name: "report",
  summary: "Says whether semantic IDs are good, and what to do if not.",
  positionals: ["<model>", "<items>"],
  standsAlone: "capacity",
  options: {
    Options: {
      labels: { ...labelsOption, help: `${labelsOption.help};\nlabels in the JSON are compared with the codes` },
      ...itemOptions,
      ids: {
        value: "FILE",
        help: "IDs in a format of rqvae convert, row i of item i\n(default: the model encodes the items)",
      },
      baseline: { help: "measure residual k-means and a random hash beside it" },
      html: { value: "FILE", help: "write the report as a page with pictures" },
      title: { value: "TEXT", help: "heading of the page (default: the items' file name)" },
      json: { help: "print the figures as JSON" },
    },
    "Before training": {
      capacity: { value: "N", help: "without files: are the codes enough for N items?" },
      levels: { value: "N", help: "with --capacity: codes per ID (default: 3)" },
      codes: { value: "N", help: "with --capacity: codes of each level, 256 or\n64,256,1024 (default: 256)" },
    },
    General: generalOptions,
  },
  notes: `<model> is what rqvae train or rqvae kmeans wrote, <items> the table of numbers
that the IDs are for. A file that you name with --html is overwritten.

Examples:
  rqvae report emoji.safetensors emoji.npy --labels emoji.labels.json
  rqvae report emoji.safetensors emoji.npy --baseline --html report.html
  rqvae report --capacity 12000 --levels 3 --codes 256
`,
  run,
};

async function run(given: Given): Promise<number> {
  if (given.values.capacity !== undefined) return advise(given);
  for (const name of ["levels", "codes"]) {
    if (given.values[name] !== undefined) throw new UsageError(`--${name} goes with --capacity; a model has its own`);
  }
  const [modelPath, itemsPath] = given.positionals as [string, string];
  const [labelsPath, idsPath, html] = ["labels", "ids", "html"].map((name) => text(given, name));
  const title = text(given, "title");
  if (title !== undefined && html === undefined) throw new UsageError("--title goes with --html");

  await checkRoles([
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<items>", path: itemsPath, role: "items" },
    { as: "--labels", path: labelsPath, role: "titles" },
    { as: "--ids", path: idsPath, role: "ids" },
  ]);
  const modelBytes = await readBytes(modelPath);
  const { items, labels, itemIds } = await openCatalogue(itemsPath, labelsPath, readingOf(given));
  if (html !== undefined) {
    const inputs = [modelPath, itemsPath, labelsPath, idsPath].filter((path) => path !== undefined);
    await checkOutput(html, { overwrite: true, inputs });
  }

  const model = await RQVAE.load(modelBytes).catch((error) => {
    throw nameFile(modelPath, error);
  });
  try {
    const { codebookSizes } = model.config;
    const table = idsPath === undefined ? undefined : await readIdFile(idsPath, { codebookSizes });
    if (table && table.ids.length !== items.rows) {
      throw new FileError(
        `${idsPath}: has ${plural(table.ids.length, "ID")}, but ${itemsPath} has ${plural(items.rows, "row")}`,
      );
    }
    const assessed = await interruptible(async (signal) => {
      const ids =
        table === undefined
          ? await encodeWatched(model, items, signal, given.values.quiet === true)
          : naming(idsPath!, () => idsOfRows(table, itemIds));
      return assessIds(ids, {
        ...{ items, model, signal, baseline: given.values.baseline === true },
        ...(labels && { labels }),
      });
    }).catch((error) => {
      throw nameFile(itemsPath, error);
    });
    if (html !== undefined) await writeWhole(html, reportHtml(assessed, { title: title ?? basename(itemsPath) }));
    return tell(given, assessed, html);
  } finally {
    model.dispose();
  }
}

/** The IDs of a file, of the items by their own IDs or by their row numbers. */
function idsOfRows({ ids, itemIds: found }: IdTable, itemIds: string[] | undefined): SemanticIds {
  const own = found.length === itemIds?.length ? itemIds : undefined;
  const other = found.findIndex((id, row) => id !== own?.[row] && id !== String(row));
  if (other < 0) return ids;
  const expected = own
    ? `the items' file has ${JSON.stringify(own[other])} there`
    : "items are numbered 0, 1, 2, ... in order";
  throw new InvalidInputError(`row ${other}: item is ${JSON.stringify(found[other])}, but ${expected}`);
}

async function encodeWatched(
  model: RQVAE,
  items: CatalogueItems,
  signal: AbortSignal,
  quiet: boolean,
): Promise<SemanticIds> {
  const view = jobView(process.stderr, "Encoding");
  const watch = quiet ? {} : { onProgress: view.update };
  return model.encodeAsync(items, { signal, ...watch }).finally(() => quiet || view.end());
}

function tell(given: Given, assessed: IdReport, html: string | undefined): number {
  if (given.values.json) process.stdout.write(`${JSON.stringify(assessed, undefined, 2)}\n`);
  if (given.values.quiet) return 0;
  if (!given.values.json) process.stdout.write(`${wrapped(assessed.textIn(inCliWords))}\n`);
  if (html !== undefined) process.stderr.write(`The page is in ${html}\n`);
  return 0;
}

async function advise(given: Given): Promise<number> {
  for (const name of ["labels", "ids", "baseline", "html", "title"]) {
    if (given.values[name] !== undefined) {
      throw new UsageError(`--${name} and --capacity do not go together: nothing is read before training`);
    }
  }
  const n = wholeNumber(given, "capacity")!;
  const options = defined({ levels: wholeNumber(given, "levels"), codebookSize: readCodes(given, "codes") });
  const advice = await adviseCapacity(n, options).catch((error: Error) => {
    throw new UsageError(messageOf(error));
  });
  process.stdout.write(`${given.values.json ? JSON.stringify(advice, undefined, 2) : wrapped(advice.text)}\n`);
  return 0;
}

/** Lines no longer than the terminal's; what is broken stays indented. */
function wrapped(lines: string): string {
  return lines
    .split("\n")
    .flatMap((line) => {
      const indent = " ".repeat(line.length - line.trimStart().length);
      const width = Math.min(columnsOf(process.stdout), 120) - indent.length;
      const bound = line.trimStart().replaceAll(" %", "\u00a0%"); // a number keeps its sign
      return wordWrap(bound, width, "  ").map((each) => (indent + each).trimEnd().replaceAll("\u00a0%", " %"));
    })
    .join("\n");
}
