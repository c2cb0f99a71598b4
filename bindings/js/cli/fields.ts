/** Several vectors per item on the command line: `--field`, `--histories` and what goes with them; the layout in a file beside npy. */

import { thousands } from "../base/words.ts";
import { HELD_OUT, leaveOut } from "../evaluate/leave-out.ts";
import { BEHAVIOUR } from "../fusion/behaviour-field.ts";
import { type Fused, type FuseOptions, fuse, type NamedField, readLayout } from "../fusion/index.ts";
import { FIELD_NAMES, type FieldLayout, type FieldVectors, fieldNames, isFieldName, widthOf } from "../items/fields.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { EmbeddingSource, ItemMatrix } from "../types.ts";
import { type Given, type Option, oneOf, text, UsageError } from "./command.ts";
import type { RoledFile } from "./file-roles.ts";
import {
  type Catalogue,
  type CatalogueItems,
  exists,
  FileError,
  nameFile,
  naming,
  readBytes,
  readCatalogue,
  rowNumbers,
} from "./files.ts";
import { isLocal, nameOfInput } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import { historyOptions, openHistories } from "./opened-histories.ts";
import { jobView } from "./progress.ts";

/** What <items> are called among the fields. */
export const CONTENT = "content";

export const fieldOption: Option = {
  value: "N=FILE",
  repeats: true,
  help: "more vectors of the same items, such as\nimage=images.npy; may be given several times",
};

/** Of commands that make fields. */
export const weighingOptions: Record<string, Option> = {
  weight: {
    value: "NAME=X",
    repeats: true,
    help: 'how much a field counts (default: 1): behaviour=0.5;\nmay be given for several; or "auto": chosen by what\nusers chose last',
  },
  ...historyOptions,
  "held-out": {
    value: "WHICH",
    choices: HELD_OUT,
    help: "leave out the choices that rqvae evaluate wants\nfound: last, time or both (default: none)",
  },
};

/** Of commands that make a model. */
export const fieldOptions: Record<string, Option> = { field: fieldOption, ...weighingOptions };

/** Whether there is more than one vector per item. */
export const hasFields = ({ lists, values }: Given): boolean =>
  lists.field !== undefined || values.histories !== undefined;

const NAMED = /^([\p{L}\p{N}][\p{L}\p{N}_.-]*)=(.+)$/su;

/** The fields that were named. @throws UsageError */
export function namedFiles(given: Given): { name: string; path: string }[] {
  const files = (given.lists.field ?? []).map((word) => {
    const [, name, path] = NAMED.exec(word) ?? [];
    if (name === undefined)
      throw new UsageError(`--field must be NAME=FILE, such as image=images.npy, but is "${word}"`);
    requireFieldName(name);
    return { name, path: path! };
  });
  refuseTwice("--field", files);
  return files;
}

/** @throws UsageError for a name that is given twice */
function refuseTwice(option: string, given: readonly { name: string }[]): void {
  const twice = given.find(({ name }, i) => given.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`${option} ${twice.name} is given twice`);
}

/** @throws UsageError for the field that <items> is */
function refuseMain(named: readonly { name: string }[], main: string): void {
  if (named.some(({ name }) => name === main))
    throw new UsageError(`--field ${main}: <items> is the field ${main}; give another name`);
}

/** @throws UsageError */
export function requireFieldName(name: string): void {
  if (isFieldName(name)) return;
  throw new UsageError(`"${name}" cannot be the name of a field: it must be ${FIELD_NAMES}`);
}

/** @throws UsageError */
function weightsOf(given: Given): FuseOptions["weights"] {
  const words = given.lists.weight;
  if (words === undefined) return undefined;
  if (words.includes("auto")) {
    if (words.length > 1) throw new UsageError("--weight auto chooses all weights: give no others");
    if (given.values.histories === undefined)
      throw new UsageError("--weight auto needs --histories, by which weights are chosen");
    return "auto";
  }
  const weights = words.map((word) => {
    const [, name, x] = NAMED.exec(word) ?? [];
    const weight = Number(x?.trim() || Number.NaN);
    if (name === undefined || !(weight > 0 && weight <= 1e6)) {
      throw new UsageError(
        `--weight must be NAME=X with a number above 0, to 1,000,000, such as behaviour=0.5, or auto, but is "${word}"; repeat it for each field`,
      );
    }
    return { name, weight };
  });
  refuseTwice("--weight", weights);
  return Object.fromEntries(weights.map(({ name, weight }) => [name, weight]));
}

/**
 * The files of the options, to be looked at.
 * @param another How the command takes more fields.
 * @throws UsageError for options without what they go with
 */
export function fieldFiles(given: Given, another = "--field"): RoledFile[] {
  for (const name of ["first-row", "held-out"]) {
    if (given.values[name] !== undefined && given.values.histories === undefined) {
      throw new UsageError(`--${name} goes with --histories`);
    }
  }
  if (given.lists.weight !== undefined && !hasFields(given) && given.positionals.length < 2) {
    throw new UsageError(`--weight needs a second field: give ${another} or --histories`);
  }
  weightsOf(given);
  const named = namedFiles(given);
  refuseMain(named, CONTENT);
  return [
    ...named.map(({ name, path }) => ({ as: `--field ${name}`, path, role: "items" as const })),
    { as: "--histories", path: text(given, "histories"), role: "histories" },
  ];
}

/** A file's vectors as a field. Rows that its reader has left out have none. */
export function asField(
  name: string,
  { items, source }: Pick<Catalogue<CatalogueItems>, "items" | "source">,
  main?: Pick<Catalogue<CatalogueItems>, "source">,
): NamedField {
  if (source.itemIds) return { name, vectors: items as FieldVectors, itemIds: source.itemIds };
  const all = source.rowsInFile ?? source.rows;
  // Where rows of the catalogue were left out, the others go by their numbers in the file.
  const itemIds = main && !main.source.itemIds && main.source.fileRows ? { itemIds: rowNumbers(all) } : {};
  if (!source.fileRows) return { name, vectors: items as FieldVectors, ...itemIds };
  const { data, dim } = items as ItemMatrix;
  const whole = new (data.constructor as Float32ArrayConstructor)(all * dim);
  Array.from(source.fileRows).forEach((row, i) => {
    whole.set((data as Float32Array).subarray(i * dim, (i + 1) * dim), row * dim);
  });
  return { name, vectors: { data: whole, rows: all, dim }, ...itemIds };
}

/** What a command fuses. */
interface Ingredients {
  fields: NamedField[];
  itemIds: readonly string[] | undefined;
  rows: number;
}

/** Fuses fields as the options say, and tells what became of them. */
export async function fuseGiven(
  given: Given,
  { fields, itemIds, rows }: Ingredients,
  options: FuseOptions = {},
): Promise<Fused> {
  const quiet = given.values.quiet === true;
  const path = text(given, "histories");
  const which = oneOf(given, "held-out", HELD_OUT);
  const firstRow = oneOf(given, "first-row", ["0", "1"]);
  if (firstRow !== undefined && itemIds) {
    throw new UsageError("--first-row is for items without item IDs, which histories call by their row numbers");
  }
  const catalogue = itemIds ? { itemIds } : { rows, firstRow: firstRow === "1" ? (1 as const) : (0 as const) };
  const all = path === undefined ? undefined : await openHistories(path, catalogue);
  const histories = all && which !== undefined ? await leaveOut(all, which) : all;
  const tell = (line: string) => quiet || process.stderr.write(`${line}\n`);
  if (histories) tell(`${nameOfInput(path!)}: ${histories.text}`);
  const view = jobView(process.stderr, "Fusing");
  const weights = weightsOf(given);
  const names = [...fields.map(({ name }) => name), ...(path === undefined ? [] : [BEHAVIOUR])];
  const other = typeof weights === "object" ? Object.keys(weights).find((name) => !names.includes(name)) : undefined;
  if (other !== undefined) {
    throw new UsageError(`--weight ${other}: there is no such field; the fields are ${names.join(", ")}`);
  }
  const fused = await interruptible((signal) =>
    fuse(fields, {
      ...{
        signal,
        ...(itemIds && { itemIds }),
        ...(histories && { histories }),
        ...(weights && { weights }),
        ...options,
      },
      ...(!quiet && weights === "auto" && { onProgress: view.update }),
    }),
  ).finally(() => quiet || view.end());
  if (fused.trials) {
    tell("Recall@10 of the last choices, held out for it, by weights:");
    for (const { weights: tried, recall } of fused.trials) {
      tell(
        `  ${Object.entries(tried)
          .map(([name, weight]) => `${name} ${weight}`)
          .join(", ")}: ${recall.toFixed(4)}`,
      );
    }
  }
  tell(fused.text);
  if (histories && which === undefined) {
    tell(`To evaluate IDs by the same users (rqvae evaluate), leave out what is to be found there: --held-out both.`);
  }
  return fused;
}

/** The catalogue's own vectors as a field. */
const mainField = (name: string, { items, itemIds }: Catalogue<CatalogueItems>): NamedField => ({
  name,
  vectors: items as FieldVectors | EmbeddingSource,
  ...(itemIds && { itemIds }),
});

async function readFields(given: Given, main: Catalogue<CatalogueItems>): Promise<NamedField[]> {
  const fields: NamedField[] = [];
  for (const { name, path } of namedFiles(given)) {
    fields.push(
      asField(
        name,
        await readCatalogue(path, undefined, { quiet: given.values.quiet === true, skipInvalid: true }),
        main,
      ),
    );
  }
  return fields;
}

/** The items of a command that makes a model, with the other fields that were given. */
export async function fuseCatalogue(given: Given, main: Catalogue<CatalogueItems>): Promise<Fused> {
  const fields = [mainField(CONTENT, main), ...(await readFields(given, main))];
  return fuseGiven(given, { fields, itemIds: main.itemIds, rows: main.items.rows });
}

/** The layout beside an npy file that rqvae fuse wrote: fused.fields.json for fused.npy. */
export const layoutPathOf = (path: string): string => `${path.replace(/\.npy$/i, "")}.fields.json`;

/** The items with the layout beside their file, if there is one. */
export async function withLayout<T extends CatalogueItems>(path: string, items: T, quiet: boolean): Promise<T> {
  if (!isLocal(path) || !/\.npy$/i.test(path) || !(await exists(layoutPathOf(path)))) return items;
  const beside = layoutPathOf(path);
  const fields = await readLayoutFile(beside);
  if (widthOf(fields) !== items.dim) {
    throw new FileError(
      `${beside}: describes fused vectors of ${thousands(widthOf(fields))} numbers, but those of ${path} have ${thousands(items.dim)}: it belongs to another file; remove it, or fuse again`,
    );
  }
  if (!quiet) process.stderr.write(`${path}: the fields ${fieldNames(fields)}, as ${beside} says\n`);
  return Object.assign(items, { fields });
}

/** The items of a command that takes them as they are, so that a model refuses those that were fused otherwise. */
export const knownItems = async <T extends CatalogueItems>(
  { values }: Given,
  { fields }: Pick<RQVAE, "fields">,
  path: string,
  items: T,
): Promise<T> => (fields ? withLayout(path, items, values.quiet === true) : items);

export async function readLayoutFile(path: string): Promise<FieldLayout> {
  const bytes = await readBytes(path);
  return naming(path, () => readLayout(new TextDecoder().decode(bytes)));
}

/** The items of `rqvae encode` for a model: as they are, or fused as its items were. */
export async function itemsForModel(
  given: Given,
  model: RQVAE,
  itemsPath: string,
  main: Catalogue<CatalogueItems>,
): Promise<CatalogueItems> {
  const named = namedFiles(given);
  const { fields: layout } = model;
  const quiet = given.values.quiet === true;
  if (!layout) {
    if (named.length > 0)
      throw new UsageError("--field is for a model of several fields, and this one has no fields (rqvae inspect)");
    return main.items;
  }
  const fused = await withLayout(itemsPath, main.items, quiet || named.length > 0);
  if ("fields" in fused && named.length > 0) {
    throw new UsageError(`${itemsPath} has all fields already: leave out --field, or give the file of the first field`);
  }
  if ("fields" in fused || (named.length === 0 && main.items.dim === widthOf(layout))) return fused;
  const first = layout.fields[0]!.name;
  refuseMain(named, first);
  const fields = [mainField(first, main), ...(await readFields(given, main))];
  return fuse(fields, { like: layout, ...(main.itemIds && { itemIds: main.itemIds }) }).then(
    (made) => {
      const isGuessed = made.report.some(({ guessed }) => guessed > 0);
      const known = "An item that had such a vector in training may get another ID now: keep the one that it got then.";
      if (!quiet) process.stderr.write(`${made.text}\n${isGuessed ? `${known}\n` : ""}`);
      return made;
    },
    (error) => {
      throw nameFile(itemsPath, error);
    },
  );
}
