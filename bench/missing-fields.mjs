// What it gains that missing fields take no part in the training: fields of content and of behaviour, of which 30% of the items lack the
// second and 15% the first. Explained variance, over the vectors that are there, of a tenth of the items that no training saw; by the
// library's default, next to the same training on the same numbers without knowing what is missing.
//
//   node bench/missing-fields.mjs                    three catalogues
//   --set office --seeds 3       one of office, industrial, emoji; seeds (default: 1)
import { RQVAE } from "rqvae";
import { behaviourVectors } from "rqvae/behaviour";
import { fuse } from "rqvae/fusion";
import { readLists } from "./arguments.mjs";
import { loadCatalogue } from "./behaviour/catalogues.mjs";
import { hash } from "./quality/hash.mjs";

const SETS = ["office", "industrial", "emoji"];
const { values, lists, checkNames } = readLists("missing-fields", ["set"]);
checkNames("set", lists.set, SETS);
const seeds = Number(values.seeds ?? 1);

/** @param {import("./quality/measures.mjs").Matrix} matrix @param {readonly number[]} rows @param {(row: number) => boolean} lacks */
const rowsOf = ({ data, dim }, rows, lacks) =>
  rows.map((row) => (lacks(row) ? null : data.subarray(row * dim, (row + 1) * dim)));

for (const name of lists.set.length > 0 ? lists.set : SETS) {
  const catalogue = await loadCatalogue(name, false, () => false);
  if (!catalogue?.content) {
    console.log(`\n${name}: left out, since its files are not here`);
    continue;
  }
  const { content, histories } = catalogue;
  const behaviour = await behaviourVectors(histories);
  const draw = (/** @type {number} */ row, /** @type {number} */ stream) => (hash(row, stream, 0x5eed) >>> 0) / 2 ** 32;
  const all = Array.from({ length: content.rows }, (_, row) => row).filter((row) => behaviour.known[row]);
  const lacksBehaviour = (/** @type {number} */ row) => draw(row, 1) < 0.3;
  const lacksContent = (/** @type {number} */ row) => draw(row, 1) >= 0.85;
  const fields = (/** @type {readonly number[]} */ rows, isWhole = false) => [
    { name: "content", vectors: rowsOf(content, rows, (row) => !isWhole && lacksContent(row)) },
    { name: "behaviour", vectors: rowsOf(behaviour, rows, (row) => !isWhole && lacksBehaviour(row)) },
  ];
  const seen = all.filter((row) => draw(row, 2) >= 0.1);
  const unseen = all.filter((row) => draw(row, 2) < 0.1);
  const fused = await fuse(fields(seen));
  const given = await fuse(fields(unseen), { like: fused.fields });
  console.log(`\n${name}: ${seen.length} items, and ${unseen.length} that no training saw`);
  for (let seed = 0; seed < seeds; seed++) {
    const variances = [];
    for (const items of [{ data: fused.data, rows: fused.rows, dim: fused.dim }, fused]) {
      const model = await RQVAE.fit(items, { seed, nQuantizationLayers: 3, codebookSize: 64 });
      const data = model.reconstruct({ data: given.data, rows: given.rows, dim: given.dim });
      let [error, energy] = [0, 0];
      for (const [i, row] of unseen.entries()) {
        let at = i * given.dim;
        for (const [field, lacks] of [
          [fused.fields.fields[0], lacksContent(row)],
          [fused.fields.fields[1], lacksBehaviour(row)],
        ]) {
          for (let j = at; j < at + field.dim; j++) {
            if (lacks) continue;
            error += (given.data[j] - data[j]) ** 2;
            energy += given.data[j] ** 2;
          }
          at += field.dim;
        }
      }
      variances.push(1 - error / energy);
      model.dispose();
    }
    const [plain, known] = variances;
    console.log(
      `  seed ${seed}: ${plain.toFixed(4)} with zeros as targets, ${known.toFixed(4)} without, ${(known - plain).toFixed(4)}`,
    );
  }
}
