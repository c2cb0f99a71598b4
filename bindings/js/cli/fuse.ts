import { basename } from "node:path";
import { counted, thousands } from "../base/words.ts";
import { writeNpy } from "../formats/arrays/npy.ts";
import type { NamedField } from "../fusion/index.ts";
import { writeLayout } from "../fusion/index.ts";
import type { FieldLayout } from "../items/fields.ts";
import { type Command, type Given, number, text, typedName, UsageError, wholeNumber } from "./command.ts";
import {
  asField,
  fieldFiles,
  fuseGiven,
  layoutPathOf,
  readLayoutFile,
  requireFieldName,
  weighingOptions,
} from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  type Catalogue,
  checkOutput,
  FileError,
  loadModel,
  nameFile,
  readBytes,
  readCatalogue,
  saveWhole,
} from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { ITEM_FILES, itemOptionsWithoutLabels, readingOf } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { generalOptions, requireExtension, requireFile } from "./outputs.ts";
import { programName } from "./program-name.ts";
import { shellWord } from "./text.ts";

const { "item-ids": itemIds } = itemOptionsWithoutLabels;

export const fuse: Command = {
  name: "fuse",
  summary: "Make one vector per item of several: title, image, behaviour.",
  positionals: ["<items>..."],
  options: {
    Fields: weighingOptions,
    Behaviour: {
      dim: { value: "N", help: "numbers of the behaviour field (default: 64)" },
      window: { value: "N", help: "choices that count as made together (default: 5)" },
      smoothing: { value: "X", help: "exponent of the items' counts (default: 0.75)" },
      seed: { value: "N", help: "the same inputs and seed give the same vectors\n(default: 0)" },
    },
    Files: {
      "item-ids": itemIds!,
      like: { value: "FILE", help: "fuse as before: a model, or .fields.json of an\nearlier rqvae fuse" },
      output: { short: "o", value: "FILE", help: "the vectors (default: fused.npy)" },
      force: { short: "f", help: "overwrite default outputs that exist already" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `<items> are tables of vectors of the same items: ${ITEM_FILES}.
Each is a field by the name of its file, or by another: title=FILE. The first
one gives the catalogue; the others are joined with it by item ID, or row by row
where a file has none. Rows that are invalid or all zeros are missing there.
${INPUTS}`,
      `Every vector gets unit length, the field's mean is subtracted, and the rest is
scaled so that its mean squared length is the field's weight. A missing vector
is zeros: it says nothing. --histories adds the field behaviour: what users
choose together. Items that nobody chose get what their other fields let expect.`,
      `How it was done goes into a file next to the vectors, fused.fields.json, which
rqvae train reads, so that the model can fuse new items by itself.`,
      OVERWRITING,
    ],
    "rqvae fuse title=titles.npy image=images.npy -o fused.npy",
    "rqvae fuse content.npy --histories shop.inter --held-out last",
    "rqvae fuse content=new.npy --like fused.fields.json -o new-fused.npy",
  ),
  run,
};

/** Of the options of `fuse` in the library. */
const MOST = { dim: 1024, window: 1000, smoothing: 1 };

async function run(given: Given): Promise<number> {
  const quiet = given.values.quiet === true;
  const files = given.positionals.map(nameOf);
  const twice = files.find(({ name }, i) => files.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`two fields are called ${twice.name}: name them, as in title=FILE image=FILE`);
  for (const { name } of files) requireFieldName(name);
  const output = text(given, "output") ?? "fused.npy";
  requireFile(typedName(given, "output"), output, "npy");
  requireExtension(typedName(given, "output"), output, [".npy"]);
  const likePath = text(given, "like");
  for (const name of ["histories", "weight"]) {
    const isGiven = given.values[name] !== undefined || given.lists[name] !== undefined;
    if (likePath !== undefined && isGiven) throw new UsageError(`--like fuses as before: leave out --${name}`);
  }
  const settings = {
    dim: wholeNumber(given, "dim"),
    window: wholeNumber(given, "window"),
    smoothing: number(given, "smoothing"),
    seed: wholeNumber(given, "seed", 0),
  };
  for (const [name, most] of Object.entries(MOST)) {
    const value = settings[name as keyof typeof MOST];
    if (value === undefined || (value >= 0 && value <= most)) continue;
    throw new UsageError(`${typedName(given, name)} must be at most ${thousands(most)}, but is ${given.values[name]}`);
  }
  for (const [name, value] of Object.entries(settings)) {
    if (value !== undefined && given.values.histories === undefined)
      throw new UsageError(`--${name} goes with --histories`);
  }
  await checkRoles([
    ...files.map(({ path }) => ({ as: "<items>", path, role: "items" as const })),
    ...fieldFiles(given, "another file"),
    { as: "--item-ids", path: text(given, "item-ids"), role: "titles" },
  ]);
  const [layoutPath, idsPath] = [layoutPathOf(output), output.replace(/\.npy$/, ".items.json")];
  const inputs = [...files.map(({ path }) => path), likePath, text(given, "histories"), text(given, "item-ids")].filter(
    (path) => path !== undefined,
  );
  const overwrite = given.values.force === true || given.values.output !== undefined;
  for (const path of [output, layoutPath, idsPath]) await checkOutput(path, { overwrite, inputs });
  const like = likePath === undefined ? undefined : await readLike(likePath);
  const fields: NamedField[] = [];
  let main: Catalogue | undefined;
  for (const [i, { name, path }] of files.entries()) {
    const reading = readingOf(given);
    const catalogue = await readCatalogue(
      path,
      undefined,
      i === 0 ? { ...reading, skipInvalid: false } : { quiet, skipInvalid: true },
    );
    main ??= catalogue;
    fields.push(
      i === 0
        ? { name, vectors: catalogue.items, ...(catalogue.itemIds && { itemIds: catalogue.itemIds }) }
        : asField(name, catalogue, main),
    );
  }
  const chosen = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const fused = await fuseGiven(
    given,
    { fields, itemIds: main!.itemIds, rows: main!.items.rows },
    { ...chosen, ...(like && { like }) },
  ).catch((error) => {
    throw nameFile(files[0]!.path, error);
  });
  await saveWhole(output, () => writeNpy(fused));
  await saveWhole(layoutPath, () => writeLayout(fused.fields));
  if (main!.itemIds) await saveWhole(idsPath, () => `${JSON.stringify({ titles: main!.itemIds })}\n`);
  if (quiet) return 0;
  const ids = main!.itemIds ? ` --item-ids ${shellWord(idsPath)}` : "";
  process.stderr.write(
    `Fused ${counted(fused.rows, "item")} into vectors of ${counted(fused.dim, "number")}: ${output}, the fields in ${layoutPath}${main!.itemIds ? `, item IDs in ${idsPath}` : ""}.\nNext: ${programName()} train ${shellWord(output)}${ids}\n`,
  );
  return 0;
}

/** `name=FILE`, or a file, which is called by its name. */
function nameOf(word: string): { name: string; path: string } {
  const [, name, path] = /^([^=/\\:]+)=(.+)$/s.exec(word) ?? [];
  if (name !== undefined) return { name, path: path! };
  const file = basename(nameOfInput(word)).replace(/(\.f(16|32))?\.\w+(\.gz)?$/, "");
  return { name: file.replaceAll(/[^\p{L}\p{N}_.-]+/gu, "-") || "items", path: word };
}

async function readLike(path: string): Promise<FieldLayout> {
  if (/\.json$/i.test(path)) return readLayoutFile(path);
  using model = await loadModel(path, await readBytes(path));
  if (!model.fields)
    throw new FileError(`${path}: this model was not fitted to several fields; --like needs one that was`);
  return model.fields;
}
