import { openWords, TitleEmbedder, type WordTable } from "rqvae/words";
import wordsUrl from "../../../examples/data/words/glove-50k.safetensors?url";
import { MissingPart } from "../base/missing-part.ts";

/** Bytes of the table, for the progress of its download: a server that compresses tells another number. */
const SIZE = 5_611_178;

let table: Promise<WordTable> | undefined;

/** The table of words, fetched from the page's own folder the first time it is needed. */
function wordTable(onProgress: (share: number) => void): Promise<WordTable> {
  table ??= fetchTable(onProgress).catch((error: Error) => {
    table = undefined;
    throw error;
  });
  return table;
}

async function fetchTable(onProgress: (share: number) => void): Promise<WordTable> {
  // The build writes an address relative to this script.
  const response = await fetch(new URL(wordsUrl, self.location.href)).catch(() => undefined);
  if (!response?.ok || !response.body) {
    throw new MissingPart("The word vectors could not be loaded. Please check your connection and try again.");
  }
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let seen = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    seen += value.length;
    onProgress(Math.min(1, seen / SIZE));
  }
  return openWords(new Blob(pieces));
}

/** What makes vectors of these titles, and of new ones like them. */
export async function embedderOf(
  titles: readonly string[],
  onProgress: (share: number) => void = () => {},
): Promise<TitleEmbedder> {
  return TitleEmbedder.fit(await wordTable(onProgress), titles);
}
