/** Encoding what comes in batches: the same IDs, and a batch ahead at most. */
import { BusyError, InvalidInputError, type Items, RQVAE, type SemanticIds } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue, sameBits, small } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const DIM = 12;
const items = catalogue(2000, DIM);
let model: RQVAE;
beforeAll(async () => {
  model = await RQVAE.create({ inputDim: DIM, ...small });
  await model.kmeansInitCodebooks(items);
});
afterAll(() => model.dispose());

const rows = (first: number, count: number) => items.data.slice(first * DIM, (first + count) * DIM);

/** The batches of the given sizes, in forms that differ; tells of each that is asked for. */
async function* batches(sizes: number[], asked: (batch: number) => void = () => {}): AsyncGenerator<Items> {
  let first = 0;
  for (const [i, count] of sizes.entries()) {
    asked(i);
    await new Promise(setImmediate);
    const data = rows(first, count);
    first += count;
    yield i % 3 === 0
      ? data
      : i % 3 === 1
        ? { data: Float64Array.from(data), rows: count, dim: DIM }
        : Array.from({ length: count }, (_, row) => data.subarray(row * DIM, (row + 1) * DIM));
  }
}

async function codesOf(stream: AsyncIterable<SemanticIds>): Promise<number[]> {
  const codes: number[] = [];
  for await (const ids of stream) {
    expect(ids.fingerprint).toBe(model.fingerprint);
    codes.push(...ids.codes);
  }
  return codes;
}

describe("encodeStream", () => {
  it("gives the IDs of encode, batch by batch", async () => {
    const expected = [...model.encode(items).codes];
    const sizes = [1, 700, 256, 1043];
    expect(await codesOf(model.encodeStream(batches(sizes)))).toEqual(expected);
    const lengths: number[] = [];
    for await (const ids of model.encodeStream(batches(sizes))) lengths.push(ids.length);
    expect(lengths).toEqual(sizes);
    // What can be iterated at once serves too, and so does a source.
    expect(await codesOf(model.encodeStream([rows(0, 900), rows(900, 1100)]))).toEqual(expected);
    expect(await codesOf(model.encodeStream(sourceOf(items)))).toEqual(expected);
    expect(await codesOf(model.encodeStream([]))).toEqual([]);
  });

  it("reads a large source in pieces", async () => {
    using wide = await RQVAE.create({ inputDim: 2048, ...small });
    const many = catalogue(4000, 2048);
    await wide.kmeansInitCodebooks(many);
    const source = sourceOf(many);
    const codes: number[] = [];
    for await (const ids of wide.encodeStream(source)) codes.push(...ids.codes);
    expect(sameBits(Uint16Array.from(codes), wide.encode(many).codes)).toBe(true);
    expect(source.reads.length).toBe(3);
  });

  it("asks for a batch when one is taken: at most one ahead", async () => {
    const asked: number[] = [];
    const stream = model.encodeStream(batches(new Array(10).fill(100), (batch) => asked.push(batch)));
    const idle = () => new Promise((resolve) => setTimeout(resolve, 30));
    await idle();
    expect(asked).toEqual([]); // nobody has asked for anything
    for (let taken = 1; taken <= 3; taken++) {
      expect((await stream.next()).value?.length).toBe(100);
      await idle();
      expect(asked.length).toBe(taken + 1);
    }
    await stream.return();
    await idle();
    expect(asked.length).toBe(4);
  });

  it("ends the batches when the loop is left, and the model can be trained again", async () => {
    let ended = false;
    async function* watched() {
      try {
        yield* batches([10, 10, 10]);
      } finally {
        ended = true;
      }
    }
    for await (const ids of model.encodeStream(watched())) {
      expect(ids.length).toBe(10);
      await expect(model.train(items)).rejects.toBeInstanceOf(BusyError);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ended).toBe(true);
    await model.kmeansInitCodebooks(items);
  });

  it("can be aborted while a batch is awaited, encoded or used", async () => {
    const reason = new Error("enough");
    for (const when of [0, 1]) {
      const controller = new AbortController();
      async function* slow() {
        yield rows(0, 10);
        await new Promise(() => {}); // never another
      }
      const taken: number[] = [];
      const loop = async () => {
        for await (const ids of model.encodeStream(slow(), { signal: controller.signal })) {
          taken.push(ids.length);
          if (when === 0) controller.abort(reason);
          else setTimeout(() => controller.abort(reason), 20);
        }
      };
      await expect(loop()).rejects.toBe(reason);
      expect(taken).toEqual([10]);
    }
    const aborted = model.encodeStream(batches([5]), { signal: AbortSignal.abort(reason) });
    await expect(aborted.next()).rejects.toBe(reason);
  });

  it("says which batch and row is wrong, and passes on what the batches throw", async () => {
    const bad = rows(10, 5);
    bad[2 * DIM + 3] = Number.NaN;
    const stream = model.encodeStream([rows(0, 3), bad]);
    expect((await stream.next()).value?.length).toBe(3);
    await expect(stream.next()).rejects.toThrow(/batch 1: row 2, column 3 is NaN/);
    await expect(model.encodeStream([rows(0, 1).subarray(1)]).next()).rejects.toThrow(
      /batch 0: a flat array must hold/,
    );
    const broken = new Error("the connection is gone");
    async function* failing() {
      yield rows(0, 4);
      throw broken;
    }
    await expect(codesOf(model.encodeStream(failing()))).rejects.toBe(broken);
  });

  it.each<[unknown, object, RegExp]>([
    [undefined, {}, /expected batches of items.*received undefined/],
    [items, {}, /encodeAsync takes items in memory/],
    [items.data, {}, /encodeAsync takes items in memory/],
    ["items.npy", {}, /received "items.npy"/],
    [[], { signal: 3 }, /signal must be an AbortSignal, received 3/],
    [[], { signals: 3 }, /signals/],
  ])("refuses %s with %o", async (given, options, message) => {
    const error = await model
      .encodeStream(given as never, options)
      .next()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toMatch(message);
  });
});
