/** Embeddings of text by word vectors: without a language model, and without another package. */

import { counted, thousands, wholePercent } from "../base/words.ts";
import { openWords, type TitleCoverage, TitleEmbedder } from "../words/index.ts";
import { UsageError } from "./command.ts";
import { nameOfInput, readBytes } from "./inputs.ts";
import type { TextModel } from "./text-model.ts";

/** What --model is given for it. */
export const WORDS = "words";

/** A model that was made for these texts. */
export interface WordModel extends TextModel {
  /** What the table knows of them, in whole sentences. */
  about: string;
}

/** @throws UsageError without a file. @throws FileError for a file that is no table of words. */
export async function loadWordModel(file: string | undefined, texts: readonly string[]): Promise<WordModel> {
  if (file === undefined) {
    throw new UsageError(
      "--words is missing: the file with the word vectors, such as examples/data/words/glove-50k.safetensors of the repository",
    );
  }
  const table = await openWords(await readBytes(file), { fileName: nameOfInput(file) });
  const embedder = TitleEmbedder.fit(table, texts);
  return {
    about: describeCoverage(embedder.embed(texts).coverage),
    async embed(some) {
      const { data, dim } = embedder.embed(some);
      return { data, dim };
    },
    async dispose() {},
  };
}

function describeCoverage({ words, known, unknown, empty, language }: TitleCoverage): string {
  const sentences = [
    words === 0 ? "" : `${wholePercent(known / words)} of the ${counted(words, "word")} are known.`,
    unknown.length > 0 ? `Unknown: ${unknown.join(", ")}${unknown.length < 8 ? "" : ", ..."}.` : "",
    language ? `The text seems to be in ${language}: use a table or a model of that language.` : "",
    empty.length > 0
      ? `${counted(empty.length, "row", "has", "have")} no words and ${empty.length === 1 ? "is" : "are"} all zeros: row${empty.length === 1 ? "" : "s"} ${empty.slice(0, 3).map(thousands).join(", ")}${empty.length > 3 ? ", ..." : ""}.`
      : "",
  ];
  return sentences.filter((sentence) => sentence !== "").join(" ");
}
