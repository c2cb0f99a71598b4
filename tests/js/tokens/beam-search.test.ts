/** Beam search against its definition: prefixes found by looking through all items, and all of them sorted. */
import fc from "fast-check";
import { InvalidInputError, type ItemId, SemanticIdIndex, SemanticIds } from "rqvae";
import {
  type BeamSearchOptions,
  type BeamSearchProgress,
  type BeamStep,
  beamSearch,
  beamSearchSteps,
  type FoundItem,
} from "rqvae/decoding";
import { Vocabulary } from "rqvae/vocabulary";
import { describe, expect, it, test } from "vitest";
import { exp, ln } from "../../../bindings/js/base/logarithm.ts";

const SIZES = [3, 4, 3];
const compareIds = (a: ItemId, b: ItemId) =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
const compareCodes = (a: readonly number[], b: readonly number[]) =>
  a.reduce((order, code, level) => order || code - b[level]!, 0);

/** Logits that depend on the whole prefix, of few different values, so that there are ties. */
function logitsOf(prefix: readonly number[], width: number, seed: number): Float32Array {
  let hash = seed >>> 0;
  for (const token of prefix) hash = Math.imul(hash ^ token, 0x9e3779b1) >>> 0;
  return Float32Array.from({ length: width }, (_, token) => {
    const mixed = Math.imul((hash ^ (token * 0x85ebca6b)) >>> 0, 0xc2b2ae35) >>> 0;
    return mixed % 11 === 0 ? Number.NEGATIVE_INFINITY : (mixed % 7) / 2;
  });
}

/** A model that has no more than its prompt and what it was given, kept in a cache that follows `order`. */
function makeStep(width: number, seed: number, calls: number[][][] = []): BeamStep<number[][]> {
  return (prefixes, { order, state }) => {
    calls.push(prefixes.map((prefix) => [...prefix]));
    // Each row of the cache has the tokens before the newest one.
    const cache = order.map((row, i) => [...(state?.[row] ?? []), ...prefixes[i]!.slice(-1)]);
    expect(cache).toEqual(prefixes);
    const logits = new Float32Array(prefixes.length * width);
    cache.forEach((tokens, row) => {
      logits.set(logitsOf(tokens, width, seed), row * width);
    });
    return { logits, state: cache };
  };
}

interface Case {
  index: SemanticIdIndex;
  vocabulary: Vocabulary;
  allowed: readonly ItemId[];
  seed: number;
  width: number;
  topK: number;
  probabilities: "valid" | "vocabulary";
  lengthPenalty: number;
  suffix: "always" | "needed";
}

/** By the definition, with nothing but lists of items. */
function naive({
  index,
  vocabulary,
  allowed,
  seed,
  width,
  topK,
  probabilities,
  lengthPenalty,
  suffix,
}: Case): FoundItem[] {
  const size = vocabulary.baseOffset + vocabulary.size;
  const all = index.items([]).map((itemId) => ({ itemId, codes: index.get(itemId)! }));
  const entries = all.filter(({ itemId }) => allowed.includes(itemId));
  const startsWith = (codes: readonly number[], prefix: readonly number[]) =>
    prefix.every((code, l) => codes[l] === code);
  const found: FoundItem[] = [];
  let beams: { codes: number[]; logProbability: number }[] = [{ codes: [], logProbability: 0 }];
  for (let depth = 0; depth < index.levels; depth++) {
    const longer: typeof beams = [];
    for (const beam of beams) {
      const below = entries.filter(({ codes }) => startsWith(codes, beam.codes));
      const next = [...new Set(below.map(({ codes }) => codes[depth]!))].sort((a, b) => a - b);
      const row = logitsOf(vocabulary.encode(beam.codes), size, seed);
      const own = next.map((code) => row[vocabulary.tokenOf(depth, code)]!);
      const over = probabilities === "valid" ? own : [...row];
      const most = Math.max(...over);
      let sum = 0;
      for (const value of over) sum += value === Number.NEGATIVE_INFINITY ? 0 : exp(value - most);
      next.forEach((code, i) => {
        const logProbability = probabilities === "valid" && next.length === 1 ? 0 : own[i]! - most - ln(sum);
        if (own[i] === Number.NEGATIVE_INFINITY && logProbability !== 0) return;
        longer.push({ codes: [...beam.codes, code], logProbability: beam.logProbability + logProbability });
      });
    }
    beams = longer.filter((beam) => {
      const { codes, logProbability } = beam;
      const company = all.filter((entry) => startsWith(entry.codes, codes));
      const isShort =
        suffix === "needed" && codes.length === index.levels - 1 && company.every((entry) => entry.codes.at(-1) === 0);
      if (codes.length < index.levels && !isShort) return true;
      const score = logProbability / codes.length ** lengthPenalty;
      for (const entry of entries) {
        if (startsWith(entry.codes, codes)) found.push({ ...entry, logProbability, score });
      }
      return false;
    });
    beams.sort((a, b) => b.logProbability - a.logProbability || compareCodes(a.codes, b.codes));
    beams.length = Math.min(beams.length, width);
  }
  found.sort((a, b) => b.score - a.score || compareIds(a.itemId, b.itemId));
  return found.slice(0, topK);
}

const search = ({ index, vocabulary, allowed, seed, ...options }: Case, more: Partial<BeamSearchOptions> = {}) =>
  beamSearch({
    step: makeStep(vocabulary.baseOffset + vocabulary.size, seed),
    index,
    vocabulary,
    filter: allowed,
    ...options,
    ...more,
  } as BeamSearchOptions);

/** Catalogues of items that often share an ID, in every way of resolving that needs no model. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    codes: fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(2)), { minLength: 1, maxLength: 40 }),
    collisions: fc.constantFrom("share", "suffix"),
    isNumber: fc.func(fc.boolean()),
    keep: fc.func(fc.boolean()),
    seed: fc.nat(),
    width: fc.integer({ min: 1, max: 12 }),
    topK: fc.integer({ min: 1, max: 12 }),
    probabilities: fc.constantFrom("valid", "vocabulary"),
    lengthPenalty: fc.constantFrom(0, 1, 2, -1),
    isShort: fc.boolean(),
    baseOffset: fc.constantFrom(0, 5),
  })
  .map(({ codes, collisions, isNumber, keep, isShort, baseOffset, ...rest }) => {
    const itemIds = codes.map((_, i) => (isNumber(i) ? (i * 17) % 41 : `item ${(i * 17) % 41}`));
    const ids = SemanticIds.from(codes, { codebookSizes: SIZES });
    const index = SemanticIdIndex.build(itemIds, ids, { collisions, capacity: 40 } as const);
    const vocabulary = new Vocabulary(index, { baseOffset });
    const suffix = isShort && collisions === "suffix" ? "needed" : "always";
    return { index, vocabulary, allowed: itemIds.filter((id) => keep(id)), ...rest, suffix } as Case;
  });

describe("beam search", () => {
  it("equals the definition bit for bit, at any width", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        expect(await search(given)).toEqual(naive(given));
      }),
    );
  });

  it("equals the ranking of all items when no step exceeds the width", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { index, vocabulary, allowed, seed, topK } = given;
        // Each allowed item by itself: the product of the model's probabilities of its tokens.
        const ranked = allowed
          .map((itemId) => {
            const codes = index.get(itemId)!;
            const tokens = vocabulary.encode(codes);
            const logProbability = tokens.reduce((sum, token, depth) => {
              const row = logitsOf(tokens.slice(0, depth), vocabulary.baseOffset + vocabulary.size, seed);
              const total = row.reduce((all, x) => all + Math.exp(x), 0);
              return sum + row[token]! - Math.log(total);
            }, 0);
            return { itemId, logProbability };
          })
          .filter(({ logProbability }) => logProbability > Number.NEGATIVE_INFINITY);
        const whole = {
          ...given,
          probabilities: "vocabulary",
          suffix: "always",
          lengthPenalty: 0,
          width: 1000,
        } as const;
        const found = await search({ ...whole, topK: 1000 });
        expect(new Set(found.map(({ itemId }) => itemId))).toEqual(new Set(ranked.map(({ itemId }) => itemId)));
        for (const { itemId, logProbability } of ranked) {
          expect(found.find((item) => item.itemId === itemId)!.logProbability).toBeCloseTo(logProbability, 9);
        }
        expect(await search(whole)).toEqual(found.slice(0, topK));
      }),
      { numRuns: 50 },
    );
  });

  it("gives probabilities over what may follow that add up to 1, with a filter too", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const whole = { ...given, probabilities: "valid", width: 1000, topK: 1000 } as const;
        const finite: BeamStep = (prefixes) => new Float32Array(prefixes.length * 200).map((_, i) => (i * 7) % 5);
        const found = await search(whole, { step: finite });
        const byId = new Map(found.map(({ codes, logProbability }) => [codes.join(), Math.exp(logProbability)]));
        const sum = [...byId.values()].reduce((total, p) => total + p, 0);
        if (given.allowed.length > 0) expect(sum).toBeCloseTo(1, 9);
        else expect(found).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it("takes the logits of the codes only, and gives the same", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { index, vocabulary, seed } = given;
        const codesOnly: BeamStep = (prefixes) => {
          const depth = prefixes[0]!.length;
          const size = index.codebookSizes[depth]!;
          const rows = prefixes.map((prefix) => logitsOf(prefix, vocabulary.baseOffset + vocabulary.size, seed));
          return Float32Array.from({ length: rows.length * size }, (_, i) => {
            return rows[Math.floor(i / size)]![vocabulary.tokenOf(depth, i % size)]!;
          });
        };
        const valid = { ...given, probabilities: "valid" } as const;
        expect(await search(valid, { step: codesOnly })).toEqual(await search(valid));
      }),
      { numRuns: 30 },
    );
  });
});

const codes = [
  [1, 2, 0],
  [1, 2, 0],
  [0, 3, 1],
  [1, 0, 2],
  [2, 2, 2],
];
const itemIds = ["boot", "shoe", "hat", "sock", "coat"];
const ids = SemanticIds.from(codes, { codebookSizes: SIZES });
const index = SemanticIdIndex.build(itemIds, ids);
const vocabulary = new Vocabulary(index);
const step: BeamStep = (prefixes) => new Float32Array(prefixes.length * vocabulary.size);
const names = (found: readonly FoundItem[]) => found.map(({ itemId }) => itemId);

test("items that share an ID come together, in the order of their item IDs; equally probable IDs too", async () => {
  const found = await beamSearch({ step, index, vocabulary });
  expect(names(found)).toEqual(["coat", "hat", "boot", "shoe", "sock"]);
  expect(found[2]!.logProbability).toBe(found[3]!.logProbability);
  expect(found[2]!.codes).toEqual([1, 2, 0]);
  expect(await beamSearch({ step, index, vocabulary, topK: 3 })).toEqual(found.slice(0, 3));
});

test("takes a filter as an index, as a filter, as items and as a function", async () => {
  const filter = await index.filter(["sock", "hat", "boot"]);
  const found = await beamSearch({ step, index, vocabulary, filter });
  expect(names(found)).toEqual(["hat", "boot", "sock"]);
  for (const other of [
    ["sock", "hat", "boot"],
    (id: ItemId) => /[st]$|ck/.test(String(id)) && id !== "coat",
  ] as const) {
    expect(await beamSearch({ step, index, vocabulary, filter: other })).toEqual(found);
  }
  expect(await beamSearch({ step, index: filter, vocabulary })).toEqual(found);
  const both = await beamSearch({ step, index: filter, vocabulary, filter: await index.filter(["sock", "coat"]) });
  expect(names(both)).toEqual(["sock"]);
  await expect(beamSearch({ step, index: filter, vocabulary, filter: ["sock"] })).rejects.toThrow(
    /filter must be a filter, if index is one/,
  );
  const foreign = await SemanticIdIndex.build(itemIds, ids).filter(["sock"]);
  await expect(beamSearch({ step, index, vocabulary, filter: foreign })).rejects.toThrow(
    /filter must be a function of an item ID, or a filter of this index/,
  );
});

test("asks the model as often as there is something to choose", async () => {
  const calls: number[][][] = [];
  const suffixed = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", capacity: 3 });
  const words = new Vocabulary(suffixed);
  const search = (filter?: string[]) => {
    calls.length = 0;
    return beamSearch({
      step: makeStep(words.size, 3, calls),
      index: suffixed,
      vocabulary: words,
      ...(filter ? { filter } : {}),
    });
  };
  expect(names(await search(["hat"]))).toEqual(["hat"]);
  expect(calls).toEqual([]);
  expect((await search(["hat", "sock"]))[0]!.codes).toHaveLength(4);
  expect(calls).toEqual([[[]]]);
  await search([]);
  expect(calls).toEqual([]);
  const empty = SemanticIdIndex.build([], SemanticIds.from([], { codebookSizes: SIZES }));
  expect(await beamSearch({ step, index: empty, vocabulary })).toEqual([]);
});

test("tells its progress, and ends when the loop is left", async () => {
  const seen: BeamSearchProgress[] = [];
  for await (const progress of beamSearchSteps({ step, index, vocabulary, width: 2 })) seen.push(progress);
  expect(seen.map(({ depth, levels }) => [depth, levels])).toEqual([
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
  expect(seen[0]!.prefixes.map((prefix) => prefix.codes)).toEqual([[0], [1]]);
  expect(seen[0]!.prefixes[0]!.logProbability).toBeCloseTo(Math.log(1 / 3), 12);
  expect(seen.map(({ items }) => items.length)).toEqual([0, 0, 2]);
  expect(seen[2]!.items).toEqual(await beamSearch({ step, index, vocabulary, width: 2 }));
  let calls = 0;
  const counting: BeamStep = (...args) => {
    calls++;
    return step(...args);
  };
  for await (const _ of beamSearchSteps({ step: counting, index, vocabulary })) break;
  expect(calls).toBe(1);
});

test("aborts at once, although the model never answers", async () => {
  const reason = new Error("the visitor left");
  const aborted = AbortSignal.abort(reason);
  await expect(beamSearch({ step, index, vocabulary, signal: aborted })).rejects.toBe(reason);
  const controller = new AbortController();
  const search = beamSearch({
    index,
    vocabulary,
    signal: controller.signal,
    step: (_, { signal }) => {
      expect(signal).toBe(controller.signal);
      queueMicrotask(() => controller.abort(reason));
      return new Promise<Float32Array>(() => {});
    },
  });
  await expect(search).rejects.toBe(reason);
  const failing = beamSearch({
    step: () => Promise.reject(reason),
    index,
    vocabulary,
    signal: new AbortController().signal,
  });
  await expect(failing).rejects.toBe(reason);
});

test("refuses an index that changes in the meantime", async () => {
  const changing = SemanticIdIndex.build(itemIds, ids);
  const search = beamSearch({
    index: changing,
    vocabulary,
    step: (...args) => {
      changing.remove(["hat"]);
      return step(...args);
    },
  });
  await expect(search).rejects.toMatchObject({ code: "INDEX_CHANGED", message: expect.stringMatching(/has changed/) });
});

test("a filter may change once the last step was told, and not before", async () => {
  const run = async (depth: number) => {
    const changing = await index.filter(["sock", "hat", "boot"]);
    for await (const told of beamSearchSteps({ index, filter: changing, vocabulary, step })) {
      if (told.depth === (depth || told.levels)) changing.remove(["hat"]);
    }
    return changing.size;
  };
  expect(await run(0)).toBe(2);
  await expect(run(1)).rejects.toMatchObject({ code: "INDEX_CHANGED", argument: "filter" });
});

test.each(["filter", "index"] as const)("refuses a filter, given as %s, that changes in the meantime", async (name) => {
  const changing = await index.filter(["sock", "hat", "boot"]);
  const search = () =>
    beamSearch({
      index,
      vocabulary,
      [name]: changing,
      step: (...args) => {
        changing.remove(["hat"]);
        return step(...args);
      },
    });
  await expect(search()).rejects.toMatchObject({ code: "INDEX_CHANGED", argument: "filter" });
  // What changes nothing does not count.
  expect(names(await search())).toEqual(["boot", "sock"]);
});

describe("what a step may return", () => {
  const searchWith = (answer: unknown, probabilities: BeamSearchOptions["probabilities"] = "valid") =>
    beamSearch({ step: () => answer as Float32Array, index, vocabulary, probabilities });

  it("is one row for each prefix, of the vocabulary or of the codes", async () => {
    const rule = /step must return .* one Float32Array of 1 x the model's vocabulary, which has more than 14 tokens/;
    for (const answer of [new Float32Array(14), new Float32Array(0), [1, 2, 3], undefined, null, {}, { logits: 3 }]) {
      await expect(searchWith(answer)).rejects.toThrow(rule);
    }
    await expect(searchWith(new Float32Array(4))).rejects.toThrow(
      /or 3 \(the codes of level 0\), received Float32Array of 4/,
    );
    await expect(searchWith([1, 2, 3])).rejects.toThrow(/received \[1, 2, 3\]/);
    await expect(searchWith(new Float32Array(3), "vocabulary")).rejects.toThrow(/14 tokens, received/);
    await expect(searchWith(new Float32Array(15).fill(Number.NaN))).rejects.toThrow(/step, row 0: a logit is NaN/);
    await expect(searchWith(new Float64Array(15).fill(Number.POSITIVE_INFINITY))).rejects.toThrow(
      /a logit is Infinity/,
    );
    await expect(searchWith(new Float32Array(15).fill(1), "given")).rejects.toThrow(/1 is not a log-probability/);
    await expect(searchWith(new Float32Array(15).fill(Number.NaN), "given")).rejects.toThrow(InvalidInputError);
  });

  it("has rows as wide as before: not the logits of all positions, whose first row would be taken for the last", async () => {
    const all: BeamStep = (prefixes) => new Float32Array(prefixes.length * 15 * (4 + prefixes[0]!.length));
    await expect(beamSearch({ step: all, index, vocabulary })).rejects.toMatchObject({
      code: "COUNTS_DIFFER",
      message: expect.stringMatching(/returned 60 logits for each prefix before, and now 75.*last position only/),
    });
    // Those of the codes may come in between.
    const mixed: BeamStep = (prefixes) => new Float32Array(prefixes.length * (prefixes[0]!.length === 1 ? 4 : 15));
    expect(await beamSearch({ step: mixed, index, vocabulary, topK: 2 })).toHaveLength(2);
  });

  it("is added as it is with probabilities none", async () => {
    const constant: BeamStep = (prefixes) => new Float32Array(prefixes.length * 15).fill(-0.5);
    const found = await beamSearch({ step: constant, index, vocabulary, probabilities: "given" });
    expect(found.map(({ logProbability }) => logProbability)).toEqual(new Array(5).fill(-1.5));
    expect(await searchWith(new Float32Array(15).fill(Number.NEGATIVE_INFINITY), "given")).toEqual([]);
  });
});

test("refuses options of another form", async () => {
  const searchWith = (options: object) => beamSearch({ step, index, vocabulary, ...options });
  await expect(searchWith({ width: 0 })).rejects.toThrow(/width must be a whole number from 1/);
  await expect(searchWith({ topK: 1.5 })).rejects.toThrow(/topK must be a whole number/);
  await expect(searchWith({ step: 3 })).rejects.toThrow(/step must be a function of prefixes/);
  await expect(searchWith({ index: {} })).rejects.toThrow(/index must be a SemanticIdIndex or a filter of one/);
  await expect(searchWith({ vocabulary: {} })).rejects.toThrow(/vocabulary/);
  await expect(searchWith({ suffix: "needed" })).rejects.toThrow(/suffix "needed" is for an index with suffixes/);
  await expect(searchWith({ beams: 4 })).rejects.toThrow(/unknown option "beams"/);
  await expect(searchWith({ filter: 3 })).rejects.toThrow(/filter/);
  await expect(searchWith({ filter: ["nothing"] })).rejects.toThrow(/item "nothing" is not in the index/);
  await expect(searchWith({ lengthPenalty: Number.NaN })).rejects.toThrow(/lengthPenalty must be a number/);
});
