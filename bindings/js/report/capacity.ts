import { MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import { counted, percent, thousands } from "../base/words.ts";
import { codesMake, shapeOf } from "../ids/code-words.ts";

/** The planned IDs. */
export interface CapacityOptions {
  /** Codes per ID. Default: 3, or the length of `codebookSize`. */
  nQuantizationLayers?: number;
  /** Codes per level: one number for all levels, or one per level. Default: 256. */
  codebookSize?: number | readonly number[];
}

/** What happens to n items if every item draws its ID at random from this many. */
export interface ExpectedCollisions {
  /** Number of IDs to draw from. */
  ids: number;
  /** Expected number of different IDs. */
  distinctIds: number;
  /** Expected number of items whose ID another item has too. */
  itemsSharing: number;
}

/** See `adviseCapacity`. */
export interface CapacityAdvice {
  items: number;
  codebookSizes: number[];
  /** Number of IDs: the product of the codebook sizes. */
  ids: number;
  /** Whether every item can have its own ID at all. */
  possible: boolean;
  /** "impossible", "tight" (in practice more than 10% of the items share an ID) or "enough". */
  verdict: "impossible" | "tight" | "enough";
  /** If all IDs were equally likely. No model does better without looking at the collisions. */
  uniform: ExpectedCollisions;
  /** For real catalogues, which behave as if there were only ids^(3/4) IDs. */
  realistic: ExpectedCollisions;
  /** Sizes that are enough in practice: the given ones, if they are. Options of `RQVAE.fit` and `RQVAE.create`. */
  suggestion: { nQuantizationLayers: number; codebookSize: number | number[] };
  /** The advice in words. */
  text: string;
  /** The same as `text`. */
  toString(): string;
}

/** Share of items that may share an ID in practice; a suffix handles these. */
const TOLERATED = 0.1;
/** Codes per level up to which more codes are suggested before more levels. */
const MOST_CODES = 256;
/** IDs longer than this are not suggested. */
const MOST_LEVELS = 64;

/**
 * Whether a number of levels and codes is enough for n items. By the birthday problem, if n items draw from N equally likely IDs:
 *
 *     expected distinct IDs   N (1 - (1 - 1/N)^n)          expected items that share an ID   n (1 - (1 - 1/N)^(n-1))
 *
 * Real codes are neither used evenly nor independently of one another. Three levels of 32 to 256 codes by residual k-means were tried
 * on ten real catalogues (778 to 117,659 items; Amazon, WordNet, MiniLM, Fashion-MNIST, ...). The IDs collided as if there were N^g of
 * them, g from 0.56 to 0.83 with a median of 0.75, exact duplicates included. So `realistic` uses N^(3/4), which square roots compute identically on every
 * host.
 */
export function adviseCapacity(n: number, options: CapacityOptions = {}): CapacityAdvice {
  new OptionReader({ n }, "adviseCapacity").integer("n", undefined, 1, Number.MAX_SAFE_INTEGER);
  const codebookSizes = readSizes(options);
  const { ids, uniform, realistic } = expectations(n, codebookSizes);
  const possible = ids >= n;
  const verdict = !possible ? "impossible" : isEnough(n, { ids, uniform, realistic }) ? "enough" : "tight";
  const sizes = verdict === "enough" ? codebookSizes : enlarge(n, codebookSizes);
  const isEven = sizes.every((size) => size === sizes[0]);
  const advice = { items: n, codebookSizes, ids, possible, verdict, uniform, realistic } as const;
  const text = describe(advice, sizes);
  return {
    ...advice,
    suggestion: { nQuantizationLayers: sizes.length, codebookSize: isEven ? sizes[0]! : sizes },
    text,
    toString: () => text,
  };
}

function readSizes(options: CapacityOptions): number[] {
  const read = new OptionReader(options, "adviseCapacity");
  const given = read.get("codebookSize") ?? 256;
  const isList = Array.isArray(given);
  const count = read.integer("nQuantizationLayers", isList ? Math.max(1, given.length) : 3, 1, 1024);
  const sizes = isList
    ? read.integers("codebookSize", [], 1, MAX_SIZE)
    : new Array<number>(count).fill(read.integer("codebookSize", 256, 1, MAX_SIZE));
  if (sizes.length !== count) read.fail("codebookSize", `one number, or one for each of ${counted(count, "level")}`);
  read.refuseUnknown();
  return sizes;
}

function expectations(n: number, sizes: readonly number[]) {
  const ids = Math.min(
    sizes.reduce((product, size) => product * size, 1),
    Number.MAX_VALUE, // and not infinite
  );
  const fewer = Math.sqrt(ids) * Math.sqrt(Math.sqrt(ids)); // ids^(3/4)
  return { ids, uniform: drawn(n, ids), realistic: drawn(n, fewer) };
}

function drawn(n: number, ids: number): ExpectedCollisions {
  return { ids, distinctIds: Math.min(n, ids * hit(1 / ids, n)), itemsSharing: n * hit(1 / ids, n - 1) };
}

/**
 * 1 - (1 - p)^m, the chance that at least one of m draws of chance p succeeds. Since u(a + b) = u(a) + u(b) - u(a) u(b), doubling and
 * adding one compute it with + - * alone, without the cancellation that the formula itself suffers for small p.
 */
function hit(p: number, m: number): number {
  if (m === 0) return 0;
  const half = hit(p, Math.floor(m / 2));
  const even = half * (2 - half);
  return m % 2 === 1 ? even + p * (1 - even) : even;
}

const isEnough = (n: number, { ids, realistic }: ReturnType<typeof expectations>) =>
  ids >= n && realistic.itemsSharing <= TOLERATED * n;

/**
 * The shortest IDs, and among these the fewest codes, that are enough in practice: doubles the given sizes and adds levels like the last
 * one.
 */
function enlarge(n: number, codebookSizes: readonly number[]): number[] {
  // K should follow n: if there are few items, many codes starve the later levels (2 sqrt(n) as in suggestConfig).
  const most = Math.min(MOST_CODES, Math.max(16, 2 * Math.sqrt(n)));
  for (const asked = [...codebookSizes]; ; asked.push(lastSize(codebookSizes))) {
    let sizes = [...asked];
    while (!isEnough(n, expectations(n, sizes)) && sizes.some((size) => 2 * size <= most)) {
      sizes = sizes.map((size) => (2 * size <= most ? 2 * size : size));
    }
    if (isEnough(n, expectations(n, sizes)) || asked.length >= MOST_LEVELS) return sizes;
  }
}

/** Codes of a level that is added. */
const lastSize = (sizes: readonly number[]) => Math.max(2, sizes.at(-1)!);

function describe(
  advice: Pick<CapacityAdvice, "items" | "codebookSizes" | "ids" | "verdict" | "uniform" | "realistic">,
  suggested: readonly number[],
): string {
  const { items: n, codebookSizes, ids, verdict, uniform, realistic } = advice;
  const factors = codebookSizes.map(thousands).join(" x ");
  const shape = shapeOf(codebookSizes);
  const product = `${codesMake(codebookSizes)} ${shape === factors || codebookSizes.length > 8 ? "" : `${factors} = `}${counted(ids, "ID")}`;
  if (n === 1) return `${product}: enough for one item.`;
  const expected = ({ itemsSharing }: ExpectedCollisions) => `${whole(itemsSharing)} (${percent(itemsSharing / n)})`;
  const sharing = (sizes: readonly number[]) => {
    const { ids: room, realistic: then } = expectations(n, sizes);
    return `${counted(room, "ID")}; ${expected(then)} of the items would share one`;
  };
  const isEven = suggested.every((size) => size === suggested[0]);
  const instead = `Use ${counted(suggested.length, "level")} of ${isEven ? counted(suggested[0]!, "code") : `${suggested.map(thousands).join(", ")} codes`}: ${sharing(suggested)}.`;
  const longer = [...codebookSizes, lastSize(codebookSizes)];
  const another =
    longer.join() === suggested.join()
      ? ""
      : ` One more level of ${counted(longer.at(-1)!, "code")}: ${sharing(longer)}.`;
  if (verdict === "impossible") {
    return [
      `${product}, fewer than ${counted(n, "item")}: at least ${thousands(n - ids)} of them cannot have an ID of their own with any model.`,
      instead + another,
    ].join("\n");
  }
  const lines = [
    `${product} for ${counted(n, "item")}.`,
    `If all IDs were equally likely, ${expected(uniform)} of the items would share one, and there would be about ${counted(Math.round(uniform.distinctIds), "distinct ID")}.`,
    `Real catalogues use codes unevenly, as if there were about ${counted(Math.round(realistic.ids), "ID")} (the power 3/4): expect ${expected(realistic)} to share one, and about ${counted(Math.round(realistic.distinctIds), "distinct ID")}; identical vectors add to that.`,
  ];
  lines.push(
    verdict === "enough"
      ? "That is enough: a suffix or a reassigned last code handles the rest."
      : `That is ${realistic.itemsSharing > 0.5 * n ? "too few" : "tight"}. ${instead}${another}`,
  );
  return lines.join("\n");
}

/** An expected count in words: "about 412", "under 1". */
function whole(count: number): string {
  if (count === 0) return "none";
  return count < 1 ? "under 1" : `about ${thousands(Math.round(count))}`;
}
