/** Readers and writers of files: pure functions over bytes and text, for browsers and Node alike. */

export { type CsvItems, type CsvOptions, readCsv } from "./csv.ts";
export { type ReadItems, readItems } from "./detect.ts";
export { type IdsCsvOptions, idsCsvChunks, readIdsCsv, writeIdsCsv } from "./ids.ts";
export { type JsonItems, readJson } from "./json.ts";
export { checkLabels, readLabels } from "./labels.ts";
export { readNpy, writeNpy } from "./npy.ts";
