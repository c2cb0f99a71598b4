import { basename } from "node:path";
import { ID_FORMATS, mergeRecBoleChunks, type PlainModel, writePlainModel } from "../formats/index.ts";
import { RQVAE } from "../rqvae.ts";
import { type Command, type Given, oneOf, text, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, nameFile, naming, readBytes, readIdFile, writeWhole } from "./files.ts";
import { formatOf, generalOptions, writeCounted, writeIds } from "./outputs.ts";
import { fileSize, plural } from "./text.ts";

export const convert: Command = {
  name: "convert",
  summary: "Writes IDs, or a model, in the format of another program.",
  positionals: ["<in>", "<out>"],
  standsAlone: "plain",
  options: {
    Options: {
      from: { value: "NAME", help: "the format of <in> (default: by its content)" },
      to: { value: "NAME", help: "the format of <out> (default: by its name)" },
      item: { value: "FILE", help: "with recbole: an .item file whose columns are kept" },
      plain: { value: "MODEL", help: "instead of IDs: a model, as PyTorch programs have it" },
      greedy: { help: "with --plain: write a model with a beam all the same" },
      output: { short: "o", value: "FILE", help: "with --plain (default: <model>.plain.safetensors)" },
      ...generalOptions,
    },
  },
  notes: `The formats, and the names that they go by:
  csv          .csv          item, codes, tokens; what rqvae train writes
  jsonl        .jsonl        {"id": ..., "codes": [...], "tokens": ...} a line
  lcrec        .json         LC-Rec's index: {"item": ["<a_1>", "<b_2>"], ...}
  recbole      .item         item_id:token, semantic_id:token_seq
  semanticids  .semanticids  the Hopwise program's csv, with vectors if <in> has
  npy          .npy          integers, a row an item, as GRID reads; no item IDs
  trie         .trie.json    {"code": {"code": ["item", ...]}}
  parquet      .parquet      the columns of csv; reads lists of codes too
<out> is overwritten.

--plain writes what the Hopwise program's class takes by load_state_dict: input
scaling and linear path become part of its Linears, the hidden layers grow by
2 x latent dimension, and IDs stay the same, near-ties excepted. The class has
no beam, which rqvae train chooses: for equal IDs train with --beam 1. --greedy
writes such a model all the same; there, some items have other IDs than here.

Examples:
  rqvae convert model.ids.csv beauty.index.json
  rqvae convert model.ids.csv new.item --item ml-1m/ml-1m.item
  rqvae convert --plain model.safetensors -o plain.safetensors
`,
  run,
};

async function run(given: Given): Promise<number> {
  const modelPath = text(given, "plain");
  if (modelPath !== undefined) return convertModel(given, modelPath);
  if (given.values.output !== undefined) throw new UsageError("--output is for --plain; IDs go into <out>");
  if (given.values.greedy) throw new UsageError("--greedy is for --plain");
  const [input, output] = given.positionals as [string, string];
  const from = oneOf(given, "from", ID_FORMATS);
  const to = oneOf(given, "to", ID_FORMATS) ?? formatOf(output);
  if (to === undefined) throw new UsageError(`${output}: the name says no format; name it with --to`);
  const itemPath = text(given, "item");
  if (itemPath !== undefined && to !== "recbole") throw new UsageError(`--item is for recbole, not for ${to}`);

  await checkRoles([{ as: "<ids>", path: input, role: "ids" }]);
  const read = await readIdFile(input, from ? { format: from } : {});
  const item = itemPath === undefined ? undefined : new TextDecoder().decode(await readBytes(itemPath));
  await checkOutput(output, { overwrite: true, inputs: [input, ...(itemPath === undefined ? [] : [itemPath])] });

  const { ids, itemIds, titles, embeddings } = read;
  const extras = { ...(titles && { labels: { titles } }), ...(embeddings && { vectors: { embeddings } }) };
  const size = await (item === undefined
    ? writeIds(output, { ids, itemIds }, extras, to)
    : writeCounted(output, mergeRecBoleChunks(item, { ids, itemIds }))
  ).catch((error) => {
    throw nameFile(itemPath ?? input, error);
  });
  if (given.values.quiet) return 0;
  const lost = [
    ...(to === "npy" && read.format !== "npy" ? ["The items' IDs are not in it: row i is item i of the input."] : []),
    ...(to === "trie" ? ["Its items are in the order of their IDs."] : []),
    ...(to === "semanticids" && !embeddings
      ? ["The input has no vectors: the column semantic_ids_embs is left out."]
      : []),
  ];
  const told = `Read ${plural(ids.length, "item")} of ${plural(ids.levels, "code")} each (${read.format}), wrote ${output} (${to}, ${fileSize(size)}).`;
  process.stderr.write(`${[told, ...lost].join("\n")}\n`);
  return 0;
}

async function convertModel(given: Given, modelPath: string): Promise<number> {
  for (const option of ["from", "to", "item"]) {
    if (given.values[option] !== undefined) throw new UsageError(`--${option} is for IDs, not for --plain`);
  }
  const output = text(given, "output") ?? `${modelPath.replace(/\.safetensors$/, "")}.plain.safetensors`;
  await checkOutput(output, { overwrite: true, inputs: [modelPath] });
  await checkRoles([{ as: "--plain", path: modelPath, role: "model" }]);
  const model = await RQVAE.load(await readBytes(modelPath)).catch((error) => {
    throw nameFile(modelPath, error);
  });
  try {
    const { bytes, config } = naming(modelPath, () => plain(model, given.values.greedy === true));
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

/** What the library says about the model, in the words of the command line. */
function plain(model: RQVAE, greedy: boolean): PlainModel {
  try {
    return writePlainModel(model, { greedy });
  } catch (error) {
    if (error instanceof Error) {
      error.message = error.message
        .replace("writePlainModel: ", "")
        .replace("with encodeBeam 1", "with --beam 1")
        .replace("pass greedy: true", "give --greedy");
    }
    throw error;
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
