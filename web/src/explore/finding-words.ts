import type { Finding, FindingCode } from "rqvae/report";
import { ownShare } from "../base/own-ids.ts";
import { formatCount, formatShare, ordinal, plural } from "../base/words.ts";
import type { ReportSummary } from "../lab/types.ts";

/** What a visitor can do about a finding. */
export type Remedy =
  | "makeUnique"
  | "addLevel"
  | "moreCodes"
  | "fewerCodes"
  | "restartCodes"
  | "trainLonger"
  | "scaleColumns";

/** A finding in the page's words. */
export interface Said {
  kind: Finding["kind"];
  text: string;
  remedies: readonly Remedy[];
  level?: number;
}

type About = Pick<ReportSummary, "counts" | "line"> & { noun: readonly [one: string, many: string] };
type Words = [text: string, ...remedies: Remedy[]];

/** The findings in the page's words; one that the page has none for, in the library's. */
export function inWords(findings: readonly Finding[], about: About): Said[] {
  return findings.map(({ kind, code, text, level }) => {
    const [said, ...remedies] = WORDS[code]?.(about, level ?? 0) ?? [text.charAt(0).toUpperCase() + text.slice(1)];
    return { kind, text: said, remedies, ...(level === undefined ? {} : { level }) };
  });
}

const OWN_ID = "If every ID has to lead to a single item, make the IDs unique.";

const WORDS: Partial<Record<FindingCode, (about: About, level: number) => Words>> = {
  constantItems: ({ counts, noun }) => [
    `All ${plural(counts.items, ...noun)} have the same vector, so every model gives them the same ID. Check how the embeddings were made.`,
  ],
  dominantColumn({ counts: { dominant } }) {
    const { column, name, share, isScaled } = dominant!;
    const who = `${name === undefined ? `Column ${column}` : `Column ${column} (${name})`} carries ${formatShare(share)} of the variance`;
    return isScaled
      ? [`${who}. Each column was scaled by itself, but the figures below are mostly about this one.`]
      : [
          `${who}: the IDs and the figures below depend on it and little else. Leave it out if it is an ID or a property such as a price.`,
          "scaleColumns",
        ];
  },
  noneShared: ({ noun }) => [`Every ID leads to exactly one ${noun[0]}.`],
  tooFewIds({ counts, noun }) {
    const ids = counts.codebookSizes.reduce((product, size) => product * size, 1);
    return [
      `The codes make only ${plural(ids, "ID")}, fewer than the ${plural(counts.duplicates?.distinctVectors ?? counts.items, `different ${noun[0]}`, `different ${noun[1]}`)}.`,
      "addLevel",
      "moreCodes",
    ];
  },
  manyShared: (about) => [
    `${sharing(about)}. That is more than in most published IDs. Another level or more codes tell them apart; what is left can be made unique.`,
    "addLevel",
    "moreCodes",
    "makeUnique",
  ],
  someShared: (about) => [
    `${sharing(about)}, as in many published IDs. ${OWN_ID}`,
    "makeUnique",
    "addLevel",
    "moreCodes",
  ],
  fewShared: (about) => [`${sharing(about)}. That is few. ${OWN_ID}`, "makeUnique"],
  sharedByCopies({ counts, noun }) {
    const { itemsIdentical } = counts.duplicates!;
    return [
      `${plural(itemsIdentical, ...noun)} share an ID with an exact copy. No model can tell copies apart, but one more code can.`,
      "makeUnique",
    ];
  },
  starvedLevel({ counts }, level) {
    const size = counts.codebookSizes[level]!;
    const worth = Math.round(counts.perplexity[level]!);
    return [
      worth <= 1
        ? `The ${ordinal(level)} code is the same for nearly all items, so it says nothing.`
        : `The ${ordinal(level)} code is used as if it had ${formatCount(worth)} choices instead of ${formatCount(size)}.`,
      "restartCodes",
      "fewerCodes",
    ];
  },
  nearShareCodes: (about) => [`${nearness(about)}: IDs of similar items begin with the same codes.`],
  codesSayLittle: (about) => [
    `${nearness(about)}: the first code says little about what an item is like.`,
    "trainLonger",
  ],
  nothingExplained: () => [
    "The IDs keep none of the differences between the items. Check that the model was trained on these items.",
  ],
  better: (about) => [
    `${besideKMeans(about)}${hasMoreOwn(about) ? ", and more items have an ID of their own" : ""}. Training was worth it.`,
  ],
  same: (about) => [`${besideKMeans(about)}. That is no difference that matters: training did not improve on k-means.`],
  moreDistinct: (about) => [`${besideKMeans(about)}. Training tells more items apart but keeps less of each.`],
  moreExact: (about) => [`${besideKMeans(about)}. Training keeps more of each item but tells fewer apart.`],
  worse: (about) => [
    `${besideKMeans(about)}. Training makes worse use of the codes than k-means; the suggested settings start from it.`,
    "trainLonger",
  ],
};

/** A count rather than a percentage: there is one percentage of own IDs on the page. */
function sharing({ counts: { duplicates, itemsSharing }, noun }: About): string {
  const colliding = duplicates?.itemsColliding ?? itemsSharing;
  return `${plural(colliding, ...noun)} ${colliding === 1 ? "shares" : "share"} an ID with ${duplicates ? "one whose numbers differ" : "another"}`;
}

function nearness({ counts: { nearness = 0 } }: About): string {
  const times = nearness >= 10 ? formatCount(Math.round(nearness)) : nearness.toFixed(1);
  return `The nearest items share the first code ${times} times as often as two random ones do`;
}

const hasMoreOwn = ({ counts, line }: About): boolean => line !== undefined && ownShare(counts) > line.own;

function besideKMeans({ counts: { kept = 0 }, line }: About): string {
  return `The IDs keep ${formatShare(kept)} of the differences between the items${line ? `, residual k-means of the same size ${formatShare(line.kept)}` : ""}`;
}
