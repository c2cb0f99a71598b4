/** IDs of a file, wherever it is. */

import { type FileSource, readBytes } from "../io/byte-source.ts";
import { sniff } from "../io/bytes.ts";
import { withFile } from "../items/read-items.ts";
import { type ReadIds, type ReadIdsOptions, readIds } from "./detect-ids.ts";
import { readIdsParquet } from "./ids-parquet.ts";

/**
 * Reads IDs from a file of any format that they are written to; the content decides which. Of Parquet files also those of other programs:
 * a column of the items' IDs (`item`, `item_id`, `id`, ...; without one the row numbers) and, for the codes, a column of whole numbers a
 * level (`code_1`, `code_2`, ...), one of lists of them, or one of tokens ("<a_17><b_203>", or a list of such).
 *
 * @param file Its bytes, a Blob or File, a stream of bytes, a path (Node) or a URL.
 * @param fileName Its name, for messages.
 * @throws InvalidInputError naming the file, when the format is none of these, and for what the reader refuses.
 */
export async function readIdsAsync(
  file: FileSource,
  fileName?: string,
  options: ReadIdsOptions = {},
): Promise<ReadIds> {
  return withFile(file, fileName, async (bytes, name) => {
    const format = options.format ?? sniff(await readBytes(bytes, 0, Math.min(16, bytes.size))).format;
    if (format === "parquet") return { format, ...(await readIdsParquet(bytes, options)) };
    return readIds(await readBytes(bytes, 0, bytes.size), name, options);
  });
}
