import { counted } from "../base/words.ts";
import { writeVectors } from "../formats/arrays/vectors.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { type Command, type Given, text } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, loadModel, nameFile, writeWhole } from "./files.ts";
import { vectorFormatOf } from "./latents.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { computingOptions } from "./outputs.ts";
import { PUBLISHED, readPublished } from "./published.ts";

export const decode: Command = {
  name: "decode",
  summary: "Turn IDs back into vectors with the model that made them.",
  positionals: ["<model>", "<ids>"],
  options: {
    Options: {
      output: {
        short: "o",
        value: "FILE",
        help: "the vectors: .npy, .csv, .jsonl, .parquet or\n.safetensors (default: vectors.npy)",
      },
      force: { short: "f", help: "overwrite the default output" },
    },
    General: computingOptions,
  },
  notes: notesOf(
    [
      `${PUBLISHED}
The vectors are in the units of the items, a row for each item of <ids>, in its
order; of an index, in the order of the IDs. A suffix is left out: the length of
the IDs shows it. npy and safetensors have no item IDs.
${INPUTS}`,
      OVERWRITING,
    ],
    "rqvae decode emoji.safetensors emoji.ids.csv -o vectors.npy",
    "rqvae decode emoji.safetensors shop.index -o vectors.parquet",
  ),
  run,
};

/** Values that are decoded at a time. */
const BLOCK = 1 << 20;

async function run(given: Given): Promise<number> {
  const [modelPath, path] = given.positionals as [string, string];
  const output = text(given, "output") ?? "vectors.npy";
  const format = vectorFormatOf(output, "output", "a file of vectors");
  await checkRoles([
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<ids>", path, role: "ids" },
  ]);
  const overwrite = given.values.output !== undefined || given.values.force === true;
  await checkOutput(output, { overwrite, inputs: [modelPath, path] });
  const model = await loadModel(modelPath);
  try {
    const { ids, itemIds, index } = await readPublished(path, { model });
    const { inputDim, codebookSize } = model.config;
    const { fingerprint } = index;
    const most = Math.max(1, Math.floor(BLOCK / inputDim));
    function* blocks() {
      for (let first = 0; first < ids.length; first += most) {
        const rows = Array.from({ length: Math.min(most, ids.length - first) }, (_, i) =>
          ids.at(first + i).slice(0, codebookSize.length),
        );
        yield model.decode(SemanticIds.from(rows, { codebookSizes: codebookSize, fingerprint }));
      }
    }
    const vectors = { rows: ids.length, dim: inputDim, blocks: blocks() };
    await writeWhole(output, writeVectors(format, vectors, { itemIds })).catch((error) => {
      throw nameFile(path, error);
    });
    if (!given.values.quiet) {
      process.stderr.write(`Decoded ${counted(ids.length, "ID")} to vectors of ${inputDim}: ${output}\n`);
    }
    return 0;
  } finally {
    model.dispose();
  }
}
