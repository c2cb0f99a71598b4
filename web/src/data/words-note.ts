import type { TitleCoverage } from "rqvae/words";
import { formatCount, formatPercent, plural } from "../base/words.ts";

/** Below it the vectors of titles say little. */
const MOSTLY = 0.6;

type Finding = [kind: "good" | "note" | "problem", text: string];

/** What the page knows of the words that vectors were made of, as findings about the data. */
export function aboutWords({ words, known, unknown, empty, language }: TitleCoverage): Finding[] {
  const share = words > 0 ? known / words : 0;
  const examples =
    unknown.length > 0 ? ` Unknown: ${unknown.slice(0, 5).join(", ")}${unknown.length > 5 ? ", …" : "."}` : "";
  const findings: Finding[] = [
    [
      share < MOSTLY ? "problem" : "good",
      `The vectors were made here from the words in the titles: ${formatPercent(share)} of the ${plural(words, "word")} are known.${examples}`,
    ],
  ];
  if (language !== undefined) {
    findings.push([
      "problem",
      `The titles seem to be in ${language}, but only English words are known here. Other words count by their letters, so titles count as similar if their spelling is. Use embeddings of a model that knows the language.`,
    ]);
  }
  if (empty.length > 0) {
    findings.push([
      "note",
      `${plural(empty.length, "title")} (${empty.length === 1 ? "row" : "rows"} ${empty.slice(0, 3).map(formatCount).join(", ")}${empty.length > 3 ? ", …" : ""}) ${empty.length === 1 ? "has" : "have"} no words: ${empty.length === 1 ? "its vector is" : "their vectors are"} all zeros.`,
    ]);
  }
  return findings;
}
