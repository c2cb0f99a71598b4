import { InvalidInputError, SemanticIdIndex, SemanticIds, UnknownPrefixError } from "rqvae";
import { LogitsMask, logitsProcessor } from "rqvae/decoding";
import { describe, expect, it, test } from "vitest";

const index = SemanticIdIndex.build(
  ["boot", "shoe", "hat", "sock"],
  SemanticIds.from(
    [
      [1, 2],
      [1, 2],
      [0, 3],
      [1, 0],
    ],
    { codebookSizes: [3, 4] },
  ),
  { collisions: "suffix", capacity: 2 },
);
const eos = 1;
/** Tokens 10 ..., 20 ..., 30 ... for the three levels. */
const vocabulary = { tokenOf: (level: number, code: number) => 10 * (level + 1) + code, eos };
const WIDTH = 40;
const logits = () => Float32Array.from({ length: WIDTH }, (_, token) => Math.sin(7 * token));
/** The tokens that are left, each of which must have kept its logit. */
function left(masked: Float32Array): number[] {
  const before = logits();
  const tokens = [...masked.keys()].filter((token) => masked[token] !== Number.NEGATIVE_INFINITY);
  for (const token of tokens) expect(masked[token]).toBe(before[token]);
  return tokens;
}

describe("LogitsMask, for onnxruntime", () => {
  const mask = new LogitsMask(index, vocabulary);
  const allowed = (state: number) => {
    const row = logits();
    mask.apply(row, state);
    return left(row);
  };

  it("leaves what may follow, at the root, within, after a whole ID and after the end", () => {
    let state = mask.start;
    const seen = [allowed(state)];
    for (const token of [11, 22n, 30, eos, 0]) {
      state = mask.next(state, token);
      seen.push(allowed(state));
    }
    expect(seen).toEqual([[10, 11], [20, 22], [30, 31], [eos], [eos], [eos]]);
    expect(state).toBe(mask.ended);
  });

  it("never leaves nothing: probabilities are numbers, and greedy decoding ends at an item", () => {
    let state = mask.start;
    const tokens: number[] = [];
    while (state !== mask.ended) {
      const row = logits();
      mask.apply(row, state);
      const most = Math.max(...row);
      const sum = row.reduce((total, x) => total + Math.exp(x - most), 0);
      expect(Number.isFinite(sum)).toBe(true);
      tokens.push(row.indexOf(most));
      state = mask.next(state, tokens.at(-1)!);
    }
    expect(index.items(tokens.slice(0, 3).map((token, level) => token - 10 * (level + 1)))).toHaveLength(1);
    expect(tokens[3]).toBe(eos);
  });

  it("searches beams by states: all whole IDs are reached, and no other", () => {
    let beams = [{ state: mask.start, tokens: [] as number[] }];
    for (let length = 0; length < 3; length++) {
      beams = beams.flatMap(({ state, tokens }) =>
        allowed(state).map((token) => ({ state: mask.next(state, token), tokens: [...tokens, token] })),
      );
    }
    expect(beams.map(({ tokens }) => tokens)).toEqual([
      [10, 23, 30],
      [11, 20, 30],
      [11, 22, 30],
      [11, 22, 31],
    ]);
    expect(beams.flatMap(({ state }) => index.items(state))).toEqual(["hat", "sock", "boot", "shoe"]);
  });

  it("refuses tokens that may not follow, and says why", () => {
    expect(() => mask.next(mask.start, 12)).toThrow(UnknownPrefixError);
    expect(() => mask.next(mask.start, 20)).toThrow(/token 20 may not follow \[\]: it is not a token of level 0/);
    expect(() => mask.next(mask.next(mask.start, 11), eos)).toThrow(
      /may not follow \[1\]: it is the end, but the ID is not complete/,
    );
    const whole = [11, 22, 30].reduce((state, token) => mask.next(state, token), mask.start);
    expect(() => mask.next(whole, 11)).toThrow(UnknownPrefixError);
  });

  it("refuses logits of another model, an empty index, a vocabulary that is ambiguous", () => {
    const short = logits().subarray(0, 31);
    const before = short.slice();
    expect(() => mask.apply(short, mask.start)).toThrow(/31 entries, but the vocabulary has the token 31/);
    expect(short).toEqual(before);
    const none = new LogitsMask(SemanticIdIndex.build([], SemanticIds.from([], { codebookSizes: [2] })), vocabulary);
    expect(() => none.apply(logits(), none.start)).toThrow(/the index is empty/);
    expect(() => new LogitsMask(index, { tokenOf: () => 5, eos })).toThrow(/token 5 stands for code 1 and for code 0/);
    expect(() => new LogitsMask(index, { ...vocabulary, eos: 20 })).toThrow(
      /token 20 stands for code 0 and for the end/,
    );
    expect(() => new LogitsMask(index, { ...vocabulary, tokenOf: () => -1 })).toThrow(
      /whole number from 0, received -1/,
    );
    expect(() => new LogitsMask(index, {} as never)).toThrow(InvalidInputError);
  });

  it("levels may share their tokens: where a token stands tells its level", () => {
    const shared = new LogitsMask(index, { tokenOf: (_, code) => 10 + code, eos });
    expect(shared.next(shared.next(shared.start, 11), 12)).toBe(index.state([1, 2]));
  });
});

/** As in transformers.js: batch x tokens, the data in one Float32Array. */
const tensor = (rows: number) => ({
  dims: [rows, WIDTH],
  data: Float32Array.from({ length: rows * WIDTH }, (_, i) => logits()[i % WIDTH]!),
});
const row = ({ data }: { data: Float32Array }, i: number) => data.subarray(i * WIDTH, (i + 1) * WIDTH);

describe("logitsProcessor, for transformers.js", () => {
  it("masks a batch at each step of generate, as the library calls it", () => {
    const processors = [logitsProcessor(index, vocabulary)]; // what LogitsProcessorList.extend spreads
    const inputIds: bigint[][] = [
      [0n, 7n, 11n],
      [0n, 8n, 10n],
    ]; // prompts, with an ID's token in them
    const chosen = [
      [11n, 10n],
      [20n, 23n],
      [30n, 30n],
      [BigInt(eos), BigInt(eos)],
      [0n, 5n],
    ];
    const expected = [
      [
        [10, 11],
        [10, 11],
      ],
      [[20, 22], [23]],
      [[30], [30]],
      [[eos], [eos]],
      [[eos], [eos]],
      [[eos], [eos]],
    ];
    expected.forEach((tokens, step) => {
      const given = tensor(2);
      for (const processor of processors) expect(processor(inputIds, given)).toBe(given);
      expect([left(row(given, 0)), left(row(given, 1))]).toEqual(tokens);
      chosen[step]?.forEach((token, i) => {
        inputIds[i]!.push(token);
      });
    });
  });

  it("takes the prompt's length when it is told, numbers for bigints, and _call", () => {
    const processor = logitsProcessor(index, vocabulary, { promptLength: 1 });
    const given = tensor(1);
    processor._call([[0, 11]], given);
    expect(left(row(given, 0))).toEqual([20, 22]);
    expect(() => processor([[]], tensor(1))).toThrow(/row 0 has 0 tokens, but the prompt has 1/);
  });

  test("one that served a longer prompt says that each generate needs its own", () => {
    const processor = logitsProcessor(index, vocabulary);
    processor([[1n, 2n, 3n]], tensor(1));
    expect(() => processor([[1n]], tensor(1))).toThrow(/make a processor for each generate/);
  });

  test("what is not as it must be is refused before anything is changed", () => {
    const processor = logitsProcessor(index, vocabulary, { promptLength: 0 });
    const two = tensor(2);
    const before = two.data.slice();
    expect(() => processor([[11n], [20n]], two)).toThrow(UnknownPrefixError);
    expect(() => processor([[11n]], two)).toThrow(/float32 logits of 1 x tokens/);
    expect(two.data).toEqual(before);
    expect(() => processor([[11n]], { dims: [1, 1, WIDTH], data: logits() })).toThrow(InvalidInputError);
    expect(() => processor([[11n]], { dims: [1, WIDTH], data: new Float64Array(WIDTH) })).toThrow(
      /received Float64Array/,
    );
    expect(() => logitsProcessor(index, vocabulary, { promptLength: -1 })).toThrow(/promptLength must be/);
    expect(() => logitsProcessor(index, vocabulary, { prompt: 1 } as never)).toThrow(/unknown option "prompt"/);
  });
});
