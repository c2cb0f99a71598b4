import { InvalidInputError, type ItemMatrix, type RQVAE, type SemanticIds } from "rqvae";
import { readItems } from "rqvae/formats";
import { explainIds } from "rqvae/report";
import type { TitleCoverage } from "rqvae/words";
import type { HeldItems } from "./items.ts";
import type { NewItem, PlacedItem } from "./types.ts";

/** Nearest items that are named. */
const NEAREST = 6;

/** Gives an item that the model never saw its ID, and finds out what is near it. */
export async function placeNew(
  item: NewItem,
  { model, held, ids }: { model: RQVAE; held: HeldItems; ids: SemanticIds },
): Promise<PlacedItem> {
  const { vector, words } = await vectorOf(item, held);
  const { toString: _, ...explanation } = await (await explainIds(model, vector, { nearest: 0 })).explain(0);
  const { codes } = explanation;
  const taken: number[] = [];
  for (let row = 0; row < ids.length; row++) {
    let level = 0;
    while (level < codes.length && ids.codes[row * ids.levels + level] === codes[level]) level++;
    if (level === codes.length) taken.push(row);
  }
  return {
    explanation,
    nearest: await nearestItems(held, vector.data as Float32Array),
    taken: Uint32Array.from(taken),
    latent: model.latents(vector),
    words,
  };
}

async function vectorOf(
  item: NewItem,
  held: HeldItems,
): Promise<{ vector: ItemMatrix; words: TitleCoverage | undefined }> {
  const { dim } = held.vectors;
  if ("title" in item) {
    const embedder =
      held.words?.embedder ?? (await (await import("./word-vectors.ts")).embedderOf(held.labels?.titles ?? []));
    const { coverage, ...vector } = embedder.embed([item.title]);
    if (coverage.empty.length > 0)
      throw new InvalidInputError("There is no word in it: write a few, such as “pirate cat”.");
    return { vector, words: coverage };
  }
  const data = "vector" in item ? Float32Array.from(item.vector) : await firstRow(item.file);
  if (data.length !== dim) {
    throw new InvalidInputError(
      `This vector has ${data.length} numbers, but the items have ${dim}: it must come from the model that made theirs.`,
    );
  }
  return { vector: { data, rows: 1, dim }, words: undefined };
}

async function firstRow(file: File): Promise<Float32Array> {
  const { data, dim } = await readItems(file, { fileName: file.name });
  return Float32Array.from(data.subarray(0, dim));
}

/** By Euclidean distance between vectors. Rows of zeros, which say nothing of their items, would seem near to all. */
async function nearestItems({ vectors }: HeldItems, own: Float32Array): Promise<PlacedItem["nearest"]> {
  const { dim } = vectors;
  const nearest: PlacedItem["nearest"] = [];
  for await (const { first, count, data } of vectors.blocks()) {
    for (let row = 0; row < count; row++) {
      let squares = 0;
      let isZero = true;
      for (let j = 0; j < dim; j++) {
        const value = data[row * dim + j]!;
        squares += (value - own[j]!) ** 2;
        if (value !== 0) isZero = false;
      }
      if (isZero) continue;
      if (nearest.length === NEAREST && squares >= nearest[NEAREST - 1]!.distance) continue;
      const place = nearest.findIndex(({ distance }) => squares < distance);
      nearest.splice(place < 0 ? nearest.length : place, 0, { item: first + row, distance: squares });
      nearest.length = Math.min(nearest.length, NEAREST);
    }
  }
  return nearest.map(({ item, distance }) => ({ item, distance: Math.sqrt(distance) }));
}
