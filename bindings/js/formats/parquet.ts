import { InvalidInputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { ItemFile, ItemFileOptions } from "./item-file.ts";

export async function openParquet(_bytes: ByteSource, _options: ItemFileOptions): Promise<Omit<ItemFile, "format">> {
  throw new InvalidInputError("it is Parquet, which cannot be read here");
}
