/** Histories of a command: `--histories` and `--first-row`. */

import { type Histories, type ReadHistoriesOptions, readHistories } from "../formats/index.ts";
import { type Given, type Option, oneOf } from "./command.ts";
import { nameFile, readBytes } from "./files.ts";
import { isLocal, nameOfInput } from "./inputs.ts";

export const historyOptions = {
  histories: {
    value: "FILE",
    help: "what users chose: RecBole .inter, csv (user, item,\ntime), a line of items per user, JSON lines",
  },
  "first-row": {
    value: "N",
    help: "if items are row numbers there: the number of the\nfirst row, 0 or 1 (default: 0)",
  },
} satisfies Record<string, Option>;

/** @throws UsageError */
export function firstRowOf(given: Given): 0 | 1 | undefined {
  const firstRow = oneOf(given, "first-row", ["0", "1"]);
  return firstRow === undefined ? undefined : firstRow === "1" ? 1 : 0;
}

/** @throws FileError */
export async function openHistories(path: string, catalogue: ReadHistoriesOptions): Promise<Histories> {
  const source = isLocal(path) ? path : await readBytes(path);
  return readHistories(source, { ...catalogue, fileName: nameOfInput(path) }).catch((error) => {
    throw nameFile(path, error);
  });
}
