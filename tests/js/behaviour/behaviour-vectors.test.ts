import { InvalidInputError } from "rqvae";
import { behaviourVectors } from "rqvae/behaviour";
import { type Histories, readHistories } from "rqvae/formats";
import { describe, expect, test } from "vitest";
import { countFollowers, neighbours } from "../../../bindings/js/behaviour/followers.ts";
import { positivePmi } from "../../../bindings/js/behaviour/ppmi.ts";
import { mix } from "../../../bindings/js/items/sample.ts";

/** Histories of rows. */
async function historiesOf(lists: readonly (readonly number[])[], rows: number): Promise<Histories> {
  const text = lists.map((list, user) => [`u${user}`, ...list].join(" ")).join("\n");
  return readHistories(new TextEncoder().encode(`${text}\n`), {
    itemIds: Array.from({ length: rows }, (_, i) => `${i}`),
  });
}

/** Users who choose within one of `groups` groups of items. */
function grouped(users: number, rows: number, groups: number): number[][] {
  return Array.from({ length: users }, (_, user) =>
    Array.from({ length: 3 + (mix(user) % 6) }, (_, i) => {
      const draw = mix(mix(user + 1) + i);
      const group = draw % 10 === 0 ? mix(draw) % groups : user % groups;
      return group + groups * (mix(draw + 7) % (rows / groups));
    }),
  );
}

/** By the formula, with the host's logarithm and power. */
function bruteForce(
  lists: readonly (readonly number[])[],
  rows: number,
  window: number,
  smoothing: number,
): number[][] {
  const counts = Array.from({ length: rows }, () => new Array<number>(rows).fill(0));
  for (const list of lists) {
    list.forEach((a, i) => {
      list.forEach((b, j) => {
        if (i !== j && a !== b && Math.abs(i - j) <= window) counts[a]![b]! += 1 / Math.abs(i - j);
      });
    });
  }
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const totals = counts.map(sum);
  const all = sum(totals);
  const p = totals.map((total) => total / all);
  const powers = totals.map((total) => (total > 0 ? total ** smoothing : 0));
  const smooth = powers.map((power) => power / sum(powers));
  return counts.map((row, a) =>
    row.map((count, b) => {
      if (count === 0) return 0;
      const asWord = Math.log(count / all / (p[a]! * smooth[b]!));
      const asContext = Math.log(count / all / (smooth[a]! * p[b]!));
      return Math.max(0, (asWord + asContext) / 2);
    }),
  );
}

async function ppmiOf({ items, offsets }: Histories, rows: number, window: number, smoothing: number) {
  const itself = Int32Array.from({ length: rows }, (_, i) => i);
  const seen = { items, offsets, ends: offsets.subarray(1) };
  return positivePmi(
    await countFollowers(seen, neighbours(window), itself, rows, itself, rows, undefined),
    smoothing,
    undefined,
  );
}

const cosine = (data: Float32Array, dim: number, a: number, b: number) => {
  let [ab, aa, bb] = [0, 0, 0];
  for (let j = 0; j < dim; j++) {
    const [x, y] = [data[a * dim + j]!, data[b * dim + j]!];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
};

describe("positive pointwise mutual information", () => {
  test.each([
    [1, 1],
    [2, 0.75],
    [5, 0.75],
    [3, 0],
    [100, 0.5],
  ])("equals brute force with a window of %i and smoothing %f", async (window, smoothing) => {
    const rows = 24;
    // The last two items are in no history, and some users have one choice or the same again.
    const lists = [...grouped(60, 22, 2), [3], [4, 4, 4], [5, 6, 5, 6], [0, 21]];
    const { starts, columns, values } = await ppmiOf(await historiesOf(lists, rows), rows, window, smoothing);
    const dense = Array.from({ length: rows }, () => new Array<number>(rows).fill(0));
    for (let row = 0; row < rows; row++) {
      for (let i = starts[row]!; i < starts[row + 1]!; i++) dense[row]![columns[i]!] = values[i]!;
    }
    const wanted = bruteForce(lists, rows, window, smoothing);
    expect(wanted.flat().filter((value) => value > 0).length).toBeGreaterThan(20);
    for (let a = 0; a < rows; a++) {
      for (let b = 0; b < rows; b++) {
        expect(dense[a]![b], `${a}, ${b}`).toBeCloseTo(wanted[a]![b]!, 5);
        expect(dense[a]![b]).toBe(dense[b]![a]);
      }
    }
  });
});

describe("pairs of choices", () => {
  test.each([1, 7, 40, 1000])("are counted the same with %i of them held at a time", async (mostPairs) => {
    const rows = 24;
    const { items, offsets } = await historiesOf([...grouped(60, 22, 2), [3], [4, 4, 4], [5, 6, 5, 6], [0, 21]], rows);
    const seen = { items, offsets, ends: offsets.subarray(1) };
    const itself = Int32Array.from({ length: rows }, (_, i) => i);
    const pairs = Int32Array.from(itself, (i) => i >> 1);
    const count = (most?: number) =>
      countFollowers(seen, neighbours(3), itself, rows, pairs, rows / 2, undefined, most);
    const whole = await count();
    expect(whole.totals.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(100);
    expect(await count(mostPairs)).toEqual(whole);
  });
});

describe("behaviourVectors", () => {
  test("products of all dimensions are those of the matrix's magnitude: its square is that of the matrix", async () => {
    const rows = 12;
    const lists = grouped(40, rows, 2);
    const { data, dim } = await behaviourVectors(await historiesOf(lists, rows), { dim: rows });
    const ppmi = bruteForce(lists, rows, 5, 0.75);
    const at = (i: number, j: number) => {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += data[i * dim + k]! * data[j * dim + k]!;
      return sum;
    };
    for (let a = 0; a < rows; a++) {
      for (let b = 0; b < rows; b++) {
        let [square, wanted] = [0, 0];
        for (let k = 0; k < rows; k++) {
          square += at(a, k) * at(k, b);
          wanted += ppmi[a]![k]! * ppmi[k]![b]!;
        }
        expect(square).toBeCloseTo(wanted, 3);
      }
    }
  });

  test("items that are chosen together are near, whatever the order of the users", async () => {
    const [rows, groups] = [60, 5];
    const lists = grouped(400, rows, groups);
    const { data, dim, known } = await behaviourVectors(await historiesOf(lists, rows), { dim: 8, window: 3 });
    expect(dim).toBe(8);
    expect(known.every((each) => each === 1)).toBe(true);
    let [same, other, sames, others] = [0, 0, 0, 0];
    for (let a = 0; a < rows; a++) {
      for (let b = 0; b < a; b++) {
        const each = cosine(data, dim, a, b);
        if (a % groups === b % groups) {
          same += each;
          sames++;
        } else {
          other += each;
          others++;
        }
      }
    }
    expect(same / sames).toBeGreaterThan(0.8);
    expect(other / others).toBeLessThan(0.2);
  });

  test("gives the same bytes again, others with another seed, and leaves the histories as they are", async () => {
    const histories = await historiesOf(grouped(100, 40, 4), 40);
    const before = structuredClone(histories);
    const first = await behaviourVectors(histories, { dim: 6 });
    expect(await behaviourVectors(histories, { dim: 6, rows: 40, window: 5, smoothing: 0.75, seed: 0 })).toEqual(first);
    expect((await behaviourVectors(histories, { dim: 6, seed: 1 })).data).not.toEqual(first.data);
    expect(histories).toEqual(before);
  });

  test("items without company have no vector", async () => {
    const histories = await historiesOf([[0, 1, 2], [1, 2, 0], [2, 1], [3], [4, 4]], 6);
    const { data, known } = await behaviourVectors(histories, { dim: 2 });
    expect([...known.subarray(3)]).toEqual([0, 0, 0]);
    expect([...data.subarray(6)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test.each([
    ["one item", [[0]], 1],
    ["one item again and again", [[0, 0, 0], [0]], 1],
    ["one choice each", [[0], [1], [2]], 3],
  ])("of %s everything is unknown", async (_, lists, rows) => {
    const { data, known } = await behaviourVectors(await historiesOf(lists, rows), { dim: 3 });
    expect(data).toEqual(new Float32Array(3 * rows));
    expect(known).toEqual(new Uint8Array(rows));
  });

  test("dimensions beyond the number of items are zero", async () => {
    const { data, known } = await behaviourVectors(
      await historiesOf(
        [
          [0, 1],
          [1, 2],
          [0, 1],
        ],
        3,
      ),
      { dim: 9 },
    );
    expect(data.length).toBe(27);
    expect(data.every(Number.isFinite)).toBe(true);
    expect(known).toContain(1);
    for (let row = 0; row < 3; row++)
      expect([...data.subarray(row * 9 + 3, (row + 1) * 9)]).toEqual(new Array(6).fill(0));
  });

  test("reports progress, and stops by a signal", async () => {
    const histories = await historiesOf(grouped(300, 200, 4), 200);
    const phases: string[] = [];
    await behaviourVectors(histories, { dim: 4, onProgress: ({ phase }) => phases.push(phase) });
    expect(phases[0]).toBe("count");
    const controller = new AbortController();
    const going = behaviourVectors(histories, { dim: 64, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(going).rejects.toThrow("enough");
  });

  test("refuses what does not belong together", async () => {
    const histories = await historiesOf([[0, 1, 2]], 4);
    const wrong: [object, object, RegExp][] = [
      [histories, { rows: 5 }, /catalogue of 4 items, but there are 5 rows/],
      [{ ...histories, items: Uint32Array.of(0, 9, 2) }, {}, /histories\.items\[1\] must be a row below 4, received 9/],
      [
        { ...histories, offsets: Uint32Array.of(0, 4, 3) },
        {},
        /histories\.offsets\[2\] must be at least the one before it/,
      ],
      [histories, { dim: 0 }, /dim must be a whole number from 1/],
      [histories, { window: 0 }, /window must be a whole number from 1/],
      [histories, { smoothing: 1.5 }, /smoothing must be a number from 0 to 1/],
      [histories, { length: 3 }, /unknown option "length"/],
      [{}, { rows: 3 }, /histories must be what readHistories gives/],
    ];
    for (const [given, options, message] of wrong) {
      const refused = behaviourVectors(given as Histories, options);
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toBeInstanceOf(InvalidInputError);
    }
  });
});

test("vectors beyond the memory are refused at once, by their size", async () => {
  const histories = { ...(await historiesOf([[0, 1]], 2)), catalogueItems: 2 ** 30 };
  const error = expect.objectContaining({
    name: "OutOfMemoryError",
    message: expect.stringMatching(/make dim smaller/),
  });
  await expect(behaviourVectors(histories, { dim: 1 })).rejects.toEqual(error);
});
