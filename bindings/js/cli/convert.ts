import { basename } from "node:path";
import { counted } from "../base/words.ts";
import { ID_FORMATS } from "../formats/ids/id-formats.ts";
import type { IdTableSource } from "../formats/ids/id-table.ts";
import { itemIdColumn, readAtomicFile } from "../formats/ids/recbole.ts";
import { joinItems, writePlainModel } from "../formats/index.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { PlainModel } from "../model/plain-model.ts";
import { type Command, type Given, oneOf, text, typedName, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import {
  checkOutput,
  FileError,
  type IdFile,
  loadModel,
  nameFile,
  nameOfOutput,
  naming,
  readBytes,
  readIdFile,
  writeWhole,
} from "./files.ts";
import { baseNameOf, isLocal, nameOfInput, requireOneStdin, STDIN } from "./inputs.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { readCodes } from "./options.ts";
import { generalOptions, idFormatOf, MODEL_EXTENSIONS, requireExtension, requireFile, writeIds } from "./outputs.ts";
import { fileSize } from "./text.ts";

export const convert: Command = {
  name: "convert",
  summary: "Write IDs, or a model, in the format of another program.",
  positionals: ["<in>", "<out>"],
  standsAlone: "plain",
  options: {
    "Converting IDs": {
      from: { value: "NAME", help: "the format of <in> (default: by its content)" },
      to: { value: "NAME", help: "the format of <out> (default: by its name)" },
      codes: {
        value: "N",
        help: "codes of each level of <in>, 256 or 64,256, for\nparquet, which keeps them (default: what <in> says)",
      },
      item: { value: "FILE", help: "with recbole: an .item file whose columns are kept" },
    },
    "Converting a model": {
      plain: { value: "MODEL", help: "a model, for PyTorch programs; no <in> and <out>" },
      greedy: { help: "with --plain: write a model that has a beam anyway" },
      output: { short: "o", value: "FILE", help: "with --plain (default: <model>.plain.safetensors)" },
      force: { short: "f", help: "with --plain: overwrite the default output" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `The formats and their names:
  csv          .csv          item, codes, tokens; what rqvae train writes
  jsonl        .jsonl        {"id": ..., "codes": [...], "tokens": ...} per line
  lcrec        .json         LC-Rec's index: {"item": ["<a_1>", "<b_2>"], ...}
  recbole      .item         item_id:token, semantic_id:token_seq
  semanticids  .semanticids  the Hopwise program's csv, with vectors if <in> has
  npy          .npy          integers, one row per item, as GRID; no item IDs
  trie         .trie.json    {"code": {"code": ["item", ...]}}
  parquet      .parquet      the columns of csv, and how many codes each level
                             has, which no other keeps; reads lists of codes too
<in> can also be the index that rqvae train --index writes: its published IDs.
For <out>, - is standard output; name the format, which must be text, with --to.
${INPUTS}`,
      OVERWRITING,
      `--plain writes what the Hopwise program's class takes by load_state_dict: input
scaling and linear path become part of its Linears, the hidden layers grow by
2 x latent dimension, and IDs stay the same, near-ties excepted. The class has
no beam, which rqvae train uses by default: train with --beam 1 for equal IDs.
--greedy writes such a model anyway; some items then have other IDs than here.`,
    ],
    "rqvae convert model.ids.csv beauty.index.json",
    "rqvae convert model.ids.csv new.item --item ml-1m/ml-1m.item",
    "rqvae convert --plain model.safetensors -o plain.safetensors",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const modelPath = text(given, "plain");
  if (modelPath !== undefined) return convertModel(given, modelPath);
  if (given.values.output !== undefined)
    throw new UsageError(`${typedName(given, "output")} is for --plain; IDs go into <out>`);
  if (given.values.greedy) throw new UsageError("--greedy is for --plain");
  if (given.values.force) throw new UsageError(`${typedName(given, "force")} is for --plain; <out> is overwritten`);
  const [input, output] = given.positionals as [string, string];
  const from = oneOf(given, "from", ID_FORMATS);
  const to = idFormatOf("<out>", output, oneOf(given, "to", ID_FORMATS), "--to");
  if (to === undefined) throw new UsageError(`<out> ${output}: the name says no format; name it with --to`);
  const itemPath = text(given, "item");
  if (itemPath !== undefined && to !== "recbole") throw new UsageError(`--item is for recbole, not for ${to}`);

  const codes = readCodes(given, "codes");
  if (codes !== undefined && to !== "parquet")
    throw new UsageError(`--codes is for parquet: ${to} has no place for them`);

  requireOneStdin([input, itemPath]);
  await checkRoles([{ as: "<in>", path: input, role: "ids" }]);
  await checkOutput(output, { overwrite: true, inputs: [input, ...(itemPath === undefined ? [] : [itemPath])] });
  const read = await readIdFile(input, from ? { format: from } : {});
  const item = itemPath === undefined ? undefined : new TextDecoder().decode(await readBytes(itemPath));

  const { itemIds, titles, embeddings } = read;
  const ids = codes === undefined ? read.ids : naming(input, () => ofSizes(read.ids, codes));
  const extras = { ...(titles && { labels: { titles } }), ...(embeddings && { vectors: { embeddings } }) };
  const merged = item === undefined ? undefined : naming(itemPath!, () => idsOfItems(item, itemPath!, read, input));
  const size = await (item === undefined || merged === undefined
    ? writeIds(output, { ids, itemIds }, extras, to)
    : writeIds(output, merged.table, { into: item }, "recbole")
  ).catch((error) => {
    throw nameFile(itemPath ?? input, error);
  });
  if (given.values.quiet) return 0;
  const lost = [
    ...(merged && merged.text !== "" ? [merged.text] : []),
    ...(to === "npy" && read.format !== "npy" ? ["The items' IDs are not in it: row i is item i of the input."] : []),
    ...(to === "parquet" && ids.hasInferredSizes
      ? ["The input does not say how many codes each level has, and neither does the output: --codes does."]
      : []),
    ...(to === "trie" ? ["Its items are in the order of their IDs."] : []),
    ...(to === "semanticids" && !embeddings
      ? ["The input has no vectors: the column semantic_ids_embs is left out."]
      : []),
  ];
  const told = `Read ${counted(ids.length, "item")} of ${counted(ids.levels, "code")} each (${read.format}), wrote ${nameOfOutput(output)} (${to}, ${fileSize(size)}).`;
  process.stderr.write(`${[told, ...lost].join("\n")}\n`);
  return 0;
}

/** The IDs of the items of an .item file, and what is to be said about how they were joined. */
function idsOfItems(
  item: string,
  path: string,
  { ids, itemIds, format }: IdFile,
  idsPath: string,
): { table: IdTableSource; text: string } {
  const { columns, rows } = readAtomicFile(item);
  const column = itemIdColumn(columns);
  const names = rows.map((row) => row[column]!);
  // Rows of npy have numbers only, which are no item IDs.
  const right = { name: nameOfInput(idsPath), rows: ids.length, ...(format !== "npy" && { itemIds }) };
  const join = joinItems({ name: nameOfInput(path), rows: names.length, itemIds: names }, right, "ID");
  if (join.missing.length > 0) throw new FileError(join.text);
  const codes = Array.from(join.rows, (row) => ids.at(row));
  return { table: { ids: SemanticIds.from(codes, ids), itemIds: names }, text: join.text };
}

/** The same IDs with codebook sizes. */
function ofSizes({ codes, levels, fingerprint }: SemanticIds, sizes: number | readonly number[]): SemanticIds {
  const codebookSizes = typeof sizes === "number" ? new Array<number>(levels).fill(sizes) : sizes;
  return SemanticIds.from({ codes, levels }, { codebookSizes, ...(fingerprint !== undefined && { fingerprint }) });
}

async function convertModel(given: Given, modelPath: string): Promise<number> {
  for (const option of ["from", "to", "item", "codes"]) {
    if (given.values[option] !== undefined) throw new UsageError(`--${option} is for IDs, not for --plain`);
  }
  const output =
    text(given, "output") ??
    `${(isLocal(modelPath) ? modelPath : baseNameOf(modelPath)).replace(/\.safetensors$/, "")}.plain.safetensors`;
  if (modelPath === STDIN && given.values.output === undefined) {
    throw new UsageError("--output FILE is missing: standard input has no name to make one of");
  }
  requireFile(typedName(given, "output"), output, "a model");
  requireExtension(typedName(given, "output"), output, MODEL_EXTENSIONS);
  const isNamed = given.values.output !== undefined;
  await checkOutput(output, { overwrite: isNamed || given.values.force === true, inputs: [modelPath] });
  await checkRoles([{ as: "--plain", path: modelPath, role: "model" }]);
  const model = await loadModel(modelPath);
  try {
    const { bytes, config } = naming(modelPath, () => writePlainModel(model, { greedy: given.values.greedy === true }));
    await writeWhole(output, bytes);
    if (given.values.quiet) return 0;
    const { activation, encodeBeam } = model.config;
    const remarks = [
      ...(activation === "relu" ? ["Its activation is ReLU, where the program has SiLU."] : []),
      ...(encodeBeam > 1
        ? [
            `It encodes greedily: the IDs of some items differ from those that rqvae gives, with a beam of ${encodeBeam}.`,
          ]
        : []),
    ];
    process.stderr.write(
      `${[`Wrote ${output} (${fileSize(bytes.length)}).`, ...remarks].join(" ")} In Python:\n  model = RQ_VAE(${inPython(config)})\n  model.load_state_dict(safetensors.torch.load_file(${JSON.stringify(basename(output))}))\n`,
    );
    return 0;
  } finally {
    model.dispose();
  }
}

/** Arguments of a call in Python. */
function inPython(config: PlainModel["config"]): string {
  const value = (of: unknown) =>
    typeof of === "boolean" ? (of ? "True" : "False") : JSON.stringify(of).replaceAll(",", ", ");
  return Object.entries(config)
    .map(([name, of]) => `${name}=${value(of)}`)
    .join(", ");
}
