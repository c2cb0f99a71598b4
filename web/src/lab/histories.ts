import { RQVAEError } from "rqvae";
import { type Histories, readHistories } from "rqvae/formats";
import { type HeldItems, writtenIds } from "./items.ts";

/**
 * What people chose of these items, by their item IDs or, where they have none, by row numbers: from 0, or from 1 where that alone fits.
 * The text says which.
 */
export async function openHistories(file: File, held: HeldItems): Promise<{ histories: Histories; text: string }> {
  const itemIds = writtenIds(held)?.map(String);
  const read = async (firstRow: 0 | 1) => {
    const catalogue = itemIds ? { itemIds } : { rows: held.vectors.rows, firstRow };
    const histories = await readHistories(file, { ...catalogue, fileName: file.name });
    const counting = itemIds ? "" : `; items are row numbers that start at ${firstRow}`;
    return { histories, text: histories.text + counting };
  };
  try {
    return await read(0);
  } catch (error) {
    if (itemIds || !(error instanceof RQVAEError) || error.code !== "COUNTS_DIFFER") throw error;
    return read(1).catch(() => {
      throw error;
    });
  }
}
