import { assessIds, RQVAE, residualKMeans, SemanticIds } from "rqvae";
import { compareIds } from "rqvae/report";
import { type HeldItems, namingOf, openSource } from "./items.ts";
import type { ComparedResults, ComparedSide, DataSource, KeptModel, PlainIds } from "./types.ts";

/** A kept result and where its items are. */
export interface SideToCompare {
  source: DataSource;
  kept: KeptModel;
}

/** Branches whose fate is told. */
const TOLD = 100;

/** Compares a result with another one of the same items, or with residual k-means of them. */
export async function compareResults(before: SideToCompare, after: SideToCompare | "kmeans"): Promise<ComparedResults> {
  const first = await openSide(before);
  const second = after === "kmeans" ? await fitKMeans(first) : await openSide(after);
  try {
    const keys = joiningKeys(first.held, second.held);
    const {
      moved,
      branches,
      added: _,
      removed: __,
      renaming: ___,
      ...figures
    } = compareIds(first.ids, second.ids, keys ? { itemIds: keys } : {});
    const rowOf = keys && new Map(keys.before.map((itemId, row) => [itemId, row]));
    return {
      ...figures,
      naming: namingOf(first.held),
      moved: Uint32Array.from(moved, ({ itemId }) => rowOf?.get(itemId as string) ?? (itemId as number)),
      branches: branches.slice(0, TOLD),
      rowAfter: keys && rowsAfter(keys),
      sides: [await measure(first), await measure(second)],
    };
  } finally {
    first.model.dispose();
    second.model.dispose();
  }
}

interface Side {
  held: HeldItems;
  model: RQVAE;
  ids: SemanticIds;
}

async function openSide({ source, kept }: SideToCompare): Promise<Side> {
  const { codes, codebookSizes } = kept.ids;
  return {
    held: await openSource(source),
    model: await RQVAE.load(kept.model),
    ids: SemanticIds.from({ codes, levels: codebookSizes.length }, kept.ids),
  };
}

/** As many levels and codes, without a network, and the same beam: the very baseline of the report. */
async function fitKMeans({ held, ids, model: like }: Side): Promise<Side> {
  const { codebookSize, encodeBeam } = like.config;
  const model = await residualKMeans(held.vectors.reader(), {
    codebookSize,
    encodeBeam,
    nQuantizationLayers: ids.levels,
  });
  return { held, model, ids: await model.encodeAsync(held.vectors.reader()) };
}

/** The item IDs of both, unless rows are compared with rows. */
function joiningKeys(first: HeldItems, second: HeldItems) {
  const { itemIds: before } = first;
  const { itemIds: after } = second;
  if (first === second || !before || !after) return undefined;
  return before.length === after.length && before.every((itemId, row) => itemId === after[row])
    ? undefined
    : { before, after };
}

function rowsAfter({ before, after }: { before: readonly string[]; after: readonly string[] }): Int32Array {
  const rowOf = new Map(after.map((itemId, row) => [itemId, row]));
  return Int32Array.from(before, (itemId) => rowOf.get(itemId) ?? -1);
}

async function measure({ held, model, ids }: Side): Promise<ComparedSide> {
  const report = await assessIds(ids, { items: held.vectors.reader(), model });
  const plain: PlainIds = { codes: ids.codes, codebookSizes: ids.codebookSizes, fingerprint: ids.fingerprint };
  return {
    ids: plain,
    figures: {
      distinct: report.distinctIds,
      items: report.items,
      kept: report.reconstruction?.explainedVariance,
      nearShareFirst: report.neighbours?.sharing[0],
    },
  };
}
