import { checkArray } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Looks up the codes of an item: a Map, a SemanticIdIndex. */
export interface CodeLookup<ItemId = string> {
  /** The codes of an item; undefined for an unknown one. */
  get(itemId: ItemId): ArrayLike<number> | undefined;
}

/** How to write histories. */
export interface HistoryOptions<ItemId = unknown> {
  /** The most items to keep of a history, the most recent (last) ones; skipped unknown items do not count. Default: all. */
  maxItems?: number;
  /**
   * What to do with an item that the lookup does not know: throw an "error", "skip" it, or write as many unknown "token"s as an ID has
   * codes, so that every item takes the same number of tokens. Default: "error".
   */
  unknown?: "error" | "skip" | "token";
  /** Whether to write the begin token before the first item. Default: true. */
  begin?: boolean;
  /** Whether to write the end token after the last item. Default: false. */
  end?: boolean;
  /** Whether to write a separator between items. Default: false. */
  separator?: boolean;
  /** Where to pad shorter histories: "right", "left" (for generation with a decoder), or "none" for a ragged result. Default: "right". */
  padding?: "right" | "left" | "none";
  /** Width of the padded table: that of the "longest" history, or of `maxItems` items. Default: "longest". */
  padTo?: "longest" | "maxItems";
  /**
   * Earlier IDs of the same items (`TrainOptions.snapshots`), by which each history is written again, as more data to train on: row
   * i * (1 + snapshots) is history i by `lookup`, and the rows after it are the same history by each of these. Default: none.
   */
  snapshots?: readonly CodeLookup<ItemId>[];
}

/** Histories of equal width. */
export interface EncodedHistories {
  /** rows x width, row-major. */
  tokens: Int32Array;
  /** rows x width: 1 for tokens, 0 for padding. */
  attentionMask: Uint8Array;
  rows: number;
  width: number;
  /** Items that the lookup did not know, over all histories. */
  unknownItems: number;
}

/** Histories one after another. */
export interface RaggedHistories {
  tokens: Int32Array;
  /** rows + 1 entries: history i is `tokens.subarray(offsets[i], offsets[i + 1])`. */
  offsets: Uint32Array;
  rows: number;
  unknownItems: number;
}

/**
 * Turns users' histories into the token sequences that a sequential recommender reads. Each history is a row of item IDs in time order,
 * most recent last.
 *
 * @throws InvalidInputError that names history and position of an unknown item (unless `unknown` allows it), or of an ID that differs in
 * length from the vocabulary's.
 */
export function encodeHistories<ItemId>(
  histories: Iterable<readonly ItemId[]>,
  lookup: CodeLookup<ItemId>,
  vocabulary: Vocabulary,
  options: HistoryOptions<ItemId> & { padding: "none" },
): RaggedHistories;
export function encodeHistories<ItemId>(
  histories: Iterable<readonly ItemId[]>,
  lookup: CodeLookup<ItemId>,
  vocabulary: Vocabulary,
  options?: HistoryOptions<ItemId> & { padding?: "right" | "left" },
): EncodedHistories;
export function encodeHistories<ItemId>(
  histories: Iterable<readonly ItemId[]>,
  lookup: CodeLookup<ItemId>,
  vocabulary: Vocabulary,
  options: HistoryOptions<ItemId> = {},
): EncodedHistories | RaggedHistories {
  const how = readOptions(options);
  const { snapshots = [] } = options;
  if (
    typeof (histories as Iterable<unknown> | null)?.[Symbol.iterator] !== "function" ||
    typeof histories === "string"
  ) {
    throw invalid()`${{ argument: "histories" }} must be rows of item IDs, received ${show(histories)}`;
  }
  requireThat(Array.isArray(snapshots), "snapshots", "an array of lookups", snapshots);
  const lookups = [lookup, ...snapshots];
  lookups.forEach((each, i) => {
    if (typeof each?.get === "function") return;
    throw invalid()`${{ argument: i === 0 ? "lookup" : "snapshots" }} must have get(itemId), as a Map has, received ${show(each)}`;
  });
  requireThat(typeof vocabulary?.encode === "function", "vocabulary", "a Vocabulary", vocabulary);
  checkArray(histories, "histories");
  const isSo = typeof (histories as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function";
  requireThat(isSo, "histories", "an iterable of arrays of item IDs", histories);
  const sequences: number[][] = [];
  let unknownItems = 0;
  const iterator = histories[Symbol.iterator]() as Iterator<readonly ItemId[]> | null;
  requireThat(typeof iterator?.next === "function", "histories", "an iterable of arrays of item IDs", histories);
  let row = 0;
  const sequenceOf = (history: readonly ItemId[], lookup: CodeLookup<ItemId>): number[] => {
    const items: number[][] = [];
    // From the most recent one, so that items cut off are not looked up.
    for (let i = history.length - 1; i >= 0 && items.length < how.maxItems; i--) {
      const codes = lookup.get(history[i]!);
      if (codes === undefined) {
        unknownItems++;
        if (how.unknown === "error") {
          throw invalid(
            "UNKNOWN_ITEM",
          )`history ${row}, item ${i}: ${show(history[i])} has no semantic ID${{ hint: 'add it to the index, or set unknown to "skip" or "token"', after: "; " }}`;
        }
        if (how.unknown === "token") items.push(new Array<number>(vocabulary.levels).fill(vocabulary.unknown));
      } else if (codes.length !== vocabulary.levels) {
        throw invalid(
          "COUNTS_DIFFER",
        )`history ${row}, item ${i}: the ID of ${show(history[i])} has ${counted(codes.length, "code")}, but the vocabulary has ${vocabulary.levels}`;
      } else {
        items.push(vocabulary.encode(codes));
      }
    }
    const sequence = how.begin ? [vocabulary.begin] : [];
    items.reverse().forEach((tokens, i) => {
      if (how.separator && i > 0) sequence.push(vocabulary.separator);
      sequence.push(...tokens);
    });
    if (how.end) sequence.push(vocabulary.end);
    return sequence;
  };
  for (const history of { [Symbol.iterator]: () => iterator }) {
    if (!Array.isArray(history))
      throw invalid()`history ${row} must be an array of item IDs, received ${show(history)}`;
    for (const each of lookups) sequences.push(sequenceOf(history, each));
    row++;
  }
  if (how.padding === "none") return { ...ragged(sequences), unknownItems };
  const between = how.separator ? 1 : 0;
  const width =
    how.padTo === "maxItems"
      ? Number(how.begin) + Number(how.end) + how.maxItems * (vocabulary.levels + between) - between
      : sequences.reduce((longest, { length }) => Math.max(longest, length), 0);
  return { ...padded(sequences, width, how.padding === "left", vocabulary.pad), unknownItems };
}

function readOptions(options: HistoryOptions) {
  const read = new OptionReader(options, "encodeHistories");
  const limit = read.get("maxItems");
  const how = {
    maxItems: limit === undefined ? Number.POSITIVE_INFINITY : read.integer("maxItems", undefined, 1, 2 ** 24),
    unknown: read.choice("unknown", ["error", "skip", "token"], "error"),
    begin: read.boolean("begin", true),
    end: read.boolean("end", false),
    separator: read.boolean("separator", false),
    padding: read.choice("padding", ["right", "left", "none"], "right"),
    padTo: read.choice("padTo", ["longest", "maxItems"], "longest"),
  };
  read.get("snapshots");
  read.refuseUnknown();
  if (how.padTo === "maxItems" && limit === undefined) {
    throw invalid()`${call("encodeHistories")}give maxItems with padTo "maxItems"`;
  }
  return how;
}

function ragged(sequences: number[][]): Omit<RaggedHistories, "unknownItems"> {
  const offsets = new Uint32Array(sequences.length + 1);
  sequences.forEach(({ length }, i) => {
    offsets[i + 1] = offsets[i]! + length;
  });
  const tokens = new Int32Array(offsets.at(-1)!);
  sequences.forEach((sequence, i) => {
    tokens.set(sequence, offsets[i]);
  });
  return { tokens, offsets, rows: sequences.length };
}

function padded(
  sequences: number[][],
  width: number,
  left: boolean,
  pad: number,
): Omit<EncodedHistories, "unknownItems"> {
  const rows = sequences.length;
  const tokens = new Int32Array(rows * width).fill(pad);
  const attentionMask = new Uint8Array(rows * width);
  sequences.forEach((sequence, i) => {
    const start = i * width + (left ? width - sequence.length : 0);
    tokens.set(sequence, start);
    attentionMask.fill(1, start, start + sequence.length);
  });
  return { tokens, attentionMask, rows, width };
}
